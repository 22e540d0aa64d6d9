//! All interfaces at once, for people and inspectors.
//!
//! [`describe`] takes a databag of which only interface, side and kind are known, and says what
//! stands in it (secrets masked) and what is wrong with it. [`recode`] reads and writes it again,
//! which is how tests compare with recorded databags. [`specifications`] lists all databags.
//!
//! ```
//! use relation_lib::databag::Databag;
//! use relation_lib::interface::{DatabagKind, Side, describe};
//!
//! let bag: Databag = [
//!     ("endpoint", "http://blob.example:9000"),
//!     ("bucket", "12345"),
//!     ("access-key", "AK"),
//!     ("secret-key", "SK"),
//! ]
//! .map(|(key, value)| (key.to_owned(), value.to_owned()))
//! .into();
//! let description = describe("s3", Side::Provider, DatabagKind::Application, &bag);
//! assert_eq!(description.value["secret-key"], "(secret)");
//! assert_eq!(
//!     description.findings[0].to_string(),
//!     "warning: `bucket`: looks like a number: a Python requirer takes it for one and refuses it"
//! );
//! ```

mod checks;
mod mask;
mod registry;

use std::fmt;

use serde_json::{Map, Value};

pub use registry::{Specification, specifications};

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, JUJU_KEYS, Presence, Skipped,
};

/// Which end of a relation wrote a databag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The end that the charm's metadata lists under `provides`.
    Provider,
    /// The end that it lists under `requires`.
    Requirer,
    /// Either end of a relation of an application with itself.
    Peer,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Provider => "provider",
            Side::Requirer => "requirer",
            Side::Peer => "peer",
        })
    }
}

/// Whether a databag belongs to an application or to one of its units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DatabagKind {
    /// The application's; its leader writes it.
    Application,
    /// A unit's.
    Unit,
}

impl fmt::Display for DatabagKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DatabagKind::Application => "application",
            DatabagKind::Unit => "unit",
        })
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Something won't work as it was meant.
    Warning,
    /// The other side can't use the databag, or a part of it.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// Something to say about a databag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The key that it is about; `None` for the whole databag.
    pub key: Option<String>,
    /// The entry below the key.
    pub entry: Option<String>,
    /// What is wrong, in words; never a secret.
    pub message: String,
}

impl Finding {
    fn new(severity: Severity, key: &str, message: impl Into<String>) -> Self {
        Finding { severity, key: Some(key.to_owned()), entry: None, message: message.into() }
    }

    fn at(self, entry: impl Into<String>) -> Self {
        Finding { entry: Some(entry.into()), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.severity)?;
        match (&self.key, &self.entry) {
            (Some(key), Some(entry)) => write!(f, "`{entry}` of `{key}`: {}", self.message),
            (Some(key), None) => write!(f, "`{key}`: {}", self.message),
            (None, _) => f.write_str(&self.message),
        }
    }
}

/// What stands in a databag, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The databag that it is, if the interface is known and has one at this place.
    pub specification: Option<&'static Specification>,
    /// The values by key, decoded where they can be, secrets masked.
    pub value: Map<String, Value>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

