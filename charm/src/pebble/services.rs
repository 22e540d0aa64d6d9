//! Services, changes, checks, health, notices, signals.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Client, Envelope, PebbleError, REQUEST, result};
use crate::snapshot::{CheckState, ServiceState};

/// How long services may take to start or stop.
const SERVICES: Duration = Duration::from_secs(30);
/// How long Pebble itself waits for a change before we ask again.
const WAIT: Duration = Duration::from_secs(4);

/// What Pebble says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SystemInfo {
    /// Its version, such as `v1.26.0`.
    #[serde(default)]
    pub version: String,
    /// Changes when the container was restarted. Absent in very old versions.
    #[serde(rename = "boot-id", default)]
    pub boot_id: String,
}

/// Something that Pebble did, finished.
#[derive(Debug, Clone, Deserialize)]
pub struct Change {
    /// Its id.
    pub id: String,
    /// `Done`, `Error` or another of Pebble's words.
    pub status: String,
    /// What went wrong, with the logs of the tasks; only for `Error`.
    #[serde(default)]
    pub err: Option<String>,
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    tasks: Option<Vec<Task>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Task {
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    log: Option<Vec<String>>,
}

impl Change {
    /// The exit code of a command that this change ran.
    pub(super) fn exit_code(&self) -> Option<i64> {
        self.tasks.iter().flatten().find_map(|task| task.data.as_ref()?.get("exit-code")?.as_i64())
    }

    fn failure(&self) -> String {
        let mut text =
            self.err.clone().unwrap_or_else(|| format!("the change ended as {}", self.status));
        for line in self.tasks.iter().flatten().flat_map(|task| task.log.iter().flatten()) {
            text.push('\n');
            text.push_str(line);
        }
        text
    }
}

#[derive(Deserialize)]
struct ServiceInfo {
    name: String,
    current: String,
}

#[derive(Deserialize)]
struct CheckInfo {
    name: String,
    status: String,
    #[serde(default)]
    failures: u64,
    #[serde(default)]
    threshold: u64,
}

impl Client {
    /// What Pebble says of itself; the way to find out whether the container is up.
    ///
    /// # Errors
    /// When the container is not up.
    pub async fn system_info(&self) -> Result<SystemInfo, PebbleError> {
        let action = "read system information";
        result(action, self.get(action, "/v1/system-info", &[]).await?)
    }

    /// What every service of the plan is doing.
    ///
    /// # Errors
    /// When the container is not up.
    pub async fn services(&self) -> Result<BTreeMap<String, ServiceState>, PebbleError> {
        let action = "list services";
        let services: Option<Vec<ServiceInfo>> =
            result(action, self.get(action, "/v1/services", &[]).await?)?;
        let state = |current: String| match current.as_str() {
            "active" => ServiceState::Active,
            "inactive" => ServiceState::Inactive,
            "backoff" => ServiceState::Backoff,
            "error" => ServiceState::Error,
            _ => ServiceState::Other(current),
        };
        let services = services.unwrap_or_default().into_iter();
        Ok(services.map(|service| (service.name, state(service.current))).collect())
    }

    /// Starts enabled services that don't run and restarts those whose entry in the plan changed.
    ///
    /// # Errors
    /// When the container is not up, or a service doesn't start.
    pub async fn replan(&self) -> Result<(), PebbleError> {
        self.service_action("replan", &[]).await
    }

    /// Starts services.
    ///
    /// # Errors
    /// When the container is not up, a service is not in the plan, or doesn't start.
    pub async fn start(&self, services: &[String]) -> Result<(), PebbleError> {
        self.service_action("start", services).await
    }

    /// Stops services.
    ///
    /// # Errors
    /// When the container is not up, a service is not in the plan, or doesn't stop.
    pub async fn stop(&self, services: &[String]) -> Result<(), PebbleError> {
        self.service_action("stop", services).await
    }

