//! Trees of plain values as the YAML library of Juju's tools writes them.
//!
//! Lists stand below their key without indentation; a text that would be read as something else
//! is in double quotes, one that YAML's punctuation would break is in single quotes, and several
//! lines make a literal block.

use std::fmt::Write as _;

use serde_json::Value;

/// A whole document; nothing at all for nothing.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Null => {}
        Value::Object(map) if !map.is_empty() => mapping(&mut out, value, 0, Start::Line),
        Value::Array(items) if !items.is_empty() => list(&mut out, items, 0),
        value => {
            scalar(&mut out, value, 0);
            out.push('\n');
        }
    }
    out
}

/// Where the first entry of a mapping goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// On a line of its own.
    Line,
    /// Behind the dash of a list entry.
    Dash,
}

fn mapping(out: &mut String, value: &Value, indent: usize, start: Start) {
    let Some(map) = value.as_object() else { return };
    for (position, (key, value)) in map.iter().enumerate() {
        if position > 0 || start == Start::Line {
            out.push_str(&" ".repeat(indent));
        }
        text(out, key, indent);
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                mapping(out, value, indent + 2, Start::Line);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                list(out, items, indent);
            }
            value => {
                out.push(' ');
                scalar(out, value, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn list(out: &mut String, items: &[Value], indent: usize) {
    for item in items {
        out.push_str(&" ".repeat(indent));
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(out, item, indent + 2, Start::Dash),
            Value::Array(inner) if !inner.is_empty() => {
                let from = out.len();
                list(out, inner, indent + 2);
                // The first entry stands behind the dash of its list.
                out.replace_range(from..from + indent + 2, "");
            }
            value => {
                scalar(out, value, indent + 2);
                out.push('\n');
            }
        }
    }
}

/// A scalar or an empty collection, without the end of its line.
fn scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(content) => text(out, content, indent),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        other => out.push_str(&other.to_string()),
    }
}

fn text(out: &mut String, content: &str, indent: usize) {
    let is_printable = |c: char| c == '\n' || (!c.is_control() && c != '\u{feff}');
    if content.is_empty() || reads_as_another_type(content) || !content.chars().all(is_printable) {
        double_quoted(out, content);
    } else if content.contains('\n') {
        literal(out, content, indent);
    } else if is_plain(content) {
        out.push_str(content);
    } else {
        let _ = write!(out, "'{}'", content.replace('\'', "''"));
    }
}

fn double_quoted(out: &mut String, content: &str) {
    out.push('"');
    for c in content.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\u{1b}' => out.push_str("\\e"),
            c if c.is_control() && u32::from(c) < 0x100 => {
                let _ = write!(out, "\\x{:02X}", u32::from(c));
            }
            '\u{feff}' => out.push_str("\\uFEFF"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Several lines, each below the first; how the last one ends is said in the head.
fn literal(out: &mut String, content: &str, indent: usize) {
    out.push('|');
    if content.starts_with([' ', '\n']) {
        out.push('2');
    }
    let indent = " ".repeat(indent.max(2));
    let body = match content.strip_suffix('\n') {
        None => {
            out.push('-');
            content
        }
        Some(body) if body.is_empty() || body.ends_with('\n') => {
            out.push('+');
            body
        }
        Some(body) => body,
    };
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&indent);
            out.push_str(line);
        }
    }
}

/// Whether YAML's punctuation leaves a text of one line alone.
fn is_plain(content: &str) -> bool {
    let mut characters = content.chars();
    let (first, second) = (characters.next(), characters.next());
    let opens_something = match first {
        Some('-' | '?' | ':') => second.is_none_or(|c| c == ' '),
        Some(c) => ",[]{}#&*!|>'\"%@`".contains(c),
        None => true,
    };
    !opens_something
        && !content.starts_with(' ')
        && !content.ends_with([' ', ':'])
        && !content.contains(": ")
        && !content.contains(" #")
        && !content.starts_with("---")
}

