//! Writing the difference, in an order in which a crash between any two steps is repaired by the
//! next dispatch.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::future::join_all;

use crate::desired::{Interrupted, VersionProbe};
use crate::difference::{DatabagChange, Difference, PortChange, SecretChange};
use crate::environment::Dispatch;
use crate::names::ContainerName;
use crate::pebble::{Exec, PebbleError};
use crate::snapshot::Snapshot;
use crate::status::Status;
use crate::tools::{Owner, ToolError, Tools};
use crate::workloads::Workloads;

mod container;
mod host;
mod services;

/// Why a difference could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A hook tool failed.
    #[error("cannot write to the model")]
    Tool(#[from] ToolError),
    /// A file of the charm container can't be written or removed.
    #[error("cannot write `{path}` in the charm container")]
    HostFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in a workload container failed.
    #[error("cannot bring container `{container}` up to date")]
    Container {
        /// The container.
        container: ContainerName,
        /// Why.
        source: PebbleError,
    },
    /// A command in a workload container ended with an error.
    #[error("cannot run `{command}` in container `{container}`: exit code {code}: {stderr}")]
    Command {
        /// The container.
        container: ContainerName,
        /// The command.
        command: String,
        /// Its exit code.
        code: i64,
        /// The end of what it said.
        stderr: String,
    },
    /// Services don't start, however often it was tried.
    #[error("cannot restart `{services}` in container `{container}` in {attempts} attempts")]
    Restart {
        /// The container.
        container: ContainerName,
        /// The services.
        services: String,
        /// How often it was tried.
        attempts: u32,
        /// Why the last attempt failed.
        source: Box<PebbleError>,
    },
}

/// Writes differences.
pub(crate) struct Writer<'a> {
    pub(crate) tools: Tools<'a>,
    pub(crate) dispatch: &'a Dispatch,
    pub(crate) workloads: &'a Workloads,
}

