//! Durations as Go spells them.

use std::str::FromStr;
use std::time::Duration;

/// A duration such as `10s`, `1m30s` or `0.5s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct JujuDuration(Duration);

impl JujuDuration {
    /// The duration.
    pub(super) fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for JujuDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("expected a duration such as `10s` or `1m30s`, found `{text}`");
        let mut seconds = 0.0;
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refuse)?;
            let number: f64 = rest[..end].parse().map_err(|_| refuse())?;
            rest = &rest[end..];
            let units =
                [("ms", 0.001), ("us", 1e-6), ("ns", 1e-9), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
            let (unit, factor) =
                units.into_iter().find(|(unit, _)| rest.starts_with(unit)).ok_or_else(refuse)?;
            seconds += number * factor;
            rest = &rest[unit.len()..];
        }
        match text.is_empty() {
            true => Err(refuse()),
            false => Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| refuse()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_does() {
        for (text, millis) in [("10s", 10_000), ("1m30s", 90_000), ("0.5s", 500), ("250ms", 250)] {
            assert_eq!(text.parse::<JujuDuration>().unwrap().get().as_millis(), millis);
        }
        for text in ["", "10", "s", "ten", "1x", "-1s"] {
            let error = text.parse::<JujuDuration>().unwrap_err();
            assert!(error.contains("expected a duration"), "{error}");
        }
    }
}
