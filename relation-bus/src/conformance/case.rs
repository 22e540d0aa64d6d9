//! A case file: what one unit saw, and what the reference then did.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::outcome::{Databag, Outcome, Secret};

/// A case file.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// What the unit saw.
    pub input: Input,
    /// What the reference did.
    pub expected: Outcome,
}

impl Case {
    /// Reads a case file.
    ///
    /// # Errors
    ///
    /// When the file can't be read, is no JSON, or lacks a field; the message has its path.
    pub fn read(path: &Path) -> Result<Self, CaseError> {
        let text = fs::read_to_string(path)
            .map_err(|source| CaseError::Unreadable { path: path.to_owned(), source })?;
        Case::parse(&text).map_err(|source| CaseError::Malformed { path: path.to_owned(), source })
    }

    /// Parses the text of a case file.
    ///
    /// # Errors
    ///
    /// As [`Case::read`].
    pub fn parse(text: &str) -> Result<Self, serde_path_to_error::Error<serde_json::Error>> {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text))
    }
}

/// Why a case file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The file can't be read.
    #[error("cannot read the case file `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no case.
    #[error("cannot use `{}` as a case", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The path of the member that is wrong, and what was expected.
        source: serde_path_to_error::Error<serde_json::Error>,
    },
}

/// What the unit saw. Nothing has a hidden default.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    /// The case in a word.
    pub name: String,
    /// The case in a sentence.
    pub summary: String,
    /// Which charm of the pair is under test.
    pub role: Role,
    /// The product whose published solution is under test; absent where `solution` is given.
    #[serde(default)]
    pub product: Option<String>,
    /// Which library generation the published charm was recorded with.
    #[serde(default)]
    pub generation: Generation,
    /// What the unit agent says.
    pub juju_version: String,
    /// Whether label matchers are injected into rule expressions.
    pub label_matcher_injection: bool,
    /// The charm's metadata and files.
    pub charm: CharmInput,
    /// The charm's own configuration; see [`solution`](super::solution).
    #[serde(default)]
    pub solution: Option<Map<String, Value>>,
    /// The model.
    pub model: ModelInput,
    /// Our application.
    pub app: String,
    /// Our unit.
    pub unit: String,
    /// Whether our unit leads.
    pub leader: bool,
    /// What an operator set.
    pub config: Map<String, Value>,
    /// What the unit's host name lookup gives.
    pub fqdn: String,
    /// The first name server of the charm container.
    pub dns_server: String,
    /// Whether the charm container has an IPv6 address.
    pub ipv6: bool,
    /// Environment of the hook beyond Juju's usual variables.
    pub env: BTreeMap<String, String>,
    /// Endpoint to the unit's address in the network bound to it.
    pub networks: BTreeMap<String, String>,
    /// Relations with other applications.
    pub relations: Vec<RelationInput>,
    /// Peer relations.
    pub peers: Vec<PeerInput>,
    /// Workload containers.
    pub containers: Vec<ContainerInput>,
    /// Files of the charm container outside the charm folder, by absolute path.
    pub charm_container_files: BTreeMap<String, String>,
    /// Secrets of ours, and those that we may read.
    pub secrets: Vec<Secret>,
    /// Ports such as `tcp/9400`.
    pub opened_ports: Vec<String>,
    /// The version set before.
    pub workload_version: String,
    /// What is in the cluster.
    pub k8s: ClusterInput,
    /// What the workload says on its readiness URL; absent: it doesn't answer.
    #[serde(default)]
    pub readiness_answer: Option<String>,
    /// Why the charm runs.
    pub event: EventInput,
}

/// Which charm of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The coordinator.
    Coordinator,
    /// The worker.
    Worker,
}

/// How old the library is that a published charm was recorded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// The one that the generic cases describe.
    #[default]
    Current,
    /// The one before.
    Older,
}

/// A charm's metadata and files.
#[derive(Debug, Clone, Deserialize)]
pub struct CharmInput {
    /// Its name.
    pub name: String,
    /// Endpoints that it provides.
    pub provides: BTreeMap<String, EndpointInput>,
    /// Endpoints that it requires.
    pub requires: BTreeMap<String, EndpointInput>,
    /// Endpoints between its own units.
    pub peers: BTreeMap<String, EndpointInput>,
    /// Workload containers.
    pub containers: Vec<String>,
    /// Config options: name to `{type, default?}`.
    pub config_options: Map<String, Value>,
    /// Names of actions.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Files by path below the charm's root.
    pub files: BTreeMap<String, String>,
    /// Empty folders, by path below the charm's root.
    pub dirs: Vec<String>,
}

/// An endpoint.
#[derive(Debug, Clone, Deserialize)]
pub struct EndpointInput {
    /// The name of its interface.
    pub interface: String,
    /// How many relations it takes.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Whether the charm works without it.
    #[serde(default)]
    pub optional: Option<bool>,
}

/// A model.
#[derive(Debug, Clone, Deserialize)]
pub struct ModelInput {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
}