/// Whether a reader of YAML 1.1 takes an unquoted text for a truth value, a number, nothing or a
/// date.
fn reads_as_another_type(content: &str) -> bool {
    let unsigned = content.strip_prefix(['-', '+']).unwrap_or(content);
    let digits = unsigned.replace('_', "");
    let number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && (digits.parse::<f64>().is_ok()
            || in_base(&digits, "0x", 16)
            || in_base(&digits, "0b", 2)
            || in_base(&digits, "0o", 8));
    is_word_of_another_type(content)
        || matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN")
        || number
        || is_sexagesimal(unsigned)
        || is_date(content)
}

/// `true`, `True` and `TRUE`, but not `tRUE`.
fn is_word_of_another_type(content: &str) -> bool {
    const WORDS: [&str; 11] =
        ["y", "yes", "n", "no", "on", "off", "true", "false", "null", "~", "<<"];
    let lower = content.to_lowercase();
    let same_case = content == lower
        || content == content.to_uppercase()
        || content.chars().skip(1).all(char::is_lowercase);
    same_case && WORDS.contains(&lower.as_str())
}

fn in_base(text: &str, prefix: &str, base: u32) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| u64::from_str_radix(digits, base).is_ok())
}

/// `1:30`, a number to base 60 of old readers.
fn is_sexagesimal(text: &str) -> bool {
    let Some((first, rest)) = text.split_once(':') else { return false };
    let number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    number(first)
        && rest.split(':').all(|part| {
            let whole = part.split('.').next().unwrap_or_default();
            number(whole) && whole.len() <= 2
        })
}

/// `2025-01-01`, also with a time behind it.
fn is_date(text: &str) -> bool {
    let head: Vec<&str> = text.splitn(3, '-').collect();
    let [year, month, rest] = head[..] else { return false };
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let (day, time) = rest.split_at(rest.find(['T', 't', ' ']).unwrap_or(rest.len()));
    year.len() == 4
        && digits(year)
        && (1..=2).contains(&month.len())
        && digits(month)
        && (1..=2).contains(&day.len())
        && digits(day)
        && time.chars().skip(1).all(|c| c.is_ascii_digit() || ":.+-Zz ".contains(c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_that_look_like_something_else_are_quoted() {
        for word in [
            "true",
            "Yes",
            "NO",
            "off",
            "~",
            "null",
            "80",
            "1.5",
            "0x1F",
            "1e3",
            "-7",
            "1_000",
            ".inf",
            "1:30",
            "2025-01-01",
            "2025-01-01T12:00:00Z",
            "",
        ] {
            assert_eq!(write(&json!({ "a": word })), format!("a: \"{word}\"\n"));
        }
        for word in ["x", "a b", "10.1.0.2", "10.1.0.2/32", "tRue", "v1", "db:3", "-x", "a/0"] {
            assert_eq!(write(&json!({ "a": word })), format!("a: {word}\n"));
        }
        for word in ["{}", "[a]", "a: b", "a #b", "# x", "- x", "x:", " x", "*x", "@x"] {
            assert_eq!(write(&json!({ "a": word })), format!("a: '{word}'\n"));
        }
        assert_eq!(write(&json!({ "a": "'x" })), "a: '''x'\n");
        assert_eq!(write(&json!({ "a": "x\ty" })), "a: \"x\\ty\"\n");
    }

    #[test]
    fn lists_are_not_indented_below_their_key() {
        let value = json!({"a": ["b", {"c": 1, "d": []}], "e": {"f": {}}, "g": [["h", "i"]]});
        assert_eq!(write(&value), "a:\n- b\n- c: 1\n  d: []\ne:\n  f: {}\ng:\n- - h\n  - i\n");
    }

    #[test]
    fn several_lines_are_a_literal_block() {
        assert_eq!(write(&json!({"a": "b\nc\n"})), "a: |\n  b\n  c\n");
        assert_eq!(write(&json!({"a": "b\nc"})), "a: |-\n  b\n  c\n");
        assert_eq!(write(&json!("b\nc")), "|-\n  b\n  c\n");
    }

    #[test]
    fn nothing_is_no_text_and_empty_things_are_one_line() {
        assert_eq!(write(&Value::Null), "");
        assert_eq!(write(&json!({})), "{}\n");
        assert_eq!(write(&json!([])), "[]\n");
        assert_eq!(write(&json!({"a": null, "b": true, "c": 1.5})), "a: null\nb: true\nc: 1.5\n");
    }
}
