//! Changes: operations that take their time.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{PebbleClient, PebbleError, REQUEST_TIMEOUT, decode, duration, nullable};

/// The number of a change, as Pebble writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeId(pub(super) String);

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An operation and how far it has come.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Change {
    /// Its number.
    #[serde(default)]
    pub id: String,
    /// What kind: `start`, `restart`, `exec`, `perform-check` and so on.
    #[serde(default)]
    pub kind: String,
    /// For people: `Start service "web"`.
    #[serde(default)]
    pub summary: String,
    /// `Do`, `Doing`, `Done`, `Error`, `Hold` and so on.
    #[serde(default)]
    pub status: String,
    /// Whether it has ended.
    #[serde(default)]
    pub ready: bool,
    /// Why it failed.
    #[serde(default)]
    pub err: Option<String>,
    /// Its parts.
    #[serde(default, deserialize_with = "nullable")]
    pub tasks: Vec<Task>,
}

/// A part of a change.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Task {
    /// For people.
    #[serde(default)]
    pub summary: String,
    /// As of the change.
    #[serde(default)]
    pub status: String,
    /// Its last log entries.
    #[serde(default, deserialize_with = "nullable")]
    pub log: Vec<String>,
    /// Results; `exit-code` of an exec.
    #[serde(default)]
    pub data: Option<Map<String, Value>>,
}

/// Which changes are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeSelect {
    /// Those that have not ended. Running checks are among them for ever.
    InProgress,
    /// Those that have.
    Ready,
    /// All.
    All,
}

impl ChangeSelect {
    fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Ready => "ready",
            Self::All => "all",
        }
    }
}

impl Change {
    /// The change itself if it did not fail.
    pub(super) fn succeeded(self) -> Result<Self, PebbleError> {
        let Some(reason) = self.err else { return Ok(self) };
        let log: Vec<String> = self.tasks.into_iter().flat_map(|task| task.log).collect();
        let mut summary = self.summary;
        if let Some(first) = summary.get_mut(0..1) {
            first.make_ascii_lowercase();
        }
        let reason = reason
            .lines()
            .map(|line| line.trim_start_matches("- "))
            .filter(|line| !line.ends_with("following tasks:"))
            .collect::<Vec<_>>()
            .join("; ");
        Err(PebbleError::Change { summary, reason, log: log.join("\n") })
    }
}

impl PebbleClient {
    /// A change as it is now.
    ///
    /// # Errors
    ///
    /// When it is not known (any more).
    pub async fn change(&self, id: &ChangeId) -> Result<Change, PebbleError> {
        self.read(&format!("/v1/changes/{id}"), &[]).await
    }

    /// Changes, in no order; of one service where one is named.
    ///
    /// # Errors
    ///
    /// When Pebble can't be reached.
    pub async fn changes(
        &self,
        select: ChangeSelect,
        service: Option<&str>,
    ) -> Result<Vec<Change>, PebbleError> {
        let mut query = vec![("select", select.as_str().to_owned())];
        query.extend(service.map(|service| ("for", service.to_owned())));
        Ok(self.read::<Option<_>>("/v1/changes", &query).await?.unwrap_or_default())
    }

    /// Stops a change that has not ended.
    ///
    /// # Errors
    ///
    /// When it is not known or has ended.
    pub async fn abort(&self, id: &ChangeId) -> Result<Change, PebbleError> {
        let path = format!("/v1/changes/{id}");
        let envelope = self.post(&path, &json!({"action": "abort"})).await?;
        decode(&path, envelope.result)
    }

    /// Waits until a change has ended. One that ended with an error is [`PebbleError::Change`].
    ///
    /// # Errors
    ///
    /// When it failed, or has not ended when the time is up.
    pub async fn wait(&self, id: &ChangeId, limit: Duration) -> Result<Change, PebbleError> {
        self.wait_ended(id, limit).await?.succeeded()
    }

    pub(super) async fn wait_ended(
        &self,
        id: &ChangeId,
        limit: Duration,
    ) -> Result<Change, PebbleError> {
        let path = format!("/v1/changes/{id}/wait");
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // One second below the request's own limit, so that Pebble answers first.
            let slice = left.min(REQUEST_TIMEOUT - Duration::from_secs(1));
            match self.read(&path, &[("timeout", duration(slice))]).await {
                Err(PebbleError::Refused { code: 504, .. }) if !left.is_zero() => {}
                Err(PebbleError::Refused { code: 504, .. }) => {
                    return Err(PebbleError::Timeout { request: path });
                }
                other => return other,
            }
        }
    }
}
