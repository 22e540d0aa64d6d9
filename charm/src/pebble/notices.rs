//! Notices: events that Pebble records.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{PebbleClient, PebbleError, REQUEST_TIMEOUT, decode, duration};

/// A recorded event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Notice {
    /// Its number.
    pub id: String,
    /// Whose it is; absent: everybody's.
    #[serde(rename = "user-id", default)]
    pub user_id: Option<u32>,
    /// `custom`, `change-update`, `warning`, or a word that this version doesn't know.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What it is about; for custom ones like `example.com/path`.
    #[serde(default)]
    pub key: String,
    /// How often it was recorded.
    #[serde(default)]
    pub occurrences: u64,
    /// When it was last repeated (RFC 3339): pass it as `after` to see only newer ones.
    #[serde(rename = "last-repeated", default)]
    pub last_repeated: String,
    /// What was recorded with it last.
    #[serde(rename = "last-data", default)]
    pub last_data: BTreeMap<String, String>,
}

/// Which notices are listed; the default is all of our own and everybody's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    /// Only these types.
    pub types: Vec<String>,
    /// Only these keys.
    pub keys: Vec<String>,
    /// Only those repeated after this time (RFC 3339).
    pub after: Option<String>,
    /// Wait so long for the first one that fits.
    pub wait: Option<Duration>,
}

impl PebbleClient {
    /// Records a custom notice under a key such as `example.com/path` and gives its number.
    ///
    /// # Errors
    ///
    /// When the key or the data are not of the documented form.
    pub async fn notify(
        &self,
        key: &str,
        data: &BTreeMap<String, String>,
        repeat_after: Option<Duration>,
    ) -> Result<String, PebbleError> {
        #[derive(Deserialize)]
        struct Added {
            id: String,
        }
        let mut body = json!({"action": "add", "type": "custom", "key": key, "data": data});
        if let Some(after) = repeat_after {
            body["repeat-after"] = duration(after).into();
        }
        let envelope = self.post("/v1/notices", &body).await?;
        decode::<Added>("/v1/notices", envelope.result).map(|added| added.id)
    }

    /// Notices, those repeated last at the end.
    ///
    /// # Errors
    ///
    /// When Pebble can't be reached.
    pub async fn notices(&self, filter: &NoticeFilter) -> Result<Vec<Notice>, PebbleError> {
        let path = "/v1/notices";
        let mut query: Vec<(&str, String)> = Vec::new();
        query.extend(filter.types.iter().map(|kind| ("types", kind.clone())));
        query.extend(filter.keys.iter().map(|key| ("keys", key.clone())));
        query.extend(filter.after.iter().map(|after| ("after", after.clone())));
        query.extend(filter.wait.map(|wait| ("timeout", duration(wait))));
        let limit = REQUEST_TIMEOUT + filter.wait.unwrap_or_default();
        let request = self.request(Method::GET, path).query(&query).timeout(limit);
        let envelope = self.send(path, request).await?;
        Ok(decode::<Option<Vec<Notice>>>(path, envelope.result)?.unwrap_or_default())
    }

    /// One notice by its number.
    ///
    /// # Errors
    ///
    /// When it is not known (any more).
    pub async fn notice(&self, id: &str) -> Result<Notice, PebbleError> {
        self.read(&format!("/v1/notices/{id}"), &[]).await
    }
}
