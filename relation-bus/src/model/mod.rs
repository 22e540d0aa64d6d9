//! What a Juju controller holds for one model, as plain data.
//!
//! Nothing in here runs a process or knows what a hook is. Reads and writes that depend on who
//! asks (see `relation.rs`) are decided in [`crate::hook`].

mod application;
mod clock;
mod cross_model;
mod log;
mod relation;
mod secret;
mod setting;
mod status;
mod storage;
mod task;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use application::{Application, ConfigValue, Life, OpenedPort, PortError, Protocol, Unit};
pub use clock::Clock;
pub use cross_model::{Link, Offer, OfferedEndpoint, Saas, remote_name};
pub use log::{Level, LogEntry};
pub use relation::{
    DataBag, Member, Relation, RelationLife, Role, Side, VersionedBag, merge_changes, relation_key,
};
pub(crate) use secret::REMINDER;
pub use secret::{Consumer, Grant, Revision, RotatePolicy, Secret, SecretContent, SecretOwner};
pub use setting::{SettingError, go_duration};
pub use status::{AgentStatus, StatusEntry, StatusValue};
pub use storage::{StorageInstance, StorageKind};
pub(crate) use storage::{least_count, most_count};
pub use task::{Task, TaskMessage, TaskStatus};

use crate::names::{RelationId, SecretId, UnitName};

/// How long the lease of a leader lasts at most, in seconds: so long nobody leads after it is gone.
pub(crate) const LEASE: u64 = 60;

/// One model: everything that outlives a hook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    /// The model's name, without owner.
    pub name: String,
    /// The model's UUID.
    pub uuid: String,
    /// The Juju version that the model plays, such as `3.6.8`.
    pub juju_version: String,
    /// Applications by name.
    pub applications: BTreeMap<String, Application>,
    /// Relations, peers included.
    pub relations: BTreeMap<RelationId, Relation>,
    /// Secrets of all owners.
    pub secrets: BTreeMap<SecretId, Secret>,
    /// The log of the model, oldest first.
    pub log: Vec<LogEntry>,
    /// Seconds of the virtual clock since the model began.
    pub clock: Clock,
    /// The id that the next relation gets. Ids are never reused.
    pub next_relation: u32,
    /// Counts secrets made, for their ids.
    pub next_secret: u64,
    /// Counts actions, for their numbers.
    pub next_action: u32,
    /// Counts storage instances, for their numbers.
    pub next_storage: u32,
    /// What other models may relate to, by name.
    #[serde(default)]
    pub offers: BTreeMap<String, Offer>,
    /// Applications of other models, by the name that they have here.
    #[serde(default)]
    pub saas: BTreeMap<String, Saas>,
    /// The other halves of relations with other models.
    #[serde(default)]
    pub links: BTreeMap<RelationId, Link>,
    /// What `juju model-config` set; other settings have Juju's default.
    pub config: BTreeMap<String, ConfigValue>,
}

impl Model {
    /// An empty model.
    #[must_use]
    pub fn new(name: &str, uuid: &str, juju_version: &str) -> Self {
        Self {
            name: name.to_owned(),
            uuid: uuid.to_owned(),
            juju_version: juju_version.to_owned(),
            applications: BTreeMap::new(),
            relations: BTreeMap::new(),
            secrets: BTreeMap::new(),
            log: Vec::new(),
            clock: Clock::default(),
            next_relation: 0,
            next_secret: 0,
            next_action: 0,
            next_storage: 0,
            offers: BTreeMap::new(),
            saas: BTreeMap::new(),
            links: BTreeMap::new(),
            config: BTreeMap::new(),
        }
    }

    /// A unit that exists in this model.
    #[must_use]
    pub fn unit(&self, name: &UnitName) -> Option<&Unit> {
        self.applications.get(name.application())?.units.get(name)
    }

    /// A unit that exists in this model, to change it.
    pub fn unit_mut(&mut self, name: &UnitName) -> Option<&mut Unit> {
        self.applications.get_mut(name.application())?.units.get_mut(name)
    }

