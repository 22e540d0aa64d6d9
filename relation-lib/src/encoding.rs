//! Texts as Python writes them.
//!
//! Juju tells the other side about every changed byte of a databag. A writer here therefore
//! spells its JSON as the Python libraries do, so that swapping one side for the other is not
//! noticed: blanks after `,` and `:`, non-ASCII characters escaped, floats as Python prints them.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// JSON on one line as Python's `json.dumps` writes it: `, ` and `: `, every character outside
/// printable ASCII as lower-case `\uXXXX` (pairs above U+FFFF), members in the order given.
///
/// # Panics
///
/// When a map has keys that are no texts; no wire type has.
///
/// ```
/// use relation_lib::encoding::python_json;
/// assert_eq!(python_json(&("é🙂", [1.0, 1e16])), r#"["\u00e9\ud83d\ude42", [1.0, 1e+16]]"#);
/// ```
#[must_use]
pub fn python_json(value: &(impl Serialize + ?Sized)) -> String {
    let mut out = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut out, Python))
        .expect("wire types have texts for keys, and a vector takes every write");
    String::from_utf8(out).expect("the formatter writes ASCII only")
}

/// The same with the members of every object sorted by name, as Python's `sort_keys` does.
///
/// # Panics
///
/// As [`python_json`].
///
/// ```
/// use relation_lib::encoding::python_json_sorted;
/// assert_eq!(python_json_sorted(&serde_json::json!({"b": {"d": 1, "c": 2}, "a": null})),
///            r#"{"a": null, "b": {"c": 2, "d": 1}}"#);
/// ```
#[must_use]
pub fn python_json_sorted(value: &(impl Serialize + ?Sized)) -> String {
    let value = serde_json::to_value(value).expect("wire types have texts for keys");
    python_json(&sorted(value))
}

/// JSON without blanks and without escapes beyond those JSON needs, members in the order given:
/// what Python's pydantic writes when it writes a whole field as JSON.
///
/// # Panics
///
/// As [`python_json`].
#[must_use]
pub fn compact_json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("wire types have texts for keys")
}

/// A JSON value with the members of every object sorted by name.
#[must_use]
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// A foreign JSON text.
///
/// # Errors
///
/// When it is none; the message has the place, never the text.
pub fn parse_json(text: &str) -> Result<Value, JsonError> {
    serde_json::from_str(text)
        .map_err(|error| JsonError { line: error.line(), column: error.column() })
}

/// Why a text is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON, at line {line} column {column}")]
pub struct JsonError {
    /// Line of the first character that can't be, from 1.
    pub line: usize,
    /// Its column, from 1.
    pub column: usize,
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, character) in fragment.char_indices() {
            if matches!(character, ' '..='~') {
                continue;
            }
            writer.write_all(&fragment.as_bytes()[plain..at])?;
            for half in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{half:04x}")?;
            }
            plain = at + character.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(python_float(value).as_bytes())
    }
}

/// A finite float as Python's `repr` prints it: the shortest digits that read back the same, with
/// an exponent below 1e-4 and from 1e16 on.
fn python_float(value: f64) -> String {
    // The standard library rounds a tie between two shortest forms up, Python to the even digit,
    // as serde_json does; only the place of the point is spelled differently there.
    let shortest = Value::from(value).to_string();
    let (sign, shortest) =
        shortest.strip_prefix('-').map_or(("", shortest.as_str()), |rest| ("-", rest));
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let leading_zeros = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0');
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    // The value is 0.DIGITS times ten to the power of `point`.
    let exponent: i32 = exponent.parse().expect("serde_json writes a number after the `e`");
    let point = whole.len() as i32 + exponent - leading_zeros as i32;
    match point {
        -3..=0 => format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        1..=16 => {
            let point = point.unsigned_abs() as usize;
            if digits.len() <= point {
                format!("{sign}{digits}{}.0", "0".repeat(point - digits.len()))
            } else {
                format!("{sign}{}.{}", &digits[..point], &digits[point..])
            }
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
            let direction = if point <= 0 { '-' } else { '+' };
            format!("{sign}{first}{rest}e{direction}{:02}", (point - 1).unsigned_abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spells_texts_as_python_does() {
        let value = json!({"k/<": "a\"\\\u{8}\u{c}\n\r\t\u{1}\u{7f}~ é\u{2028}🙂"});
        let text = r#"{"k/<": "a\"\\\b\f\n\r\t\u0001\u007f~ \u00e9\u2028\ud83d\ude42"}"#;
        assert_eq!(python_json(&value), text);
        assert_eq!(parse_json(text).unwrap(), value);
    }

    #[test]
    fn spells_floats_as_python_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e100, "1.25e+100"),
            (123456.789, "123456.789"),
            (-123000.0, "-123000.0"),
            (0.00012, "0.00012"),
            (-2.5e-5, "-2.5e-05"),
            (9999999999999998.0, "9999999999999998.0"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            // Halfway between two shortest forms.
            (2_825_988_440_732_709.0 / 4.0, "706497110183177.2"),
        ] {
            assert_eq!(python_json(&value), text);
        }
    }

    #[test]
    fn empty_collections_have_no_blanks() {
        assert_eq!(python_json(&json!({"a": [], "b": {}})), r#"{"a": [], "b": {}}"#);
    }

    #[test]
    fn compact_json_keeps_characters_and_order() {
        assert_eq!(compact_json(&json!({"b": "é", "a": [1, null]})), r#"{"b":"é","a":[1,null]}"#);
    }

    #[test]
    fn json_error_says_where_and_not_what() {
        let error = parse_json("{\"a\": hunter2}").unwrap_err();
        assert_eq!(error.to_string(), "not JSON, at line 1 column 7");
    }
}
