//! One workload container.

use std::error::Error;

use super::{ApplyError, Writer};
use crate::desired::Retry;
use crate::difference::ContainerChange;
use crate::names::ContainerName;
use crate::pebble::{
    Combine, Exec, FileOwner, FileWrite, PebbleClient, PebbleError, Removal, ServiceAction,
};

/// How much of a failed command's words goes into the error.
const STDERR_LIMIT: usize = 1000;

/// Whether a failure means that the container went away.
pub(super) fn is_gone(error: &ApplyError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<PebbleError>());
    source.is_some_and(PebbleError::is_gone)
}

pub(super) async fn apply(
    writer: &Writer<'_>,
    name: &ContainerName,
    changes: &[ContainerChange],
) -> Result<(), ApplyError> {
    let failed = |source| ApplyError::Container { container: name.clone(), source };
    let client = writer.workloads.pebble(name).map_err(failed)?;
    let files = changes.iter().filter_map(|change| match change {
        ContainerChange::Write { path, content, mode } => Some(FileWrite {
            path: path.clone(),
            content: content.reveal().as_bytes().to_vec(),
            mode: *mode,
            owner: FileOwner::default(),
        }),
        _ => None,
    });
    client.write_files(files.collect()).await.map_err(failed)?;
    for change in changes {
        match change {
            ContainerChange::Write { .. } => {}
            ContainerChange::Remove { path } => {
                let paths = [path.clone()];
                client.remove_files(&paths, Removal::Recursive).await.map_err(failed)?;
            }
            ContainerChange::AddLayer { label, layer } => {
                client.add_layer(label, layer, Combine::Merge).await.map_err(failed)?;
            }
            ContainerChange::Run { command } => run(&client, name, command).await?,
            ContainerChange::Replan => {
                client.change_services(ServiceAction::Replan, &[]).await.map_err(failed)?;
            }
            ContainerChange::Restart { services, retry } => {
                let services: Vec<String> = services.iter().cloned().collect();
                restart(writer, &client, name, &services, *retry).await?;
            }
            ContainerChange::Stop { services } => {
                let services: Vec<String> = services.iter().cloned().collect();
                client.change_services(ServiceAction::Stop, &services).await.map_err(failed)?;
            }
        }
    }
    Ok(())
}

async fn run(
    client: &PebbleClient,
    name: &ContainerName,
    command: &[String],
) -> Result<(), ApplyError> {
    let shown = command.join(" ");
    match client.exec(&Exec::new(command)).await {
        Ok(output) if output.code == 0 => Ok(()),
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let stderr = stderr.trim();
            let start = stderr.ceil_char_boundary(stderr.len().saturating_sub(STDERR_LIMIT));
            Err(ApplyError::Command {
                container: name.clone(),
                command: shown,
                code: output.code,
                stderr: stderr[start..].to_owned(),
            })
        }
        // An image need not have every program, such as one that refreshes trust stores.
        Err(error) if error.is_missing_program() => {
            tracing::warn!(container = %name, "{error}");
            Ok(())
        }
        Err(source) => Err(ApplyError::Container { container: name.clone(), source }),
    }
}

/// Restarts services; one that quits quickly is tried again, since what it depends on may be on
/// its way. In the end the hook fails, and Juju tries later.
async fn restart(
    writer: &Writer<'_>,
    client: &PebbleClient,
    name: &ContainerName,
    services: &[String],
    Retry { attempts, pause }: Retry,
) -> Result<(), ApplyError> {
    let attempts = attempts.max(1);
    let mut attempt = 1;
    loop {
        writer.show_attempt(attempt)?;
        match client.change_services(ServiceAction::Restart, services).await {
            Ok(()) => return Ok(()),
            Err(error @ PebbleError::Change { .. }) if attempt < attempts => {
                tracing::warn!(container = %name, attempt, "{error}");
                tokio::time::sleep(pause).await;
                attempt += 1;
            }
            Err(source @ PebbleError::Change { .. }) => {
                return Err(ApplyError::Restart {
                    container: name.clone(),
                    services: services.join(", "),
                    attempts,
                    source: Box::new(source),
                });
            }
            Err(source) => return Err(ApplyError::Container { container: name.clone(), source }),
        }
    }
}