/// Says what stands in a databag and what is wrong with it.
#[must_use]
pub fn describe(interface: &str, side: Side, kind: DatabagKind, bag: &Databag) -> Description {
    let specification = registry::find(interface, side, kind);
    let keys = specification.map_or(&[][..], |specification| specification.keys);
    let value = mask::visible(bag, keys);
    let ours = bag.keys().filter(|key| !JUJU_KEYS.contains(&key.as_str()));
    let mut findings = Vec::new();
    match specification {
        Some(specification) => {
            for key in ours.clone().filter(|key| keys.iter().all(|known| known.name != **key)) {
                findings.push(unknown_key(specification, key));
            }
            if ours.count() > 0 {
                check(specification, bag, &mut findings);
            }
        }
        None if registry::is_known(interface) => {
            for key in ours {
                let message = format!("nobody reads the {kind} databag of the {side}");
                findings.push(Finding::new(Severity::Note, key, message));
            }
        }
        None => {}
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Description { specification, value, findings }
}

/// Reads a databag and writes it again: what results is the databag, where it was written as the
/// Python libraries write it. `None` for an interface, or a place in it, that is not known.
///
/// # Errors
///
/// When the databag can't be read.
#[must_use]
pub fn recode(
    interface: &str,
    side: Side,
    kind: DatabagKind,
    bag: &Databag,
) -> Option<Result<Decoded<DatabagPatch>, DecodeError>> {
    registry::find(interface, side, kind).map(|specification| (specification.recode)(bag))
}

fn check(specification: &Specification, bag: &Databag, findings: &mut Vec<Finding>) {
    match (specification.recode)(bag) {
        Ok(decoded) => {
            for Skipped { key, entry, reason } in decoded.skipped {
                let message = with_hint(specification, bag, &key, reason);
                findings.push(Finding {
                    severity: Severity::Error,
                    key: Some(key),
                    entry,
                    message,
                });
            }
            for key in specification.keys.iter().filter(|key| key.presence == Presence::Required) {
                if bag.get(key.name).is_none_or(String::is_empty) {
                    findings.push(Finding::new(
                        Severity::Warning,
                        key.name,
                        "absent: the other side waits for it",
                    ));
                }
            }
            if let Some(check) = specification.check {
                findings.extend(check(bag));
            }
        }
        Err(error @ DecodeError::Missing { .. }) => findings.push(Finding::new(
            Severity::Warning,
            error.key(),
            "absent: the other side waits for it",
        )),
        Err(DecodeError::Unusable { key, reason }) => {
            let message = with_hint(specification, bag, &key, reason);
            findings.push(Finding::new(Severity::Error, &key, message));
        }
    }
}

/// Adds what most often lies behind a value that is no JSON.
fn with_hint(specification: &Specification, bag: &Databag, key: &str, reason: String) -> String {
    let is_json = specification.keys.iter().any(|known| {
        known.name == key
            && matches!(
                known.encoding,
                Encoding::PythonJson | Encoding::PythonJsonSorted | Encoding::CompactJson
            )
    });
    match bag.get(key).map(|text| text.trim_start()) {
        Some(text) if is_json && reason.starts_with("not JSON") => {
            if text.starts_with("{'") || text.starts_with("['") {
                format!("{reason}; it is a Python literal, whose quotes JSON does not know")
            } else if text.starts_with(['{', '[', '"']) {
                reason
            } else {
                format!("{reason}; a text must stand in quotes here")
            }
        }
        _ => reason,
    }
}

fn unknown_key(specification: &Specification, key: &str) -> Finding {
    let elsewhere = specifications().iter().find(|other| {
        other.interface == specification.interface && other.keys.iter().any(|k| k.name == key)
    });
    match elsewhere {
        Some(other) => Finding::new(
            Severity::Warning,
            key,
            format!("belongs into the {} databag of the {}", other.kind, other.side),
        ),
        None => Finding::new(Severity::Note, key, "unknown: readers ignore it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bag(entries: &[(&str, &str)]) -> Databag {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn told(
        interface: &str,
        side: Side,
        kind: DatabagKind,
        entries: &[(&str, &str)],
    ) -> Vec<String> {
        let description = describe(interface, side, kind, &bag(entries));
        description.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_bare_word_where_json_is_wanted_is_explained() {
        assert_eq!(
            told("tempo_cluster", Side::Requirer, DatabagKind::Application, &[("role", "read")]),
            ["error: `role`: not JSON, at line 1 column 1; a text must stand in quotes here"]
        );
        assert_eq!(
            told(
                "tempo_cluster",
                Side::Provider,
                DatabagKind::Application,
                &[("loki_endpoints", "{'a/0': 'x'}"), ("worker_config", "\"a: 1\"")]
            ),
            [
                "error: `loki_endpoints`: not JSON, at line 1 column 2; it is a Python literal, whose quotes JSON does not know"
            ]
        );
    }

    #[test]
    fn keys_in_the_wrong_databag_and_unknown_keys_differ() {
        assert_eq!(
            told(
                "tempo_cluster",
                Side::Requirer,
                DatabagKind::Application,
                &[("role", "\"read\""), ("address", "\"a\""), ("shard", "1")]
            ),
            [
                "warning: `address`: belongs into the unit databag of the requirer",
                "note: `shard`: unknown: readers ignore it"
            ]
        );
    }

    #[test]
    fn an_empty_databag_is_no_finding_but_half_a_one_is() {
        let unit = DatabagKind::Unit;
        assert_eq!(told("tempo_cluster", Side::Requirer, unit, &[]), [""; 0]);
        assert_eq!(
            told("tempo_cluster", Side::Requirer, unit, &[("ingress-address", "10.0.0.1")]),
            [""; 0]
        );
        assert_eq!(
            told("loki_push_api", Side::Provider, unit, &[("public_address", "a")]),
            ["warning: `endpoint`: absent: the other side waits for it"]
        );
    }

    #[test]
    fn what_nobody_knows_is_shown_but_not_judged() {
        let description = describe(
            "postgresql",
            Side::Provider,
            DatabagKind::Application,
            &bag(&[("password", "p"), ("n", "[1]")]),
        );
        assert_eq!(description.specification, None);
        assert_eq!(description.value["password"], mask::MASK);
        assert_eq!(description.value["n"], serde_json::json!([1]));
        assert_eq!(description.findings, []);
        assert_eq!(
            told("tracing", Side::Requirer, DatabagKind::Unit, &[("x", "1")]),
            ["note: `x`: nobody reads the unit databag of the requirer"]
        );
    }
}
