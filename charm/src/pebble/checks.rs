//! Checks and health.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{PebbleClient, PebbleError, decode, nullable};

/// A check of the plan and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// `alive`, `ready` or empty.
    #[serde(default)]
    pub level: String,
    /// `up`, `down`, `inactive`, or a word that this version doesn't know.
    #[serde(default)]
    pub status: String,
    /// Failures in a row.
    #[serde(default)]
    pub failures: u64,
    /// Failures after which the check is down.
    #[serde(default)]
    pub threshold: u64,
}

/// The level of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckLevel {
    /// Down means: restart the container.
    Alive,
    /// Down means: send no traffic.
    Ready,
}

impl CheckLevel {
    fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Ready => "ready",
        }
    }
}

/// What to do with checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckAction {
    /// Run them from now on.
    Start,
    /// Don't run them any more.
    Stop,
}

/// Whether the container's checks are up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// All are up or inactive, or there are none.
    Healthy,
    /// One is down.
    Unhealthy,
}

#[derive(Deserialize)]
struct HealthData {
    healthy: bool,
}

#[derive(Deserialize)]
struct ChangedData {
    #[serde(default, deserialize_with = "nullable")]
    changed: Vec<String>,
}

#[derive(Deserialize)]
struct RefreshData {
    info: Check,
    #[serde(default)]
    error: Option<String>,
}

fn query(level: Option<CheckLevel>, names: &[String]) -> Vec<(&'static str, String)> {
    let level = level.map(|level| ("level", level.as_str().to_owned()));
    level.into_iter().chain(names.iter().map(|name| ("names", name.clone()))).collect()
}

impl PebbleClient {
    /// Checks of the plan, all or those of a level or with these names.
    ///
    /// # Errors
    ///
    /// When Pebble can't be reached.
    pub async fn checks(
        &self,
        level: Option<CheckLevel>,
        names: &[String],
    ) -> Result<Vec<Check>, PebbleError> {
        let checks: Option<Vec<Check>> = self.read("/v1/checks", &query(level, names)).await?;
        Ok(checks.unwrap_or_default())
    }

    /// Starts or stops checks and tells which of them changed (Pebble 1.19 and later).
    ///
    /// # Errors
    ///
    /// When one is not in the plan.
    pub async fn change_checks(
        &self,
        action: CheckAction,
        names: &[String],
    ) -> Result<Vec<String>, PebbleError> {
        let action = match action {
            CheckAction::Start => "start",
            CheckAction::Stop => "stop",
        };
        let envelope = self.post("/v1/checks", &json!({"action": action, "checks": names})).await?;
        decode::<ChangedData>("/v1/checks", envelope.result).map(|data| data.changed)
    }

    /// Runs a check now (Pebble 1.20 and later): how it stands, and why this run failed if it did.
    ///
    /// # Errors
    ///
    /// When it is not in the plan.
    pub async fn refresh_check(&self, name: &str) -> Result<(Check, Option<String>), PebbleError> {
        let path = "/v1/checks/refresh";
        let envelope = self.post(path, &json!({"name": name})).await?;
        decode::<RefreshData>(path, envelope.result).map(|data| (data.info, data.error))
    }

    /// Whether checks are up; `Ready` includes those of level `alive`.
    ///
    /// # Errors
    ///
    /// When Pebble can't be reached.
    pub async fn health(
        &self,
        level: Option<CheckLevel>,
        names: &[String],
    ) -> Result<Health, PebbleError> {
        // Pebble says "unhealthy" with HTTP status 502 in an ordinary answer.
        let result: Value = self.read("/v1/health", &query(level, names)).await?;
        let data: HealthData = decode("/v1/health", result)?;
        Ok(if data.healthy { Health::Healthy } else { Health::Unhealthy })
    }
}
