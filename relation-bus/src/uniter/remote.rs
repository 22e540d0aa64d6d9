//! What there is for a unit to meet, read from the model.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::hook::{Hook, SecretEvent};
use crate::model::{Application, Life, Model, RelationLife, Unit};
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

/// A storage instance of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageInstance {
    /// Its name in the metadata.
    pub name: String,
    /// `data/0`.
    pub id: String,
    /// Where it is mounted.
    pub location: String,
}

/// Everything outside a unit that decides what it does next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemoteState {
    /// The unit is being removed.
    pub is_dying: bool,
    /// The unit holds the leadership.
    pub is_leader: bool,
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
            is_leader: application.leader.as_ref() == Some(unit),
            config: config_hash(application, entry),
            relations: relations.collect(),
            secrets: due_secrets(model, unit),
            containers,
            storage: storage(application, unit),
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

fn due_secrets(model: &Model, unit: &UnitName) -> Vec<Hook> {
    let leads = model.is_leader(unit);
    let mut changed = Vec::new();
    let mut removed = Vec::new();
    for secret in model.secrets.values() {
        let latest = secret.latest();
        if let Some(consumer) = secret.consumers.get(unit)
            && consumer.tracked > 0
            && consumer.tracked < latest
            && consumer.told < latest
        {
            changed.push(Hook::Secret {
                id: secret.id.clone(),
                label: consumer.label.clone().unwrap_or_default(),
                event: SecretEvent::Changed,
            });
        }
        if secret.is_managed_by(unit, leads) {
            let untold = |number: &u32| !secret.revisions[number].removal_told;
            removed.extend(secret.untracked_revisions().filter(untold).map(|revision| {
                Hook::Secret {
                    id: secret.id.clone(),
                    label: secret.label.clone(),
                    event: SecretEvent::Remove { revision },
                }
            }));
        }
    }
    changed.extend(removed);
    changed
}

fn storage(application: &Application, unit: &UnitName) -> Vec<StorageInstance> {
    let instance = |(name, declared): (&String, &serde_json::Value)| {
        let id = format!("{name}/{}", unit.number());
        let location = declared["location"]
            .as_str()
            .map_or_else(|| format!("/var/lib/juju/storage/{id}"), ToOwned::to_owned);
        StorageInstance { name: name.clone(), id, location }
    };
    application.charm.storage.iter().map(instance).collect()
}
