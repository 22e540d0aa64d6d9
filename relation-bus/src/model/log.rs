//! Lines of the model's log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Clock;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Finest.
    Trace,
    /// For developers.
    Debug,
    /// The default of `juju-log`.
    Info,
    /// Something is off.
    Warning,
    /// Something failed.
    Error,
}

impl Level {
    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = ();

    /// Takes the words in any case.
    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "TRACE" => Self::Trace,
            "DEBUG" => Self::Debug,
            "INFO" => Self::Info,
            "WARNING" => Self::Warning,
            "ERROR" => Self::Error,
            _ => return Err(()),
        })
    }
}

/// One line of `juju debug-log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When.
    pub time: Clock,
    /// Whose log: `unit-loki-0`.
    pub entity: String,
    /// The logger: `unit.loki/0.juju-log`, `juju.worker.uniter.operation`.
    pub module: String,
    /// How important.
    pub level: Level,
    /// The line, without its end.
    pub message: String,
}

impl fmt::Display for LogEntry {
    /// The form of `juju debug-log`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} {} {} {}",
            self.entity,
            self.time.time_of_day(),
            self.level,
            self.module,
            self.message
        )
    }
}
