//! Names that Juju gives to units, relations and secrets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that does not name what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `<application>/<number>`.
    #[error("cannot read unit name `{0}`: expected `<application>/<number>`")]
    Unit(String),
    /// Not `<endpoint>:<number>` or `<number>`.
    #[error("cannot read relation id `{0}`: expected `<number>` or `<endpoint>:<number>`")]
    Relation(String),
    /// Not one of the three spellings of a secret URI.
    #[error("cannot read secret URI `{0}`: expected `secret:<id>`")]
    Secret(String),
}

/// A unit: `loki/0`. Ordered as text, as Juju does: `a/10` comes before `a/2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(String);

impl UnitName {
    /// The unit `<application>/<number>`.
    #[must_use]
    pub fn new(application: &str, number: u32) -> Self {
        Self(format!("{application}/{number}"))
    }

    /// The whole name, `loki/0`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The application part, `loki`.
    #[must_use]
    pub fn application(&self) -> &str {
        self.0.split_once('/').map_or("", |(application, _)| application)
    }

    /// The ordinal: `0` of `loki/0`.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.0.split_once('/').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
    }

    /// With dashes, as in paths and pod names: `loki-0`.
    #[must_use]
    pub fn dashed(&self) -> String {
        self.0.replace('/', "-")
    }
}

/// Whether a text is an application name by Juju's rule: segments of lower-case letters and
/// digits joined by dashes, none of digits only, the first starting with a letter.
#[must_use]
pub fn is_application_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('-').all(|segment| {
            !segment.is_empty()
                && segment.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
                && segment.chars().any(|c| c.is_ascii_lowercase())
        })
}

impl FromStr for UnitName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = || NameError::Unit(text.to_owned());
        let (application, number) = text.split_once('/').ok_or_else(refuse)?;
        let canonical = number.parse::<u32>().is_ok_and(|n| n.to_string() == number);
        if !is_application_name(application) || !canonical {
            return Err(refuse());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for UnitName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> Self {
        name.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a relation, unique in its model and never reused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RelationId(pub u32);

impl RelationId {
    /// As hook tools print it: `logging:7`.
    #[must_use]
    pub fn with_endpoint(self, endpoint: &str) -> String {
        format!("{endpoint}:{}", self.0)
    }
}

impl FromStr for RelationId {
    type Err = NameError;

    /// Takes `7` and `logging:7`; as in Juju only what follows the last colon counts.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let number = text.rsplit_once(':').map_or(text, |(_, number)| number);
        number.parse().map(Self).map_err(|_| NameError::Relation(text.to_owned()))
    }
}

impl fmt::Display for RelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The id of a secret: 20 characters of `0-9a-v`, without the `secret:` in front.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretId(String);

impl SecretId {
    /// Made from a running number, so that the same model gives the same ids.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        // A fixed first half that looks like the time stamp of a real id, and a spread of the
        // number, so that ids of neighbours differ in more than the last character.
        let mut spread = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut id = String::from("d0relbus");
        for _ in 0..12 {
            id.push(char::from(DIGITS[(spread & 31) as usize]));
            spread = (spread >> 5) | (number << 55);
        }
        Self(id)
    }

    /// Made from a running number within a model: no other model has the same.
    #[must_use]
    pub fn of_model(uuid: &str, number: u64) -> Self {
        // FNV-1a: stable, and far more spread than is needed to tell a few models apart.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = uuid.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
        Self::from_number((hash << 24).wrapping_add(number))
    }

    /// The bare id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The short URI, `secret:<id>`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("secret:{}", self.0)
    }
}

impl FromStr for SecretId {
    type Err = NameError;

    /// Takes `secret:<id>`, `<id>` and `secret://<model uuid>/<id>`.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let id = match text.strip_prefix("secret:") {
            Some(rest) => match rest.strip_prefix("//") {
                Some(path) => path.rsplit_once('/').map_or("", |(_, id)| id),
                None => rest,
            },
            None => text,
        };
        // Real ids use `0-9a-v`; recorded worlds carry readable ones, so any alphanumeric counts.
        if id.len() != 20 || !id.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(NameError::Secret(text.to_owned()));
        }
        Ok(Self(id.to_owned()))
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_names_are_ordered_as_text() {
        let mut units = [UnitName::new("a", 2), UnitName::new("a", 10)];
        units.sort();
        assert_eq!(units[0].as_str(), "a/10");
        assert_eq!(units[1].number(), 2);
    }

    #[test]
    fn refuses_what_is_not_a_unit() {
        for text in ["a", "a/", "a/x", "a/01", "/0", "a//0", "A/0", "a-1/0"] {
            assert_eq!(text.parse::<UnitName>(), Err(NameError::Unit(text.to_owned())));
        }
        assert_eq!("a-b/3".parse::<UnitName>().unwrap().dashed(), "a-b-3");
    }

    #[test]
    fn only_the_number_of_a_relation_id_counts() {
        assert_eq!("db:7".parse(), Ok(RelationId(7)));
        assert_eq!("7".parse(), Ok(RelationId(7)));
        assert_eq!("one".parse::<RelationId>(), Err(NameError::Relation("one".to_owned())));
    }

    #[test]
    fn a_secret_has_three_spellings() {
        let id = SecretId::from_number(0);
        assert_eq!(id.as_str().len(), 20);
        assert_ne!(id, SecretId::from_number(1));
        assert_eq!(id.uri().parse(), Ok(id.clone()));
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        let long = format!("secret://3f1c9a52-7d4e-4b0a-9c61-5e8f2ab4d107/{id}");
        assert_eq!(long.parse(), Ok(id));
        assert!("secret:x".parse::<SecretId>().is_err());
    }
}
