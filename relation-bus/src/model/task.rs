//! Tasks: what a unit was asked to run beside its hooks, an action or a command.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Clock;
use crate::names::UnitName;

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Waits for its unit.
    Pending,
    /// Runs.
    Running,
    /// Ended well.
    Completed,
    /// Ended, and the charm or the command says that it failed.
    Failed,
    /// Taken back before it ran.
    Cancelled,
}

impl TaskStatus {
    /// The word as Juju prints it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will come.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// A line that a task logged while it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMessage {
    /// When.
    pub time: Clock,
    /// The line.
    pub message: String,
}

/// One unit's part of an operation: `juju run` makes an operation with a task for each unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its number. Operations and tasks are counted together.
    pub id: u32,
    /// The operation it belongs to.
    pub operation: u32,
    /// The unit that runs it.
    pub unit: UnitName,
    /// The action's name; `juju-exec` for a command.
    pub action: String,
    /// What the action was given, without defaults.
    pub parameters: Map<String, Value>,
    /// How far it has come.
    pub status: TaskStatus,
    /// Why it failed; empty when it didn't.
    pub message: String,
    /// What the action set, and `return-code`, `stdout` and `stderr` as Juju adds them.
    pub results: Map<String, Value>,
    /// What `action-log` said.
    pub log: Vec<TaskMessage>,
    /// When it was asked for.
    pub enqueued: Clock,
    /// When it began.
    pub started: Option<Clock>,
    /// When it ended.
    pub completed: Option<Clock>,
}

impl Task {
    /// The exit status of the action or command, when it ran.
    #[must_use]
    pub fn return_code(&self) -> Option<i64> {
        let code = self.results.get("return-code")?;
        code.as_i64().or_else(|| code.as_str()?.parse().ok())
    }
}
