//! YAML as Python charms mean it.
//!
//! Charm libraries read and write YAML with PyYAML, which follows YAML 1.1: `yes` is true, `0600` is
//! 384, `5:30` is 330, `1e3` is a text. Most other readers follow YAML 1.2 and disagree on each of
//! these. So what foreign files *mean* is decided here by the rules of PyYAML's safe loader
//! ([`parse`], [`read`]), and what we *write* is laid out as PyYAML's safe dumper does it, with quotes
//! wherever the two versions of YAML would disagree ([`dump_sorted`]).
//!
//! ```
//! use relation_lib::yaml;
//! use serde_json::json;
//!
//! let value = yaml::parse("severity: yes\nmode: 0600\nlimit: 1e3\n")?;
//! assert_eq!(value, json!({"severity": true, "mode": 384, "limit": "1e3"}));
//! assert_eq!(yaml::dump_sorted(&value), "limit: '1e3'\nmode: 384\nseverity: true\n");
//! # Ok::<(), yaml::YamlError>(())
//! ```

mod error;
mod read;
mod scalar;
mod write;

use serde_json::Value;

pub use error::{YamlError, YamlErrorKind};
pub use read::{Content, Entry, Node, read};
pub(crate) use scalar::number_text;
pub use scalar::{Alien, Scalar};
pub use write::dump_sorted;

/// What becomes of a scalar that Python has a type for and JSON has not, such as a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aliens {
    /// It is an error, as it is for a Python charm that goes on to write JSON.
    Refuse,
    /// It stays the text that it was written as.
    AsText,
}

/// Reads one YAML document as PyYAML's safe loader would, into JSON.
///
/// An empty document is null. Mapping keys that are not texts become what Python's JSON writer makes of
/// them: `1`, `true`, `null`. Of equal keys the last value wins and the first place stays. Aliases and
/// merge keys (`<<`) are expanded.
///
/// # Errors
///
/// Text that is not YAML, more than one document, unknown tags, and scalars that JSON cannot hold
/// ([`Aliens::Refuse`]). The error says line and column.
pub fn parse(text: &str) -> Result<Value, YamlError> {
    parse_with(text, Aliens::Refuse)
}

/// Like [`parse`], with a choice about dates and other scalars that JSON has no type for.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_with(text: &str, aliens: Aliens) -> Result<Value, YamlError> {
    read(text)?.to_json(aliens)
}
