//! Numbers, durations and sizes, as Go's standard library and Loki read and print them.

const NANOSECONDS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

const SIZES: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// Nanoseconds of a duration: Go's form (`1.5s`, parts in any order), else Prometheus' (`1d`).
pub(super) fn duration(text: &str) -> Option<i64> {
    go_duration(text).or_else(|| {
        let milliseconds = crate::injection::go::prometheus_duration(text)?;
        i64::try_from(milliseconds).ok()?.checked_mul(1_000_000)
    })
}

fn go_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut sum = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let count = &rest[..digits];
        rest = &rest[digits..];
        let length = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (_, size) = NANOSECONDS.iter().find(|(unit, _)| *unit == &rest[..length])?;
        rest = &rest[length..];
        // Whole numbers stay exact, which a float of many nanoseconds is not.
        let part = match count.parse::<i64>() {
            #[expect(clippy::cast_possible_truncation, reason = "units are whole numbers")]
            Ok(whole) => whole.checked_mul(*size as i64)?,
            Err(_) => {
                let part = count.parse::<f64>().ok()? * size;
                #[expect(clippy::cast_possible_truncation, reason = "the bound is checked")]
                let part = (part < 9e18).then_some(part as i64)?;
                part
            }
        };
        sum = sum.checked_add(part)?;
    }
    (!text.is_empty()).then_some(sum)
}

/// The text of a duration as Go prints it: `1h30m0s`, `1.5s`, `250ms`.
pub(super) fn duration_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let text = match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(total, 1_000_000)),
        _ => {
            let minutes = total / 60_000_000_000;
            let seconds = format!("{}s", decimal(total % 60_000_000_000, 1_000_000_000));
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{text}")
}

/// A count of parts as a decimal of the whole, without needless zeros.
fn decimal(parts: u64, whole: u64) -> String {
    let width = whole.ilog10() as usize;
    let text = format!("{}.{:0width$}", parts / whole, parts % whole);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Bytes of a size such as `20MB` or `5KiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (count, unit) = text.split_at(digits);
    let unit = unit.to_ascii_lowercase();
    let (prefix, base) = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('i')) {
        Some(prefix) if !prefix.is_empty() => (prefix, 1024_u64),
        Some(_) => return None,
        None => (unit.strip_suffix('b').unwrap_or(&unit), 1000_u64),
    };
    let power = match prefix {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        "e" => 6,
        _ => return None,
    };
    let factor = base.checked_pow(power)?;
    if let Ok(whole) = count.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    #[expect(clippy::cast_precision_loss, reason = "a fraction of a size is a rounded thing")]
    let bytes = count.parse::<f64>().ok()? * factor as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the bounds are checked"
    )]
    (0.0..1.8e19).contains(&bytes).then_some(bytes as u64)
}

/// The text of a size, two digits long as the helper writes it where that says the same, else in bytes.
pub(super) fn size_text(bytes: u64) -> String {
    let mut power = 0;
    while power + 1 < SIZES.len() && bytes >= 1000_u64.pow(u32::try_from(power).unwrap_or(0) + 1) {
        power += 1;
    }
    let whole = 1000_u64.pow(u32::try_from(power).unwrap_or(0));
    let tenths = (u128::from(bytes) * 10 + u128::from(whole) / 2) / u128::from(whole);
    let unit = SIZES[power];
    let short = match (power, tenths) {
        (0, _) => format!("{bytes}B"),
        (_, ..100) => format!("{}.{}{unit}", tenths / 10, tenths % 10),
        _ => format!("{}{unit}", (tenths + 5) / 10),
    };
    if size(&short) == Some(bytes) { short } else { format!("{bytes}B") }
}

/// The value of a number literal, which is decimal.
pub(super) fn number(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let separated = (0..bytes.len()).filter(|&at| bytes[at] == b'_').all(|at| {
        let digit =
            |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    });
    let plain = text.replace('_', "");
    let decimal = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let value = plain.parse::<f64>().ok()?;
    (separated && decimal && value.is_finite()).then_some(value)
}

/// The text of a number as Go prints it in its shortest form: with an exponent below 1e-4 and from seven
/// digits on.
pub(super) fn number_text(value: f64) -> String {
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return crate::injection::go::number_text(value);
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => crate::injection::go::number_text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_like_go() {
        for (text, printed) in [
            ("90m", "1h30m0s"),
            ("1d", "24h0m0s"),
            ("500us", "500µs"),
            ("60s", "1m0s"),
            ("1.5s", "1.5s"),
            ("250ms", "250ms"),
            ("1m1h", "1h1m0s"),
            ("1500ns", "1.5µs"),
            ("0s", "0s"),
        ] {
            assert_eq!(duration(text).map(duration_text).as_deref(), Some(printed));
        }
        assert_eq!(duration("5q"), None);
        assert_eq!(duration("99999999999h"), None);
    }

    #[test]
    fn sizes_keep_their_value() {
        for (text, printed) in [
            ("20MB", "20MB"),
            ("64KB", "64kB"),
            ("1B", "1B"),
            ("1KB", "1.0kB"),
            ("5KiB", "5120B"),
            ("1.5kB", "1.5kB"),
        ] {
            assert_eq!(size(text).map(size_text).as_deref(), Some(printed));
        }
        assert_eq!(size("5xB"), None);
        assert_eq!(size_text(999_999), "999999B");
        assert_eq!(size(&size_text(u64::MAX)), Some(u64::MAX));
    }

    #[test]
    fn numbers_print_like_go() {
        for (text, printed) in [
            ("5000000", "5e+06"),
            ("123456", "123456"),
            (".5", "0.5"),
            ("0.00005", "5e-05"),
            ("1_000", "1000"),
        ] {
            assert_eq!(number(text).map(number_text).as_deref(), Some(printed));
        }
        assert_eq!(number("0x10"), None);
    }
}