impl Writer<'_> {
    /// Writes secrets: they come first, as others speak of their ids.
    pub(crate) fn secrets(&self, changes: &[SecretChange]) -> Result<(), ToolError> {
        for change in changes {
            match change {
                SecretChange::Add { label, owner, content, expire, grants } => {
                    let id = self.tools.add_secret(label, *owner, content, *expire)?;
                    for relation in grants {
                        self.tools.grant_secret(&id, *relation)?;
                    }
                }
                SecretChange::Revise { id, content, expire, .. } => {
                    self.tools.set_secret(id, content, *expire)?;
                }
                SecretChange::Grant { id, relation, .. } => {
                    self.tools.grant_secret(id, *relation)?;
                }
                SecretChange::Remove { id, .. } => self.tools.remove_secret(id)?,
            }
        }
        Ok(())
    }

    /// Writes everything but secrets.
    pub(crate) async fn rest(
        &self,
        snapshot: &Snapshot,
        mut difference: Difference,
        probe: Option<&VersionProbe>,
    ) -> Result<(), ApplyError> {
        host::apply(&self.dispatch.root, &difference.host)?;
        let shown = self.containers(snapshot, &difference).await?;
        if let Some(version) = self.version(snapshot, probe).await {
            difference.set_version(snapshot, &version);
        }
        self.kubernetes(&difference).await;
        for change in &difference.ports {
            match change {
                PortChange::Open(port) => self.tools.open_port(*port)?,
                PortChange::Close(port) => self.tools.close_port(*port)?,
            }
        }
        let settled = difference.settled_databags.iter().filter(|_| !shown.unsettled);
        for DatabagChange { relation, owner, patch } in difference.databags.iter().chain(settled) {
            self.tools.set_databag(*relation, *owner, patch)?;
        }
        self.state(&difference.state)?;
        if let Some(version) = &difference.workload_version {
            self.tools.set_workload_version(version)?;
        }
        for (owner, status) in &difference.statuses_after(&shown) {
            self.tools.set_status(*owner, status)?;
        }
        Ok(())
    }

    fn state(&self, changes: &BTreeMap<String, Option<String>>) -> Result<(), ToolError> {
        let set: BTreeMap<String, String> =
            changes.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
        if !set.is_empty() {
            self.tools.set_state(&set)?;
        }
        for (key, _) in changes.iter().filter(|(_, value)| value.is_none()) {
            self.tools.delete_state(key)?;
        }
        Ok(())
    }

    /// A refusal degrades what the cluster does for us; it is no reason to fail the hook.
    async fn kubernetes(&self, difference: &Difference) {
        for write in &difference.kubernetes {
            let refused = match self.workloads.kubernetes() {
                Ok(client) => client.write(write).await.err(),
                Err(refusal) => Some(refusal.clone()),
            };
            if let Some(refusal) = refused {
                tracing::warn!(code = refusal.code, "{refusal}");
            }
        }
    }

    /// Changes containers side by side and tells what showed in the unit's status meanwhile.
    async fn containers(
        &self,
        snapshot: &Snapshot,
        difference: &Difference,
    ) -> Result<Shown, ApplyError> {
        let mut noted = snapshot.interrupted.clone();
        noted.extend(difference.fired.clone());
        if noted != snapshot.interrupted {
            self.note(&noted);
        }
        let reachable = |name: &ContainerName| snapshot.container(name).is_some();
        let changes = difference
            .containers
            .iter()
            .map(async |(name, changes)| (name, container::apply(self, name, changes).await));
        let mut shown = Shown::default();
        let mut failure = None;
        for (name, outcome) in join_all(changes).await {
            match outcome {
                Ok(Applied { renewed, refused, unsettled }) => {
                    shown.renewed |= renewed;
                    shown.unsettled |= unsettled;
                    if let Some(refusal) = refused {
                        shown.refused.push(refusal);
                        continue;
                    }
                }
                Err(error) if container::is_gone(&error) => {
                    // Its `pebble-ready` will bring everything back.
                    tracing::warn!(container = %name, "{}", crate::run::chain(&error));
                    shown.renewed |= container::renews(&difference.containers[name]);
                    shown.unsettled = true;
                    continue;
                }
                Err(error) => {
                    // What was started since has the newest inputs: they call for nothing more.
                    if let (ApplyError::Restart { .. }, Some(left)) = (&error, noted.get_mut(name))
                    {
                        left.causes.clear();
                    }
                    failure = failure.or(Some(error));
                    continue;
                }
            }
            noted.remove(name);
        }
        // What nothing acts on any more is done with as well.
        noted.retain(|name, _| difference.containers.contains_key(name) || !reachable(name));
        if !(noted.is_empty() && snapshot.interrupted.is_empty() && difference.fired.is_empty()) {
            self.note(&noted);
        }
        failure.map_or(Ok(shown), Err)
    }

    fn note(&self, interrupted: &BTreeMap<ContainerName, Interrupted>) {
        if let Err(error) = crate::interrupted::write(&self.dispatch.charm_dir, interrupted) {
            tracing::warn!("cannot note what is being changed: {error}");
        }
    }

    async fn version(&self, snapshot: &Snapshot, probe: Option<&VersionProbe>) -> Option<String> {
        let VersionProbe { container, command, read } = probe?;
        snapshot.container(container)?;
        let outcome = match self.workloads.pebble(container) {
            Ok(client) => client.exec(&Exec::new(command.clone())).await,
            Err(error) => Err(error),
        };
        let command = command.join(" ");
        match outcome {
            Ok(output) if output.code == 0 => {
                let version = read(&String::from_utf8_lossy(&output.stdout));
                if version.is_none() {
                    tracing::warn!(%container, "cannot find a version in what `{command}` printed");
                }
                version
            }
            Ok(output) => {
                tracing::warn!(%container, "cannot ask `{command}`: exit code {}", output.code);
                None
            }
            Err(error) => {
                tracing::warn!(%container, "{}", crate::run::chain(&error));
                None
            }
        }
    }

    /// Shows what is being done to services, while it is.
    fn show(&self, message: String) -> Result<(), ToolError> {
        self.tools.set_status(Owner::Unit, &Status::maintenance(message))
    }
}

/// What came of changing one container.
#[derive(Debug, Default)]
struct Applied {
    /// Whether the unit's status showed a restart or a reload.
    renewed: bool,
    /// Why a reload was not taken; it stays noted.
    refused: Option<String>,
    /// Whether restarted services are not ready yet.
    unsettled: bool,
}

/// What showed in the unit's status while containers were changed.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Whether anything did, so that the unit's own status has to be set again.
    pub(crate) renewed: bool,
    /// Reloads that were not taken, in words.
    pub(crate) refused: Vec<String>,
    /// Whether restarted services are not ready yet.
    pub(crate) unsettled: bool,
}
