//! What one hook asked and wrote, for assertions and budgets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::{RelationId, UnitName};

/// One call of a hook tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The tool.
    pub tool: String,
    /// Its arguments; secret values are masked.
    pub arguments: Vec<String>,
    /// Its exit status.
    pub code: i32,
}

/// Something that a hook changed, named without its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WriteRecord {
    /// A key of a unit databag.
    UnitDatabag(RelationId, String),
    /// A key of an application databag.
    ApplicationDatabag(RelationId, String),
    /// The unit's status; the same again is no write.
    UnitStatus(String),
    /// The application's status.
    ApplicationStatus(String),
    /// A port, opened or closed.
    Port(String),
    /// A secret was created, updated, granted, revoked or removed.
    Secret(String),
    /// A key of the unit's state.
    State(String),
    /// A storage instance was asked for.
    Storage(String),
    /// The workload version.
    WorkloadVersion(String),
    /// A key of what the leader keeps with `leader-set`.
    LeaderSetting(String),
}

/// One dispatch: which unit ran which hook, what it called and what it changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// The unit.
    pub unit: UnitName,
    /// The hook's name.
    pub hook: String,
    /// The relation and the remote unit, when it has them: `loki/0 on logging:7`.
    pub subject: String,
    /// The exit status of the process; nothing when it could not be started or was killed.
    pub exit: Option<i32>,
    /// Whether the hook counts as done.
    pub succeeded: bool,
    /// Tool calls in order.
    pub calls: Vec<ToolCall>,
    /// What changed in the model, in order.
    pub writes: Vec<WriteRecord>,
    /// How long the process ran, in microseconds of the real clock.
    pub micros: u64,
}

impl Journal {
    /// How often each tool was called.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for call in &self.calls {
            *counts.entry(call.tool.as_str()).or_default() += 1;
        }
        counts
    }

    /// The hook's name and, after a space, what it was about: `logging-relation-joined loki/0 on
    /// logging:7`.
    #[must_use]
    pub fn title(&self) -> String {
        match self.subject.as_str() {
            "" => self.hook.clone(),
            subject => format!("{} {subject}", self.hook),
        }
    }

    /// Calls that read or write the model: all but what the charm logged.
    #[must_use]
    pub fn price(&self) -> usize {
        self.calls.iter().filter(|call| call.tool != "juju-log").count()
    }

    /// Databag keys that the hook changed.
    pub fn databag_writes(&self) -> impl Iterator<Item = &WriteRecord> {
        self.writes.iter().filter(|write| {
            matches!(write, WriteRecord::UnitDatabag(..) | WriteRecord::ApplicationDatabag(..))
        })
    }
}
