//! Two values of a databag's key, and in which places they differ.

use serde_json::Value;

/// A place in a value, and what stood and stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Members and indices that lead there, such as `.groups[0].name`; empty for the value itself.
    path: String,
    before: Option<Value>,
    after: Option<Value>,
}

/// Longer values are cut: a failure is read in a terminal.
const WIDTH: usize = 160;

impl Place {
    /// Lines that begin with `-` and `+`.
    pub(super) fn lines(&self, key: &str) -> Vec<String> {
        let line = |sign: char, value: &Value| {
            let text = value.to_string();
            let cut: String = text.chars().take(WIDTH).collect();
            let rest = if cut.len() < text.len() { "…" } else { "" };
            format!("{sign} {key}{} = {cut}{rest}", self.path)
        };
        let before = self.before.iter().map(|value| line('-', value));
        before.chain(self.after.iter().map(|value| line('+', value))).collect()
    }
}

/// Where two values differ: as deep as both are of one kind.
pub(super) fn places(before: Option<&Value>, after: Option<&Value>) -> Vec<Place> {
    let mut found = Vec::new();
    compare(String::new(), before, after, &mut found);
    found
}

fn compare(path: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Place>) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let added = after.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(added) {
                compare(format!("{path}{}", member(key)), before.get(key), after.get(key), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for index in 0..before.len().max(after.len()) {
                let path = format!("{path}[{index}]");
                compare(path, before.get(index), after.get(index), found);
            }
        }
        (Some(Value::String(before)), Some(Value::String(after)))
            if before.contains('\n') || after.contains('\n') =>
        {
            compare_lines(&path, before, after, found);
        }
        (None, None) => {}
        (before, after) => {
            found.push(Place { path, before: before.cloned(), after: after.cloned() });
        }
    }
}

fn member(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match !key.is_empty() && key.chars().all(plain) {
        true => format!(".{key}"),
        false => format!("[{key:?}]"),
    }
}

/// The lines between what both texts begin and end with.
fn compare_lines(path: &str, before: &str, after: &str, found: &mut Vec<Place>) {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[same..], &after[same..]);
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
    for index in 0..before.len().max(after.len()) {
        let line = |lines: &[&str]| lines.get(index).map(|line| Value::from(*line));
        let path = format!("{path} line {}", same + index + 1);
        found.push(Place { path, before: line(before), after: line(after) });
    }
    if before.is_empty() && after.is_empty() {
        let text = |text: &str| Some(Value::from(text));
        let path = format!("{path} end of the text");
        found.push(Place { path, before: text("with other line ends"), after: text("as it is") });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(before: &Value, after: &Value) -> Vec<String> {
        places(Some(before), Some(after)).iter().flat_map(|place| place.lines("key")).collect()
    }

    #[test]
    fn only_what_differs_is_told() {
        assert_eq!(
            check(
                &json!({"a": 1, "loki/0": ["x", "y"], "gone": true}),
                &json!({"a": 1, "loki/0": ["x", "z"], "new": null})
            ),
            [
                r#"- key["loki/0"][1] = "y""#,
                r#"+ key["loki/0"][1] = "z""#,
                "- key.gone = true",
                "+ key.new = null",
            ]
        );
        assert_eq!(check(&json!([1]), &json!([1])), [""; 0]);
    }

    #[test]
    fn a_text_of_lines_is_compared_by_lines() {
        assert_eq!(
            check(&json!("a\nb\nc\n"), &json!("a\nx\ny\nc\n")),
            [r#"- key line 2 = "b""#, r#"+ key line 2 = "x""#, r#"+ key line 3 = "y""#,]
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        let line = &check(&json!(1), &json!("x".repeat(500)))[1];
        assert!(line.ends_with('…') && line.chars().count() < 180, "{line}");
    }
}
