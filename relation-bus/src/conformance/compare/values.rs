//! When two values say the same.

use serde_json::{Map, Value};

/// Stands in a case for any text at all.
pub(super) const ANY_TEXT: &str = "(any text)";

/// The JSON value that a databag text holds.
///
/// Texts, numbers and what is no JSON are left as the text: there, spelling counts.
pub(super) fn read(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_) | Value::Bool(_) | Value::Null)) => value,
        _ => Value::from(text),
    }
}

/// Whether two values are equal; `1` and `1.0` are the same number.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(a, b)| same(a, b))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, a)| y.get(k).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Whether two raw texts are JSON strings of one text, however each escapes it.
pub(super) fn same_json_text(a: &str, b: &str) -> bool {
    let text = |raw| serde_json::from_str::<String>(raw).ok();
    text(a).is_some_and(|a| text(b).is_some_and(|b| a == b))
}

/// The same information without the order of items: lists, lines of a text, and lists within
/// texts that hold JSON are brought into one order, at every depth.
pub(super) fn without_order(value: &Value) -> Value {
    match value {
        Value::String(text) => match read(text) {
            Value::String(text) if text.contains('\n') => {
                let mut lines: Vec<&str> = text.lines().map(str::trim).collect();
                lines.sort_unstable();
                Value::from(lines)
            }
            Value::String(text) => Value::from(text),
            inner => without_order(&inner),
        },
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(without_order).collect();
            items.sort_by_cached_key(canonical);
            Value::Array(items)
        }
        Value::Object(members) => {
            Value::Object(members.iter().map(|(k, v)| (k.clone(), without_order(v))).collect())
        }
        other => other.clone(),
    }
}

/// One text for every spelling of a value.
pub(super) fn canonical(value: &Value) -> String {
    relation_lib::encoding::python_json_sorted(value)
}

/// `found`, with [`ANY_TEXT`] wherever the expected side has it and ours has some text.
pub(super) fn masked_like(expected: &Value, found: &Value) -> Value {
    match (expected, found) {
        (Value::String(mark), Value::String(_)) if mark == ANY_TEXT => expected.clone(),
        (Value::Object(want), Value::Object(got)) => got
            .iter()
            .map(|(key, value)| {
                let want = want.get(key).unwrap_or(&Value::Null);
                (key.clone(), masked_like(want, value))
            })
            .collect::<Map<_, _>>()
            .into(),
        (Value::Array(want), Value::Array(got)) => got
            .iter()
            .enumerate()
            .map(|(i, value)| masked_like(want.get(i).unwrap_or(&Value::Null), value))
            .collect(),
        _ => found.clone(),
    }
}

/// The first place inside two values where they part, such as `[2].labels.job`, and what stands
/// there on each side (`None`: nothing).
pub(super) fn first_parting<'a>(
    expected: &'a Value,
    found: &'a Value,
) -> (String, Option<&'a Value>, Option<&'a Value>) {
    let mut place = String::new();
    let (mut want, mut got) = (expected, found);
    loop {
        match (want, got) {
            (Value::Object(a), Value::Object(b)) => {
                let parting = a
                    .iter()
                    .map(|(k, v)| (k, Some(v), b.get(k)))
                    .chain(
                        b.iter()
                            .filter(|(k, _)| !a.contains_key(*k))
                            .map(|(k, v)| (k, None, Some(v))),
                    )
                    .find(|(_, a, b)| !matches!((a, b), (Some(a), Some(b)) if same(a, b)));
                let Some((key, a, b)) = parting else { break };
                place = format!("{place}.{key}");
                let (Some(a), Some(b)) = (a, b) else { return (place, a, b) };
                (want, got) = (a, b);
            }
            (Value::Array(a), Value::Array(b)) => {
                let parting = (0..a.len().max(b.len()))
                    .map(|i| (i, a.get(i), b.get(i)))
                    .find(|(_, a, b)| !matches!((a, b), (Some(a), Some(b)) if same(a, b)));
                let Some((i, a, b)) = parting else { break };
                place = format!("{place}[{i}]");
                let (Some(a), Some(b)) = (a, b) else { return (place, a, b) };
                (want, got) = (a, b);
            }
            _ => break,
        }
    }
    (place, Some(want), Some(got))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_and_numbers_keep_their_spelling() {
        assert_eq!(read("7"), json!("7"));
        assert_eq!(read("\"a\""), json!("\"a\""));
        assert_eq!(read("{\"a\":1}"), json!({"a": 1}));
        assert_eq!(read("true"), json!(true));
        assert_eq!(read("{"), json!("{"));
    }

    #[test]
    fn numbers_are_equal_by_value() {
        assert!(same(&json!({"a": [1, 2.0]}), &json!({"a": [1.0, 2]})));
        assert!(!same(&json!([1]), &json!([true])));
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": null})));
    }

    #[test]
    fn order_is_left_out_at_every_depth() {
        let a = json!([{"x": [2, 1]}, "[\"q\", \"p\"]", "one\n two\n"]);
        let b = json!(["two\none", {"x": [1, 2]}, "[\"p\",\"q\"]"]);
        assert_eq!(without_order(&a), without_order(&b));
        assert_ne!(without_order(&a), without_order(&json!([1])));
    }

    #[test]
    fn a_mark_stands_for_texts_only() {
        let want = json!([{"a": ANY_TEXT}, {"a": ANY_TEXT}]);
        let got = json!([{"a": "words"}, {"a": 1}, {"a": "more"}]);
        assert_eq!(masked_like(&want, &got), json!([{"a": ANY_TEXT}, {"a": 1}, {"a": "more"}]));
    }

    #[test]
    fn finds_where_values_part() {
        let (want, got) = (json!({"g": [{"n": 1}, {"n": 2}]}), json!({"g": [{"n": 1}, {"n": 3}]}));
        assert_eq!(
            first_parting(&want, &got),
            (".g[1].n".to_owned(), Some(&json!(2)), Some(&json!(3)))
        );
        let (want, got) = (json!([1]), json!([1, 2]));
        assert_eq!(first_parting(&want, &got), ("[1]".to_owned(), None, Some(&json!(2))));
    }

    #[test]
    fn json_texts_agree_however_escaped() {
        assert!(same_json_text("\"\\u00e9\"", "\"é\""));
        assert!(!same_json_text("\"a\"", "\"b\""));
        assert!(!same_json_text("a", "a"));
    }
}
