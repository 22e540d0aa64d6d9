//! Databags: what one side of a relation reads and writes, and what a reader skipped.
//!
//! A databag is a map from text to text, one for each application and one for each unit of a
//! relation. Each wire type of this crate turns a [`Databag`] into a value (`decode`) and a value
//! into a [`DatabagPatch`] (`encode`). Decoding forgives: what a reader can't use is left out and
//! listed in [`Decoded::skipped`], so that status, log and inspector can say why.

use std::collections::BTreeMap;
use std::fmt;

use indexmap::IndexMap;
use serde_json::Value;

use crate::encoding;

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

/// How a value is written into a databag; the names are those of the interface pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The plain text.
    Raw,
    /// JSON as Python writes it, see [`encoding::python_json`].
    PythonJson,
    /// The same with sorted keys, see [`encoding::python_json_sorted`].
    PythonJsonSorted,
    /// JSON without blanks, see [`encoding::compact_json`].
    CompactJson,
    /// A YAML document.
    Yaml,
}

/// Whether a writer always sets a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A databag without the key is of no use to the reader.
    Required,
    /// The key is left out when there is nothing to say.
    Optional,
}

/// Whether a value may be shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidentiality {
    /// Anyone who may see the relation may see it.
    Public,
    /// The value gives access to something: masked wherever it is printed.
    Secret,
}

/// One key of a databag, as an interface defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// How its value is written.
    pub encoding: Encoding,
    /// Whether it is always there.
    pub presence: Presence,
    /// Whether its value may be shown.
    pub confidentiality: Confidentiality,
}

impl Key {
    /// A key that must be there.
    #[must_use]
    pub const fn required(name: &'static str, encoding: Encoding) -> Self {
        Key {
            name,
            encoding,
            presence: Presence::Required,
            confidentiality: Confidentiality::Public,
        }
    }

    /// A key that may be absent.
    #[must_use]
    pub const fn optional(name: &'static str, encoding: Encoding) -> Self {
        Key {
            name,
            encoding,
            presence: Presence::Optional,
            confidentiality: Confidentiality::Public,
        }
    }

    /// The same key, to be masked.
    #[must_use]
    pub const fn secret(self) -> Self {
        Key { confidentiality: Confidentiality::Secret, ..self }
    }
}

/// Reads a databag key by key and notes what it could not use.
pub(crate) struct Reader<'a> {
    bag: &'a Databag,
    skipped: Vec<Skipped>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bag: &'a Databag) -> Self {
        Reader { bag, skipped: Vec::new() }
    }

    /// A plain text; `None` when the key is absent or, against Juju's rules, empty.
    pub(crate) fn raw(&self, key: &str) -> Option<&'a str> {
        self.bag.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A JSON value that must be there.
    pub(crate) fn required<T: FromJson>(&self, key: &str) -> Result<T, DecodeError> {
        let Some(text) = self.raw(key) else {
            return Err(DecodeError::Missing { key: key.to_owned() });
        };
        parse(text).map_err(|reason| DecodeError::Unusable { key: key.to_owned(), reason })
    }

    /// A JSON value that may be absent, or `null`; an unusable one is noted and counts as absent.
    pub(crate) fn optional<T: FromJson>(&mut self, key: &str) -> Option<T> {
        let text = self.raw(key)?;
        match parse::<Option<T>>(text) {
            Ok(value) => value,
            Err(reason) => {
                self.skip(key, None, reason);
                None
            }
        }
    }

    /// A JSON list whose unusable entries are noted and left out; their index names them.
    pub(crate) fn list<T: FromJson>(&mut self, key: &str) -> Option<Vec<T>> {
        let values: Vec<Value> = self.optional(key)?;
        Some(self.entries(key, values))
    }

    /// A JSON list that must be there; its unusable entries are noted and left out.
    pub(crate) fn required_list<T: FromJson>(&mut self, key: &str) -> Result<Vec<T>, DecodeError> {
        let values: Vec<Value> = self.required(key)?;
        Ok(self.entries(key, values))
    }

    fn entries<T: FromJson>(&mut self, key: &str, values: Vec<Value>) -> Vec<T> {
        let mut out = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            match T::from_json(value) {
                Ok(entry) => out.push(entry),
                Err(mismatch) => self.skip(key, Some(index.to_string()), mismatch.to_string()),
            }
        }
        out
    }

    /// A JSON object from name to value whose unusable entries are noted and left out.
    pub(crate) fn map<T: FromJson>(&mut self, key: &str) -> Option<IndexMap<String, T>> {
        let values: IndexMap<String, Value> = self.optional(key)?;
        Some(self.members(key, values))
    }

    /// A JSON object that must be there; its unusable entries are noted and left out.
    pub(crate) fn required_map<T: FromJson>(
        &mut self,
        key: &str,
    ) -> Result<IndexMap<String, T>, DecodeError> {
        let values: IndexMap<String, Value> = self.required(key)?;
        Ok(self.members(key, values))
    }

    fn members<T: FromJson>(
        &mut self,
        key: &str,
        values: IndexMap<String, Value>,
    ) -> IndexMap<String, T> {
        let mut out = IndexMap::with_capacity(values.len());
        for (name, value) in values {
            match T::from_json(&value) {
                Ok(entry) => {
                    out.insert(name, entry);
                }
                Err(mismatch) => self.skip(key, Some(name), mismatch.to_string()),
            }
        }
        out
    }

    pub(crate) fn skip(&mut self, key: &str, entry: Option<String>, reason: String) {
        self.skipped.push(Skipped { key: key.to_owned(), entry, reason });
    }

    pub(crate) fn finish<T>(self, value: T) -> Decoded<T> {
        Decoded { value, skipped: self.skipped }
    }
}

