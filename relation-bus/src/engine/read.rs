//! What a test or a command reads of a running model.

use std::collections::BTreeMap;
use std::sync::MutexGuard;

use serde_json::Value;

use super::Bus;
use crate::dispatch::lock;
use crate::hook::Journal;
use crate::model::{DataBag, Model, Relation, RelationLife, StatusEntry, StatusValue};
use crate::names::{RelationId, UnitName};
use crate::pebble::Workload;

impl Bus {
    /// The model, locked while the guard lives. Drop it before the next hook.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.model)
    }

    /// Names of the units that run.
    #[must_use]
    pub fn units(&self) -> Vec<UnitName> {
        self.units.keys().cloned().collect()
    }

    /// The relation of an application's endpoint with another application; for a peer relation
    /// the application itself.
    #[must_use]
    pub fn relation(&self, application: &str, endpoint: &str, remote: &str) -> Option<RelationId> {
        let model = self.model();
        let fits = |relation: &&Relation| {
            relation.side(application).is_some_and(|side| side.endpoint == endpoint)
                && relation.remote(application).is_some_and(|side| side.application == remote)
        };
        // One that was removed may still be on its way out beside its successor.
        let found = model.relations.values().filter(fits);
        found.min_by_key(|relation| relation.life != RelationLife::Alive).map(|found| found.id)
    }

    /// What the leader of an application has written on a relation.
    #[must_use]
    pub fn application_databag(&self, relation: RelationId, application: &str) -> DataBag {
        let model = self.model();
        let side = model.relations.get(&relation).and_then(|r| r.side(application));
        side.map(|side| side.bag.content.clone()).unwrap_or_default()
    }

    /// What a unit has written on a relation, with the keys of the controller.
    #[must_use]
    pub fn unit_databag(&self, relation: RelationId, unit: &UnitName) -> DataBag {
        let model = self.model();
        let bag = model.relations.get(&relation).and_then(|relation| relation.unit_bag(unit));
        bag.map(|bag| bag.content.clone()).unwrap_or_default()
    }

    /// The status shown for a unit.
    #[must_use]
    pub fn status(&self, unit: &UnitName) -> StatusEntry {
        self.model().unit(unit).map_or_else(StatusEntry::unset, |unit| unit.shown_status())
    }

    /// Whether every unit is active.
    #[must_use]
    pub fn is_active(&self) -> bool {
        let model = self.model();
        model.units().all(|(_, unit)| unit.shown_status().value == StatusValue::Active)
    }

    /// The bus's own container of a unit. One that runs on a real daemon stays as it began.
    #[must_use]
    pub fn workload(&self, unit: &UnitName, container: &str) -> Option<&Workload> {
        Some(&self.units.get(unit)?.containers.get(container)?.workload)
    }

    /// The plan of a container: all layers combined.
    #[must_use]
    pub fn plan(&self, unit: &UnitName, container: &str) -> Value {
        let runtime = self.units.get(unit).and_then(|runtime| runtime.containers.get(container));
        runtime.map(super::Container::plan).unwrap_or_default()
    }

    /// The plans of all containers.
    #[must_use]
    pub fn plans(&self) -> BTreeMap<UnitName, BTreeMap<String, Value>> {
        let plans = |runtime: &super::UnitRuntime| {
            let entries = runtime.containers.iter();
            entries.map(|(name, entry)| (name.clone(), entry.plan())).collect()
        };
        self.units.iter().map(|(name, runtime)| (name.clone(), plans(runtime))).collect()
    }

    /// Every hook that has run, oldest first.
    #[must_use]
    pub fn journal(&self) -> &[Journal] {
        &self.journals
    }

    /// The log lines of a unit, as `juju debug-log` prints them.
    #[must_use]
    pub fn log(&self, unit: &UnitName) -> Vec<String> {
        let entity = format!("unit-{}", unit.dashed());
        let model = self.model();
        model.log.iter().filter(|line| line.entity == entity).map(ToString::to_string).collect()
    }

    /// The Kubernetes API of the model.
    #[must_use]
    pub fn cluster(&self) -> &crate::kubernetes::Api {
        &self.cluster
    }

    /// Where the charms of its applications are.
    pub fn charm_paths(&self) -> impl Iterator<Item = &std::path::Path> {
        self.charms.values().map(|charm| charm.path.as_path())
    }

    /// Where the files of a unit's charm container are.
    #[must_use]
    pub fn root(&self, unit: &UnitName) -> Option<&std::path::Path> {
        Some(self.units.get(unit)?.agent.root.path())
    }
}
