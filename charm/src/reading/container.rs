//! Workload containers.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::Reader;
use crate::names::ContainerName;
use crate::needs::{ChecksNeed, ContainerNeeds};
use crate::pebble::{Exec, PebbleClient, PebbleError};
use crate::snapshot::{CheckState, Container, ContainerState, ProbeAnswer, Snapshot};

impl Reader<'_> {
    /// Reads what is asked for and not yet known, all containers side by side.
    pub(super) async fn containers(
        &mut self,
        snapshot: &mut Snapshot,
        needs: &BTreeMap<ContainerName, ContainerNeeds>,
    ) {
        let mut wanted = Vec::new();
        for (name, needs) in needs {
            let first = !self.done.containers.contains_key(name);
            let done = self.done.containers.entry(name.clone()).or_default();
            let missing = ContainerNeeds {
                files: needs.files.difference(&done.files).cloned().collect(),
                probes: needs.probes.difference(&done.probes).cloned().collect(),
                checks: needs.checks.difference(&done.checks).copied().collect(),
            };
            if !first && missing == ContainerNeeds::default() {
                continue;
            }
            done.files.extend(missing.files.iter().cloned());
            done.probes.extend(missing.probes.iter().cloned());
            done.checks.extend(missing.checks.iter().copied());
            let known = snapshot.containers.remove(name);
            wanted.push((name, known, missing));
        }
        let reads =
            wanted.into_iter().map(|(name, known, missing)| self.container(name, known, missing));
        for (name, container) in join_all(reads).await {
            snapshot.containers.insert(name, container);
        }
    }

    async fn container(
        &self,
        name: &ContainerName,
        known: Option<Container>,
        missing: ContainerNeeds,
    ) -> (ContainerName, Container) {
        if known == Some(Container::Unreachable) {
            return (name.clone(), Container::Unreachable);
        }
        let state = known.and_then(|container| match container {
            Container::Reachable(state) => Some(state),
            Container::Unreachable => None,
        });
        let read = async { look(&*self.workloads.pebble(name)?, state, missing).await };
        match read.await {
            Ok(state) => (name.clone(), Container::Reachable(state)),
            Err(error) => {
                if error.is_gone() {
                    tracing::debug!(container = %name, "{error}");
                } else {
                    tracing::warn!(container = %name, "{error}");
                }
                (name.clone(), Container::Unreachable)
            }
        }
    }
}

async fn look(
    client: &PebbleClient,
    known: Option<ContainerState>,
    missing: ContainerNeeds,
) -> Result<ContainerState, PebbleError> {
    let mut state = match known {
        Some(state) => state,
        None => {
            let (plan, services) = tokio::try_join!(client.plan(), client.services(&[]))?;
            let services =
                services.into_iter().map(|service| (service.name, service.current)).collect();
            ContainerState { plan, services, ..ContainerState::default() }
        }
    };
    let paths: Vec<String> = missing.files.into_iter().collect();
    state.files.extend(client.read_files(&paths).await?);
    if missing.checks.contains(&ChecksNeed::States) {
        let checks = client.checks(None, &[]).await?;
        state.checks.extend(checks.into_iter().map(|check| {
            let state = CheckState {
                status: check.status,
                failures: check.failures,
                threshold: check.threshold,
            };
            (check.name, state)
        }));
    }
    for command in missing.probes {
        let answer = match client.exec(&Exec::new(command.clone())).await {
            Ok(output) => ProbeAnswer::Exited {
                code: output.code,
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            },
            Err(error @ PebbleError::Unreachable { .. }) => return Err(error),
            Err(error) => ProbeAnswer::Failed(error.to_string()),
        };
        state.probes.insert(command, answer);
    }
    Ok(state)
}
