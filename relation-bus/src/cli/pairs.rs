//! `key=value` on the command line, and files of settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::server::protocol::Refusal;

/// Reads a YAML or JSON file.
pub(super) fn read_document(path: &Path) -> Result<Value, Refusal> {
    let refuse = |reason: String| Refusal {
        message: format!("cannot read \"{}\": {reason}", path.display()),
    };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    serde_yaml::from_str(&text).map_err(|error| refuse(error.to_string()))
}

/// The settings of an application in a file: below its name, or the whole document.
pub(super) fn settings_of(
    application: &str,
    path: &Path,
) -> Result<BTreeMap<String, String>, Refusal> {
    let document = read_document(path)?;
    let settings = match &document[application] {
        Value::Object(settings) => settings,
        _ => document.as_object().ok_or_else(|| Refusal {
            message: format!("cannot read \"{}\": expected a mapping", path.display()),
        })?,
    };
    Ok(settings.iter().map(|(key, value)| (key.clone(), spelled(value))).collect())
}

/// A plain value as it would be typed.
fn spelled(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Splits `key=value`.
pub(super) fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()))
}

/// Values of options from the command line: `key=value`, where `@FILE` stands for a file's text.
pub(super) fn options(texts: &[String]) -> Result<BTreeMap<String, String>, Refusal> {
    let mut options = BTreeMap::new();
    for text in texts {
        let (key, value) = pair(text).ok_or_else(|| Refusal {
            message: format!("expected \"key=value\", got \"{text}\""),
        })?;
        let value = match value.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(PathBuf::from(path)).map_err(|error| {
                Refusal { message: format!("cannot read option from file \"{path}\": {error}") }
            })?,
            None => value,
        };
        options.insert(key, value);
    }
    Ok(options)
}

/// How values of an action are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As YAML: `3` is a number.
    Yaml,
    /// As they are (`--string-args`).
    Text,
}

/// Puts `a.b=value` into parameters: dots lead into nested maps.
pub(super) fn put_parameter(
    parameters: &mut Map<String, Value>,
    text: &str,
    reading: Reading,
) -> Result<(), Refusal> {
    let refuse = || Refusal {
        message: format!("argument \"{text}\" must be of the form key.key.key...=value"),
    };
    let (path, value) = pair(text).ok_or_else(refuse)?;
    let value = match reading {
        Reading::Yaml => serde_yaml::from_str(&value).map_err(|_| refuse())?,
        Reading::Text => Value::from(value),
    };
    let mut keys: Vec<&str> = path.split('.').collect();
    let last = keys.pop().ok_or_else(refuse)?;
    let mut map = parameters;
    for key in keys {
        let entry = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
        map = entry.as_object_mut().ok_or_else(refuse)?;
    }
    map.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_nest_by_dots_and_are_yaml() {
        let mut parameters = Map::new();
        for text in ["a.b=3", "a.c=x", "d=[1, two]", "e=a=b"] {
            put_parameter(&mut parameters, text, Reading::Yaml).unwrap();
        }
        put_parameter(&mut parameters, "f=3", Reading::Text).unwrap();
        let expected = json!({"a": {"b": 3, "c": "x"}, "d": [1, "two"], "e": "a=b", "f": "3"});
        assert_eq!(Value::Object(parameters), expected);
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        let mut parameters = Map::new();
        let refused = put_parameter(&mut parameters, "x", Reading::Yaml).unwrap_err();
        assert_eq!(refused.message, "argument \"x\" must be of the form key.key.key...=value");
        let refused = options(&["=x".to_owned()]).unwrap_err();
        assert_eq!(refused.message, "expected \"key=value\", got \"=x\"");
    }

    #[test]
    fn settings_stand_below_the_application_or_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["web: {port: 80, debug: true}\n", "port: 80\ndebug: true\n"] {
            std::fs::write(file.path(), text).unwrap();
            let settings = settings_of("web", file.path()).unwrap();
            let expected = [("debug", "true"), ("port", "80")];
            let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
            assert_eq!(settings, expected.into());
        }
    }
}
