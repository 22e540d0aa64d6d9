//! Times and durations in the spellings of the daemon: RFC 3339, and Go's durations.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, to the nanosecond, that prints as RFC 3339 in UTC with trailing zeros trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp {
    nanos: i128,
}

impl Timestamp {
    /// The moment of the call.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { nanos: i128::try_from(since.as_nanos()).unwrap_or(i128::MAX) }
    }

    /// This moment cut to milliseconds, the resolution of service logs.
    pub(super) fn to_millis(self) -> Self {
        Self { nanos: self.nanos - self.nanos.rem_euclid(1_000_000) }
    }

    /// Nanoseconds since 1970, as Loki wants them.
    pub(super) fn nanos(self) -> i128 {
        self.nanos
    }

    /// This moment, and `duration` more.
    pub(super) fn plus(self, duration: Duration) -> Self {
        Self { nanos: self.nanos + i128::try_from(duration.as_nanos()).unwrap_or(0) }
    }

    /// With seconds only, as the lines of a task log begin.
    pub(crate) fn seconds(self) -> String {
        let (date, _) = self.split();
        format!("{date}Z")
    }

    fn split(self) -> (String, u32) {
        let seconds = self.nanos.div_euclid(1_000_000_000);
        let fraction = u32::try_from(self.nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        (format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"), fraction)
    }

    /// Reads RFC 3339 with a zone of `Z` or `+hh:mm`; none for any other text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i128>().ok();
        let mark = |at: usize, wanted: u8| (text.as_bytes().get(at) == Some(&wanted)).then_some(());
        mark(4, b'-')?;
        mark(7, b'-')?;
        mark(10, b'T')?;
        mark(13, b':')?;
        mark(16, b':')?;
        let days = days_from_civil(number(0..4)?, number(5..7)?, number(8..10)?);
        let mut seconds =
            days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
        let rest = text.get(19..)?;
        let zone_at = rest.find(['Z', '+', '-'])?;
        let (fraction, zone) = rest.split_at(zone_at);
        let nanos = match fraction.strip_prefix('.') {
            Some(digits) if (1..=9).contains(&digits.len()) => {
                format!("{digits:0<9}").parse::<i128>().ok()?
            }
            None if fraction.is_empty() => 0,
            _ => return None,
        };
        if zone != "Z" {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let offset = hours.parse::<i128>().ok()? * 3600 + minutes.parse::<i128>().ok()? * 60;
            seconds -= if zone.starts_with('-') { -offset } else { offset };
        }
        Some(Self { nanos: seconds * 1_000_000_000 + nanos })
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (date, fraction) = self.split();
        if fraction == 0 {
            return write!(f, "{date}Z");
        }
        let digits = format!("{fraction:09}");
        write!(f, "{date}.{}Z", digits.trim_end_matches('0'))
    }
}

// Days since 1970 of the proleptic Gregorian calendar, counted in eras of 400 years that begin on the first of March.
fn civil_from_days(days: i128) -> (i128, i128, i128) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i128::from(month <= 2), month, day)
}

fn days_from_civil(year: i128, month: i128, day: i128) -> i128 {
    let year = year - i128::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

/// A text that is no duration in Go's syntax, with the reason in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    #[error("time: invalid duration {0:?}")]
    Malformed(String),
    #[error("time: missing unit in duration {0:?}")]
    NoUnit(String),
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit { unit: String, text: String },
}

/// Reads a duration such as `1.5s`, `200ms` or `1h30m`. A unit is required, except with `0`.
///
/// # Errors
/// The text is not such a duration, or is negative.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().map_err(|_| malformed())?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = &rest[..end];
        let nanos = match unit {
            "" => return Err(DurationError::NoUnit(text.to_owned())),
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => {
                return Err(DurationError::UnknownUnit {
                    unit: unit.to_owned(),
                    text: text.to_owned(),
                });
            }
        };
        total += number * nanos;
        rest = &rest[end..];
    }
    if !total.is_finite() || total > 9.2e18 {
        return Err(malformed());
    }
    Ok(Duration::from_nanos(total.round() as u64))
}

/// Writes a duration as Go does: `200ms`, `1.5s`, `168h0m0s`.
pub(super) fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fraction = |value: u128, unit: u128| {
        let digits = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            (value / unit).to_string()
        } else {
            format!("{}.{digits}", value / unit)
        }
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(nanos, 1_000_000)),
        _ => {
            let (minutes, rest) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
            let seconds = fraction(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, m) => format!("{m}m{seconds}s"),
                (h, m) => format!("{h}h{m}m{seconds}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_print_and_parse() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_226_574_271_000_000, "2026-11-21T02:02:54.271Z"),
            (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
        ] {
            let at = Timestamp { nanos };
            assert_eq!(at.to_string(), text);
            assert_eq!(Timestamp::parse(text), Some(at));
        }
        assert_eq!(
            Timestamp::parse("2026-11-21T04:02:54.271+02:00"),
            Timestamp::parse("2026-11-21T02:02:54.271Z")
        );
        for wrong in ["", "yesterday", "2026-11-21", "2026-11-21T02:02:54", "2026-11-21T02:02:54.Z"]
        {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_those_of_go() {
        for (text, nanos, printed) in [
            ("200ms", 200_000_000, "200ms"),
            ("4.000s", 4_000_000_000, "4s"),
            ("0.5s", 500_000_000, "500ms"),
            ("1h30m", 5_400_000_000_000, "1h30m0s"),
            ("168h", 604_800_000_000_000, "168h0m0s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("0", 0, "0s"),
            ("10us", 10_000, "10µs"),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration, Duration::from_nanos(nanos), "{text}");
            assert_eq!(format_duration(duration), printed);
        }
        assert_eq!(
            parse_duration("5").unwrap_err().to_string(),
            "time: missing unit in duration \"5\""
        );
        assert_eq!(parse_duration("zz").unwrap_err().to_string(), "time: invalid duration \"zz\"");
        assert_eq!(
            parse_duration("5x").unwrap_err().to_string(),
            "time: unknown unit \"x\" in duration \"5x\""
        );
        for wrong in ["", "s", ".", "1..2s", "-1s", "99999999999h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
