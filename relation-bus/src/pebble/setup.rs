//! What a workload container is when it begins.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

/// A workload container as it is before the first request.
///
/// The default is a container that has just come up: no layers, no files but the usual folders, no commands.
#[derive(Debug, Clone)]
pub struct ContainerSetup {
    /// Absolute path to content. Their folders are made.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Folders that exist besides those of the files and the usual ones (`/etc`, `/tmp`, `/var/lib` and so on).
    pub directories: BTreeSet<String>,
    /// Layers by label, lowest first, as if they lay in the image's layers folder.
    pub layers: Vec<(String, Value)>,
    /// Services that run already.
    pub active: BTreeSet<String>,
    /// Checks whose state is fixed from outside, in the plan or not. Checks of the plan that are not named here are up,
    /// or are really run with [`ServiceMode::Processes`].
    pub checks: Vec<CheckSetup>,
    /// Commands that exist in the container.
    pub execs: Vec<ExecAnswer>,
    /// Fails every restart with this message, as a service that exits at once does.
    pub restart_error: Option<String>,
    /// Whether services, checks and commands are simulated or real.
    pub service_mode: ServiceMode,
    /// How long a service must run before its start counts as done. The daemon has 1 s; zero answers at once.
    pub okay_delay: Duration,
    /// How long an exec waits for its websockets. The daemon has 5 s.
    pub websocket_limit: Duration,
    /// The uid that requests are taken to come from; none: the one the socket reports.
    pub caller_uid: Option<u32>,
    /// Identifies this start of the container: Juju fires pebble-ready again when it changes. None: a new one.
    pub boot_id: Option<String>,
}

impl Default for ContainerSetup {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            directories: BTreeSet::new(),
            layers: Vec::new(),
            active: BTreeSet::new(),
            checks: Vec::new(),
            execs: Vec::new(),
            restart_error: None,
            service_mode: ServiceMode::State,
            okay_delay: Duration::ZERO,
            websocket_limit: Duration::from_secs(5),
            caller_uid: None,
            boot_id: None,
        }
    }
}

/// Whether the services of a container are real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceMode {
    /// A service is a state: it is active once started. Nothing runs, logs are empty, checks keep their state.
    #[default]
    State,
    /// A service is a process of this machine: its output is kept and forwarded, its exits are handled, checks are
    /// performed, and commands that [`ContainerSetup::execs`] doesn't declare are run.
    Processes,
}

/// The fixed state of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSetup {
    /// Name of the check.
    pub name: String,
    /// `alive`, `ready`, or none.
    pub level: Option<String>,
    /// What the check reports.
    pub status: CheckStatus,
    /// Failures in a row.
    pub failures: u64,
    /// Failures at which the check goes down.
    pub threshold: u64,
}

/// What a check reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStatus {
    /// Fewer failures in a row than the threshold.
    Up,
    /// At least as many failures as the threshold.
    Down,
    /// Stopped, or never started.
    Inactive,
}

impl CheckStatus {
    /// The daemon's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Inactive => "inactive",
        }
    }
}

impl std::str::FromStr for CheckStatus {
    type Err = UnknownCheckStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "inactive" => Ok(Self::Inactive),
            other => Err(UnknownCheckStatus(other.to_owned())),
        }
    }
}

/// A text that is no status of a check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use `{0}` as status of a check: expected `up`, `down` or `inactive`")]
pub struct UnknownCheckStatus(String);

/// A command of the container, and what it answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecAnswer {
    /// The command, or its first words: the longest answer that a command begins with is the one given.
    pub command: Vec<String>,
    /// Exit code.
    pub return_code: i32,
    /// What it prints.
    pub stdout: String,
    /// What it prints as errors.
    pub stderr: String,
}

impl ExecAnswer {
    /// The answer among `answers` to `command`, if any.
    #[must_use]
    pub fn find<'a>(answers: &'a [Self], command: &[String]) -> Option<&'a Self> {
        answers
            .iter()
            .filter(|answer| command.starts_with(&answer.command))
            .max_by_key(|answer| answer.command.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_longest_declared_beginning_answers() {
        let answers = ["nginx", "nginx -s"]
            .map(|command| ExecAnswer { command: words(command), ..ExecAnswer::default() });
        let found = |command| {
            ExecAnswer::find(&answers, &words(command)).map(|answer| answer.command.join(" "))
        };
        assert_eq!(found("nginx -s reload").as_deref(), Some("nginx -s"));
        assert_eq!(found("nginx -t").as_deref(), Some("nginx"));
        assert_eq!(found("ngin"), None);
    }
}