    /// Restarts services; stopped ones are started.
    ///
    /// # Errors
    /// When the container is not up, a service is not in the plan, or doesn't start.
    pub async fn restart(&self, services: &[String]) -> Result<(), PebbleError> {
        self.service_action("restart", services).await
    }

    async fn service_action(&self, verb: &str, services: &[String]) -> Result<(), PebbleError> {
        let action = match services {
            [] => verb.to_owned(),
            _ => format!("{verb} `{}`", services.join("`, `")),
        };
        let mut body = json!({"action": verb});
        if !services.is_empty() {
            body["services"] = json!(services);
        }
        let begun = self.post(&action, "/v1/services", &body).await?;
        let change = self.finish(&action, &begun, SERVICES).await?;
        if change.status == "Error" {
            return Err(PebbleError::ChangeFailed { action, reason: change.failure() });
        }
        Ok(())
    }

    /// Waits for the change that an asynchronous answer began.
    pub(super) async fn finish(
        &self,
        action: &str,
        begun: &Envelope,
        limit: Duration,
    ) -> Result<Change, PebbleError> {
        let id = begun.change.as_deref().ok_or_else(|| PebbleError::Protocol {
            action: action.to_owned(),
            reason: "expected the id of a change".to_owned(),
        })?;
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(PebbleError::Late { action: action.to_owned(), limit });
            }
            let wait = left.min(WAIT);
            let timeout = format!("{:.3}s", wait.as_secs_f64());
            let path = format!("/v1/changes/{id}/wait");
            let answer =
                self.get_within(action, &path, &[("timeout", &timeout)], wait + REQUEST).await;
            match answer {
                Ok(envelope) => {
                    let change: Change = result(action, envelope)?;
                    if change.ready {
                        return Ok(change);
                    }
                }
                // Not done within the time that Pebble itself waited.
                Err(PebbleError::Refused { code: 504, .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The states of all checks of the plan.
    ///
    /// # Errors
    /// When the container is not up.
    pub async fn checks(&self) -> Result<BTreeMap<String, CheckState>, PebbleError> {
        let action = "list checks";
        let checks: Option<Vec<CheckInfo>> =
            result(action, self.get(action, "/v1/checks", &[]).await?)?;
        let checks = checks.unwrap_or_default().into_iter();
        Ok(checks
            .map(|check| {
                let CheckInfo { name, status, failures, threshold } = check;
                (name, CheckState { status, failures, threshold })
            })
            .collect())
    }

    /// Whether all checks are well.
    ///
    /// # Errors
    /// When the container is not up.
    pub async fn healthy(&self) -> Result<bool, PebbleError> {
        let action = "read the health";
        let envelope = self.get(action, "/v1/health", &[]).await?;
        Ok(envelope.result.get("healthy").and_then(Value::as_bool).unwrap_or_default())
    }

    /// Sends a signal, such as `SIGHUP`, to the main process of services.
    ///
    /// # Errors
    /// When the container is not up, or a service doesn't run.
    pub async fn signal(&self, signal: &str, services: &[String]) -> Result<(), PebbleError> {
        let action = format!("send {signal} to `{}`", services.join("`, `"));
        self.post(&action, "/v1/signals", &json!({"signal": signal, "services": services})).await?;
        Ok(())
    }

    /// Records a custom notice; Juju turns it into an event. Returns its id.
    ///
    /// # Errors
    /// When the container is not up, or the key is not `domain/path`.
    pub async fn notify(
        &self,
        key: &str,
        data: &BTreeMap<String, String>,
    ) -> Result<String, PebbleError> {
        let action = format!("record notice `{key}`");
        let body = json!({"action": "add", "type": "custom", "key": key, "data": data});
        let envelope = self.post(&action, "/v1/notices", &body).await?;
        let id = envelope.result.get("id").and_then(Value::as_str);
        Ok(id.unwrap_or_default().to_owned())
    }
}
