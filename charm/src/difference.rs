//! What has to be written so that what should be true is true, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::SystemTime;

use crate::apply::Shown;
use crate::databag::DatabagPatch;
use crate::desired::{
    Comparison, Desired, FileGoal, Interrupted, Reload, Retry, SecretGoal, SecretOwner, Settle,
    TraceDestination,
};
use crate::kubernetes::KubernetesWrite;
use crate::layer::Layer;
use crate::names::{ContainerName, RelationId, SecretId, SecretLabel};
use crate::ports::Port;
use crate::reading::WORKLOAD_VERSION_KEY;
use crate::secret::{SecretContent, SecretText};
use crate::snapshot::{FileRead, Snapshot};
use crate::status::Status;
use crate::tools::Owner;

mod container;
mod kubernetes;
mod layer;
mod print;

pub use layer::{LayerDifference, layer_difference};

/// Everything that would be written, in the order in which it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// Secrets.
    pub secrets: Vec<SecretChange>,
    /// The charm container outside the charm's folder.
    pub host: Vec<HostChange>,
    /// Workload containers, each in its own order.
    pub containers: BTreeMap<ContainerName, Vec<ContainerChange>>,
    /// The cluster.
    pub kubernetes: Vec<KubernetesWrite>,
    /// Ports.
    pub ports: Vec<PortChange>,
    /// Databags.
    pub databags: Vec<DatabagChange>,
    /// Databags of this unit, left out when services that were restarted are not ready in time.
    pub settled_databags: Vec<DatabagChange>,
    /// The unit's state at the controller.
    pub state: BTreeMap<String, Option<String>>,
    /// The workload's version.
    pub workload_version: Option<String>,
    /// Statuses to set.
    pub statuses: Vec<(Owner, Status)>,
    /// What has fired, by container, where something acts on it.
    pub(crate) fired: BTreeMap<ContainerName, Interrupted>,
    /// The unit's status at the end, to be set again when a restart showed another one meanwhile.
    pub(crate) final_status: Option<Status>,
    /// Where the charm's own traces go: shown, not written.
    pub(crate) charm_tracing: Option<TraceDestination>,
}

/// A change of a secret.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretChange {
    /// It is made.
    Add {
        /// Its label.
        label: SecretLabel,
        /// Who owns it.
        owner: Owner,
        /// Its content.
        content: SecretContent,
        /// When it expires.
        expire: Option<SystemTime>,
        /// Relations that it is granted to.
        grants: BTreeSet<RelationId>,
    },
    /// It gets a new revision.
    Revise {
        /// Its label.
        label: SecretLabel,
        /// The secret.
        id: SecretId,
        /// Its content.
        content: SecretContent,
        /// When the revision expires.
        expire: Option<SystemTime>,
    },
    /// It is granted.
    Grant {
        /// Its label.
        label: SecretLabel,
        /// The secret.
        id: SecretId,
        /// To whom.
        relation: RelationId,
    },
    /// It is removed.
    Remove {
        /// Its label.
        label: SecretLabel,
        /// The secret.
        id: SecretId,
    },
}

/// A change of the charm container.
#[derive(Debug, Clone, PartialEq)]
pub enum HostChange {
    /// A file is written.
    Write {
        /// Absolute path.
        path: PathBuf,
        /// Content.
        content: SecretText,
        /// Permission bits.
        mode: u32,
    },
    /// A file is removed.
    Remove {
        /// Absolute path.
        path: PathBuf,
    },
    /// A command runs.
    Run {
        /// Program and arguments.
        command: Vec<String>,
    },
}

/// A change of a workload container.
#[derive(Debug, Clone, PartialEq)]
pub enum ContainerChange {
    /// A file is written.
    Write {
        /// Absolute path.
        path: String,
        /// Content.
        content: SecretText,
        /// Permission bits.
        mode: u32,
    },
    /// A file is removed.
    Remove {
        /// Absolute path.
        path: String,
    },
    /// A layer is added or combined.
    AddLayer {
        /// Its label.
        label: String,
        /// The layer.
        layer: Layer,
    },
    /// A command runs.
    Run {
        /// Program and arguments.
        command: Vec<String>,
    },
    /// Enabled services are started, changed ones restarted.
    Replan,
    /// Services are started or restarted, and waited for.
    Restart {
        /// Which.
        services: BTreeSet<String>,
        /// What differs; nothing: they didn't run.
        causes: BTreeSet<String>,
        /// What to do when it fails.
        retry: Retry,
        /// When they count as settled.
        settle: Option<Settle>,
    },
    /// Services that run are told to read their inputs again.
    Reload {
        /// Which.
        services: BTreeSet<String>,
        /// What differs.
        causes: BTreeSet<String>,
        /// How they are told.
        reload: Reload,
    },
    /// Services are stopped.
    Stop {
        /// Which.
        services: BTreeSet<String>,
    },
}

