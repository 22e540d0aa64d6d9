//! Everything that a charm may look at, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use crate::databag::Databag;
use crate::desired::Interrupted;
use crate::event::Event;
use crate::kubernetes::{KubernetesAnswer, KubernetesQuery};
use crate::layer::Plan;
use crate::leadership::Leadership;
use crate::metadata::Metadata;
use crate::names::{
    ApplicationName, ContainerName, EndpointName, ModelName, ModelUuid, RelationId, SecretId,
    SecretLabel, UnitName,
};
use crate::ports::Port;
use crate::secret::SecretContent;
use crate::status::Status;

/// The model as this unit sees it at the start of the dispatch.
///
/// Parts that the charm did not ask for (see [`crate::needs::Needs`]) are empty.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What woke the charm.
    pub event: Event,
    /// Who and where we are.
    pub identity: Identity,
    /// The charm's own metadata: endpoints, containers, options.
    pub metadata: Arc<Metadata>,
    /// Whether this unit leads.
    pub leadership: Leadership,
    /// Options that have a value or a default, typed as Juju has them.
    pub config: BTreeMap<String, Value>,
    /// Relations of the endpoints asked for, by endpoint name, then ascending id. A relation that
    /// is being broken is not among them.
    pub relations: Vec<Relation>,
    /// The containers asked for.
    pub containers: BTreeMap<ContainerName, Container>,
    /// Secrets that this unit or application owns, by label. Absent: there is none of that label.
    pub owned_secrets: BTreeMap<SecretLabel, OwnedSecret>,
    /// Secrets of others, by the id that was asked for; an error says why one can't be read.
    pub observed_secrets: BTreeMap<SecretId, Result<SecretContent, SecretRefusal>>,
    /// Labels (where there are any) and ids of all secrets that we manage, when asked for.
    pub secret_listing: BTreeMap<SecretId, Option<SecretLabel>>,
    /// The unit's address in the network bound to an endpoint; absent when Juju knows none.
    pub networks: BTreeMap<EndpointName, IpAddr>,
    /// Ports that this unit has opened.
    pub opened_ports: BTreeSet<Port>,
    /// The unit's state at the controller, keys asked for that exist.
    pub state: BTreeMap<String, String>,
    /// Files of the charm in the folders asked for, by path relative to the charm's root. A folder
    /// that exists but is empty, or doesn't exist, shows no files.
    pub charm_files: BTreeMap<PathBuf, Vec<u8>>,
    /// Files of the charm container asked for; `None` where there is no such file.
    pub host_files: BTreeMap<PathBuf, Option<Vec<u8>>>,
    /// Answers of the Kubernetes API, in the order of the questions.
    pub kubernetes: Vec<(KubernetesQuery, KubernetesAnswer)>,
    /// Facts of the charm container.
    pub host: Host,
    /// The unit's workload status as Juju has it now; `None` while never set.
    pub unit_status: Option<Status>,
    /// The application status that the leader set before; `None` on followers, and as long as the
    /// charm has not asked for one: it is read after the decision, to see whether it differs.
    pub app_status: Option<Status>,
    /// What a dispatch that didn't get to its end has left to do.
    pub interrupted: BTreeMap<ContainerName, Interrupted>,
    /// When the dispatch began.
    pub now: SystemTime,
    /// Randomness of this dispatch: the same seed gives the same decision.
    pub seed: Seed,
}

/// Who and where we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The model's name.
    pub model: ModelName,
    /// The model's UUID.
    pub model_uuid: ModelUuid,
    /// Our application.
    pub application: ApplicationName,
    /// This unit.
    pub unit: UnitName,
    /// Version of the unit agent, such as `3.6.11`, as Juju spells it.
    pub juju_version: String,
    /// The model's proxies.
    pub proxies: Proxies,
}

/// The model's `juju-*-proxy` settings; `None` where unset or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For plain HTTP.
    pub http: Option<String>,
    /// For HTTPS.
    pub https: Option<String>,
    /// Hosts that are reached directly.
    pub no: Option<String>,
}

/// One relation as this unit sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The local endpoint.
    pub endpoint: EndpointName,
    /// The relation's id.
    pub id: RelationId,
    /// The application at the other end; our own on peer relations. `None` when Juju doesn't say.
    pub remote_app: Option<ApplicationName>,
    /// Our application's databag; `None` when not asked for or not readable (followers).
    pub local_app: Option<Databag>,
    /// This unit's databag.
    pub local_unit: Databag,
    /// The remote application's databag.
    pub remote_app_data: Databag,
    /// Remote units that have joined, by name as text, with their databags (empty maps unless asked for).
    pub remote_units: BTreeMap<UnitName, Databag>,
}

/// A workload container.
#[derive(Debug, Clone, PartialEq)]
pub enum Container {
    /// Its Pebble doesn't answer (yet). Not an error.
    Unreachable,
    /// What its Pebble says.
    Reachable(ContainerState),
}

impl Container {
    /// The state, if the container can be reached.
    pub fn state(&self) -> Option<&ContainerState> {
        match self {
            Self::Unreachable => None,
            Self::Reachable(state) => Some(state),
        }
    }
}

