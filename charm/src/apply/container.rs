//! One workload container.

use std::error::Error;

use super::{Applied, ApplyError, Writer, services};
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

/// Whether changes show in the unit's status while they are made.
pub(super) fn renews(changes: &[ContainerChange]) -> bool {
    let shows = |change: &ContainerChange| {
        matches!(change, ContainerChange::Restart { .. } | ContainerChange::Reload { .. })
    };
    changes.iter().any(shows)
}

pub(super) async fn apply(
    writer: &Writer<'_>,
    name: &ContainerName,
    changes: &[ContainerChange],
) -> Result<Applied, ApplyError> {
    let mut applied = Applied::default();
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
            ContainerChange::Restart { services, causes, retry, settle } => {
                applied.renewed = true;
                let services: Vec<String> = services.iter().cloned().collect();
                services::restart(writer, &client, name, &services, causes, *retry).await?;
                if let Some(settle) = settle {
                    applied.unsettled |= !services::settle(writer, &client, settle).await?;
                }
            }
            ContainerChange::Reload { services, causes, reload } => {
                applied.renewed = true;
                let services: Vec<String> = services.iter().cloned().collect();
                let outcome = services::reload(writer, &client, &services, causes, reload).await;
                applied.refused = outcome?.err();
            }
            ContainerChange::Stop { services } => {
                let services: Vec<String> = services.iter().cloned().collect();
                client.change_services(ServiceAction::Stop, &services).await.map_err(failed)?;
            }
        }
    }
    Ok(applied)
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
