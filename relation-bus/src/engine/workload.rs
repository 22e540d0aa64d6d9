//! Containers of a unit, as its agent watches them.

use super::{Bus, EngineError, UnitRuntime};
use crate::hook::{Hook, WorkloadEvent};
use crate::names::UnitName;
use crate::pebble::Happening;
use crate::uniter::restart;

impl Bus {
    /// Restarts a container alone, as when its process is killed for want of memory: files, plan,
    /// checks and notices are gone, and its `pebble-ready` comes again.
    ///
    /// # Errors
    ///
    /// When there is no such unit or container, or it cannot be made.
    pub fn restart_container(
        &mut self,
        unit: &UnitName,
        container: &str,
    ) -> Result<(), EngineError> {
        let missing = || EngineError::NoUnit(unit.clone());
        let agent = self.units.get(unit).ok_or_else(missing)?.agent.clone();
        if !self.units.get(unit).is_some_and(|unit| unit.containers.contains_key(container)) {
            return Err(EngineError::NoContainer {
                unit: unit.clone(),
                container: container.to_owned(),
            });
        }
        let kept = self.mounted_files(unit, container);
        // The old server goes first: it would take its successor's socket with it.
        if let Some(entry) = self.container_mut(unit, container) {
            entry.server = None;
        }
        let begun = self.begin_container(&agent, container, kept)?;
        if let Some(entry) = self.container_mut(unit, container) {
            *entry = begun;
        }
        Ok(())
    }

    fn container_mut(&mut self, unit: &UnitName, container: &str) -> Option<&mut super::Container> {
        self.units.get_mut(unit)?.containers.get_mut(container)
    }

    /// Restarts a unit's agent: what it holds in memory only is gone. `start` runs again, and
    /// `pebble-ready` and all retained notices of its containers come again.
    ///
    /// # Errors
    ///
    /// When there is no such unit.
    pub fn restart_agent(&mut self, unit: &UnitName) -> Result<(), EngineError> {
        let runtime = self.units.get_mut(unit).ok_or_else(|| EngineError::NoUnit(unit.clone()))?;
        forget_workload(runtime);
        runtime.local.started = false;
        Ok(())
    }

    /// Reads what happened in the containers of a unit since it was last asked.
    pub(super) fn poll(&mut self, unit: &UnitName) {
        let Some(runtime) = self.units.get_mut(unit) else { return };
        for (name, container) in &mut runtime.containers {
            if container.server.is_none() {
                continue;
            }
            let (found, read) = container.workload.occurrences(container.read);
            container.read = read;
            for occurrence in found {
                let event = match occurrence.what {
                    Happening::Custom(key) => {
                        WorkloadEvent::CustomNotice { id: occurrence.id, key }
                    }
                    Happening::CheckFailed(check) => WorkloadEvent::CheckFailed { check },
                    Happening::CheckRecovered(check) => WorkloadEvent::CheckRecovered { check },
                };
                let hook = Hook::Workload { container: name.clone(), event };
                runtime.local.workload_events.push_back(hook);
            }
        }
    }
}

/// What the agent forgets of the containers when it restarts.
pub(super) fn forget_workload(runtime: &mut UnitRuntime) {
    restart(&mut runtime.local);
    for container in runtime.containers.values_mut() {
        container.read = None;
    }
}
