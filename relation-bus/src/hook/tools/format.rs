//! The three ways in which tools print data.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::yaml;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Yaml,
    Smart,
}

impl FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "json" => Self::Json,
            "yaml" => Self::Yaml,
            "smart" => Self::Smart,
            _ => return Err(()),
        })
    }
}

impl Format {
    /// The whole text, with its newline when there is one.
    pub(super) fn write(self, value: Value) -> String {
        match self {
            Self::Json => json(&sorted(value)),
            Self::Yaml => yaml::write(&sorted(value)),
            Self::Smart => smart(value),
        }
    }

    /// The whole text of a mapping whose keys stay where they are.
    pub(super) fn write_as_it_is(self, value: &Value) -> String {
        match self {
            Self::Json => json(value),
            Self::Yaml | Self::Smart => yaml::write(value),
        }
    }
}

/// With the keys of all mappings in order, as Go prints them.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(Map::from_iter(entries))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Compact, with the escapes of Go's encoder. The escaped characters occur only inside texts.
fn json(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match c {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            c => text.push(c),
        }
    }
    text.push('\n');
    text
}

fn smart(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("{text}\n"),
        Value::Bool(true) => "True\n".to_owned(),
        Value::Bool(false) => "False\n".to_owned(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(|item| format!("{item}\n")).collect()
        }
        other => yaml::write(&sorted(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_sorts_keys_and_escapes_as_go_does() {
        let value = json!({"b": "<a & b>", "a": [1, null]});
        assert_eq!(
            Format::Json.write(value),
            "{\"a\":[1,null],\"b\":\"\\u003ca \\u0026 b\\u003e\"}\n"
        );
        assert_eq!(Format::Json.write(Value::Null), "null\n");
    }

    #[test]
    fn smart_prints_nothing_for_nothing() {
        assert_eq!(Format::Smart.write(Value::Null), "");
        assert_eq!(Format::Smart.write(json!("")), "");
        assert_eq!(Format::Smart.write(json!("a b")), "a b\n");
        assert_eq!(Format::Smart.write(json!(["a", "b"])), "a\nb\n");
        assert_eq!(Format::Smart.write(json!(true)), "True\n");
        assert_eq!(Format::Smart.write(json!({"b": "x", "a": 1})), "a: 1\nb: x\n");
    }
}
