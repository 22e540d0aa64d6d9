//! Reading databags and keeping account of what is of no use.

use indexmap::IndexMap;
use serde_json::Value;

use super::json::FromJson;
use super::{Databag, DecodeError, Decoded, Skipped};
use crate::encoding;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
