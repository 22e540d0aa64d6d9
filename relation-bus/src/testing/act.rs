//! What a test does to a model. Each verb panics at the test's line when the bus refuses; the bus
//! itself gives the refusal as a value.

use std::future::Future;
use std::panic::Location;
use std::path::Path;

use serde_json::{Map, Value};

use super::failure::met;
use super::{Failure, TestModel, Unmet, build};
use crate::charm_folder;
use crate::engine::{ActionResult, EngineError, Settled};
use crate::hook::{Hook, Journal, LifeCycle};
use crate::model::{Model, Relation, Side};
use crate::names::{RelationId, UnitName};

impl TestModel {
    /// Runs hooks until every unit is idle, or in error for good.
    ///
    /// # Errors
    ///
    /// When that takes more than `hooks` hooks, failed ones included, or one can't be run.
    pub async fn try_settle_within(&mut self, hooks: usize) -> Result<Settled, Failure> {
        self.begin_run();
        match self.bus.settle_within(hooks).await {
            Ok(settled) => {
                self.at_rest();
                Ok(settled)
            }
            Err(EngineError::Restless { limit, noise }) => {
                Err(self.failure(Unmet::Hooks { limit, noise }))
            }
            Err(error) => Err(self.failure(error.into())),
        }
    }

    /// Runs hooks until every unit is idle, or in error for good: a budget that is asserted.
    ///
    /// # Panics
    ///
    /// When that takes more than `hooks` hooks, failed ones included, or one can't be run.
    #[track_caller]
    pub fn settle_within(&mut self, hooks: usize) -> impl Future<Output = Settled> {
        let place = Location::caller();
        async move { met(self.try_settle_within(hooks).await, place) }
    }

    /// Runs one hook on a unit, whatever Juju would do now.
    ///
    /// # Errors
    ///
    /// When there is no such unit, or the hook can't be tried. A hook that fails is a value.
    pub async fn try_dispatch(
        &mut self,
        unit: &str,
        hook: impl Into<Hook>,
    ) -> Result<Journal, Failure> {
        let unit: UnitName = unit.parse().map_err(Unmet::from)?;
        self.begin_run();
        let journal = self.bus.redispatch(&unit, hook.into()).await;
        journal.map_err(|error| self.failure(error.into()))
    }

    /// Runs one hook on a unit, whatever Juju would do now.
    ///
    /// # Panics
    ///
    /// When there is no such unit, or the hook can't be tried.
    #[track_caller]
    pub fn dispatch(&mut self, unit: &str, hook: LifeCycle) -> impl Future<Output = Journal> {
        let place = Location::caller();
        async move { met(self.try_dispatch(unit, hook).await, place) }
    }

    /// Deploys the charm of a folder: packed, or source whose program is built.
    ///
    /// # Errors
    ///
    /// When the folder is no charm, it can't be built, or the name is taken.
    pub async fn try_deploy(
        &mut self,
        name: &str,
        folder: impl AsRef<Path>,
        units: u32,
    ) -> Result<(), Failure> {
        let charm = charm_folder::load(folder.as_ref()).map_err(Unmet::from)?;
        build::programs(&[&charm])?;
        Ok(self.bus.deploy(name, &charm, units).await.map_err(Unmet::from)?)
    }

    /// Deploys the charm of a folder: packed, or source whose program is built.
    ///
    /// # Panics
    ///
    /// When the folder is no charm, it can't be built, or the name is taken.
    #[track_caller]
    pub fn deploy(
        &mut self,
        name: &str,
        folder: impl AsRef<Path>,
        units: u32,
    ) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move { met(self.try_deploy(name, folder, units).await, place) }
    }

    /// Adds a unit.
    ///
    /// # Panics
    ///
    /// When there is no such application, or the unit can't be made.
    #[track_caller]
    pub fn add_unit(&mut self, application: &str) -> impl Future<Output = UnitName> {
        let place = Location::caller();
        async move {
            let added = self.bus.add_unit(application).await;
            met(added.map_err(|error| self.failure(error.into())), place)
        }
    }

    /// Removes the unit with the highest number.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn remove_unit(&mut self, application: &str) -> UnitName {
        let removed = self.bus.remove_unit(application);
        self.done(removed, Location::caller())
    }

    /// Removes an application with its units and relations.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    #[track_caller]
    pub fn remove_application(&mut self, application: &str) {
        let removed = self.bus.remove_application(application);
        self.done(removed, Location::caller());
    }

    /// Relates two applications, each given as `app` or `app:endpoint`.
    ///
    /// # Panics
    ///
    /// When they don't fit, or in several ways.
    #[track_caller]
    pub fn integrate(&mut self, one: &str, other: &str) -> RelationId {
        let related = self.bus.integrate(one, other);
        self.done(related, Location::caller())
    }

    /// Removes a relation, given by one end and the other application.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn remove_relation(&mut self, end: &str, remote: &str) {
        let place = Location::caller();
        let relation = met(self.find_relation(end, remote), place);
        let removed = self.bus.remove_relation(relation);
        self.done(removed, place);
    }

    /// Sets a config option.
    ///
    /// # Panics
    ///
    /// When there is no such application or option.
    #[track_caller]
    pub fn configure(&mut self, application: &str, option: &str, value: impl Into<Value>) {
        let set = self.bus.configure(application, option, Some(value.into()));
        self.done(set, Location::caller());
    }

    /// Moves the leadership to a unit.
    ///
    /// # Panics
    ///
    /// When there is no such unit.
    #[track_caller]
    pub fn set_leader(&mut self, unit: &str) {
        let unit = self.unit(unit);
        let moved = self.bus.set_leader(&unit);
        self.done(moved, Location::caller());
    }

    /// Runs an action; parameters that are not given have their defaults.
    ///
    /// # Panics
    ///
    /// When there is no such unit or action. An action that fails is a value.
    #[track_caller]
    pub fn run_action(
        &mut self,
        unit: &str,
        action: &str,
        parameters: Value,
    ) -> impl Future<Output = ActionResult> {
        let place = Location::caller();
        async move {
            let unit = met(unit.parse().map_err(Failure::from), place);
            let parameters: Map<String, Value> =
                parameters.as_object().cloned().unwrap_or_default();
            self.begin_run();
            let result = self.bus.run_action(&unit, action, parameters).await;
            met(result.map_err(|error| self.failure(error.into())), place)
        }
    }

    /// The relation of an end, `app:endpoint`, with an application; among its own units for a peer
    /// relation.
    ///
    /// # Errors
    ///
    /// When there is none; the failure lists those that the application has.
    pub fn find_relation(&self, end: &str, remote: &str) -> Result<RelationId, Failure> {
        let (application, endpoint) = end.split_once(':').unwrap_or((end, ""));
        if let Some(id) = self.bus.relation(application, endpoint, remote) {
            return Ok(id);
        }
        let known = known(&self.bus.model(), application);
        Err(self.failure(Unmet::NoRelation {
            end: end.to_owned(),
            remote: remote.to_owned(),
            known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
        }))
    }

    #[track_caller]
    fn done<T>(&self, result: Result<T, EngineError>, place: &Location<'_>) -> T {
        met(result.map_err(|error| self.failure(error.into())), place)
    }
}

/// The relations of an application, each as a test would name it.
fn known(model: &Model, application: &str) -> Vec<String> {
    let name = |(side, relation): (&Side, &Relation)| {
        let remote = relation.remote(application)?;
        Some(format!("`{application}:{}` with `{}`", side.endpoint, remote.application))
    };
    model.relations_of(application).filter_map(name).collect()
}
