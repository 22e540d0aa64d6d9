//! Statuses and their priority.

use std::fmt;

/// The status words that a charm may set.
///
/// Ordered by priority, lowest first: of several statuses the greatest is shown, as `ops` does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusLevel {
    /// Everything works.
    Active,
    /// Another charm has not answered yet.
    Waiting,
    /// Our own workload is not up yet, or is being changed.
    Maintenance,
    /// A human must act.
    Blocked,
}

impl StatusLevel {
    /// The word that Juju uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Maintenance => "maintenance",
            Self::Blocked => "blocked",
        }
    }
}

/// A status: one word and one line for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The word.
    pub level: StatusLevel,
    /// One line: `[area] what is wrong: what to do`. May be empty.
    pub message: String,
}

impl Status {
    /// Everything works; the message may add a remark.
    pub fn active(message: impl Into<String>) -> Self {
        Self { level: StatusLevel::Active, message: message.into() }
    }

    /// Another charm has not answered yet.
    pub fn waiting(message: impl Into<String>) -> Self {
        Self { level: StatusLevel::Waiting, message: message.into() }
    }

    /// Our own workload is not up yet.
    pub fn maintenance(message: impl Into<String>) -> Self {
        Self { level: StatusLevel::Maintenance, message: message.into() }
    }

    /// A human must act.
    pub fn blocked(message: impl Into<String>) -> Self {
        Self { level: StatusLevel::Blocked, message: message.into() }
    }

    /// The status to show of several: the first one of the highest priority.
    pub fn worst<'a>(statuses: impl IntoIterator<Item = &'a Status>) -> Option<&'a Status> {
        statuses.into_iter().fold(None, |worst: Option<&Status>, status| match worst {
            Some(found) if found.level >= status.level => Some(found),
            _ => Some(status),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            f.write_str(self.level.as_str())
        } else {
            write!(f, "{}: {}", self.level.as_str(), self.message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_worst_is_shown() {
        let statuses = [
            Status::active(""),
            Status::waiting("one"),
            Status::blocked("two"),
            Status::blocked("three"),
            Status::maintenance("four"),
        ];
        assert_eq!(Status::worst(&statuses), Some(&Status::blocked("two")));
        assert_eq!(Status::worst(&[]), None);
    }
}
