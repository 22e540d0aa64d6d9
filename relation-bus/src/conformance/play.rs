//! Plays a case: a world is built from it, our charm runs in it once, and what it did is read
//! back.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::case::{Case, Input};
use super::collect::{Aftermath, files_below};
use super::outcome::{ClusterWrite, Outcome};
use super::scene::{self, SceneError};
use crate::kubernetes::{self, Api, ApiSetup, Missing, recorded_objects};
use crate::model::Level;
use crate::names::UnitName;
use crate::one_shot::{self, OneShotError};
use crate::pebble::{self, LayerError, Workload};

/// What came of a case.
#[derive(Debug)]
pub struct Played {
    /// What our charm did.
    pub outcome: Outcome,
    /// Why its hook failed, in words; `None` when it didn't.
    pub failure: Option<String>,
}

/// Why a case could not be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// Something in the case is not what the bus takes it for.
    #[error("cannot build the world of the case")]
    Scene(#[from] SceneError),
    /// The layers of a container make no plan.
    #[error("cannot set up container `{name}`")]
    Container {
        /// Its name.
        name: String,
        /// Why.
        source: LayerError,
    },
    /// The machine refused something.
    #[error("cannot set up the place to play in")]
    Machine(#[from] io::Error),
    /// The charm could not be run.
    #[error("cannot play the event")]
    Event(#[from] OneShotError),
}

/// Plays a case with `program` as the charm.
///
/// The charm runs twice, each time in a world of its own: dry, to learn where its traces would
/// go, and in earnest.
///
/// # Errors
///
/// When the world of the case can't be built, or the charm can't be started. A hook that fails is
/// an outcome.
pub async fn play(case: &Case, program: &Path) -> Result<Played, PlayError> {
    let input = &case.input;
    let unit: UnitName =
        input.unit.parse().map_err(|_| SceneError { kind: "unit", text: input.unit.clone() })?;
    let dry = DryRun::in_folder(program)?;
    let rehearsal = Stage::set(input, &dry.program).await?.run(input).await?;
    let untouched = rehearsal.files()?;
    let performance = Stage::set(input, program).await?.run(input).await?;
    if let Some(failure) = performance.failure() {
        let kind = kind_of(&failure);
        return Ok(Played { outcome: Outcome::failed(kind), failure: Some(failure) });
    }
    let mut files = performance.files()?;
    files.retain(|path, text| {
        // The rest is what the bus itself lays down.
        input.charm_container_files.contains_key(path) || untouched.get(path) != Some(text)
    });
    let aftermath = Aftermath {
        input,
        unit: &unit,
        model: &performance.outcome.model,
        workloads: &performance.workloads,
        cluster: performance.cluster_writes(),
        files,
        charm_tracing: dry.charm_tracing(),
    };
    Ok(Played { outcome: aftermath.outcome(), failure: None })
}

/// A charm that only says what it would do, and where it says so.
struct DryRun {
    folder: TempDir,
    program: PathBuf,
}

impl DryRun {
    fn in_folder(program: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("dry-run");
        let quoted =
            |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
        let command = format!(
            "#!/bin/sh\nexec {} --dry-run --format json >{}\n",
            quoted(program),
            quoted(&folder.path().join("desired.json"))
        );
        fs::write(&script, command)?;
        fs::set_permissions(&script, Permissions::from_mode(0o755))?;
        Ok(DryRun { folder, program: script })
    }

    /// Where the charm would send its traces; nothing when it failed.
    fn charm_tracing(&self) -> Option<Value> {
        let text = fs::read_to_string(self.folder.path().join("desired.json")).ok()?;
        let mut desired: Value = serde_json::from_str(&text).ok()?;
        desired.get_mut("charm_tracing").map(Value::take).filter(|value| !value.is_null())
    }
}

/// A world that is ready for the event, with everything that serves it.
struct Stage {
    world: one_shot::World,
    root: TempDir,
    workloads: BTreeMap<String, Workload>,
    cluster: Api,
    // Served as long as these live.
    pebbles: Vec<pebble::Server>,
    kubernetes: kubernetes::Server,
}

/// A stage after the event.
struct Performance {
    outcome: one_shot::Outcome,
    root: TempDir,
    workloads: BTreeMap<String, Workload>,
    cluster: Api,
}

impl Stage {
    async fn set(input: &Input, program: &Path) -> Result<Self, PlayError> {
        let root = tempfile::Builder::new().prefix("c").rand_bytes(6).tempdir()?;
        let recorded = serde_json::to_value(&input.k8s).unwrap_or_default();
        let cluster = Api::new(ApiSetup {
            objects: recorded_objects(&recorded, &input.model.name, &input.app, &input.unit),
            patch_error: input.k8s.patch_error.as_ref().map(|error| kubernetes::PatchError {
                kind: error.kind.clone(),
                code: error.code,
                message: error.message.clone(),
            }),
            missing: Missing::Accept,
            fault: None,
        });
        let kubernetes = cluster.serve().await?;
        let mut workloads = BTreeMap::new();
        let mut pebbles = Vec::new();
        for container in &input.containers {
            let setup = scene::container(container)?;
            let workload = Workload::new(setup)
                .map_err(|source| PlayError::Container { name: container.name.clone(), source })?;
            let folder = root.path().join("charm/containers").join(&container.name);
            fs::create_dir_all(&folder)?;
            if container.can_connect {
                pebbles.push(workload.serve(&folder.join("pebble.socket")).await?);
            }
            workloads.insert(container.name.clone(), workload);
        }
        let address = kubernetes.address().to_string();
        let world = scene::world(input, program, root.path().to_owned(), Some(address))?;
        Ok(Stage { world, root, workloads, cluster, pebbles, kubernetes })
    }

    async fn run(self, input: &Input) -> Result<Performance, PlayError> {
        let event = scene::event(&input.event)?;
        let outcome = one_shot::run(&self.world, &event).await?;
        drop((self.pebbles, self.kubernetes));
        let Stage { root, workloads, cluster, .. } = self;
        Ok(Performance { outcome, root, workloads, cluster })
    }
}

impl Performance {
    /// The files of the charm container outside the charm folder.
    fn files(&self) -> io::Result<BTreeMap<String, String>> {
        let root = self.root.path();
        // Juju's own folder, and the mounts of the workload containers' sockets.
        files_below(root, &[&root.join("var/lib/juju"), &root.join("charm")])
    }

    fn cluster_writes(&self) -> Vec<ClusterWrite> {
        let writes = self.cluster.journal().into_iter();
        writes
            .filter_map(|write| serde_json::from_value(write.to_json()).ok())
            .map(without_custom_type)
            .collect()
    }

    /// Why the hook failed: what the bus says, and what the charm logged last.
    fn failure(&self) -> Option<String> {
        const TOLD: usize = 5;
        let failure = self.outcome.failure.as_ref()?;
        let lines = self.outcome.model.log.iter().filter(|entry| entry.level >= Level::Warning);
        let mut told: Vec<&str> = lines.map(|entry| entry.message.as_str()).collect();
        told.drain(..told.len().saturating_sub(TOLD));
        Some(std::iter::once(failure.as_str()).chain(told).collect::<Vec<_>>().join("\n"))
    }
}

/// The write as cases record it: an object of a custom resource is told without its type, which
/// stands beside it as `kind`.
fn without_custom_type(mut write: ClusterWrite) -> ClusterWrite {
    if let Some(object) = write.object.as_object_mut()
        && write.kind == "AuthorizationPolicy"
    {
        object.shift_remove("apiVersion");
        object.shift_remove("kind");
    }
    write
}

/// The word for a failure, as well as can be told from the outside.
fn kind_of(failure: &str) -> &'static str {
    if failure.contains("solution.yaml") { "invalid-configuration" } else { "command-failed" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_writes_to_a_file_whatever_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("it's a charm");
        fs::write(&program, "#!/bin/sh\necho \"{\\\"charm_tracing\\\": \\\"$*\\\"}\"\n").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let dry = DryRun::in_folder(&program).unwrap();
        assert!(std::process::Command::new(&dry.program).status().unwrap().success());
        assert_eq!(dry.charm_tracing(), Some("--dry-run --format json".into()));
    }

    #[test]
    fn a_faulty_solution_is_told_from_other_failures() {
        assert_eq!(kind_of("cannot use `solution.yaml`"), "invalid-configuration");
        assert_eq!(kind_of("exit status 1"), "command-failed");
    }
}
