use std::collections::BTreeMap;

use serde_json::Value;

use super::scalar::{Implicit, is_special_elsewhere, number_text};

/// PyYAML breaks lines at the first blank after this column.
const WIDTH: usize = 80;
/// Keys from this length on are written with an explicit `? `.
const SIMPLE_KEY_LIMIT: usize = 123;

/// Writes a value in the layout of PyYAML's safe dumper: block style, keys sorted, two blanks of
/// indentation, sequences not indented below their key, everything outside ASCII escaped, long lines
/// folded, a line break at the end.
///
/// The text is the dumper's to the byte, but for texts that a reader of YAML 1.2 would take for a number
/// (`1e3`, `0o17`, `08`) and `y` and `n`: these are quoted here, so that every reader sees the same.
#[must_use]
pub fn dump_sorted(value: &Value) -> String {
    let mut writer = Writer { out: String::new(), column: 0 };
    match value {
        Value::Object(map) if !map.is_empty() => writer.mapping(map, 0),
        Value::Array(items) if !items.is_empty() => writer.sequence(items, 0),
        value => {
            let plain = writer.scalar(value, 2, Place::Value);
            writer.line_break();
            // A plain scalar at the root could go on, so its end is marked.
            if plain {
                writer.out.push_str("...\n");
            }
            return writer.out;
        }
    }
    writer.line_break();
    writer.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On one line, as the key of an entry.
    Key,
    Value,
}

struct Writer {
    out: String,
    /// Characters in the current line so far.
    column: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn new_line(&mut self, indent: usize) {
        self.line_break();
        self.put(&" ".repeat(indent));
    }

    /// Writes the entries; the cursor stands where the first key goes.
    fn mapping(&mut self, map: &serde_json::Map<String, Value>, indent: usize) {
        let sorted: BTreeMap<&String, &Value> = map.iter().collect();
        for (position, (key, value)) in sorted.into_iter().enumerate() {
            if position > 0 {
                self.new_line(indent);
            }
            if is_simple_key(key) {
                self.text(key, indent + 2, Place::Key);
                self.put(":");
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        self.new_line(indent + 2);
                        self.mapping(inner, indent + 2);
                    }
                    Value::Array(items) if !items.is_empty() => {
                        self.new_line(indent);
                        self.sequence(items, indent);
                    }
                    scalar => self.spaced_scalar(scalar, indent + 2),
                }
            } else {
                self.put("? ");
                self.text(key, indent + 2, Place::Value);
                self.new_line(indent);
                self.put(":");
                self.inline(value, indent);
            }
        }
    }

    fn sequence(&mut self, items: &[Value], indent: usize) {
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.new_line(indent);
            }
            self.put("-");
            self.inline(item, indent);
        }
    }

    /// Writes a value after `-` or an explicit `:`, a collection starting on the same line.
    fn inline(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.put(" ");
                self.mapping(map, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                self.put(" ");
                self.sequence(items, indent + 2);
            }
            scalar => self.spaced_scalar(scalar, indent + 2),
        }
    }

    fn spaced_scalar(&mut self, value: &Value, indent: usize) {
        self.put(" ");
        self.scalar(value, indent, Place::Value);
    }

    /// Whether it came out plain.
    fn scalar(&mut self, value: &Value, indent: usize, place: Place) -> bool {
        let plain = match value {
            Value::Null => "null",
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Number(number) => &float_with_point(number_text(number)),
            Value::String(text) => return self.text(text, indent, place),
            // Only empty collections come here.
            Value::Array(_) => {
                self.put("[]");
                return false;
            }
            Value::Object(_) => {
                self.put("{}");
                return false;
            }
        };
        self.put(plain);
        true
    }

    fn text(&mut self, text: &str, indent: usize, place: Place) -> bool {
        let look = Look::at(text);
        let means_text = Implicit::of(text) == Implicit::Text && !is_special_elsewhere(text);
        if means_text && look.plain && !text.is_empty() {
            self.plain(text, indent, place);
            return true;
        }
        if look.single_quoted && !(place == Place::Key && look.multiline) {
            self.single_quoted(text, indent, place);
        } else {
            self.double_quoted(text, indent, place);
        }
        false
    }

    fn plain(&mut self, text: &str, indent: usize, place: Place) {
        for piece in Pieces::of(text, &[' ']) {
            // A plain text neither begins nor ends with a blank.
            if piece == " " && place == Place::Value && self.column > WIDTH {
                self.new_line(indent);
            } else {
                self.put(piece);
            }
        }
    }

    fn single_quoted(&mut self, text: &str, indent: usize, place: Place) {
        self.put("'");
        let mut start = 0;
        for piece in Pieces::of(text, &[' ', '\n']) {
            let end = start + piece.len();
            let inside = start > 0 && end < text.len();
            if piece.starts_with('\n') {
                // A single line break reads back as a blank, so there is one more.
                for _ in 0..=piece.len() {
                    self.line_break();
                }
                self.put(&" ".repeat(indent));
            } else if piece == " " && place == Place::Value && self.column > WIDTH && inside {
                self.new_line(indent);
            } else {
                self.put(&piece.replace('\'', "''"));
            }
            start = end;
        }
        self.put("'");
    }

    fn double_quoted(&mut self, text: &str, indent: usize, place: Place) {
        let characters: Vec<char> = text.chars().collect();
        self.put("\"");
        // Characters that wait to be written: PyYAML measures the line without them.
        let mut pending = String::new();
        for (position, &character) in characters.iter().enumerate() {
            if (' '..='~').contains(&character) && !matches!(character, '"' | '\\') {
                // A blank is where a line may be broken, before it is written.
                let breaks = character == ' '
                    && self.may_break(position, characters.len(), place, pending.len());
                if breaks {
                    self.flush_and_break(&mut pending, indent);
                    self.put("\\");
                }
                pending.push(character);
            } else {
                self.put(&pending);
                pending.clear();
                self.put(&escape(character));
                if self.may_break(position, characters.len(), place, 0) {
                    self.flush_and_break(&mut pending, indent);
                    if characters.get(position + 1) == Some(&' ') {
                        self.put("\\");
                    }
                }
            }
        }
        self.put(&pending);
        self.put("\"");
    }

    fn may_break(&self, position: usize, length: usize, place: Place, pending: usize) -> bool {
        place == Place::Value
            && position > 0
            && position + 1 < length
            && self.column + pending > WIDTH
    }

    fn flush_and_break(&mut self, pending: &mut String, indent: usize) {
        self.put(pending);
        pending.clear();
        self.put("\\");
        self.new_line(indent);
    }
}

