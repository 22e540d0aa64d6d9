//! Snapshots without Juju, for unit tests of pure functions (feature `testing`).
//!
//! Everything panics on names that Juju would not allow: a test that uses them is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::databag::Databag;
use crate::event::{
    Event, Lifecycle, RelationEvent, RelationEventKind, WorkloadEvent, WorkloadEventKind,
};
use crate::kubernetes::{KubernetesAnswer, KubernetesQuery};
use crate::leadership::{Leader, Leadership};
use crate::metadata::{Endpoint, EndpointRole, Metadata, OptionType};
use crate::names::{RelationId, SecretId, SecretLabel};
use crate::ports::Port;
use crate::secret::{SecretContent, SecretText};
use crate::snapshot::{
    Container, ContainerState, FileRead, Host, Identity, Ipv6, OwnedSecret, Proxies, Relation,
    SecretRefusal, Seed, ServiceState, Snapshot,
};

/// Builds a [`Snapshot`] part by part. What is not said is empty; the unit is a follower and the
/// event is `update-status`.
#[derive(Debug, Clone)]
pub struct SnapshotBuilder {
    snapshot: Snapshot,
    metadata: Metadata,
}

impl Snapshot {
    /// Starts a snapshot of the given unit, such as `tempo/0`, in the model `stage`.
    ///
    /// # Panics
    ///
    /// When the unit's name is not one.
    pub fn for_test(unit: &str) -> SnapshotBuilder {
        SnapshotBuilder::new(unit)
    }
}

fn name<T: std::str::FromStr>(text: &str) -> T {
    match text.parse() {
        Ok(name) => name,
        Err(_) => unreachable!("`{text}` is not a valid name of its kind"),
    }
}

