//! What should be true now: a value that can be compared, printed and tested.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::SystemTime;

use crate::databag::DatabagPatch;
use crate::kubernetes::KubernetesWrite;
use crate::layer::Layer;
use crate::leadership::Leader;
use crate::names::{ContainerName, RelationId, SecretLabel};
use crate::ports::Port;
use crate::secret::{SecretContent, SecretText};
use crate::status::Status;

mod services;

pub use services::{
    Causes, Reload, Renewal, Retry, RunningServices, ServiceGoal, Settle, in_words,
};

/// The state that a charm wants. The runtime computes the difference from the snapshot and writes
/// only that, in a safe order: secrets, files, layers, commands and restarts, Kubernetes, ports,
/// databags (which advertise what is true by then), state, version, status.
///
/// What is not mentioned is left as it is.
#[must_use]
#[derive(Debug, Clone, Default)]
pub struct Desired {
    unit_databags: BTreeMap<RelationId, DatabagPatch>,
    settled_databags: BTreeMap<RelationId, DatabagPatch>,
    app_databags: BTreeMap<RelationId, DatabagPatch>,
    app_statuses: Vec<Status>,
    /// Statuses of this unit; the first of the worst is shown. None: the status is left alone.
    pub unit_statuses: Vec<Status>,
    /// Workload containers. One that can't be reached is skipped.
    pub containers: BTreeMap<ContainerName, ContainerGoal>,
    /// Files of the charm container outside the charm folder, by absolute path.
    pub host_files: BTreeMap<PathBuf, FileGoal>,
    /// Commands in the charm container after its files changed. A program that isn't there is only logged.
    pub host_reactions: Vec<Reaction>,
    /// All ports that should be open; others that this unit opened are closed. `None`: left alone.
    pub ports: Option<BTreeSet<Port>>,
    /// Secrets that should exist or not.
    pub secrets: BTreeMap<SecretLabel, SecretGoal>,
    /// Changes to the cluster, in order.
    pub kubernetes: Vec<KubernetesWrite>,
    /// The workload's version, to show in `juju status`.
    pub workload_version: Option<String>,
    /// How to learn the workload's version from the workload itself. Takes the place of
    /// `workload_version` when it answers.
    pub version_probe: Option<VersionProbe>,
    /// The unit's state at the controller: a text to keep, or `None` to drop the key.
    pub state: BTreeMap<String, Option<String>>,
    /// Where the charm's own traces go.
    pub charm_tracing: Option<TraceDestination>,
    /// What was skipped, and why: logged as warnings.
    pub problems: Vec<Problem>,
}

impl Desired {
    /// Changes this unit's databag on a relation. Called twice, the patches are joined.
    pub fn unit_databag(&mut self, relation: RelationId, patch: DatabagPatch) {
        self.unit_databags.entry(relation).or_default().extend(patch);
    }

    /// Changes this unit's databag on a relation, but not in a dispatch that restarts services which
    /// are not ready in time (see [`Settle`]).
    pub fn settled_databag(&mut self, relation: RelationId, patch: DatabagPatch) {
        self.settled_databags.entry(relation).or_default().extend(patch);
    }

    /// Changes our application's databag on a relation. Called twice, the patches are joined.
    pub fn app_databag(&mut self, _proof: &Leader, relation: RelationId, patch: DatabagPatch) {
        self.app_databags.entry(relation).or_default().extend(patch);
    }

    /// Adds a status of the application; the first of the worst is shown.
    pub fn app_status(&mut self, _proof: &Leader, status: Status) {
        self.app_statuses.push(status);
    }

    /// What was asked for in unit databags.
    pub fn unit_databags(&self) -> &BTreeMap<RelationId, DatabagPatch> {
        &self.unit_databags
    }

    /// What was asked for in unit databags once services are ready.
    pub fn settled_databags(&self) -> &BTreeMap<RelationId, DatabagPatch> {
        &self.settled_databags
    }

