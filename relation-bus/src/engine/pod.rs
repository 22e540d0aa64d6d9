//! Pods that go and come: refresh, eviction.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Bus, EngineError};
use crate::charm_folder::{CharmFolder, CharmMetadata};
use crate::dispatch::lock;
use crate::model::{Level, Life, Relation, RelationLife, Role, Side};
use crate::names::UnitName;
use crate::uniter::{PodEnd, PodLife, enter_pod};

/// How a pod goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Churn {
    /// Its agent is told, and runs `stop`.
    Gracefully,
    /// It is gone at once.
    Hard,
}

/// Whether a refresh waits for units in error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InError {
    /// It does: the failed hook must succeed or be resolved first.
    #[default]
    Waits,
    /// It doesn't (`--force-units`).
    Forced,
}

/// A refresh that goes through the units of an application, the highest first.
#[derive(Debug)]
pub(super) struct Rollout {
    waiting: VecDeque<UnitName>,
    current: Option<UnitName>,
    end: PodEnd,
}

impl Bus {
    /// Gives an application another charm. The pods are replaced one after another: `stop`, and in
    /// the new pod `upgrade-charm`, `config-changed`, `start`, `pebble-ready`.
    ///
    /// # Errors
    ///
    /// When there is no such application, or the charm would break one of its relations.
    pub fn refresh(
        &mut self,
        application: &str,
        charm: &CharmFolder,
        in_error: InError,
    ) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        let missing = || EngineError::NoApplication(application.to_owned());
        let entry = model.applications.get(application).ok_or_else(missing)?;
        let revision = entry.charm_revision + 1;
        let broken = model.relations_of(application).find(|(side, relation)| {
            relation.life == RelationLife::Alive && !fits(&charm.metadata, side, relation)
        });
        if let Some((_, relation)) = broken {
            return Err(EngineError::Refresh {
                application: application.to_owned(),
                charm: format!("local:{}-{revision}", charm.metadata.name),
                relation: relation.key(),
            });
        }
        let fresh: Vec<_> = charm
            .metadata
            .endpoints
            .iter()
            .filter(|(name, declared)| {
                declared.role == Role::Peer && !entry.charm.endpoints.contains_key(*name)
            })
            .map(|(name, declared)| (name.clone(), declared.interface.clone()))
            .collect();
        for (endpoint, interface) in fresh {
            let id = model.reserve_relation_id();
            let sides = vec![Side::new(application, &endpoint, Role::Peer)];
            let relation = Relation { id, interface, sides, life: RelationLife::Alive };
            model.relations.insert(id, relation);
        }
        let entry = model.applications.get_mut(application).ok_or_else(missing)?;
        // An option that is gone, or of another type, loses its value.
        let kept = |name: &str| {
            charm.metadata.config.get(name).map(|option| &option.kind)
                == entry.charm.config.get(name).map(|option| &option.kind)
        };
        let config = entry.config.clone().into_iter().filter(|(name, _)| kept(name)).collect();
        entry.config = config;
        entry.charm = charm.metadata.clone();
        entry.charm_revision = revision;
        let mut units: Vec<_> =
            entry.units.values().filter(|unit| unit.life == Life::Alive).collect();
        units.sort_by_key(|unit| std::cmp::Reverse(unit.name.number()));
        let waiting = units.into_iter().map(|unit| unit.name.clone()).collect();
        drop(model);
        self.charms.insert(application.to_owned(), charm.clone());
        let end = match in_error {
            InError::Waits => PodEnd::Upgrade,
            InError::Forced => PodEnd::ForcedUpgrade,
        };
        self.rollouts.insert(application.to_owned(), Rollout { waiting, current: None, end });
        Ok(())
    }

    /// Replaces the pod of a unit: an empty charm directory but for the charm, fresh containers, a
    /// new address. Relations and storage stay.
    ///
    /// # Errors
    ///
    /// When there is no such unit.
    pub fn churn(&mut self, unit: &UnitName, how: Churn) -> Result<(), EngineError> {
        let runtime = self.units.get_mut(unit).ok_or_else(|| EngineError::NoUnit(unit.clone()))?;
        runtime.local.pod = match how {
            Churn::Gracefully => PodLife::Ending(PodEnd::Churn),
            Churn::Hard => PodLife::Over(PodEnd::Churn),
        };
        Ok(())
    }

    /// Ends the pod of the next unit of each refresh, once the one before is up again.
    pub(super) fn roll(&mut self) {
        let units = &mut self.units;
        self.rollouts.retain(|_, rollout| {
            if let Some(runtime) = rollout.current.as_ref().and_then(|unit| units.get(unit)) {
                let local = &runtime.local;
                let is_up = local.pod == PodLife::Stays && local.started;
                if !is_up && local.failed.is_none() {
                    return true;
                }
            }
            rollout.current = rollout.waiting.pop_front();
            let Some(unit) = &rollout.current else { return false };
            if let Some(runtime) = units.get_mut(unit) {
                runtime.local.pod = PodLife::Ending(rollout.end);
            }
            true
        });
    }

    /// Gives a unit its new pod. What goes wrong is in the model's log: the unit goes on without.
    pub(super) fn new_pod(&mut self, unit: &UnitName, end: PodEnd) {
        if let Err(error) = self.try_new_pod(unit) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let text = format!("{error}: {}", cause.unwrap_or_default());
            lock(&self.model).add_log(unit.as_str(), "relation-bus.pod", Level::Error, text);
        }
        if let Some(runtime) = self.units.get_mut(unit) {
            enter_pod(&mut runtime.local, end);
        }
    }

    fn try_new_pod(&mut self, unit: &UnitName) -> Result<(), EngineError> {
        let application = unit.application();
        let missing = || EngineError::NoUnit(unit.clone());
        let charm = self.charms.get(application).cloned().ok_or_else(missing)?;
        let address = self.next_pod_address();
        let agent = {
            let setup = self.root_setup(unit, &address, &charm);
            let root = self.units.get(unit).ok_or_else(missing)?.agent.root.clone();
            let (confinement, surroundings) = self.surround(&charm, &root)?;
            let runtime = self.units.get_mut(unit).ok_or_else(missing)?;
            runtime.agent.confinement = confinement;
            runtime.agent.surroundings = surroundings;
            std::fs::remove_dir_all(runtime.agent.root.charm()).ok();
            std::fs::remove_dir_all(runtime.agent.root.written()).ok();
            runtime.agent.root.make(&setup)?;
            runtime.agent.clone()
        };
        self.install_charm(&charm, &agent)?;
        let mut kept = BTreeMap::new();
        for name in &charm.metadata.containers {
            kept.insert(name.clone(), self.mounted_files(unit, name));
        }
        if let Some(runtime) = self.units.get_mut(unit) {
            runtime.containers.clear();
        }
        let containers = self.bring_up(&agent, &charm.metadata.containers, &kept)?;
        if let Some(runtime) = self.units.get_mut(unit) {
            runtime.containers = containers;
        }
        let mut model = lock(&self.model);
        if let Some(entry) = model.unit_mut(unit) {
            entry.address.clone_from(&address);
        }
        for relation in model.relations.values_mut() {
            relation.readdress(unit, &address);
        }
        drop(model);
        self.move_pod(unit, &address);
        Ok(())
    }
}

/// Whether a charm still has the end of a relation.
fn fits(charm: &CharmMetadata, side: &Side, relation: &Relation) -> bool {
    charm.endpoints.get(&side.endpoint).is_some_and(|declared| {
        declared.role == side.role && declared.interface == relation.interface
    })
}