/// A change of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortChange {
    /// It is opened.
    Open(Port),
    /// It is closed.
    Close(Port),
}

/// A change of one of our databags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabagChange {
    /// The relation.
    pub relation: RelationId,
    /// Whose databag.
    pub owner: Owner,
    /// Keys that differ.
    pub patch: DatabagPatch,
}

impl Difference {
    /// Compares what is with what should be.
    ///
    /// What the snapshot doesn't hold counts as absent, so a snapshot must have been read as far
    /// as the desired state reaches; the runtime sees to that.
    pub fn between(snapshot: &Snapshot, desired: &Desired) -> Self {
        let mut difference = Self {
            secrets: secrets(snapshot, desired),
            host: host(snapshot, desired),
            kubernetes: kubernetes::writes(snapshot, desired),
            ports: ports(snapshot, desired),
            databags: databags(snapshot, desired),
            settled_databags: settled_databags(snapshot, desired),
            charm_tracing: desired.charm_tracing.clone(),
            ..Self::default()
        };
        for (name, goal) in &desired.containers {
            let Some(state) = snapshot.container(name) else { continue };
            let interrupted = snapshot.interrupted.get(name);
            let outcome = container::changes(state, goal, interrupted);
            if outcome.acts() {
                difference.fired.insert(name.clone(), outcome.fired);
            }
            if !outcome.changes.is_empty() {
                difference.containers.insert(name.clone(), outcome.changes);
            }
        }
        difference.state = desired
            .state
            .iter()
            .filter(|(key, value)| snapshot.state.get(*key) != value.as_ref())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if let Some(version) = &desired.workload_version
            && desired.version_probe.is_none()
        {
            difference.set_version(snapshot, version);
        }
        if let Some(status) = Status::worst(desired.app_statuses())
            && snapshot.app_status.as_ref() != Some(status)
        {
            difference.statuses.push((Owner::Application, status.clone()));
        }
        let status = Status::worst(&desired.unit_statuses);
        if let Some(status) = status
            && snapshot.unit_status.as_ref() != Some(status)
        {
            difference.statuses.push((Owner::Unit, status.clone()));
        }
        difference.final_status = status.or(snapshot.unit_status.as_ref()).cloned();
        difference
    }

    /// The statuses to set in the end, given what showed meanwhile.
    pub(crate) fn statuses_after(&self, shown: &Shown) -> Vec<(Owner, Status)> {
        let refused = shown.refused.iter().map(|reason| {
            Status::maintenance(format!("[reload] {reason}: tried again with the next event"))
        });
        let candidates: Vec<Status> = self.final_status.iter().cloned().chain(refused).collect();
        let mut statuses = self.statuses.clone();
        if shown.renewed
            && let Some(worst) = Status::worst(&candidates)
        {
            statuses.retain(|(owner, _)| *owner != Owner::Unit);
            statuses.push((Owner::Unit, worst.clone()));
        }
        statuses
    }

    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
            && self.host.is_empty()
            && self.containers.is_empty()
            && self.kubernetes.is_empty()
            && self.ports.is_empty()
            && self.databags.is_empty()
            && self.settled_databags.is_empty()
            && self.state.is_empty()
            && self.workload_version.is_none()
            && self.statuses.is_empty()
    }

    /// Sets the workload's version unless it is the one that was set last.
    pub(crate) fn set_version(&mut self, snapshot: &Snapshot, version: &str) {
        if snapshot.state.get(WORKLOAD_VERSION_KEY).map(String::as_str) != Some(version) {
            self.workload_version = Some(version.to_owned());
            self.state.insert(WORKLOAD_VERSION_KEY.to_owned(), Some(version.to_owned()));
        }
    }
}

fn secrets(snapshot: &Snapshot, desired: &Desired) -> Vec<SecretChange> {
    let mut changes = Vec::new();
    for (label, goal) in &desired.secrets {
        let label = label.clone();
        match (goal, snapshot.owned_secrets.get(&label)) {
            (SecretGoal::Absent, None) => {}
            (SecretGoal::Absent, Some(secret)) => {
                changes.push(SecretChange::Remove { label, id: secret.id.clone() });
            }
            (SecretGoal::Present { owner, content, expire, grants }, None) => {
                let owner = match owner {
                    SecretOwner::Unit => Owner::Unit,
                    SecretOwner::Application(_) => Owner::Application,
                };
                changes.push(SecretChange::Add {
                    label,
                    owner,
                    content: content.clone(),
                    expire: *expire,
                    grants: grants.clone(),
                });
            }
            (SecretGoal::Present { content, expire, grants, .. }, Some(secret)) => {
                let id = &secret.id;
                if *content != secret.content {
                    changes.push(SecretChange::Revise {
                        label: label.clone(),
                        id: id.clone(),
                        content: content.clone(),
                        expire: *expire,
                    });
                }
                changes.extend(grants.difference(&secret.grants).map(|relation| {
                    let (label, id) = (label.clone(), id.clone());
                    SecretChange::Grant { label, id, relation: *relation }
                }));
            }
        }
    }
    changes
}

