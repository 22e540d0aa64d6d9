//! What there is for a unit to meet, read from the model.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::hook::{Hook, SecretEvent};
use crate::model::{Application, Clock, Life, Model, RelationLife, StorageInstance, Unit};
use crate::names::{RelationId, UnitName};

/// A relation as the controller shows it to one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRelation {
    /// The own endpoint.
    pub endpoint: String,
    /// The other application; for a peer relation the own one.
    pub remote_application: String,
    /// Whether it is a peer relation.
    pub is_peer: bool,
    /// Whether the relation is on its way out.
    pub is_dying: bool,
    /// Units in scope, this one left out, with their databag versions.
    pub members: BTreeMap<UnitName, u64>,
    /// Version of the databag of the application at the other end.
    pub application_version: u64,
}

/// Where `storage-attached` stands in the life of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoragePosition {
    /// Once the unit has started, as on Kubernetes.
    #[default]
    AfterStart,
    /// First of all, as on machines and in Juju's documentation.
    BeforeInstall,
}

/// Everything outside a unit that decides what it does next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemoteState {
    /// The unit is being removed.
    pub is_dying: bool,
    /// The moment.
    pub now: Clock,
    /// The unit holds the leadership.
    pub is_leader: bool,
    /// The version of the leadership settings; nothing where there are none (Juju 4).
    pub leader_settings: Option<u64>,
    /// Moves with config, trust and address.
    pub config: u64,
    /// Relations of the unit's application.
    pub relations: BTreeMap<RelationId, RemoteRelation>,
    /// Secret hooks that are due, in the order they come.
    pub secrets: Vec<Hook>,
    /// Containers whose Pebble answers, with its boot id.
    pub containers: BTreeMap<String, String>,
    /// Storage instances.
    pub storage: Vec<StorageInstance>,
    /// When storage is attached.
    pub storage_position: StoragePosition,
}

impl RemoteState {
    /// Reads what one unit is to meet. The containers are the caller's to say.
    #[must_use]
    pub fn read(model: &Model, unit: &UnitName, containers: BTreeMap<String, String>) -> Self {
        let name = unit.application();
        let Some(application) = model.applications.get(name) else { return Self::default() };
        let Some(entry) = application.units.get(unit) else { return Self::default() };
        let relations = model.relations_of(name).filter_map(|(side, relation)| {
            let remote = relation.remote(name)?;
            let seen = RemoteRelation {
                endpoint: side.endpoint.clone(),
                remote_application: remote.application.clone(),
                is_peer: relation.is_peer(),
                is_dying: relation.life == RelationLife::Dying,
                members: remote
                    .in_scope()
                    .filter(|(member, _)| *member != unit)
                    .map(|(member, bag)| (member.clone(), bag.version))
                    .collect(),
                application_version: remote.bag.version,
            };
            Some((relation.id, seen))
        });
        Self {
            is_dying: entry.life != Life::Alive,
            now: model.clock,
            is_leader: application.leader.as_ref() == Some(unit),
            leader_settings: model
                .has_leader_settings()
                .then_some(application.leader_settings_version),
            config: config_hash(application, entry),
            relations: relations.collect(),
            secrets: due_secrets(model, unit),
            containers,
            storage: entry.storage.values().cloned().collect(),
            storage_position: StoragePosition::default(),
        }
    }
}

fn config_hash(application: &Application, unit: &Unit) -> u64 {
    // The hasher is made with fixed keys, so the same config gives the same number in every run.
    let mut hasher = DefaultHasher::new();
    for (name, value) in application.effective_config() {
        (name, value.to_string()).hash(&mut hasher);
    }
    (application.trusted, &unit.address).hash(&mut hasher);
    hasher.finish()
}

/// Expired, then rotate, then changed, then remove.
fn due_secrets(model: &Model, unit: &UnitName) -> Vec<Hook> {
    let leads = model.is_leader(unit);
    let now = model.clock;
    let mut due: [Vec<Hook>; 4] = Default::default();
    for secret in model.secrets.values() {
        let latest = secret.latest();
        let hook = |label: &str, event| Hook::Secret {
            id: secret.id.clone(),
            label: label.to_owned(),
            event,
        };
        if let Some(consumer) = secret.consumers.get(unit)
            && consumer.tracked > 0
            && consumer.tracked < latest
            && consumer.told < latest
            && (secret.is_owned_by(unit) || secret.is_granted_to(unit))
        {
            due[2].push(hook(consumer.label.as_deref().unwrap_or_default(), SecretEvent::Changed));
        }
        if !secret.is_managed_by(unit, leads) {
            continue;
        }
        for (number, revision) in &secret.revisions {
            if revision.expires_at().is_some_and(|moment| moment <= now) {
                due[0].push(hook(&secret.label, SecretEvent::Expired { revision: *number }));
            }
        }
        if secret.next_rotate.is_some_and(|moment| moment <= now) {
            due[1].push(hook(&secret.label, SecretEvent::Rotate));
        }
        let untold = |number: &u32| !secret.revisions[number].removal_told;
        for revision in secret.untracked_revisions().filter(untold) {
            due[3].push(hook(&secret.label, SecretEvent::Remove { revision }));
        }
    }
    due.into_iter().flatten().collect()
}
