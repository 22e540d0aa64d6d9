//! JSON objects whose empty members are absent.

use serde_json::{Map, Value};

use crate::model::StatusEntry;

/// A JSON object, member by member in the order that Juju writes them in.
#[derive(Debug, Default)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// An object without members.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a member, empty or not.
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a member unless it is empty: no text, no entries, `false`, zero, `null`.
    pub(super) fn filled(self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let is_empty = match &value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(entries) => entries.is_empty(),
            Value::Object(members) => members.is_empty(),
        };
        if is_empty { self } else { self.with(key, value) }
    }

    /// The object.
    pub(super) fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// A status as it stands in `juju status`: word, message, since when.
pub(super) fn status(status: &StatusEntry) -> Value {
    Members::new()
        .with("current", status.value.as_str())
        .filled("message", status.message.as_str())
        .with("since", status.since.since())
        .done()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_members_are_absent() {
        let object = Members::new()
            .with("kept", "")
            .filled("text", "")
            .filled("flag", false)
            .filled("number", 0)
            .filled("list", json!([]))
            .filled("map", json!({}))
            .filled("last", "x");
        assert_eq!(object.done().to_string(), r#"{"kept":"","last":"x"}"#);
    }
}
