//! Statuses of units, applications and agents.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Clock;

/// The word of a workload status. A charm may set the first four; the others are Juju's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusValue {
    /// Up and serving.
    Active,
    /// A person must act.
    Blocked,
    /// Another application has to answer first.
    Waiting,
    /// The charm is at work.
    Maintenance,
    /// Nothing was ever set.
    Unknown,
    /// A hook failed.
    Error,
    /// The unit is gone.
    Terminated,
}

impl StatusValue {
    /// The word as Juju prints it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Maintenance => "maintenance",
            Self::Unknown => "unknown",
            Self::Error => "error",
            Self::Terminated => "terminated",
        }
    }

    /// How bad it is, for an application status that is derived from its units: higher is worse.
    #[must_use]
    pub fn severity(self) -> u8 {
        match self {
            Self::Error => 6,
            Self::Blocked => 5,
            Self::Maintenance => 4,
            Self::Waiting => 3,
            Self::Active => 2,
            Self::Terminated => 1,
            Self::Unknown => 0,
        }
    }
}

impl fmt::Display for StatusValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StatusValue {
    type Err = ();

    /// Takes the four words that `status-set` takes.
    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "active" => Self::Active,
            "blocked" => Self::Blocked,
            "waiting" => Self::Waiting,
            "maintenance" => Self::Maintenance,
            _ => return Err(()),
        })
    }
}

/// A status with its message and when it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEntry {
    /// The word.
    pub value: StatusValue,
    /// Free text, may be empty.
    pub message: String,
    /// When it became so.
    pub since: Clock,
}

impl StatusEntry {
    /// A status set at the given moment.
    #[must_use]
    pub fn new(value: StatusValue, message: impl Into<String>, since: Clock) -> Self {
        Self { value, message: message.into(), since }
    }

    /// What a unit shows that has never set a status.
    #[must_use]
    pub fn unset() -> Self {
        Self::new(StatusValue::Unknown, "", Clock::default())
    }
}

/// What the unit agent is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// The unit was made and its agent has not run yet.
    Allocating,
    /// A hook runs; the text says which.
    Executing(String),
    /// Nothing to do.
    Idle,
    /// A hook failed and waits for its retry; the text is `hook failed: "..."`.
    Error(String),
}