/// A relation with another application.
#[derive(Debug, Clone, Deserialize)]
pub struct RelationInput {
    /// Our endpoint.
    pub endpoint: String,
    /// The interface.
    pub interface: String,
    /// The number of the relation.
    pub id: u32,
    /// The other application.
    pub remote_app: String,
    /// Our application's databag.
    pub local_app_data: Databag,
    /// Our unit's databag.
    pub local_unit_data: Databag,
    /// The other application's databag.
    pub remote_app_data: Databag,
    /// The other units and their databags.
    pub remote_units: BTreeMap<String, Databag>,
}

/// A peer relation.
#[derive(Debug, Clone, Deserialize)]
pub struct PeerInput {
    /// The endpoint.
    pub endpoint: String,
    /// The number of the relation.
    pub id: u32,
    /// Our application's databag.
    pub local_app_data: Databag,
    /// Our unit's databag.
    pub local_unit_data: Databag,
    /// The other units and their databags.
    pub units: BTreeMap<String, Databag>,
}

/// A workload container.
#[derive(Debug, Clone, Deserialize)]
pub struct ContainerInput {
    /// Its name.
    pub name: String,
    /// Whether its service manager answers.
    pub can_connect: bool,
    /// Files by absolute path.
    pub files: BTreeMap<String, String>,
    /// Layers by label, in the order in which they were added.
    pub layers: Map<String, Value>,
    /// Service to `active` or `inactive`.
    pub services: BTreeMap<String, ServiceState>,
    /// States of checks.
    pub checks: Vec<CheckInput>,
    /// The commands that exist, and what they answer.
    pub execs: Vec<ExecInput>,
    /// What the service manager answers to every restart.
    pub restart_error: Option<String>,
}

/// Whether a service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// It runs.
    Active,
    /// It doesn't.
    Inactive,
}

/// The state of a check.
#[derive(Debug, Clone, Deserialize)]
pub struct CheckInput {
    /// Its name.
    pub name: String,
    /// `alive`, `ready`, or nothing.
    #[serde(default)]
    pub level: Option<String>,
    /// `up` or `down`.
    pub status: String,
    /// Failures in a row.
    pub failures: u32,
    /// Failures after which it is down.
    pub threshold: u32,
}

/// A command that exists in a container.
#[derive(Debug, Clone, Deserialize)]
pub struct ExecInput {
    /// Its words.
    pub command: Vec<String>,
    /// The exit status.
    pub return_code: i32,
    /// What it prints.
    pub stdout: String,
}

/// What is in the cluster.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ClusterInput {
    /// Config map to its data.
    pub configmaps: BTreeMap<String, BTreeMap<String, String>>,
    /// The application's stateful set; absent: not asked for.
    pub statefulset: Option<StatefulSetInput>,
    /// The unit's pod; absent: not asked for.
    pub pod: Option<PodInput>,
    /// Every patch of that kind is refused so.
    pub patch_error: Option<PatchErrorInput>,
    /// Policies that are there.
    pub authorization_policies: Vec<Value>,
}

/// How far a stateful set has rolled out.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct StatefulSetInput {
    /// The generation asked for.
    pub generation: i64,
    /// The generation that the cluster acted on.
    pub observed_generation: i64,
    /// Units asked for.
    pub replicas: i32,
    /// Units that are ready.
    pub ready_replicas: i32,
    /// The revision that units run.
    pub current_revision: String,
    /// The revision that they are brought to.
    pub update_revision: String,
    /// Containers of its template: `{name, resources}`.
    pub containers: Vec<Value>,
}

/// A pod.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct PodInput {
    /// Its containers: `{name, resources}`.
    pub containers: Vec<Value>,
}

/// How the cluster refuses patches.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct PatchErrorInput {
    /// Of which kind of object.
    pub kind: String,
    /// The HTTP status.
    pub code: u16,
    /// What it says.
    pub message: String,
}

/// Why the charm runs.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct EventInput {
    /// As Juju names hooks, without the endpoint; `action` for an action.
    pub name: String,
    /// The relation that it is about.
    #[serde(default)]
    pub relation_id: Option<u32>,
    /// The unit of the other side that it is about.
    #[serde(default)]
    pub remote_unit: Option<String>,
    /// The unit that leaves.
    #[serde(default)]
    pub departing_unit: Option<String>,
    /// The container that it is about.
    #[serde(default)]
    pub container: Option<String>,
    /// The check that it is about.
    #[serde(default)]
    pub check: Option<String>,
    /// The secret that it is about.
    #[serde(default)]
    pub secret_id: Option<String>,
    /// Its revision.
    #[serde(default)]
    pub revision: Option<u32>,
    /// The action's name.
    #[serde(default)]
    pub action: Option<String>,
    /// The action's parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_member() {
        let error = Case::parse(r#"{"input": {"name": 7}}"#).unwrap_err();
        assert_eq!(error.path().to_string(), "input.name");
    }

    #[test]
    fn an_event_needs_its_name_only() {
        let event: EventInput = serde_json::from_str(r#"{"name": "update-status"}"#).unwrap();
        assert_eq!((event.name.as_str(), event.relation_id), ("update-status", None));
    }
}
