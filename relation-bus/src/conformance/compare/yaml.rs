//! YAML texts, by what Python reads in them.

use relation_lib::yaml::{Content, Node, Scalar, read};
use serde_json::{Value, json};

/// The value in a YAML text, or the text itself where it holds none.
///
/// What JSON has no type for, such as an unquoted date, is equal only to its like, never to a text.
pub(super) fn meaning(text: &str) -> Value {
    read(text).map_or_else(|_| Value::from(text), |node| value(&node))
}

fn value(node: &Node) -> Value {
    match &node.content {
        Content::Scalar(Scalar::Null) => Value::Null,
        Content::Scalar(Scalar::Bool(flag)) => Value::Bool(*flag),
        Content::Scalar(Scalar::Number(number)) => Value::Number(number.clone()),
        Content::Scalar(Scalar::Text(text)) => Value::from(text.as_str()),
        Content::Scalar(Scalar::Alien(kind, text)) => json!({ kind.to_string(): text }),
        Content::Sequence(items) => items.iter().map(value).collect(),
        Content::Mapping(entries) => {
            let members = entries.iter().map(|entry| (entry.key.clone(), value(&entry.value)));
            Value::Object(members.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_python_does() {
        assert_eq!(meaning("a: yes\nb: [1, 0o7]\n"), json!({"a": true, "b": [1, "0o7"]}));
        assert_ne!(meaning("a: 2026-03-01"), meaning("a: \"2026-03-01\""));
        assert_eq!(meaning("a: ["), json!("a: ["));
    }
}
