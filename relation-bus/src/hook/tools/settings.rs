//! What `--file` of `relation-set` and `state-set` holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{ToolError, failed};

/// One YAML mapping of scalars, which become texts; JSON is fine. Nothing means an empty value.
pub(super) fn read_settings(content: &[u8]) -> Result<BTreeMap<String, Option<String>>, ToolError> {
    let text = std::str::from_utf8(content)
        .map_err(|_| ToolError::Failed("yaml: invalid leading UTF-8 octet".to_owned()))?;
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    // What frameworks send is JSON, which YAML readers take too but with other rules for escapes.
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        return from_document(document);
    }
    // Texts as they are written: `1.0` stays `1.0`, and `yes` stays `yes`.
    if let Ok(settings) = serde_yaml::from_str(text) {
        return Ok(settings);
    }
    let document =
        serde_yaml::from_str(text).map_err(|error| ToolError::Failed(format!("yaml: {error}")))?;
    from_document(document)
}

fn from_document(document: Value) -> Result<BTreeMap<String, Option<String>>, ToolError> {
    let map = match document {
        Value::Null => Map::new(),
        Value::Object(map) => map,
        Value::Array(_) => return refuse("seq", "map[string]string"),
        Value::String(text) => {
            let short = match text.chars().count() > 10 {
                true => format!("{}...", text.chars().take(7).collect::<String>()),
                false => text,
            };
            return refuse(&format!("str `{short}`"), "map[string]string");
        }
        Value::Bool(flag) => return refuse(&format!("bool `{flag}`"), "map[string]string"),
        Value::Number(number) => {
            let kind = if number.is_f64() { "float" } else { "int" };
            return refuse(&format!("{kind} `{number}`"), "map[string]string");
        }
    };
    let mut settings = BTreeMap::new();
    for (key, value) in map {
        let value = match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::Array(_) => return refuse("seq", "string"),
            Value::Object(_) => return refuse("map", "string"),
        };
        settings.insert(key, value);
    }
    Ok(settings)
}

fn refuse<T>(kind: &str, target: &str) -> Result<T, ToolError> {
    failed(format!("yaml: unmarshal errors:\n  line 1: cannot unmarshal !!{kind} into {target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_taken_as_they_are_written() {
        let text = "a: 1.0\nb: yes\nc: 0x10\nd: ~\ne: |\n  x\n  y\n";
        let settings = read_settings(text.as_bytes()).unwrap();
        let expected = [
            ("a", Some("1.0")),
            ("b", Some("yes")),
            ("c", Some("0x10")),
            ("d", None),
            ("e", Some("x\ny\n")),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.map(String::from)));
        assert_eq!(settings, BTreeMap::from(expected));
    }

    #[test]
    fn what_is_no_mapping_of_scalars_is_refused_with_the_words_of_the_reader() {
        let refused = |text: &str| match read_settings(text.as_bytes()) {
            Err(ToolError::Failed(message)) => message,
            other => panic!("{other:?}"),
        };
        let words =
            |what: &str| format!("yaml: unmarshal errors:\n  line 1: cannot unmarshal !!{what}");
        assert_eq!(refused("a: {b: c}"), words("map into string"));
        assert_eq!(refused("a: [b]"), words("seq into string"));
        assert_eq!(refused("[a]"), words("seq into map[string]string"));
        assert_eq!(refused("a"), words("str `a` into map[string]string"));
        assert_eq!(refused("a longer text"), words("str `a longe...` into map[string]string"));
    }
}
