//! Budgets: what a steady model may cost, and what it may leave behind, which is nothing.

use std::future::Future;
use std::panic::Location;

use super::failure::met;
use super::{Failure, TestModel, Unmet};
use crate::hook::{Journal, LifeCycle};
use crate::names::UnitName;

impl TestModel {
    /// Everything that a hook leaves behind when it is dispatched on a unit now: writes to the
    /// model, what it did to containers, what it changed in the cluster. Empty over an unchanged
    /// model.
    ///
    /// # Errors
    ///
    /// When there is no such unit, or the hook can't be tried. A hook that fails is a trace.
    pub async fn try_traces(
        &mut self,
        unit: &UnitName,
        hook: LifeCycle,
    ) -> Result<Vec<String>, Failure> {
        let containers: Vec<String> =
            self.bus.plans().remove(unit).unwrap_or_default().into_keys().collect();
        for container in &containers {
            if let Some(workload) = self.bus.workload(unit, container) {
                workload.clear_journal();
            }
        }
        self.bus.cluster().clear_journal();
        let journal = self.try_dispatch(unit.as_str(), hook).await?;
        let mut traces: Vec<String> = Vec::new();
        if !journal.succeeded {
            traces.push("the hook failed".to_owned());
        }
        traces.extend(journal.writes.iter().map(|write| format!("{write:?}")));
        for container in &containers {
            let Some(workload) = self.bus.workload(unit, container) else { continue };
            let actions = workload.journal();
            traces.extend(actions.iter().map(|action| format!("{container}: {action:?}")));
        }
        traces.extend(self.bus.cluster().journal().iter().map(|write| write.to_json().to_string()));
        Ok(traces)
    }

    /// Dispatches a hook on every unit and looks at what it leaves behind.
    ///
    /// # Errors
    ///
    /// With every trace of every unit, or when a hook can't be tried.
    pub async fn try_steady_under(&mut self, hook: LifeCycle) -> Result<(), Failure> {
        let mut left = Vec::new();
        for unit in self.bus.units() {
            let traces = self.try_traces(&unit, hook).await?;
            if !traces.is_empty() {
                left.push((unit, traces));
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        Err(self.failure(Unmet::Unsteady { hook: hook.as_str().to_owned(), left }))
    }

    /// Asserts that a hook, dispatched on every unit, leaves nothing behind.
    ///
    /// # Panics
    ///
    /// When it does.
    #[track_caller]
    pub fn assert_steady_under(&mut self, hook: LifeCycle) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move { met(self.try_steady_under(hook).await, place) }
    }

    /// Asserts that `update-status`, dispatched on every unit, leaves nothing behind: no write to
    /// the model, to containers or to the cluster.
    ///
    /// # Panics
    ///
    /// When it does.
    #[track_caller]
    pub fn assert_steady(&mut self) -> impl Future<Output = ()> {
        self.assert_steady_under(LifeCycle::UpdateStatus)
    }

    /// Whether no hook of a unit in the last run made more than so many hook-tool calls; what a
    /// charm logs is not counted.
    ///
    /// # Errors
    ///
    /// With the hook that made most, and which calls they were.
    pub fn check_calls_at_most(&self, unit: &str, limit: usize) -> Result<(), Failure> {
        let unit: UnitName = unit.parse().map_err(Unmet::from)?;
        let own = self.last_run().iter().filter(|journal| journal.unit == unit);
        let Some(dearest) = own.max_by_key(|journal| journal.price()) else { return Ok(()) };
        if dearest.price() <= limit {
            return Ok(());
        }
        let counts = dearest.counts().into_iter().map(|(tool, count)| format!("{count} {tool}"));
        let unmet = Unmet::Calls {
            unit,
            hook: dearest.title(),
            limit,
            made: dearest.price(),
            counts: counts.collect::<Vec<_>>().join(", "),
        };
        Err(self.failure(unmet))
    }

    /// Asserts that no hook of a unit in the last run made more than so many hook-tool calls; what
    /// a charm logs is not counted.
    ///
    /// # Panics
    ///
    /// When one did.
    #[track_caller]
    pub fn assert_calls_at_most(&self, unit: &str, limit: usize) {
        met(self.check_calls_at_most(unit, limit), Location::caller());
    }

    /// The hook-tool calls of the last run, all units together; what charms log is not counted.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.last_run().iter().map(Journal::price).sum()
    }
}