    /// All units of the model, ordered as text.
    pub fn units(&self) -> impl Iterator<Item = (&UnitName, &Unit)> {
        self.applications.values().flat_map(|application| &application.units)
    }

    /// Whether the unit holds the leadership of its application.
    #[must_use]
    pub fn is_leader(&self, unit: &UnitName) -> bool {
        self.applications
            .get(unit.application())
            .is_some_and(|application| application.leader.as_ref() == Some(unit))
    }

    /// Takes the leadership from a unit that holds it. The lowest other unit that stays gets it;
    /// when there is none, nobody leads until somebody is elected.
    pub fn depose(&mut self, unit: &UnitName) {
        let Some(application) = self.applications.get_mut(unit.application()) else { return };
        if application.leader.as_ref() == Some(unit) {
            let others = application.units.values().filter(|other| other.life == Life::Alive);
            let next = others.filter(|other| other.name != *unit);
            application.leader =
                next.min_by_key(|other| other.name.number()).map(|other| other.name.clone());
            if application.leader.is_none() {
                application.election = Some(self.clock.plus(LEASE));
            }
        }
    }

    /// Whether the model plays Juju 3.x or older, which has leadership settings.
    #[must_use]
    pub fn has_leader_settings(&self) -> bool {
        let major = self.juju_version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        major.is_none_or(|major| major < 4)
    }

    /// The relations that an application takes part in, by id.
    pub fn relations_of<'a>(
        &'a self,
        application: &'a str,
    ) -> impl Iterator<Item = (&'a Side, &'a Relation)> {
        self.relations
            .values()
            .filter_map(move |relation| Some((relation.side(application)?, relation)))
    }

    /// The fully qualified host name of a unit, as its headless Service gives it.
    #[must_use]
    pub fn fqdn(&self, unit: &UnitName) -> String {
        let application = unit.application();
        format!("{}.{application}-endpoints.{}.svc.cluster.local", unit.dashed(), self.name)
    }

    /// Adds a line to the log, at the current moment.
    pub fn add_log(&mut self, unit: &str, module: &str, level: Level, message: impl Into<String>) {
        self.log.push(LogEntry {
            time: self.clock,
            entity: format!("unit-{}", unit.replace('/', "-")),
            module: module.to_owned(),
            level,
            message: message.into(),
        });
    }

    /// Reserves an id for a new relation.
    pub fn reserve_relation_id(&mut self) -> RelationId {
        let id = RelationId(self.next_relation);
        self.next_relation += 1;
        id
    }

    /// Reserves an id for a new secret.
    pub fn reserve_secret_id(&mut self) -> SecretId {
        let id = SecretId::of_model(&self.uuid, self.next_secret);
        self.next_secret += 1;
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deposed_leader_leaves_the_lead_to_another_unit_or_to_nobody() {
        let mut model = Model::new("m", "u", "3.6.8");
        let mut web = Application::new("web", crate::charm_folder::CharmMetadata::default());
        let names = [0, 1].map(|number| UnitName::new("web", number));
        for name in &names {
            web.units.insert(name.clone(), Unit::new(name.clone(), ""));
        }
        web.leader = Some(names[0].clone());
        model.applications.insert("web".to_owned(), web);
        model.depose(&names[0]);
        assert!(model.is_leader(&names[1]));
        let web = model.applications.get_mut("web").unwrap();
        web.units.get_mut(&names[0]).unwrap().life = Life::Dying;
        model.depose(&names[1]);
        let web = &model.applications["web"];
        assert_eq!((&web.leader, web.election), (&None, Some(Clock { seconds: LEASE })));
    }

    #[test]
    fn leadership_settings_are_gone_in_juju_4() {
        for (version, wanted) in [("2.9.51", true), ("3.6.8", true), ("4.0-beta5", false)] {
            assert_eq!(Model::new("m", "u", version).has_leader_settings(), wanted, "{version}");
        }
    }

    #[test]
    fn a_unit_has_the_host_name_of_its_headless_service() {
        let model = Model::new("m", "u", "3.6.8");
        assert_eq!(model.fqdn(&UnitName::new("a-b", 1)), "a-b-1.a-b-endpoints.m.svc.cluster.local");
    }
}