    /// What was asked for in application databags.
    pub fn app_databags(&self) -> &BTreeMap<RelationId, DatabagPatch> {
        &self.app_databags
    }

    /// The statuses of the application.
    pub fn app_statuses(&self) -> &[Status] {
        &self.app_statuses
    }

    /// The goal for a container, made when it isn't there yet.
    pub fn container(&mut self, name: &ContainerName) -> &mut ContainerGoal {
        self.containers.entry(name.clone()).or_default()
    }

    /// Notes something that was skipped.
    pub fn problem(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), reason: reason.into() });
    }
}

/// Something that was skipped because it can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: ``relation `logging:7`, unit `loki/0`, key `endpoint` ``, or a file and line.
    pub place: String,
    /// What is wrong, and what was expected.
    pub reason: String,
}

/// A command that tells the workload's version. It runs once the container's services are as they
/// should be; a command that fails or answers something else is a warning and nothing more.
#[derive(Debug, Clone)]
pub struct VersionProbe {
    /// The container.
    pub container: ContainerName,
    /// The command.
    pub command: Vec<String>,
    /// Finds the version in what the command printed.
    pub read: fn(&str) -> Option<String>,
}

/// What should be true in a workload container.
#[derive(Debug, Clone, Default)]
pub struct ContainerGoal {
    /// Files by absolute path.
    pub files: BTreeMap<String, FileGoal>,
    /// Layers, in order. One is added only when the plan would change by it.
    pub layers: Vec<(String, Layer)>,
    /// Commands to run when something changed, in order, after files and layers, before services.
    pub reactions_before_start: Vec<Reaction>,
    /// What should become of our services.
    pub services: ServiceGoal,
    /// Commands to run when something changed, in order, after services.
    pub reactions: Vec<Reaction>,
}

/// A file that should be there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileGoal {
    /// It should be there.
    Present {
        /// Its content. Treated as secret: never shown.
        content: SecretText,
        /// Permission bits, such as `0o600`.
        mode: u32,
        /// What counts as a change.
        comparison: Comparison,
    },
    /// It should not be there.
    Absent,
}

impl FileGoal {
    /// A file that all may read, compared by bytes.
    pub fn text(content: impl Into<String>) -> Self {
        Self::Present {
            content: SecretText::new(content),
            mode: 0o644,
            comparison: Comparison::Bytes,
        }
    }
}

/// How a file's content is compared with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Any byte that differs is a change.
    Bytes,
    /// Only another meaning as YAML is a change.
    Yaml,
}

/// Something to run because something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The command.
    pub command: Vec<String>,
    /// What brings it about.
    pub trigger: Trigger,
}

/// Changes that bring about a restart or a command. It fires when any of them was made in this dispatch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trigger {
    /// Files that were written or removed.
    pub files: BTreeSet<String>,
    /// Labels of layers whose services or checks changed the plan.
    pub layers: BTreeSet<String>,
}

/// A secret that should exist or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretGoal {
    /// It should exist.
    Present {
        /// Who owns it.
        owner: SecretOwner,
        /// Its content; a new revision is made only when it differs.
        content: SecretContent,
        /// When Juju should say that it expired; only used when a revision is made.
        expire: Option<SystemTime>,
        /// Relations that it should be granted to. Other grants are left alone.
        grants: BTreeSet<RelationId>,
    },
    /// It should not exist.
    Absent,
}

/// Who owns a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOwner {
    /// This unit.
    Unit,
    /// The application; only the leader makes such a secret.
    Application(Leader),
}

/// What a dispatch that didn't get to its end has left to do in a container: what it changed without
/// acting on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interrupted {
    /// What fires now.
    pub trigger: Trigger,
    /// What it calls for.
    pub causes: Causes,
}

/// Where the charm's own traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceDestination {
    /// OTLP over HTTP, with the path (`…/v1/traces`).
    pub url: String,
    /// The certificate authority to trust, in PEM form.
    pub ca: Option<String>,
}
