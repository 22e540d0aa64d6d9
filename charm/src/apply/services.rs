//! Restarts and reloads of services.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::Instrument as _;

use super::{ApplyError, Writer};
use crate::connection::Connection;
use crate::desired::{Reload, Retry, Settle, in_words};
use crate::names::ContainerName;
use crate::pebble::{Exec, PebbleClient, PebbleError, ServiceAction};
use crate::tools::ToolError;

/// When a restarted workload is looked at for the second time. Each failure counts for the check, so
/// the intervals grow.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// How long a workload may take to answer a request to reload.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// Starts or restarts services; one that quits quickly is tried again, since what it depends on may
/// be on its way. In the end the hook fails, and Juju tries later.
pub(super) async fn restart(
    writer: &Writer<'_>,
    client: &PebbleClient,
    name: &ContainerName,
    services: &[String],
    causes: &BTreeSet<String>,
    retry: Retry,
) -> Result<(), ApplyError> {
    let (reason, listed) = (in_words(causes), services.join(", "));
    let span = tracing::info_span!(
        "restart", container = %name, services = listed, reason, attempts = tracing::field::Empty,
    );
    let attempts = retry.attempts.max(1);
    let tried = async {
        tracing::info!(container = %name, services = listed, reason, "restarting");
        for attempt in 1.. {
            tracing::Span::current().record("attempts", attempt);
            writer.show(match (attempt, reason.is_empty()) {
                (1, true) => format!("starting {listed}"),
                (1, false) => format!("restarting: {reason}"),
                _ => format!("starting {listed} (attempt {attempt} of {attempts})"),
            })?;
            match client.change_services(ServiceAction::Restart, services).await {
                Ok(()) => break,
                Err(error @ PebbleError::Change { .. }) if attempt < attempts => {
                    tracing::warn!(container = %name, attempt, "{error}");
                    tokio::time::sleep(retry.pause_after(attempt)).await;
                }
                Err(source @ PebbleError::Change { .. }) => {
                    return Err(ApplyError::Restart {
                        container: name.clone(),
                        services: listed.clone(),
                        attempts,
                        source: Box::new(source),
                    });
                }
                Err(source) => {
                    return Err(ApplyError::Container { container: name.clone(), source });
                }
            }
        }
        Ok(())
    };
    tried.instrument(span).await
}

/// Waits until restarted services are ready; `false`: they are not, and the check goes on.
pub(super) async fn settle(
    writer: &Writer<'_>,
    client: &PebbleClient,
    Settle { check, patience }: &Settle,
) -> Result<bool, ToolError> {
    let span = tracing::info_span!("settle", check);
    let waited = async {
        let mut waited = Duration::ZERO;
        let mut pause = FIRST_LOOK;
        loop {
            match client.refresh_check(check).await {
                Ok((_, None)) => return Ok(true),
                // Pebble tells Juju when it recovers.
                Ok((state, Some(_))) if state.status == "down" => return Ok(false),
                Ok(_) => {}
                Err(error) if error.is_gone() => return Ok(false),
                Err(error) => {
                    tracing::debug!("{error}");
                    return Ok(true);
                }
            }
            if waited >= *patience {
                return Ok(false);
            }
            if waited.is_zero() {
                writer.show(format!("waiting for check `{check}`"))?;
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause *= 2;
        }
    };
    waited.instrument(span).await
}

/// Tells services to read their inputs again. The inner error says why they didn't take it: that
/// is no reason for a restart, as a workload that is busy coming up refuses too.
pub(super) async fn reload(
    writer: &Writer<'_>,
    client: &PebbleClient,
    services: &[String],
    causes: &BTreeSet<String>,
    reload: &Reload,
) -> Result<Result<(), String>, ToolError> {
    let (reason, listed) = (in_words(causes), services.join(", "));
    let span = tracing::info_span!("reload", services = listed, reason);
    let told = async {
        tracing::info!(services = listed, reason, "reloading");
        writer.show(format!("reloading: {reason}"))?;
        let told = tell(writer, client, services, reload).await;
        if let Err(refusal) = &told {
            tracing::warn!(services = listed, "{refusal}");
        }
        Ok(told)
    };
    told.instrument(span).await
}

async fn tell(
    writer: &Writer<'_>,
    client: &PebbleClient,
    services: &[String],
    reload: &Reload,
) -> Result<(), String> {
    match reload {
        Reload::Command(command) => {
            let shown = command.join(" ");
            match client.exec(&Exec::new(command)).await {
                Ok(output) if output.code == 0 => Ok(()),
                Ok(output) => Err(format!("cannot reload: `{shown}` ended with {}", output.code)),
                Err(error) => Err(format!("cannot reload: {}", crate::run::chain(&error))),
            }
        }
        Reload::Post { url, ca } => {
            let request = async {
                let mut connection =
                    Connection::open(url, ca.as_deref(), &writer.dispatch.root).await?;
                connection.post_nothing().await
            };
            match tokio::time::timeout(REQUEST_LIMIT, request).await {
                Ok(Ok(status)) if status.is_success() => Ok(()),
                Ok(Ok(status)) => {
                    Err(format!("cannot reload: `{url}` answers {}", status.as_u16()))
                }
                Ok(Err(error)) => Err(format!("cannot reload: {}", crate::run::chain(&error))),
                Err(_) => Err(format!("cannot reload: `{url}` doesn't answer")),
            }
        }
        Reload::Signal(signal) => {
            let sent = client.signal(signal, services).await;
            sent.map_err(|error| format!("cannot reload: {}", crate::run::chain(&error)))
        }
    }
}
