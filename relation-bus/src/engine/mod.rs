//! Drives the units of a model until nothing is left to do.
//!
//! A [`Bus`] is a model with real charm processes. What an operator does (deploy, integrate,
//! configure, remove) changes the model; [`Bus::settle`] then runs hooks, one unit after another
//! and one hook at a time, until every unit is idle. The same acts give the same run.

mod act;
mod actions;
mod clock;
mod cluster;
mod error;
mod exec;
mod faults;
mod keep;
mod leadership;
mod pod;
mod reach;
mod read;
mod secrets;
mod settings;
mod settle;
mod step;
mod storage;
mod unit;
mod workload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub use actions::ActionResult;
pub use clock::Jitter;
pub use error::{EngineError, Noise};
pub use exec::ExecResult;
pub use faults::Fault;
pub use keep::SavedBus;
pub use leadership::Leadership;
pub use pod::{Churn, InError};
pub use secrets::SecretChange;
pub use settings::{Answers, Images, PebbleKind, PeerEcho, Reach, Settings, StaleReads, Trust};
pub use settle::Settled;
pub use step::{Ran, Resolution, Running, Step};

use crate::charm_folder::{CharmFolder, build_programs};
use crate::dispatch::{Agent, SharedModel, find_program};
use crate::hook::Journal;
use crate::model::{Model, Task};
use crate::model_file::ModelPlan;
use crate::names::UnitName;
use crate::uniter::LocalState;
use crate::{kubernetes, pebble};

/// A workload container of a unit, and its server while it can be reached.
struct Container {
    workload: pebble::Workload,
    /// What a real daemon is made of, where one runs in place of the workload.
    real: Option<pebble::DaemonSetup>,
    server: Option<Serving>,
    /// How far its notices were read.
    read: Option<pebble::NoticeCursor>,
}

/// What answers at a container's socket.
enum Serving {
    Embedded(pebble::Server),
    Real(pebble::Daemon),
}

impl Container {
    /// Identifies this start of the container.
    fn boot_id(&self) -> &str {
        match &self.server {
            Some(Serving::Real(daemon)) => daemon.boot_id(),
            _ => self.workload.boot_id(),
        }
    }

    /// All layers combined.
    fn plan(&self) -> serde_json::Value {
        match &self.server {
            Some(Serving::Real(daemon)) => daemon.plan(),
            _ => self.workload.plan(),
        }
    }
}

impl Serving {
    async fn stop(self) {
        match self {
            Self::Embedded(server) => server.stop().await,
            Self::Real(daemon) => daemon.stop(),
        }
    }
}

/// What the bus runs for one unit.
struct UnitRuntime {
    agent: Agent,
    local: LocalState,
    containers: BTreeMap<String, Container>,
}

/// A model on this machine, with real charm processes.
pub struct Bus {
    model: SharedModel,
    settings: Settings,
    units: BTreeMap<UnitName, UnitRuntime>,
    charms: BTreeMap<String, CharmFolder>,
    answers: BTreeMap<String, Answers>,
    images: BTreeMap<String, Images>,
    journals: Vec<Journal>,
    tasks: BTreeMap<u32, Task>,
    /// Whose hook is out, between begin and finish.
    running: Option<UnitName>,
    /// Who had the last turn.
    turn: Option<UnitName>,
    program: PathBuf,
    folder: PathBuf,
    /// Keeps the folder as long as the bus, when it is a temporary one.
    _temporary: Option<tempfile::TempDir>,
    cluster: kubernetes::Api,
    cluster_server: kubernetes::Server,
    /// The same over TLS, for charms that know nothing else.
    secure_cluster_server: kubernetes::Server,
    /// What is to strike.
    faults: Vec<Fault>,
    /// Refreshes that go through their units, by application.
    rollouts: BTreeMap<String, pod::Rollout>,
    /// What the virtual clock is told to move beyond whole seconds.
    fraction: std::time::Duration,
    next_context: u64,
    next_root: u32,
    next_address: u32,
    pass: u64,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("units", &self.units.keys())
            .field("hooks", &self.journals.len())
            .finish_non_exhaustive()
    }
}

impl Bus {
    /// An empty model.
    ///
    /// # Errors
    ///
    /// When its folder or the servers around it cannot be made.
    pub async fn empty(
        name: &str,
        uuid: &str,
        juju_version: &str,
        settings: Settings,
    ) -> Result<Self, EngineError> {
        let program = match &settings.program {
            Some(program) => program.clone(),
            None => find_program()?,
        };
        let (folder, temporary) = match &settings.folder {
            Some(folder) => (folder.clone(), None),
            None => {
                // Directly below /tmp when it is there: sockets need short paths.
                let made = tempfile::Builder::new().prefix("rb").tempdir();
                let made = made.map_err(EngineError::Folder)?;
                (made.path().to_owned(), Some(made))
            }
        };
        let cluster = kubernetes::Api::new(kubernetes::ApiSetup::default());
        let cluster_server = cluster.serve().await.map_err(EngineError::Cluster)?;
        let secure_cluster_server = cluster.serve_securely().await.map_err(EngineError::Cluster)?;
        Ok(Self {
            model: Arc::new(Mutex::new(Model::new(name, uuid, juju_version))),
            settings,
            units: BTreeMap::new(),
            charms: BTreeMap::new(),
            answers: BTreeMap::new(),
            images: BTreeMap::new(),
            journals: Vec::new(),
            tasks: BTreeMap::new(),
            running: None,
            turn: None,
            program,
            folder,
            _temporary: temporary,
            cluster,
            cluster_server,
            secure_cluster_server,
            faults: Vec::new(),
            rollouts: BTreeMap::new(),
            fraction: std::time::Duration::ZERO,
            next_context: 0,
            next_root: 0,
            next_address: 0,
            pass: 0,
        })
    }

    /// Builds what a model needs, deploys and relates it. Nothing has run yet: see
    /// [`Bus::settle`].
    ///
    /// # Errors
    ///
    /// When a program cannot be built, or an application or relation cannot be made.
    pub async fn start(plan: &ModelPlan, settings: Settings) -> Result<Self, EngineError> {
        let mut bus = Self::empty(&plan.name, &plan.uuid, &plan.juju_version, settings).await?;
        let charms: Vec<_> = plan.applications.iter().map(|(_, plan)| &plan.charm).collect();
        build_programs(&charms, &bus.program)?;
        bus.play(plan).await?;
        Ok(bus)
    }

    /// Deploys and relates what a plan holds. The programs of its charms must have been built.
    ///
    /// # Errors
    ///
    /// When an application or relation cannot be made.
    pub async fn play(&mut self, plan: &ModelPlan) -> Result<(), EngineError> {
        if let Some(pebble) = &plan.pebble {
            self.settings.pebble = pebble.clone();
        }
        for (name, application) in &plan.applications {
            self.answer(name, application.commands.clone());
            self.bring_along(name, application.images.clone());
            self.deploy(name, &application.charm, application.units).await?;
            for (option, value) in &application.config {
                self.configure(name, option, Some(value.clone()))?;
            }
            self.trust(name, if application.trust { Trust::Granted } else { Trust::Withheld })?;
        }
        for (one, other, place) in &plan.relations {
            let spell = |end: &crate::model_file::End| match &end.endpoint {
                Some(endpoint) => format!("{}:{endpoint}", end.application),
                None => end.application.clone(),
            };
            self.integrate(&spell(one), &spell(other)).map_err(|source| EngineError::At {
                place: place.clone(),
                source: Box::new(source),
            })?;
        }
        Ok(())
    }
}
