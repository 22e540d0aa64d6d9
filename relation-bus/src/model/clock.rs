//! The virtual clock.

use serde::{Deserialize, Serialize};

/// The virtual clock of a model. It starts at a fixed moment and moves only when told, so that the
/// same model gives the same texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Clock {
    /// Seconds since the model began.
    pub seconds: u64,
}

/// 2025-01-01 00:00:00 UTC, when every model begins.
const BEGINNING: u64 = 1_735_689_600;

impl Clock {
    /// The moment as `2025-01-01 12:00:00Z`.
    #[must_use]
    pub fn timestamp(self) -> String {
        let (date, time) = self.date_and_time();
        format!("{date} {time}Z")
    }

    /// The moment as RFC 3339, `2025-01-01T12:00:00Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let (date, time) = self.date_and_time();
        format!("{date}T{time}Z")
    }

    /// The time of day, `12:00:00`.
    #[must_use]
    pub fn time_of_day(self) -> String {
        self.date_and_time().1
    }

    /// The moment as `juju status` prints it in `since`, `01 Jan 2025 12:00:00Z`.
    #[must_use]
    pub fn since(self) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let total = BEGINNING + self.seconds;
        let (year, month, day) = civil(total / 86_400);
        let month = MONTHS[(month as usize - 1) % 12];
        format!("{day:02} {month} {year} {}Z", self.time_of_day())
    }

    /// This moment, and so many seconds more.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self { seconds: self.seconds.saturating_add(seconds) }
    }

    /// The same day and time so many months later; a day that the month does not have runs over
    /// into the next one, as Go's calendar does.
    #[must_use]
    pub fn plus_months(self, months: u64) -> Self {
        let total = BEGINNING + self.seconds;
        let (year, month, day) = civil(total / 86_400);
        let month = month - 1 + months;
        let first = days(year + month / 12, month % 12 + 1, 1);
        let seconds = (first + day - 1) * 86_400 + total % 86_400;
        Self { seconds: seconds - BEGINNING }
    }

    /// The moment of an RFC 3339 text, to the second; one before the model began is its beginning.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
        let mark =
            |at: usize, wanted: &str| text.get(at..=at).filter(|found| wanted.contains(*found));
        for (at, wanted) in [(4, "-"), (7, "-"), (10, "Tt"), (13, ":"), (16, ":")] {
            mark(at, wanted)?;
        }
        let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
            return None;
        }
        let seconds = days(year, month, day) * 86_400
            + part(11..13)? * 3600
            + part(14..16)? * 60
            + part(17..19)?;
        let rest = text.get(19..)?;
        let zone = rest.find(['Z', 'z', '+', '-']).and_then(|at| rest.get(at..))?;
        let offset = match zone {
            "Z" | "z" => 0,
            _ => {
                let (hours, minutes) = zone.get(1..)?.split_once(':')?;
                hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60
            }
        };
        let offset = if zone.starts_with('-') { -offset } else { offset };
        let moment = i64::try_from(seconds).ok()?.checked_sub(offset)?;
        Some(Self { seconds: u64::try_from(moment).ok()?.saturating_sub(BEGINNING) })
    }

    fn date_and_time(self) -> (String, String) {
        let total = BEGINNING + self.seconds;
        let (year, month, day) = civil(total / 86_400);
        let second = total % 86_400;
        (
            format!("{year}-{month:02}-{day:02}"),
            format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
        )
    }
}

/// Days since 1970 to year, month and day of the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Eras of 400 years that begin on 1 March, so that the leap day is the last day of a year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// A day of the Gregorian calendar to days since 1970.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_begins_at_a_fixed_moment_and_counts_days() {
        assert_eq!(Clock::default().timestamp(), "2025-01-01 00:00:00Z");
        let leap = Clock { seconds: (365 + 365 + 365 + 59) * 86_400 + 3661 };
        assert_eq!(leap.rfc3339(), "2028-02-29T01:01:01Z");
        assert_eq!(Clock { seconds: 12 * 3600 }.since(), "01 Jan 2025 12:00:00Z");
    }

    #[test]
    fn a_moment_reads_what_it_prints() {
        for seconds in [0, 86_399, 31_536_000, 99_786_061] {
            let clock = Clock { seconds };
            assert_eq!(Clock::parse_rfc3339(&clock.rfc3339()), Some(clock));
        }
        let east = Clock::parse_rfc3339("2025-01-01T02:00:00.5+02:00");
        assert_eq!(east, Some(Clock::default()));
        assert_eq!(Clock::parse_rfc3339("2024-01-01T00:00:00Z"), Some(Clock::default()));
        for wrong in ["", "soon", "2025-13-01T00:00:00Z", "2025-01-01T00:00:00", "2025-01-01 00:00"]
        {
            assert_eq!(Clock::parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let clock = Clock::parse_rfc3339("2025-11-30T10:00:00Z").unwrap();
        assert_eq!(clock.plus_months(1).rfc3339(), "2025-12-30T10:00:00Z");
        assert_eq!(clock.plus_months(3).rfc3339(), "2026-03-02T10:00:00Z");
        assert_eq!(clock.plus_months(12).rfc3339(), "2026-11-30T10:00:00Z");
    }
}
