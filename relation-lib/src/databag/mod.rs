//! Databags: what one side of a relation reads and writes, and what a reader skipped.
//!
//! A databag is a map from text to text, one for each application and one for each unit of a
//! relation. Each wire type of this crate turns a [`Databag`] into a value (`decode`) and a value
//! into a [`DatabagPatch`] (`encode`). Decoding forgives: what a reader can't use is left out and
//! listed in [`Decoded::skipped`], so that status, log and inspector can say why.
//!
//! ```
//! use relation_lib::databag::{Databag, DatabagPatch, patched};
//!
//! let bag = Databag::from([("a", "1"), ("b", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())));
//! let patch = DatabagPatch::from([("b".to_owned(), None), ("c".to_owned(), Some("3".to_owned()))]);
//! let after = patched(&bag, &patch);
//! assert_eq!(after.into_keys().collect::<Vec<_>>(), ["a", "c"]);
//! ```

mod json;
mod key;
mod reader;
mod writer;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use json::{FromJson, Members, Mismatch};
pub use key::{Confidentiality, Encoding, Key, Presence};
pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

/// A databag as Juju shows it. Juju never stores an empty value: an empty text deletes the key.
pub type Databag = BTreeMap<String, String>;

/// A write to a databag: a text sets the key, `None` deletes it, keys that are not in the map are
/// left alone.
pub type DatabagPatch = BTreeMap<String, Option<String>>;

/// The keys that Juju itself puts into every unit databag. No reader takes them for its own.
pub const JUJU_KEYS: [&str; 3] = ["egress-subnets", "ingress-address", "private-address"];

/// The databag that results from a patch, for tests and dry runs.
///
/// An empty text deletes the key, as Juju does it.
#[must_use]
pub fn patched(bag: &Databag, patch: &DatabagPatch) -> Databag {
    let mut bag = bag.clone();
    for (key, value) in patch {
        match value.as_deref() {
            None | Some("") => bag.remove(key),
            Some(text) => bag.insert(key.clone(), text.to_owned()),
        };
    }
    bag
}

/// The patch that makes a databag of ours hold nothing but what `patch` sets: every other key of
/// `current` is deleted, save Juju's own.
///
/// This is what the Python libraries reach by clearing a databag before they write it. Use it
/// where a databag belongs to one wire type alone.
#[must_use]
pub fn replacing(current: &Databag, mut patch: DatabagPatch) -> DatabagPatch {
    for key in current.keys().filter(|key| !JUJU_KEYS.contains(&key.as_str())) {
        patch.entry(key.clone()).or_insert(None);
    }
    patch
}

/// The patch that takes back every key of a wire type, given its `KEYS`.
#[must_use]
pub fn withdrawing(keys: &[Key]) -> DatabagPatch {
    keys.iter().map(|key| (key.name.to_owned(), None)).collect()
}

/// What a reader made of a databag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded<T> {
    /// What could be used.
    pub value: T,
    /// What could not, in the order in which it was met. Unknown keys are not in it.
    pub skipped: Vec<Skipped>,
}

impl<T> Decoded<T> {
    /// Whether the whole value of a key was there but of no use, as opposed to absent.
    #[must_use]
    pub fn is_unreadable(&self, key: &str) -> bool {
        self.skipped.iter().any(|skipped| skipped.key == key && skipped.entry.is_none())
    }

    /// Converts the value and keeps the list of what was skipped.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Decoded<U> {
        Decoded { value: convert(self.value), skipped: self.skipped }
    }
}

/// A key, or one entry below a key, that a reader left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The key of the databag.
    pub key: String,
    /// Which entry of the value; `None` when the whole value is unusable.
    pub entry: Option<String>,
    /// What was expected and what was found; never the value itself, which may be a secret.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "`{}` of `{}`: {}", entry, self.key, self.reason),
            None => write!(f, "`{}`: {}", self.key, self.reason),
        }
    }
}

/// Why a databag can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A key without which the value means nothing is absent.
    #[error("cannot find key `{key}`")]
    Missing {
        /// The key.
        key: String,
    },
    /// A key without which the value means nothing holds something else.
    #[error("cannot use key `{key}`: {reason}")]
    Unusable {
        /// The key.
        key: String,
        /// What was expected and what was found.
        reason: String,
    },
}

impl DecodeError {
    /// The key that the error is about.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            DecodeError::Missing { key } | DecodeError::Unusable { key, .. } => key,
        }
    }
}

/// A text that must not be seen in a log: it prints redacted, and it has no serde.
///
/// The clear text is only to be had by calling [`SecretText::expose`], so each place where it
/// leaves the process can be found.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a clear text.
    pub fn new(text: impl Into<String>) -> Self {
        SecretText(text.into())
    }

    /// The clear text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        SecretText(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_text_deletes_as_none_does() {
        let bag = Databag::from([("a".into(), "1".into()), ("b".into(), "2".into())]);
        let patch = DatabagPatch::from([
            ("a".into(), None),
            ("b".into(), Some(String::new())),
            ("c".into(), Some("3".into())),
        ]);
        assert_eq!(patched(&bag, &patch), Databag::from([("c".into(), "3".into())]));
    }

    #[test]
    fn replacing_spares_the_keys_of_juju() {
        let bag = Databag::from([
            ("ingress-address".into(), "10.0.0.1".into()),
            ("old".into(), "1".into()),
            ("role".into(), "2".into()),
        ]);
        let patch = replacing(&bag, DatabagPatch::from([("role".into(), Some("3".into()))]));
        let expected = [("old".to_owned(), None), ("role".to_owned(), Some("3".to_owned()))];
        assert_eq!(patch, DatabagPatch::from(expected));
    }

    #[test]
    fn secret_text_prints_redacted() {
        assert_eq!(format!("{:?}", SecretText::new("hunter2")), "(redacted)");
    }
}