fn parse<T: FromJson>(text: &str) -> Result<T, String> {
    let value = encoding::parse_json(text).map_err(|error| error.to_string())?;
    T::from_json(&value).map_err(|mismatch| mismatch.to_string())
}

/// Collects the keys that a wire type owns.
#[derive(Default)]
pub(crate) struct Writer(DatabagPatch);

impl Writer {
    /// A plain text; absent and empty both delete the key.
    pub(crate) fn raw(mut self, key: &str, text: Option<&str>) -> Self {
        let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
        self.0.insert(key.to_owned(), text);
        self
    }

    /// JSON as Python writes it.
    pub(crate) fn json(
        mut self,
        key: &str,
        value: Option<&(impl serde::Serialize + ?Sized)>,
    ) -> Self {
        self.0.insert(key.to_owned(), value.map(encoding::python_json));
        self
    }

    /// A text in any encoding.
    pub(crate) fn text(mut self, key: &str, text: Option<String>) -> Self {
        self.0.insert(key.to_owned(), text);
        self
    }

    pub(crate) fn finish(self) -> DatabagPatch {
        self.0
    }
}

/// What a JSON value was expected to be, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Members and indices from the outside in.
    path: Vec<String>,
    expected: &'static str,
    found: &'static str,
}

impl Mismatch {
    pub(crate) fn new(expected: &'static str, found: &Value) -> Self {
        Mismatch { path: Vec::new(), expected, found: kind(found) }
    }

    pub(crate) fn absent(member: &str, expected: &'static str) -> Self {
        Mismatch { path: vec![member.to_owned()], expected, found: "nothing" }
    }

    pub(crate) fn at(mut self, step: impl Into<String>) -> Self {
        self.path.insert(0, step.into());
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        if !self.path.is_empty() {
            write!(f, " at `{}`", self.path.join("."))?;
        }
        Ok(())
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value read from foreign JSON with the leniency of the Python models: members nobody knows
/// are ignored, a number is no text, but a numeric text is a number.
pub(crate) trait FromJson: Sized {
    fn from_json(value: &Value) -> Result<Self, Mismatch>;
}

impl FromJson for Value {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        Ok(value.clone())
    }
}

impl FromJson for serde_json::Map<String, Value> {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        value.as_object().cloned().ok_or_else(|| Mismatch::new("an object", value))
    }
}

