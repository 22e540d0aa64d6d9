use std::fmt;

use serde_json::{Number, Value};

/// A scalar as PyYAML's safe loader understands it.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// An integer of at most 64 bits, or a finite float.
    Number(Number),
    /// Text.
    Text(String),
    /// A value that Python has a type for and JSON has not: what it is, and how it was written.
    Alien(Alien, String),
}

/// Kinds of scalars that JSON has no type for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alien {
    /// A date, or a date with time, as `2026-03-01`.
    Timestamp,
    /// An infinity or "not a number".
    NotFinite,
    /// An integer of more than 64 bits.
    BigInteger,
    /// Bytes, tagged `!!binary`.
    Binary,
}

impl fmt::Display for Alien {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timestamp => "a date",
            Self::NotFinite => "a number that is not finite",
            Self::BigInteger => "an integer of more than 64 bits",
            Self::Binary => "binary data",
        })
    }
}

impl Scalar {
    /// What a plain (unquoted) scalar means under YAML 1.1; `None` for `=`, which PyYAML's safe loader
    /// refuses, and for the few spellings that crash it.
    pub(super) fn plain(text: &str) -> Option<Self> {
        Some(match Implicit::of(text) {
            Implicit::Null => Self::Null,
            Implicit::Bool => Self::Bool(truth(text)?),
            Implicit::Integer => integer(text)?,
            Implicit::Float => float(text)?,
            Implicit::Timestamp => Self::Alien(Alien::Timestamp, text.to_owned()),
            Implicit::Merge | Implicit::Text => Self::Text(text.to_owned()),
            Implicit::Value => return None,
        })
    }

    /// What a scalar with a tag of YAML's own means, the tag given without its prefix. `None` if PyYAML
    /// refuses it.
    pub(super) fn tagged(tag: &str, text: &str) -> Option<Self> {
        Some(match tag {
            "str" => Self::Text(text.to_owned()),
            "null" => Self::Null,
            "bool" => Self::Bool(truth(text)?),
            "int" => integer(text)?,
            "float" => float(text)?,
            "timestamp" if is_timestamp(text) => Self::Alien(Alien::Timestamp, text.to_owned()),
            "binary" => Self::Alien(Alien::Binary, text.to_owned()),
            _ => return None,
        })
    }

    /// The key that Python's JSON writer makes of this scalar.
    pub(super) fn into_key(self) -> Result<String, Alien> {
        match self {
            Self::Null => Ok("null".to_owned()),
            Self::Bool(true) => Ok("true".to_owned()),
            Self::Bool(false) => Ok("false".to_owned()),
            Self::Number(number) => Ok(number_text(&number)),
            Self::Text(text) => Ok(text),
            Self::Alien(alien, _) => Err(alien),
        }
    }

    pub(super) fn to_json(&self) -> Result<Value, (Alien, &str)> {
        match self {
            Self::Null => Ok(Value::Null),
            Self::Bool(truth) => Ok(Value::Bool(*truth)),
            Self::Number(number) => Ok(Value::Number(number.clone())),
            Self::Text(text) => Ok(Value::String(text.clone())),
            Self::Alien(alien, text) => Err((*alien, text)),
        }
    }
}

/// The type that PyYAML's resolver gives to a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Implicit {
    Null,
    Bool,
    Integer,
    Float,
    Timestamp,
    Merge,
    Value,
    Text,
}

impl Implicit {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "true" | "True" | "TRUE" | "false"
            | "False" | "FALSE" | "on" | "On" | "ON" | "off" | "Off" | "OFF" => Self::Bool,
            "<<" => Self::Merge,
            "=" => Self::Value,
            _ if is_float(text) => Self::Float,
            _ if is_integer(text) => Self::Integer,
            _ if is_timestamp(text) => Self::Timestamp,
            _ => Self::Text,
        }
    }
}