/// YAML 1.1 wants a point in a float: `1e-07` would be a text.
fn float_with_point(text: String) -> String {
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}

fn is_simple_key(key: &str) -> bool {
    !key.is_empty() && key.chars().count() < SIMPLE_KEY_LIMIT && !Look::at(key).multiline
}

fn escape(character: char) -> String {
    let short = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        other => {
            return match u32::from(other) {
                code @ ..=0xff => format!("\\x{code:02X}"),
                code @ ..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

/// Which styles a text may be written in, by PyYAML's judgement.
struct Look {
    multiline: bool,
    plain: bool,
    single_quoted: bool,
}

impl Look {
    fn at(text: &str) -> Self {
        let is_break = |c: char| matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let is_blank = |c: Option<char>| {
            c.is_none_or(|c| matches!(c, '\0' | ' ' | '\t' | '\r') || is_break(c))
        };

        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let mut special = false;
        let mut space_then_break = false;
        let mut break_then_space = false;
        let mut previous: Option<char> = None;
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            let next = rest.clone().next();
            indicators |= match previous {
                None => {
                    "#,[]{}&*!|>'\"%@`".contains(character)
                        || matches!(character, '?' | ':' | '-') && is_blank(next)
                }
                Some(_) => {
                    character == ':' && is_blank(next) || character == '#' && is_blank(previous)
                }
            };
            special |= character != '\n' && !(' '..='~').contains(&character);
            space_then_break |= previous == Some(' ') && is_break(character);
            break_then_space |= previous.is_some_and(is_break) && character == ' ';
            previous = Some(character);
        }
        let edge = |c: char| c == ' ' || is_break(c);
        let multiline = text.contains(is_break);
        let ragged = text.starts_with(edge) || text.ends_with(edge);
        let single_quoted = !(break_then_space || space_then_break || special);
        Self {
            multiline,
            plain: single_quoted && !ragged && !multiline && !indicators,
            single_quoted,
        }
    }
}

/// Runs of one separator, and what lies between.
struct Pieces<'a> {
    rest: &'a str,
    separators: &'a [char],
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str, separators: &'a [char]) -> Self {
        Self { rest: text, separators }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let first = self.rest.chars().next()?;
        let end = if self.separators.contains(&first) {
            self.rest.find(|c| c != first)
        } else {
            self.rest.find(self.separators)
        };
        let (piece, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lays_out_like_the_python_dumper() {
        let value = json!({
            "b": {"list": [1, [2, [3]], {"z": null, "a": []}], "empty": {}},
            "a": ["x", "", "yes", "1e3", 1e-7, "it's: so", "two\nlines", " edge", "é"],
        });
        let expected = "\
a:
- x
- ''
- 'yes'
- '1e3'
- 1.0e-07
- 'it''s: so'
- 'two

  lines'
- ' edge'
- \"\\xE9\"
b:
  empty: {}
  list:
  - 1
  - - 2
    - - 3
  - a: []
    z: null
";
        assert_eq!(dump_sorted(&value), expected);
    }

    #[test]
    fn marks_the_end_of_a_bare_scalar() {
        assert_eq!(dump_sorted(&json!("x")), "x\n...\n");
        assert_eq!(dump_sorted(&json!("yes")), "'yes'\n");
        assert_eq!(dump_sorted(&json!({})), "{}\n");
    }
}
