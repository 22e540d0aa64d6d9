//! The world that a single event happens in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::charm_folder::CharmMetadata;
use crate::hook::Journal;
use crate::model::{ConfigValue, DataBag, Model, OpenedPort};
use crate::names::{RelationId, SecretId, UnitName};

/// The charm that runs.
#[derive(Debug, Clone, Default)]
pub struct Charm {
    /// What it declares.
    pub metadata: CharmMetadata,
    /// The program that becomes `dispatch`.
    pub dispatch: PathBuf,
    /// Files of the charm folder, by path relative to it.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Folders that exist even when empty.
    pub folders: BTreeSet<String>,
}

/// A relation to another application.
#[derive(Debug, Clone, Default)]
pub struct WorldRelation {
    /// Its id.
    pub id: RelationId,
    /// The own endpoint; its interface and role are the metadata's.
    pub endpoint: String,
    /// The other application.
    pub remote_application: String,
    /// What the own leader wrote.
    pub local_application: DataBag,
    /// What this unit wrote, with the keys of the controller.
    pub local_unit: DataBag,
    /// What the other leader wrote.
    pub remote_application_data: DataBag,
    /// Remote units that have joined.
    pub remote_units: BTreeMap<UnitName, DataBag>,
}

/// A peer relation.
#[derive(Debug, Clone, Default)]
pub struct WorldPeer {
    /// Its id.
    pub id: RelationId,
    /// The endpoint.
    pub endpoint: String,
    /// What the leader wrote.
    pub local_application: DataBag,
    /// What this unit wrote.
    pub local_unit: DataBag,
    /// The other units.
    pub units: BTreeMap<UnitName, DataBag>,
}

/// A secret that exists.
#[derive(Debug, Clone)]
pub struct WorldSecret {
    /// Its id.
    pub id: SecretId,
    /// Label for whom it concerns: the owner's, or this unit's as an observer.
    pub label: String,
    /// Whose it is. A secret of any other application may be read by this unit.
    pub owner: crate::model::SecretOwner,
    /// Its newest content.
    pub content: BTreeMap<String, String>,
    /// Relation to applications that may read it.
    pub grants: BTreeMap<RelationId, Vec<String>>,
}

/// Everything that the unit sees.
#[derive(Debug, Clone)]
pub struct World {
    /// The model's name.
    pub model_name: String,
    /// The model's UUID.
    pub model_uuid: String,
    /// The version that Juju says it has.
    pub juju_version: String,
    /// The charm.
    pub charm: Charm,
    /// The unit that runs.
    pub unit: UnitName,
    /// The unit that leads, this one or another.
    pub leader: Option<UnitName>,
    /// Config values that an operator set.
    pub config: BTreeMap<String, ConfigValue>,
    /// The host name that the unit looks up for itself.
    pub fqdn: String,
    /// The first `nameserver` of `resolv.conf`.
    pub dns_server: String,
    /// Whether the charm container has an IPv6 address.
    pub has_ipv6: bool,
    /// Variables beyond Juju's usual ones, such as proxies; they win.
    pub environment: BTreeMap<String, String>,
    /// Endpoint to the address in the network bound to it, for `network-get`.
    pub networks: BTreeMap<String, String>,
    /// The address of the pod.
    pub address: String,
    /// Relations to other applications.
    pub relations: Vec<WorldRelation>,
    /// Peer relations.
    pub peers: Vec<WorldPeer>,
    /// Files of the charm container outside the charm folder, by absolute path.
    pub charm_container_files: BTreeMap<String, Vec<u8>>,
    /// Secrets that exist.
    pub secrets: Vec<WorldSecret>,
    /// Ports that the unit has open.
    pub opened_ports: BTreeSet<OpenedPort>,
    /// The workload version set before.
    pub workload_version: String,
    /// What `state-set` kept.
    pub state: BTreeMap<String, String>,
    /// Where the Kubernetes API answers in plain http, as `host:port`.
    pub kubernetes: Option<String>,
    /// The folder to build the unit's file system in. Paths below it hold unix sockets, so keep
    /// it short. The containers' sockets are `<root>/charm/containers/<name>/pebble.socket`:
    /// whoever wants one up serves it there before the run.
    pub root: PathBuf,
}

/// The one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// As Juju names hooks, without endpoint or container: `relation-changed`, `pebble-ready`,
    /// `update-status`.
    pub name: String,
    /// The relation, for relation events.
    pub relation: Option<RelationId>,
    /// The unit it is about.
    pub remote_unit: Option<UnitName>,
    /// Who departs.
    pub departing_unit: Option<UnitName>,
    /// The container, for workload events.
    pub container: Option<String>,
    /// The check, for check events.
    pub check: Option<String>,
    /// The secret, for secret events.
    pub secret: Option<SecretId>,
    /// The secret's revision.
    pub revision: Option<u32>,
}

/// What is true after the event.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The exit status of the charm's process; nothing when it was killed.
    pub exit: Option<i32>,
    /// Why the hook failed, in words; nothing when it succeeded. The writes of a failed hook are
    /// dropped, as Juju does.
    pub failure: Option<String>,
    /// The model afterwards: databags of all sides, statuses with their history, secrets, opened
    /// ports, workload version, state and log.
    pub model: Model,
    /// Calls and writes of the hook.
    pub journal: Journal,
    /// The charm folder, with what the charm changed in it.
    pub charm_folder: PathBuf,
    /// The root of the charm container's file system.
    pub root: PathBuf,
}