/// State of a workload container that can be reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerState {
    /// All layers combined.
    pub plan: Plan,
    /// Service name → what it is doing.
    pub services: BTreeMap<String, ServiceState>,
    /// Files asked for.
    pub files: BTreeMap<String, FileRead>,
    /// Check name → state, when asked for.
    pub checks: BTreeMap<String, CheckState>,
    /// Answers of the probes asked for.
    pub probes: BTreeMap<Vec<String>, ProbeAnswer>,
}

/// What a service is doing, in Pebble's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceState {
    /// Running or starting.
    Active,
    /// Stopped or never started.
    Inactive,
    /// Waiting for an automatic restart.
    Backoff,
    /// Exited and not to be restarted.
    Error,
    /// A word that this version doesn't know.
    Other(String),
}

/// State of a Pebble check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckState {
    /// `up`, `down`, `inactive`, or a word that this version doesn't know.
    pub status: String,
    /// Failures in a row.
    pub failures: u64,
    /// Failures after which the check is down.
    pub threshold: u64,
}

/// What came of reading a file in a container. Contents may hold secrets: debug output shows the size.
#[derive(Clone, PartialEq, Eq)]
pub enum FileRead {
    /// Its content.
    Content(Vec<u8>),
    /// There is no such file.
    Missing,
    /// It exists but can't be read, with Pebble's reason.
    Unreadable(String),
}

impl std::fmt::Debug for FileRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Content(bytes) => write!(f, "Content({} bytes)", bytes.len()),
            Self::Missing => f.write_str("Missing"),
            Self::Unreadable(reason) => write!(f, "Unreadable({reason})"),
        }
    }
}

/// What a probe command answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// It ran; exit code and standard output.
    Exited {
        /// Its exit code.
        code: i64,
        /// What it printed.
        stdout: String,
    },
    /// It could not be run, with the reason.
    Failed(String),
}

/// A secret that this unit or its application owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedSecret {
    /// Its id, as `secret-info-get` and `secret-add` print it, with the `secret:` prefix.
    pub id: SecretId,
    /// Newest content.
    pub content: SecretContent,
    /// Relations that it is granted to.
    pub grants: BTreeSet<RelationId>,
}

/// Why a secret can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read secret `{id}`: {reason}")]
pub struct SecretRefusal {
    /// The secret.
    pub id: String,
    /// Juju's words, such as `permission denied`.
    pub reason: String,
}

/// Facts of the charm container, read from its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// The unit's fully qualified name, as the resolver gives it for the host's own name.
    pub fqdn: String,
    /// First `nameserver` of `/etc/resolv.conf`.
    pub nameserver: Option<String>,
    /// Whether the container has an IPv6 address besides loopback's.
    pub ipv6: Ipv6,
}

/// Whether a host has IPv6.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ipv6 {
    /// An address exists.
    Available,
    /// None.
    #[default]
    Absent,
}

/// Randomness of one dispatch. Keys are made from it, so it shows nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Seed(pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(secret)")
    }
}

impl Snapshot {
    /// A snapshot of which only the event, the identity and the metadata are known.
    pub(crate) fn start(event: Event, identity: Identity, metadata: Arc<Metadata>) -> Self {
        Self {
            event,
            identity,
            metadata,
            leadership: Leadership::Follower,
            config: BTreeMap::new(),
            relations: Vec::new(),
            containers: BTreeMap::new(),
            owned_secrets: BTreeMap::new(),
            observed_secrets: BTreeMap::new(),
            secret_listing: BTreeMap::new(),
            networks: BTreeMap::new(),
            opened_ports: BTreeSet::new(),
            state: BTreeMap::new(),
            charm_files: BTreeMap::new(),
            host_files: BTreeMap::new(),
            kubernetes: Vec::new(),
            host: Host::default(),
            unit_status: None,
            app_status: None,
            interrupted: BTreeMap::new(),
            now: SystemTime::UNIX_EPOCH,
            seed: Seed::default(),
        }
    }

    /// The relations of an endpoint, by ascending id.
    pub fn relations_of<'a>(
        &'a self,
        endpoint: &'a EndpointName,
    ) -> impl Iterator<Item = &'a Relation> {
        self.relations.iter().filter(move |relation| relation.endpoint == *endpoint)
    }

    /// A relation by id.
    pub fn relation(&self, id: RelationId) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.id == id)
    }

    /// The state of a container, if it can be reached.
    pub fn container(&self, name: &ContainerName) -> Option<&ContainerState> {
        self.containers.get(name).and_then(Container::state)
    }

    /// Files of the charm below a folder, by path relative to that folder.
    pub fn charm_folder<'a>(
        &'a self,
        folder: &'a Path,
    ) -> impl Iterator<Item = (&'a Path, &'a [u8])> {
        self.charm_files.iter().filter_map(move |(path, bytes)| {
            Some((path.strip_prefix(folder).ok()?, bytes.as_slice()))
        })
    }

    /// The answer to a question to the Kubernetes API, if it was asked.
    pub fn kubernetes_answer(&self, query: &KubernetesQuery) -> Option<&KubernetesAnswer> {
        self.kubernetes.iter().find(|(asked, _)| asked == query).map(|(_, answer)| answer)
    }
}