/// Whether a file of a workload container is other than it should be.
pub fn file_differs(goal: &FileGoal, found: Option<&FileRead>) -> bool {
    file_change("", goal, found).is_some()
}

/// Whether a file's content is as it should be.
fn is_same(found: &[u8], wanted: &SecretText, comparison: Comparison) -> bool {
    let wanted = wanted.reveal();
    if found == wanted.as_bytes() {
        return true;
    }
    match comparison {
        Comparison::Bytes => false,
        Comparison::Yaml => {
            let meaning = |text: &str| serde_yaml::from_str::<serde_json::Value>(text).ok();
            let found = std::str::from_utf8(found).ok().and_then(meaning);
            found.is_some() && found == meaning(wanted)
        }
    }
}

fn host(snapshot: &Snapshot, desired: &Desired) -> Vec<HostChange> {
    let mut changes = Vec::new();
    let mut changed = BTreeSet::new();
    for (path, goal) in &desired.host_files {
        let found = snapshot.host_files.get(path).and_then(Option::as_ref);
        let change = match (goal, found) {
            (FileGoal::Absent, None) => continue,
            (FileGoal::Absent, Some(_)) => HostChange::Remove { path: path.clone() },
            (FileGoal::Present { content, comparison, .. }, Some(found))
                if is_same(found, content, *comparison) =>
            {
                continue;
            }
            (FileGoal::Present { content, mode, .. }, _) => {
                HostChange::Write { path: path.clone(), content: content.clone(), mode: *mode }
            }
        };
        changed.insert(path.display().to_string());
        changes.push(change);
    }
    let fired = desired
        .host_reactions
        .iter()
        .filter(|reaction| !reaction.trigger.files.is_disjoint(&changed));
    changes.extend(fired.map(|reaction| HostChange::Run { command: reaction.command.clone() }));
    changes
}

fn ports(snapshot: &Snapshot, desired: &Desired) -> Vec<PortChange> {
    let Some(wanted) = &desired.ports else { return Vec::new() };
    let opened = &snapshot.opened_ports;
    let open = wanted.difference(opened).copied().map(PortChange::Open);
    open.chain(opened.difference(wanted).copied().map(PortChange::Close)).collect()
}

fn databags(snapshot: &Snapshot, desired: &Desired) -> Vec<DatabagChange> {
    let of_unit = desired.unit_databags().iter().map(|entry| (entry, Owner::Unit));
    let of_application = desired.app_databags().iter().map(|entry| (entry, Owner::Application));
    of_unit
        .chain(of_application)
        .filter_map(|((relation, patch), owner)| databag(snapshot, *relation, owner, patch))
        .collect()
}

fn settled_databags(snapshot: &Snapshot, desired: &Desired) -> Vec<DatabagChange> {
    let patches = desired.settled_databags().iter();
    patches
        .filter_map(|(relation, patch)| databag(snapshot, *relation, Owner::Unit, patch))
        .collect()
}

fn databag(
    snapshot: &Snapshot,
    relation: RelationId,
    owner: Owner,
    patch: &DatabagPatch,
) -> Option<DatabagChange> {
    let empty = BTreeMap::new();
    let known = snapshot.relation(relation)?;
    let found = match owner {
        Owner::Unit => &known.local_unit,
        Owner::Application => known.local_app.as_ref().unwrap_or(&empty),
    };
    // Juju deletes a key that is set to nothing: an empty text and no key are the same.
    let wanted = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let patch: DatabagPatch = patch
        .iter()
        .map(|(key, value)| (key, wanted(value)))
        .filter(|(key, value)| found.get(*key) != value.as_ref())
        .map(|(key, value)| (key.clone(), value))
        .collect();
    (!patch.is_empty()).then_some(DatabagChange { relation, owner, patch })
}

/// What a file goal asks for, given what was found.
fn file_change(path: &str, goal: &FileGoal, found: Option<&FileRead>) -> Option<ContainerChange> {
    match (goal, found) {
        (FileGoal::Absent, None | Some(FileRead::Missing)) => None,
        (FileGoal::Absent, Some(_)) => Some(ContainerChange::Remove { path: path.to_owned() }),
        (FileGoal::Present { content, comparison, .. }, Some(FileRead::Content(found)))
            if is_same(found, content, *comparison) =>
        {
            None
        }
        (FileGoal::Present { content, mode, .. }, _) => Some(ContainerChange::Write {
            path: path.to_owned(),
            content: content.clone(),
            mode: *mode,
        }),
    }
}

#[cfg(test)]
mod tests;
