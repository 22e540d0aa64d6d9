//! What a charm did to a container, in order.

use serde_json::{Value, json};

/// Something that was asked of a container and took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// All enabled services were started.
    Autostart,
    /// Services were brought in line with the plan.
    Replan,
    /// These services were started.
    Start(Vec<String>),
    /// These services were stopped.
    Stop(Vec<String>),
    /// These services were restarted.
    Restart(Vec<String>),
    /// This command was run.
    Exec(Vec<String>),
    /// This signal was sent to these services.
    Signal(String, Vec<String>),
    /// A layer of this label was added or combined.
    AddLayer(String),
    /// This file was written.
    WriteFile(String),
    /// This path was removed.
    RemovePath(String),
}

impl Action {
    /// As a list of the action's name and what it was about, like `["restart", ["loki"]]`: the form of conformance
    /// cases.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Autostart => json!(["autostart"]),
            Self::Replan => json!(["replan"]),
            Self::Start(services) => json!(["start", services]),
            Self::Stop(services) => json!(["stop", services]),
            Self::Restart(services) => json!(["restart", services]),
            Self::Exec(command) => json!(["exec", command]),
            Self::Signal(name, services) => json!(["signal", name, services]),
            Self::AddLayer(label) => json!(["layer", label]),
            Self::WriteFile(path) => json!(["write", path]),
            Self::RemovePath(path) => json!(["remove", path]),
        }
    }

    /// True for what is done with processes: services, signals, commands. Layers and files alone disturb no workload.
    #[must_use]
    pub fn is_run(&self) -> bool {
        !matches!(self, Self::AddLayer(_) | Self::WriteFile(_) | Self::RemovePath(_))
    }
}
