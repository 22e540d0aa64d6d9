//! Juju's names, parsed once at the edge into types that can't be wrong.
//!
//! The rules are Juju's own: an application name is lower-case words joined by hyphens, a unit is
//! `application/number`, a relation id is a number that is unique in the model.

use std::fmt;
use std::str::FromStr;

/// A text that is not a valid name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read `{found}` as {kind}: {expected}")]
pub struct NameError {
    /// What was being read, such as `a unit name`.
    pub kind: &'static str,
    /// The text that was found.
    pub found: String,
    /// What a valid text looks like.
    pub expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { kind: $kind, found: text.to_owned(), expected: $expected })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

fn is_application(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    let segments = text.split('-').skip(1).all(|segment| {
        segment.chars().any(|c| c.is_ascii_lowercase())
            && segment.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    });
    let chars = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    starts && segments && chars
}

/// Remote applications of a cross-model relation are called `remote-` and 32 hex digits, which
/// need not hold a letter: Juju accepts these names although its own rule would refuse them.
fn is_remote_application(text: &str) -> bool {
    text.strip_prefix("remote-")
        .is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit()))
}

fn is_unit(text: &str) -> bool {
    text.rsplit_once('/').is_some_and(|(application, number)| {
        (is_application(application) || is_remote_application(application))
            && number.parse::<u32>().is_ok_and(|n| n.to_string() == number)
    })
}

fn is_word(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

name!(
    /// The name of an application, such as `tempo`.
    ApplicationName, "an application name", "expected lower-case words joined by hyphens",
    |text| is_application(text) || is_remote_application(text)
);
name!(
    /// The name of a unit, such as `tempo/0`.
    UnitName, "a unit name", "expected `application/number`", is_unit
);
name!(
    /// The name of an endpoint in the charm's metadata, such as `logging`.
    EndpointName, "an endpoint name", "expected lower-case words joined by hyphens or underscores",
    is_word
);
name!(
    /// The name of a workload container in the charm's metadata, such as `nginx`.
    ContainerName, "a container name", "expected lower-case words joined by hyphens", is_word
);
name!(
    /// The name of a model, without its owner.
    ModelName, "a model name", "expected a text that is not empty", |text| !text.is_empty()
);
name!(
    /// The UUID of a model, in its canonical lower-case spelling.
    ModelUuid, "a model UUID", "expected 8-4-4-4-12 lower-case hex digits",
    |text| {
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        lengths == [8, 4, 4, 4, 12]
            && text.chars().all(|c| c == '-' || matches!(c, '0'..='9' | 'a'..='f'))
    }
);
name!(
    /// The id of a secret as the `secret:`-URI that Juju printed or a remote published.
    SecretId, "a secret id", "expected `secret:<id>` or `secret://<model uuid>/<id>`",
    |text| text.strip_prefix("secret:").is_some_and(|id| !id.is_empty() && !id.contains(char::is_whitespace))
);
name!(
    /// The label that this unit knows a secret by.
    SecretLabel, "a secret label", "expected a text that is not empty", |text| !text.is_empty()
);

impl UnitName {
    /// The application that the unit belongs to.
    pub fn application(&self) -> ApplicationName {
        let name = self.0.rsplit_once('/').map_or(self.0.as_str(), |(application, _)| application);
        ApplicationName(name.to_owned())
    }

    /// The unit's number within its application.
    pub fn number(&self) -> u32 {
        self.0.rsplit_once('/').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
    }

    /// The unit's name where `/` can't stand: in host names, file names and URLs (`tempo-0`).
    pub fn with_hyphen(&self) -> String {
        self.0.replace('/', "-")
    }
}

impl SecretId {
    /// The bare id, without scheme and model: two spellings of one secret share it.
    pub fn bare(&self) -> &str {
        self.0.rsplit(['/', ':']).next().unwrap_or(&self.0)
    }
}

/// The number of a relation, unique in the model and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationId(pub u32);

impl fmt::Display for RelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for RelationId {
    type Err = NameError;

    /// Reads `endpoint:7` as well as `7`.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let number = text.rsplit_once(':').map_or(text, |(_, number)| number);
        number.parse().map(Self).map_err(|_| NameError {
            kind: "a relation id",
            found: text.to_owned(),
            expected: "expected `endpoint:number` or a number",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_names_follow_juju() {
        for good in ["tempo", "tempo-k8s", "a1", "a-b1", "remote-0123456789abcdef0123456789abcdef"]
        {
            assert!(good.parse::<ApplicationName>().is_ok(), "{good}");
        }
        for bad in ["", "Tempo", "1a", "a-", "a-1", "a b", "a_b", "é"] {
            assert!(bad.parse::<ApplicationName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn unit_names_split() {
        let unit: UnitName = "loki-read/12".parse().expect("valid");
        assert_eq!(unit.application().as_str(), "loki-read");
        assert_eq!(unit.number(), 12);
        assert_eq!(unit.with_hyphen(), "loki-read-12");
        for bad in ["loki", "loki/", "loki/01", "/0", "loki/-1"] {
            assert!(bad.parse::<UnitName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn relation_ids_read_both_spellings() {
        assert_eq!("logging:7".parse(), Ok(RelationId(7)));
        assert_eq!("7".parse(), Ok(RelationId(7)));
        assert!("logging:x".parse::<RelationId>().is_err());
    }

    #[test]
    fn secret_spellings_share_the_bare_id() {
        let short: SecretId = "secret:abc".parse().expect("valid");
        let long: SecretId = "secret://uuid/abc".parse().expect("valid");
        assert_eq!(short.bare(), long.bare());
    }
}
