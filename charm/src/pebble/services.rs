//! Services and signals.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{ChangeId, PebbleClient, PebbleError};
use crate::snapshot::ServiceState;

/// How long starting, stopping and restarting is waited for, as `ops` has it.
const ACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// A service of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Whether autostart and replan start it: `enabled` or `disabled`.
    pub startup: String,
    /// What it is doing.
    pub current: ServiceState,
}

#[derive(Deserialize)]
struct ServiceData {
    name: String,
    #[serde(default)]
    startup: String,
    #[serde(default)]
    current: String,
}

/// What to do with services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceAction {
    /// Start the named ones and what they require.
    Start,
    /// Stop the named ones and what requires them.
    Stop,
    /// Stop and start the named ones.
    Restart,
    /// Restart what changed since it was started and start what is enabled; takes no names.
    Replan,
    /// Start what is enabled; takes no names.
    Autostart,
}

impl ServiceAction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Replan => "replan",
            Self::Autostart => "autostart",
        }
    }
}

fn state(word: String) -> ServiceState {
    match word.as_str() {
        "active" => ServiceState::Active,
        "inactive" => ServiceState::Inactive,
        "backoff" => ServiceState::Backoff,
        "error" => ServiceState::Error,
        _ => ServiceState::Other(word),
    }
}

impl PebbleClient {
    /// Services of the plan, all or those named; unknown names are left out.
    ///
    /// # Errors
    ///
    /// When Pebble can't be reached.
    pub async fn services(&self, names: &[String]) -> Result<Vec<Service>, PebbleError> {
        let query: Vec<_> = names.iter().map(|name| ("names", name.clone())).collect();
        let data: Option<Vec<ServiceData>> = self.read("/v1/services", &query).await?;
        let service = |data: ServiceData| Service {
            name: data.name,
            startup: data.startup,
            current: state(data.current),
        };
        Ok(data.unwrap_or_default().into_iter().map(service).collect())
    }

    /// Asks for an action and gives the change to wait for.
    ///
    /// # Errors
    ///
    /// When a name is not in the plan.
    pub async fn begin_services(
        &self,
        action: ServiceAction,
        names: &[String],
    ) -> Result<ChangeId, PebbleError> {
        let body = json!({"action": action.as_str(), "services": names});
        self.begin("/v1/services", &body).await.map(|(id, _)| id)
    }

    /// Does an action and waits until it is done, at most 30 s. A service counts as started when it
    /// has run for a second.
    ///
    /// # Errors
    ///
    /// When it fails or takes longer.
    pub async fn change_services(
        &self,
        action: ServiceAction,
        names: &[String],
    ) -> Result<(), PebbleError> {
        let id = self.begin_services(action, names).await?;
        self.wait(&id, ACTION_TIMEOUT).await.map(drop)
    }

    /// Sends a signal (`SIGHUP`) to the main process of each service.
    ///
    /// # Errors
    ///
    /// When one of them doesn't run; the others get the signal all the same.
    pub async fn signal(&self, signal: &str, names: &[String]) -> Result<(), PebbleError> {
        let body = json!({"signal": signal, "services": names});
        self.post("/v1/signals", &body).await.map(drop)
    }

    /// Posts a request that is answered by a change.
    pub(super) async fn begin(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<(ChangeId, serde_json::Value), PebbleError> {
        let envelope = self.post(path, body).await?;
        match envelope.change {
            Some(id) => Ok((ChangeId(id), envelope.result)),
            None => Err(PebbleError::Protocol {
                request: path.to_owned(),
                expected: "the number of a change",
                source: None,
            }),
        }
    }
}