/// Whether a plain scalar is something else than text to a reader of YAML 1.2 (core schema), or to one
/// that takes YAML 1.1 more literally than PyYAML does (`y` and `n` are booleans there).
pub(super) fn is_special_elsewhere(text: &str) -> bool {
    if matches!(text, "y" | "Y" | "n" | "N") {
        return true;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(octal) = text.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|b| (b'0'..=b'7').contains(&b));
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let mantissa_ok = digits(whole) && fraction.is_none_or(|f| f.is_empty() || digits(f))
        || whole.is_empty() && fraction.is_some_and(digits);
    mantissa_ok && exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn digits_or_underscores(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// A digit, then digits and underscores.
fn number_body(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && digits_or_underscores(text)
}

/// The parts after the first of a number to the base 60: one digit, or two below 60.
fn sixtieth(text: &str) -> bool {
    match text.as_bytes() {
        [one] => one.is_ascii_digit(),
        [ten, one] => (b'0'..=b'5').contains(ten) && one.is_ascii_digit(),
        _ => false,
    }
}

fn is_integer(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all = |rest: &str, fits: fn(u8) -> bool| {
        !rest.is_empty() && rest.bytes().all(|b| b == b'_' || fits(b))
    };
    if let Some(binary) = body.strip_prefix("0b") {
        return all(binary, |b| matches!(b, b'0' | b'1'));
    }
    if let Some(hexadecimal) = body.strip_prefix("0x") {
        return all(hexadecimal, |b| b.is_ascii_hexdigit());
    }
    if let Some(octal) = body.strip_prefix('0') {
        return octal.is_empty() || all(octal, |b| (b'0'..=b'7').contains(&b));
    }
    let mut parts = body.split(':');
    parts.next().is_some_and(number_body) && parts.all(sixtieth)
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let Some((whole, rest)) = body.split_once('.') else { return false };
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let exponent_ok = exponent.is_none_or(|e| e.strip_prefix(['-', '+']).is_some_and(digits));
    if whole.is_empty() {
        // Only the form without a leading digit must have a digit next, and may have no sign.
        return body.len() == text.len() && number_body(fraction) && exponent_ok;
    }
    let mut parts = whole.split(':');
    let first_ok = parts.next().is_some_and(number_body);
    let mut sixtieths = parts.peekable();
    if sixtieths.peek().is_some() {
        return first_ok
            && sixtieths.all(sixtieth)
            && exponent.is_none()
            && digits_or_underscores(fraction);
    }
    first_ok && digits_or_underscores(fraction) && exponent_ok
}

/// `2026-03-01`, or a date with a time of day and perhaps a zone.
fn is_timestamp(text: &str) -> bool {
    let mut rest = Cursor(text.as_bytes());
    let year = rest.digits(4, 4).is_some() && rest.take(b'-');
    if !year {
        return false;
    }
    let Some(month) = rest.digits(1, 2) else { return false };
    if !rest.take(b'-') {
        return false;
    }
    let Some(day) = rest.digits(1, 2) else { return false };
    if rest.0.is_empty() {
        return month == 2 && day == 2;
    }
    if !(rest.take(b'T') || rest.take(b't') || rest.blanks()) {
        return false;
    }
    let time = rest.digits(1, 2).is_some()
        && rest.take(b':')
        && rest.digits(2, 2).is_some()
        && rest.take(b':')
        && rest.digits(2, 2).is_some();
    if !time {
        return false;
    }
    if rest.take(b'.') {
        while rest.digits(1, 1).is_some() {}
    }
    rest.blanks();
    if rest.take(b'Z') {
        return rest.0.is_empty();
    }
    if rest.take(b'-') || rest.take(b'+') {
        let zone = rest.digits(1, 2).is_some();
        return zone
            && (rest.0.is_empty()
                || rest.take(b':') && rest.digits(2, 2).is_some() && rest.0.is_empty());
    }
    // Blanks may only stand before a zone.
    rest.0.is_empty() && !text.ends_with([' ', '\t'])
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn blanks(&mut self) -> bool {
        let count = self.0.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.0 = &self.0[count..];
        count > 0
    }

    /// Takes as many digits as there are, at most `most`; how many, if at least `least`.
    fn digits(&mut self, least: usize, most: usize) -> Option<usize> {
        let count = self.0.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        if count < least {
            return None;
        }
        self.0 = &self.0[count..];
        Some(count)
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "on" => Some(true),
        "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

fn integer(text: &str) -> Option<Scalar> {
    let body = text.replace('_', "");
    let (negative, body) = match body.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, body.strip_prefix('+').unwrap_or(&body)),
    };
    let too_big = || Scalar::Alien(Alien::BigInteger, text.to_owned());
    let (digits, radix) = if let Some(binary) = body.strip_prefix("0b") {
        (binary, 2)
    } else if let Some(hexadecimal) = body.strip_prefix("0x") {
        (hexadecimal, 16)
    } else if body != "0" && body.starts_with('0') {
        // Only a tag leads here with the spelling of YAML 1.2.
        (body.strip_prefix("0o").unwrap_or(body), 8)
    } else if body.contains(':') {
        let mut sum: i128 = 0;
        for part in body.split(':') {
            if !part.bytes().all(|b| b.is_ascii_digit()) || part.is_empty() {
                return None;
            }
            let Ok(part) = part.parse::<i128>() else { return Some(too_big()) };
            match sum.checked_mul(60).and_then(|sum| sum.checked_add(part)) {
                Some(next) => sum = next,
                None => return Some(too_big()),
            }
        }
        return Some(small(if negative { -sum } else { sum }).unwrap_or_else(too_big));
    } else {
        (body, 10)
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let value =
        i128::from_str_radix(digits, radix).ok().map(|value| if negative { -value } else { value });
    Some(value.and_then(small).unwrap_or_else(too_big))
}

fn small(value: i128) -> Option<Scalar> {
    let number =
        i64::try_from(value).map(Number::from).or_else(|_| u64::try_from(value).map(Number::from));
    number.ok().map(Scalar::Number)
}

fn float(text: &str) -> Option<Scalar> {
    let body = text.replace('_', "").to_lowercase();
    let (sign, body) = match body.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, body.strip_prefix('+').unwrap_or(&body)),
    };
    if matches!(body, ".inf" | ".nan") {
        return Some(Scalar::Alien(Alien::NotFinite, text.to_owned()));
    }
    // The standard library would also take `inf` and `nan` here; so does Python, only then JSON fails.
    let mut value = 0.0;
    for part in body.split(':') {
        value = value * 60.0 + part.parse::<f64>().ok()?;
    }
    let number = Number::from_f64(sign * value);
    Some(number.map_or_else(|| Scalar::Alien(Alien::NotFinite, text.to_owned()), Scalar::Number))
}

/// The text of a number as Python's JSON writer has it: shortest digits that read back the same, and an
/// exponent from 1e16 and below 1e-4 on.
pub(crate) fn number_text(number: &Number) -> String {
    let Some(value) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    if value == 0.0 {
        return if value.is_sign_negative() { "-0.0" } else { "0.0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_types_of_yaml_1_1() {
        for (text, expected) in [
            ("yes", Implicit::Bool),
            ("y", Implicit::Text),
            ("oN", Implicit::Text),
            ("0o17", Implicit::Text),
            ("017", Implicit::Integer),
            ("08", Implicit::Text),
            ("1_000", Implicit::Integer),
            ("_1", Implicit::Text),
            ("5:30", Implicit::Integer),
            ("5:60", Implicit::Text),
            ("05:30", Implicit::Text),
            ("05:30.", Implicit::Float),
            ("1e3", Implicit::Text),
            ("1.0e3", Implicit::Text),
            ("1.e+3", Implicit::Float),
            ("-.5", Implicit::Text),
            (".5", Implicit::Float),
            ("._5", Implicit::Text),
            ("+.inf", Implicit::Float),
            ("-.nan", Implicit::Text),
            ("2026-03-01", Implicit::Timestamp),
            ("2026-3-1", Implicit::Text),
            ("2026-3-1 1:02:03", Implicit::Timestamp),
            ("2026-03-01T01:02:03.5 +1:00", Implicit::Timestamp),
            ("2026-03-01T01:02", Implicit::Text),
            ("=", Implicit::Value),
            ("<<", Implicit::Merge),
            ("5m", Implicit::Text),
            ("", Implicit::Null),
        ] {
            assert_eq!(Implicit::of(text), expected, "{text}");
        }
    }

    #[test]
    fn computes_numbers_like_python() {
        let number = |text: &str| Scalar::plain(text).and_then(|scalar| scalar.to_json().ok());
        assert_eq!(number("-0x_fF"), Some((-255).into()));
        assert_eq!(number("190:20:30"), Some(685_230.into()));
        assert_eq!(number("190:20:30.15"), Some(685_230.15.into()));
        assert_eq!(number("0b1_01"), Some(5.into()));
        assert_eq!(number("18446744073709551615"), Some(u64::MAX.into()));
        assert_eq!(Scalar::plain("0b_"), None);
        assert_eq!(
            Scalar::plain("18446744073709551616"),
            Some(Scalar::Alien(Alien::BigInteger, "18446744073709551616".to_owned()))
        );
    }

    #[test]
    fn writes_floats_like_python() {
        for (value, expected) in [
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(Number::from_f64(value).map(|n| number_text(&n)).as_deref(), Some(expected));
        }
    }
}
