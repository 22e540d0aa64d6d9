//! A bus that outlives its process: what is kept, and how it goes on.
//!
//! The model and what every agent remembers are kept. Containers are not: when a bus goes on,
//! agents and containers have restarted, as after the reboot of a node. Juju's answer to that is
//! `start`, and `pebble-ready` for each container.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answers, Bus, EngineError, Settings, UnitRuntime};
use crate::charm_folder::{CharmFolder, Program};
use crate::dispatch::{Agent, UnitRoot, lock};
use crate::hook::Journal;
use crate::model::{AgentStatus, Model, Task, TaskStatus};
use crate::names::UnitName;
use crate::uniter::{LocalState, restart};

/// Everything that a bus needs to go on in another process. It holds secrets.
#[derive(Clone, Serialize, Deserialize)]
pub struct SavedBus {
    /// The model.
    pub model: Model,
    /// The hooks that ran.
    pub journals: Vec<Journal>,
    /// The tasks that were asked for.
    pub tasks: BTreeMap<u32, Task>,
    /// The plan that each container had.
    pub plans: BTreeMap<UnitName, BTreeMap<String, Value>>,
    units: BTreeMap<UnitName, SavedUnit>,
    charms: BTreeMap<String, SavedCharm>,
    answers: BTreeMap<String, Answers>,
    objects: Vec<Value>,
    folder: PathBuf,
    next_context: u64,
    next_root: u32,
    next_address: u32,
    pass: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct SavedUnit {
    root: PathBuf,
    local: LocalState,
}

#[derive(Clone, Serialize, Deserialize)]
struct SavedCharm {
    path: PathBuf,
    /// The binary of the workspace that runs its hooks, if it isn't in the folder.
    binary: Option<String>,
}

impl std::fmt::Debug for SavedBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedBus").field("units", &self.units.keys()).finish_non_exhaustive()
    }
}

impl Bus {
    /// Takes what has to be kept. A hook that runs at the moment counts as not begun.
    #[must_use]
    pub fn save(&self) -> SavedBus {
        let units = self.units.iter().map(|(name, runtime)| {
            let root = runtime.agent.root.path().to_owned();
            (name.clone(), SavedUnit { root, local: runtime.local.clone() })
        });
        let charms = self.charms.iter().map(|(name, charm)| {
            let binary = match &charm.program {
                Program::Folder => None,
                Program::Binary(binary) => Some(binary.clone()),
            };
            (name.clone(), SavedCharm { path: charm.path.clone(), binary })
        });
        SavedBus {
            model: lock(&self.model).clone(),
            journals: self.journals.clone(),
            tasks: self.tasks.clone(),
            plans: self.plans(),
            units: units.collect(),
            charms: charms.collect(),
            answers: self.answers.clone(),
            objects: self.cluster.objects(),
            folder: self.folder.clone(),
            next_context: self.next_context,
            next_root: self.next_root,
            next_address: self.next_address,
            pass: self.pass,
        }
    }

    /// Removes the files of all units, of a bus that will run nothing any more.
    pub fn remove_files(&self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }

    /// Goes on where a bus was left: agents and containers have restarted.
    ///
    /// # Errors
    ///
    /// When the servers around it, or the files of a unit, cannot be made.
    pub async fn restore(saved: SavedBus, settings: Settings) -> Result<Self, EngineError> {
        let SavedBus { model, units, charms, .. } = &saved;
        let settings = Settings { folder: Some(saved.folder.clone()), ..settings };
        let mut bus = Self::empty(&model.name, &model.uuid, &model.juju_version, settings).await?;
        for (name, charm) in charms {
            let Some(application) = model.applications.get(name) else { continue };
            let program = charm.binary.clone().map_or(Program::Folder, Program::Binary);
            let metadata = application.charm.clone();
            let folder = CharmFolder { path: charm.path.clone(), metadata, program };
            bus.charms.insert(name.clone(), folder);
        }
        *lock(&bus.model) = model.clone();
        bus.answers.clone_from(&saved.answers);
        bus.next_context = saved.next_context;
        bus.next_root = saved.next_root;
        bus.next_address = saved.next_address;
        bus.pass = saved.pass;
        for object in &saved.objects {
            bus.cluster.insert(object.clone());
        }
        for (name, unit) in units {
            bus.raise(name, unit)?;
        }
        bus.journals = saved.journals;
        bus.tasks = saved.tasks;
        for task in bus.tasks.values_mut().filter(|task| task.status == TaskStatus::Running) {
            // Its hook still waits in the agent's queue.
            task.status = TaskStatus::Pending;
        }
        Ok(bus)
    }