fn bag<const N: usize>(entries: [(&str, &str); N]) -> Databag {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

impl SnapshotBuilder {
    /// Starts a snapshot of the given unit.
    ///
    /// # Panics
    ///
    /// When the unit's name is not one.
    pub fn new(unit: &str) -> Self {
        let unit: crate::names::UnitName = name(unit);
        let identity = Identity {
            model: name("stage"),
            model_uuid: name("00000000-0000-4000-8000-000000000000"),
            application: unit.application(),
            juju_version: "3.6.11".to_owned(),
            proxies: Proxies::default(),
            unit,
        };
        let metadata = Metadata { name: "test-charm-k8s".to_owned(), ..Metadata::default() };
        let mut snapshot = Snapshot::start(
            Event::Lifecycle(Lifecycle::UpdateStatus),
            identity,
            Arc::new(metadata.clone()),
        );
        snapshot.now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        snapshot.host = Host { fqdn: "test-0".to_owned(), nameserver: None, ipv6: Ipv6::Absent };
        snapshot.seed = Seed([7; 32]);
        Self { snapshot, metadata }
    }

    /// The model's name and UUID.
    pub fn model(mut self, model: &str, uuid: &str) -> Self {
        self.snapshot.identity.model = name(model);
        self.snapshot.identity.model_uuid = name(uuid);
        self
    }

    /// The charm's name in its metadata.
    pub fn charm(mut self, charm: &str) -> Self {
        self.metadata.name = charm.to_owned();
        self
    }

    /// Makes the unit the leader.
    pub fn leader(mut self) -> Self {
        self.snapshot.leadership = Leadership::Leader(Leader::for_test());
        self
    }

    /// What woke the charm.
    pub fn event(mut self, event: Event) -> Self {
        self.snapshot.event = event;
        self
    }

    /// A relation event without remote unit.
    pub fn relation_event(self, kind: RelationEventKind, endpoint: &str, id: u32) -> Self {
        self.event(Event::Relation(RelationEvent {
            kind,
            endpoint: name(endpoint),
            relation: RelationId(id),
            remote_app: None,
            remote_unit: None,
            departing_unit: None,
        }))
    }

    /// `<container>-pebble-ready`.
    pub fn pebble_ready(self, container: &str) -> Self {
        self.event(Event::Workload(WorkloadEvent {
            container: name(container),
            kind: WorkloadEventKind::Ready,
        }))
    }

    /// The resolver's name for this host.
    pub fn fqdn(mut self, fqdn: &str) -> Self {
        self.snapshot.host.fqdn = fqdn.to_owned();
        self
    }

    /// Facts of the charm container.
    pub fn host(mut self, host: Host) -> Self {
        self.snapshot.host = host;
        self
    }

    /// Declares an endpoint in the metadata.
    pub fn endpoint(mut self, endpoint: &str, role: EndpointRole, interface: &str) -> Self {
        let declared = Endpoint { role, interface: interface.to_owned(), limit: None };
        self.metadata.endpoints.insert(name(endpoint), declared);
        self
    }

    /// Declares an option in the metadata.
    pub fn option(mut self, option: &str, kind: OptionType) -> Self {
        if self.metadata.options.insert(option.to_owned(), kind).is_none() {
            self.metadata.option_order.push(option.to_owned());
        }
        self
    }

    /// The value of an option.
    pub fn config(mut self, option: &str, value: impl Into<Value>) -> Self {
        self.snapshot.config.insert(option.to_owned(), value.into());
        self
    }

    /// Adds a relation.
    pub fn relation(mut self, relation: RelationBuilder) -> Self {
        self.snapshot.relations.push(relation.relation);
        self.snapshot.relations.sort_by(|a, b| (&a.endpoint, a.id).cmp(&(&b.endpoint, b.id)));
        self
    }

    /// A container that can't be reached.
    pub fn container_down(mut self, container: &str) -> Self {
        self.metadata.containers.insert(name(container));
        self.snapshot.containers.insert(name(container), Container::Unreachable);
        self
    }

    /// A container that can be reached.
    pub fn container(mut self, container: &str, state: ContainerState) -> Self {
        self.metadata.containers.insert(name(container));
        self.snapshot.containers.insert(name(container), Container::Reachable(state));
        self
    }

    /// A secret that this unit or application owns.
    pub fn owned_secret<const N: usize>(
        mut self,
        label: &str,
        id: &str,
        content: [(&str, &str); N],
    ) -> Self {
        let label: SecretLabel = name(label);
        let id: SecretId = name(id);
        let owned = OwnedSecret {
            id: id.clone(),
            content: secret_content(content),
            grants: std::collections::BTreeSet::new(),
        };
        self.snapshot.owned_secrets.insert(label.clone(), owned);
        self.snapshot.secret_listing.insert(id, Some(label));
        self
    }

    /// A secret of somebody else that this unit may read.
    pub fn observed_secret<const N: usize>(mut self, id: &str, content: [(&str, &str); N]) -> Self {
        self.snapshot.observed_secrets.insert(name(id), Ok(secret_content(content)));
        self
    }

    /// A secret of somebody else that this unit may not read.
    pub fn refused_secret(mut self, id: &str, reason: &str) -> Self {
        let refusal = SecretRefusal { id: id.to_owned(), reason: reason.to_owned() };
        self.snapshot.observed_secrets.insert(name(id), Err(refusal));
        self
    }

    /// The unit's address in the network bound to an endpoint.
    pub fn network(mut self, endpoint: &str, address: &str) -> Self {
        self.snapshot.networks.insert(name(endpoint), name(address));
        self
    }

    /// A port that this unit has opened, such as `80/tcp`.
    pub fn opened_port(mut self, port: &str) -> Self {
        self.snapshot.opened_ports.insert(name::<Port>(port));
        self
    }

    /// A key of the unit's state at the controller.
    pub fn state(mut self, key: &str, value: &str) -> Self {
        self.snapshot.state.insert(key.to_owned(), value.to_owned());
        self
    }

    /// A file of the charm, by path relative to the charm's root.
    pub fn charm_file(mut self, path: &str, content: &str) -> Self {
        self.snapshot.charm_files.insert(PathBuf::from(path), content.as_bytes().to_vec());
        self
    }

    /// A file of the charm container, or that there is none.
    pub fn host_file(mut self, path: &str, content: Option<&str>) -> Self {
        let content = content.map(|content| content.as_bytes().to_vec());
        self.snapshot.host_files.insert(PathBuf::from(path), content);
        self
    }

    /// An answer of the Kubernetes API.
    pub fn kubernetes(mut self, query: KubernetesQuery, answer: KubernetesAnswer) -> Self {
        self.snapshot.kubernetes.push((query, answer));
        self
    }

    /// The snapshot.
    pub fn build(mut self) -> Snapshot {
        self.snapshot.metadata = Arc::new(self.metadata);
        self.snapshot
    }
}

/// The content of a secret.
pub fn secret_content<const N: usize>(entries: [(&str, &str); N]) -> SecretContent {
    entries.into_iter().map(|(key, value)| (key.to_owned(), SecretText::new(value))).collect()
}

/// Builds a [`Relation`].
#[derive(Debug, Clone)]
pub struct RelationBuilder {
    relation: Relation,
}

impl RelationBuilder {
    /// A relation to an application that has no units yet and has said nothing.
    ///
    /// # Panics
    ///
    /// When a name is not one.
    pub fn new(endpoint: &str, id: u32, remote_app: &str) -> Self {
        Self {
            relation: Relation {
                endpoint: name(endpoint),
                id: RelationId(id),
                remote_app: Some(name(remote_app)),
                local_app: None,
                local_unit: Databag::new(),
                remote_app_data: Databag::new(),
                remote_units: BTreeMap::new(),
            },
        }
    }

    /// Our application's databag.
    pub fn local_app<const N: usize>(mut self, entries: [(&str, &str); N]) -> Self {
        self.relation.local_app = Some(bag(entries));
        self
    }

    /// This unit's databag.
    pub fn local_unit<const N: usize>(mut self, entries: [(&str, &str); N]) -> Self {
        self.relation.local_unit = bag(entries);
        self
    }

    /// The remote application's databag.
    pub fn remote_app<const N: usize>(mut self, entries: [(&str, &str); N]) -> Self {
        self.relation.remote_app_data = bag(entries);
        self
    }

    /// A remote unit with its databag.
    pub fn remote_unit<const N: usize>(mut self, unit: &str, entries: [(&str, &str); N]) -> Self {
        self.relation.remote_units.insert(name(unit), bag(entries));
        self
    }
}

impl ContainerState {
    /// Adds a file that is there.
    pub fn with_file(mut self, path: &str, content: &str) -> Self {
        let read = FileRead::Content(content.as_bytes().to_vec());
        self.files.insert(path.to_owned(), read);
        self
    }

    /// Adds a service of the plan.
    pub fn with_service(mut self, service: &str, members: Value, state: ServiceState) -> Self {
        let members = match members {
            Value::Object(members) => members,
            _ => serde_json::Map::new(),
        };
        self.plan.services.insert(service.to_owned(), members);
        self.services.insert(service.to_owned(), state);
        self
    }
}
