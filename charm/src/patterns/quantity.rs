//! Kubernetes quantities, such as `50m` or `1.5Gi`, as exact numbers.

/// A quantity in thousandths, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Quantity(i128);

impl Quantity {
    /// Reads a number with an optional sign, fraction, exponent and suffix; `None` when the text
    /// is something else or too large to be meant.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (digits, suffix) = text.split_at(number_length(text));
        let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (digits, 0),
        };
        let (value, decimals) = decimal(mantissa)?;
        let (factor, power) = scale(suffix)?;
        // Thousandths: three more powers of ten.
        let shift = power + exponent - decimals + 3;
        let scaled = value.checked_mul(factor)?;
        if shift >= 0 {
            Some(Self(scaled.checked_mul(ten_to(shift)?)?))
        } else {
            let divisor = ten_to(-shift)?;
            let rest = if scaled.rem_euclid(divisor) == 0 { 0 } else { 1 };
            Some(Self(scaled.div_euclid(divisor) + rest))
        }
    }

    pub(super) fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is a whole number.
    pub(super) fn is_whole(self) -> bool {
        self.0 % 1000 == 0
    }

    /// The next whole number that is not smaller.
    pub(super) fn rounded_up(self) -> Self {
        let rest = self.0.rem_euclid(1000);
        if rest == 0 { self } else { Self(self.0 + 1000 - rest) }
    }

    /// The plain decimal, without suffix and without zeros at the end.
    pub(super) fn to_decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let text = format!("{sign}{}.{:03}", magnitude / 1000, magnitude % 1000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// How much of the text is the number. An `e` belongs to it only when digits follow, so that
/// `1E` is an exa-something.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let plain = text
        .char_indices()
        .take_while(|(at, c)| {
            c.is_ascii_digit() || *c == '.' || (*at == 0 && matches!(c, '+' | '-'))
        })
        .count();
    if !matches!(bytes.get(plain), Some(b'e' | b'E')) {
        return plain;
    }
    let signed = plain + 1 + usize::from(matches!(bytes.get(plain + 1), Some(b'+' | b'-')));
    let digits = bytes.iter().skip(signed).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { plain } else { signed + digits }
}

/// The digits as a whole number, and how many of them stand after the point.
fn decimal(text: &str) -> Option<(i128, i32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let unsigned = whole.trim_start_matches(['+', '-']);
    if unsigned.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let value: i128 = format!("{unsigned}{fraction}").parse().ok()?;
    let decimals = i32::try_from(fraction.len()).ok()?;
    Some((if whole.starts_with('-') { -value } else { value }, decimals))
}

/// A suffix as a factor and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    const BINARY: [&str; 8] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
    const DECIMAL: [&str; 9] = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
    if suffix == "m" {
        return Some((1, -3));
    }
    let place = |suffixes: &[&str]| suffixes.iter().position(|known| *known == suffix);
    if let Some(at) = place(&BINARY) {
        return Some((1_i128 << (10 * (at + 1)), 0));
    }
    place(&DECIMAL).and_then(|at| i32::try_from(3 * at).ok()).map(|power| (1, power))
}

fn ten_to(power: i32) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(power).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_to_the_thousandth() {
        for (text, decimal) in [
            ("50m", "0.05"),
            ("0.5", "0.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1500m", "1.5"),
            ("100", "100"),
            ("1Gi", "1073741824"),
            ("0.8Gi", "858993459.2"),
            ("2G", "2000000000"),
            ("1k", "1000"),
            ("1e3", "1000"),
            ("12E-1", "1.2"),
            ("1E", "1000000000000000000"),
            ("+2", "2"),
            ("-2", "-2"),
            ("0.0001", "0.001"),
            ("1Yi", "1208925819614629174706176"),
        ] {
            assert_eq!(
                Quantity::parse(text).map(Quantity::to_decimal).as_deref(),
                Some(decimal),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_quantities() {
        for text in [
            "",
            "abc",
            "1K",
            "1u",
            "1n",
            "m",
            ".",
            "1 Gi",
            "1.2.3",
            "--1",
            "9999999999999999Yi",
            "1e999",
        ] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn rounding_up_leaves_whole_numbers_alone() {
        let quantity = |text: &str| Quantity::parse(text).expect("valid");
        assert_eq!(quantity("0.8Gi").rounded_up().to_decimal(), "858993460");
        assert_eq!(quantity("7").rounded_up(), quantity("7"));
        assert!(quantity("7").is_whole() && !quantity("7.1").is_whole());
    }
}