impl FromJson for String {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        value.as_str().map(str::to_owned).ok_or_else(|| Mismatch::new("a string", value))
    }
}

impl FromJson for SecretText {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        String::from_json(value).map(SecretText)
    }
}

impl FromJson for bool {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        value.as_bool().ok_or_else(|| Mismatch::new("a boolean", value))
    }
}

impl FromJson for i64 {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let mismatch = || Mismatch::new("an integer", value);
        match value {
            Value::Number(number) => number
                .as_i64()
                .or_else(|| number.as_f64().and_then(whole_number))
                .ok_or_else(mismatch),
            Value::String(text) => text.trim().parse().map_err(|_| mismatch()),
            _ => Err(mismatch()),
        }
    }
}

/// A float without fraction, in the range where each whole number has a float of its own.
fn whole_number(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
}

impl FromJson for u16 {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let number = i64::from_json(value)?;
        u16::try_from(number).map_err(|_| Mismatch::new("an integer from 0 to 65535", value))
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        if value.is_null() { Ok(None) } else { T::from_json(value).map(Some) }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let list = value.as_array().ok_or_else(|| Mismatch::new("a list", value))?;
        list.iter()
            .enumerate()
            .map(|(index, entry)| T::from_json(entry).map_err(|m| m.at(index.to_string())))
            .collect()
    }
}

impl<T: FromJson> FromJson for IndexMap<String, T> {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = value.as_object().ok_or_else(|| Mismatch::new("an object", value))?;
        members
            .iter()
            .map(|(name, entry)| match T::from_json(entry) {
                Ok(entry) => Ok((name.clone(), entry)),
                Err(mismatch) => Err(mismatch.at(name.as_str())),
            })
            .collect()
    }
}

/// The members of a JSON object, read one by one.
pub(crate) struct Members<'a>(&'a serde_json::Map<String, Value>);

impl<'a> Members<'a> {
    pub(crate) fn of(value: &'a Value) -> Result<Self, Mismatch> {
        value.as_object().map(Members).ok_or_else(|| Mismatch::new("an object", value))
    }

    pub(crate) fn required<T: FromJson>(&self, member: &str) -> Result<T, Mismatch> {
        let value = self.0.get(member).ok_or_else(|| Mismatch::absent(member, "a value"))?;
        T::from_json(value).map_err(|mismatch| mismatch.at(member))
    }

    /// Absent and `null` are the same.
    pub(crate) fn optional<T: FromJson>(&self, member: &str) -> Result<Option<T>, Mismatch> {
        match self.0.get(member) {
            None => Ok(None),
            Some(value) => Option::from_json(value).map_err(|mismatch| mismatch.at(member)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
    fn numeric_texts_are_integers_but_numbers_are_no_texts() {
        assert_eq!(Vec::<u16>::from_json(&json!(["1", 2, 3.0])), Ok(vec![1, 2, 3]));
        assert_eq!(
            String::from_json(&json!(5)).unwrap_err().to_string(),
            "expected a string, found a number"
        );
        assert_eq!(
            Vec::<u16>::from_json(&json!([1, 70000])).unwrap_err().to_string(),
            "expected an integer from 0 to 65535, found a number at `1`"
        );
    }

    #[test]
    fn null_counts_as_absent_and_garbage_is_noted_without_its_text() {
        let bag = Databag::from([("n".into(), "null".into()), ("g".into(), "hunter2".into())]);
        let mut reader = Reader::new(&bag);
        assert_eq!(reader.optional::<String>("n"), None);
        assert_eq!(reader.optional::<String>("g"), None);
        let skipped = reader.finish(()).skipped;
        assert_eq!(skipped.len(), 1);
        assert_eq!(skipped[0].key, "g");
        assert!(!skipped[0].reason.contains("hunter2"), "{}", skipped[0].reason);
    }

    #[test]
    fn secret_text_prints_redacted() {
        assert_eq!(format!("{:?}", SecretText::new("hunter2")), "(redacted)");
    }
}
