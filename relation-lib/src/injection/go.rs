//! Literals the way Go reads and prints them; both query languages are written in Go.

/// The text that `strconv.Quote` makes: double quotes, everything escaped that cannot be printed.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            printable if is_printable(printable) => out.push(printable),
            other => match u32::from(other) {
                code @ (..0x20 | 0x7f) => out.push_str(&format!("\\x{code:02x}")),
                code @ ..0x10000 => out.push_str(&format!("\\u{code:04x}")),
                code => out.push_str(&format!("\\U{code:08x}")),
            },
        }
    }
    out.push('"');
    out
}

fn is_printable(character: char) -> bool {
    // The standard library escapes what it cannot print, and combining marks at the start of a text.
    let probe: String = ['a', character].iter().collect();
    matches!(character, '\'' | ' '..='~') || probe.escape_debug().nth(1) != Some('\\')
}

/// Why a string literal is none.
pub(super) type LiteralError = &'static str;

/// The text of a string literal in double quotes, single quotes or backticks, its quotes included.
///
/// Escapes are Go's. Bytes that do not add up to UTF-8 are refused.
pub(super) fn unquote(literal: &str) -> Result<String, LiteralError> {
    let quote = literal.chars().next().ok_or("an empty literal")?;
    let inner = literal
        .strip_prefix(quote)
        .and_then(|rest| rest.strip_suffix(quote))
        .ok_or("the string does not end")?;
    if quote == '`' {
        return Ok(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(character) = rest.next() {
        match character {
            '\n' => return Err("a line break in quotes"),
            '\\' => unescape(&mut rest, quote, &mut bytes)?,
            other if other == quote => return Err("a quote within quotes"),
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    String::from_utf8(bytes).map_err(|_| "the escapes make no UTF-8")
}

fn unescape(
    rest: &mut std::str::Chars<'_>,
    quote: char,
    bytes: &mut Vec<u8>,
) -> Result<(), LiteralError> {
    const UNKNOWN: LiteralError = "an unknown escape";
    let kind = rest.next().ok_or(UNKNOWN)?;
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '\'' if quote == '\'' => b'\'',
        '"' if quote == '"' => b'"',
        'x' => u8::try_from(digits(rest, 2, 16, 0)?).map_err(|_| UNKNOWN)?,
        '0'..='7' => {
            let first = kind.to_digit(8).ok_or(UNKNOWN)?;
            u8::try_from(digits(rest, 2, 8, first)?).map_err(|_| UNKNOWN)?
        }
        'u' | 'U' => {
            let code = digits(rest, if kind == 'u' { 4 } else { 8 }, 16, 0)?;
            let character = char::from_u32(code).ok_or(UNKNOWN)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        _ => return Err(UNKNOWN),
    };
    bytes.push(simple);
    Ok(())
}

fn digits(
    rest: &mut std::str::Chars<'_>,
    count: usize,
    radix: u32,
    start: u32,
) -> Result<u32, LiteralError> {
    (0..count).try_fold(start, |sum, _| {
        let digit =
            rest.next().and_then(|c| c.to_digit(radix)).ok_or("an escape with too few digits")?;
        sum.checked_mul(radix)
            .and_then(|sum| sum.checked_add(digit))
            .ok_or("an escape beyond all characters")
    })
}

/// The value of a number literal of PromQL: an integer by Go's rules (`0x1F`, `010` is 8, `1_000`) if it
/// is one, else a float.
pub(super) fn number(literal: &str) -> Option<f64> {
    if !underscores_separate_digits(literal) {
        return None;
    }
    let plain: String =
        literal.chars().filter(|&c| c != '_').collect::<String>().to_ascii_lowercase();
    if let Some(hexadecimal) = plain.strip_prefix("0x") {
        return integer(hexadecimal, 16);
    }
    if plain.len() > 1
        && plain.starts_with('0')
        && let Some(octal) = integer(&plain[1..], 8)
    {
        return Some(octal);
    }
    // The standard library would take `inf` and the like, too.
    if !plain.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    plain.parse::<f64>().ok().filter(|value| value.is_finite())
}

fn integer(digits: &str, radix: u32) -> Option<f64> {
    // Beyond 64 bits Go falls back to a float, which a hexadecimal integer is not.
    let value = i64::from_str_radix(digits, radix).ok()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "PromQL has no integers: rounding is what it does"
    )]
    Some(value as f64)
}

/// An underscore has a digit on both sides, or the `0x` before it.
fn underscores_separate_digits(literal: &str) -> bool {
    let hexadecimal = literal.starts_with("0x") || literal.starts_with("0X");
    let is_digit = |c: u8| if hexadecimal { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
    let bytes = literal.as_bytes();
    (0..bytes.len()).filter(|&at| bytes[at] == b'_').all(|at| {
        let before = at > 0 && (is_digit(bytes[at - 1]) || hexadecimal && at == 2);
        before && bytes.get(at + 1).is_some_and(|&next| is_digit(next))
    })
}

/// The text of a number as both printers write it: all digits, no exponent.
pub(super) fn number_text(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

const DURATION_UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The longest duration that Go holds, in milliseconds.
pub(super) const DURATION_LIMIT: u64 = i64::MAX as u64 / 1_000_000;

/// Milliseconds of a duration of Prometheus such as `1d12h`: units in descending order, each once.
pub(super) fn prometheus_duration(literal: &str) -> Option<u64> {
    let mut units = DURATION_UNITS.iter();
    let mut rest = literal;
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|&at| at > 0)?;
        let count: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let length = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (_, size) = units.find(|(name, _)| *name == &rest[..length])?;
        sum = sum.checked_add(count.checked_mul(*size)?)?;
        rest = &rest[length..];
    }
    (sum <= DURATION_LIMIT && !literal.is_empty()).then_some(sum)
}

/// The text of a duration as Prometheus prints it. Years and weeks only where nothing else is left.
pub(super) fn prometheus_duration_text(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut left = milliseconds;
    let mut out = String::new();
    for (name, size) in DURATION_UNITS {
        let fits = !matches!(name, "y" | "w") || left.is_multiple_of(size);
        if left >= size && fits {
            out.push_str(&format!("{}{name}", left / size));
            left %= size;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_like_go() {
        assert_eq!(quote("a\"b\\c\n\u{0}\u{7f}é東🧵'"), r#""a\"b\\c\n\x00\x7fé東🧵'""#);
        assert_eq!(quote("\u{ad}\u{301}\u{e000}\u{a0}"), "\"\\u00ad\u{301}\\ue000\\u00a0\"");
    }

    #[test]
    fn unquotes_like_go() {
        assert_eq!(unquote(r#""\x41\102\u00fc\U0001F9F5\"""#).as_deref(), Ok("ABü🧵\""));
        assert_eq!(unquote(r"'it\'s'").as_deref(), Ok("it's"));
        assert_eq!(unquote(r"`a\n`").as_deref(), Ok(r"a\n"));
        for bad in [r#""\q""#, r#""\'""#, r#""\xff""#, "\"a\nb\"", r#""\400""#, r#""\u12""#, "\""] {
            assert!(unquote(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_numbers_like_prometheus() {
        for (literal, expected) in [
            ("010", Some(8.0)),
            ("089", Some(89.0)),
            ("0x1F", Some(31.0)),
            ("0x_1f", Some(31.0)),
            ("1_000_000", Some(1e6)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("0", Some(0.0)),
            ("00.5", Some(0.5)),
            ("2.5E-7", Some(2.5e-7)),
            ("1__0", None),
            ("1e999", None),
            ("0xg", None),
            (".", None),
        ] {
            assert_eq!(number(literal), expected, "{literal}");
        }
    }

    #[test]
    fn durations_come_in_order() {
        assert_eq!(prometheus_duration("1d12h30m"), Some(131_400_000));
        for bad in ["5s1m", "5q", "1.5m", "5", "", "1m1m", "99999999y"] {
            assert_eq!(prometheus_duration(bad), None, "{bad}");
        }
        for (milliseconds, text) in [
            (90_000, "1m30s"),
            (604_800_000, "1w"),
            (1500, "1s500ms"),
            (691_200_000, "8d"),
            (0, "0s"),
        ] {
            assert_eq!(prometheus_duration_text(milliseconds), text);
        }
    }
}