    /// Brings a unit back: its files are made if they are gone, its containers are new.
    fn raise(&mut self, unit: &UnitName, saved: &SavedUnit) -> Result<(), EngineError> {
        let missing = || EngineError::NoUnit(unit.clone());
        let charm = self.charms.get(unit.application()).cloned().ok_or_else(missing)?;
        let address = {
            let mut model = lock(&self.model);
            let entry = model.unit_mut(unit).ok_or_else(missing)?;
            if matches!(entry.agent, AgentStatus::Executing(_)) {
                entry.agent = AgentStatus::Idle;
            }
            entry.address.clone()
        };
        let root = UnitRoot::at(&saved.root, unit);
        let is_installed = root.charm().is_dir();
        root.make(&self.root_setup(unit, &address, &charm))?;
        self.make_storage_folders(unit)?;
        let (confinement, surroundings) = self.surround(&charm, &root)?;
        let agent = Agent {
            unit: unit.clone(),
            root,
            surroundings,
            confinement,
            time_limit: self.settings.time_limit,
            runner: self.settings.runner.clone(),
        };
        if !is_installed {
            self.install_charm(&charm, &agent)?;
        }
        let containers = self.bring_up(&agent, &charm.metadata.containers, &BTreeMap::new())?;
        let mut local = saved.local.clone();
        restart(&mut local);
        local.started = false;
        self.units.insert(unit.clone(), UnitRuntime { agent, local, containers });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::charm_folder::load;

    #[tokio::test]
    async fn a_bus_goes_on_with_start_and_what_it_knew() {
        let outer = tempfile::tempdir().unwrap();
        let charm = outer.path().join("web");
        std::fs::create_dir(&charm).unwrap();
        let metadata = "name: web\ncontainers: {app: {}}\npeers: {peers: {interface: p}}\n";
        std::fs::write(charm.join("metadata.yaml"), metadata).unwrap();
        std::fs::write(charm.join("dispatch"), "#!/bin/sh\nexit 0\n").unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(charm.join("dispatch"), executable).unwrap();
        let settings = Settings {
            folder: Some(outer.path().join("u")),
            // No hook calls a tool, so that any program does.
            program: Some(PathBuf::from("/bin/true")),
            ..Settings::default()
        };
        let mut bus = Bus::empty("m", "u", "3.6.8", settings.clone()).await.unwrap();
        bus.deploy("web", &load(&charm).unwrap(), 2).await.unwrap();
        bus.settle().await.unwrap();
        let text = serde_json::to_string(&bus.save()).unwrap();
        let before = bus.journal().len();
        drop(bus);

        let saved: SavedBus = serde_json::from_str(&text).unwrap();
        let mut bus = Bus::restore(saved, settings).await.unwrap();
        bus.settle().await.unwrap();
        let unit = UnitName::new("web", 1);
        let after = bus.journal()[before..].iter().filter(|journal| journal.unit == unit);
        let hooks: Vec<&str> = after.map(|journal| journal.hook.as_str()).collect();
        assert_eq!(hooks, ["start", "app-pebble-ready"]);
        assert_eq!(bus.add_unit("web").await.unwrap(), UnitName::new("web", 2));
    }
}
