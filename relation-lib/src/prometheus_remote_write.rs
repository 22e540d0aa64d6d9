//! `prometheus_remote_write`: where metrics are pushed to, and the rules on them.
//!
//! Who takes metrics (Prometheus, Mimir) is the provider, who sends them the requirer. Described
//! is version 1, patch 18 (12 and 15 in the field read the same). Every unit of the provider
//! writes [`RemoteWriteProviderUnitData`], its leader answers with
//! [`RemoteWriteProviderAppData`]; the leader of the requirer writes
//! [`RemoteWriteRequirerAppData`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::prometheus_remote_write::{
//!     RemoteWriteEndpoint, RemoteWriteProviderUnitData, endpoints,
//! };
//!
//! let endpoint = RemoteWriteEndpoint::at("https://edge/stage-loom/", "/api/v1/push");
//! let data = RemoteWriteProviderUnitData { remote_write: Some(endpoint.clone()) };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["remote_write"], r#"{"url": "https://edge/stage-loom/api/v1/push"}"#);
//! assert_eq!(endpoints([("press/0", &bag), ("press/1", &bag)]).value, [endpoint]);
//! ```

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::alert_rules::{AlertRules, Feedback};
use crate::databag::{
    Databag, DatabagPatch, Decoded, Encoding, FromJson, Key, Members, Mismatch, Reader, Skipped,
    Writer,
};

/// The name of the interface.
pub const INTERFACE: &str = "prometheus_remote_write";

/// Where metrics are pushed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RemoteWriteEndpoint {
    /// The whole URL, path included.
    pub url: String,
}

impl RemoteWriteEndpoint {
    /// A path below the URL of a server: one slash between the two, none at the end.
    #[must_use]
    pub fn at(server_url: &str, path: &str) -> Self {
        let server = server_url.trim_end_matches('/');
        RemoteWriteEndpoint { url: format!("{server}/{}", path.trim_matches('/')) }
    }
}

impl FromJson for RemoteWriteEndpoint {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        Ok(RemoteWriteEndpoint { url: Members::of(value)?.required("url")? })
    }
}

/// What every unit that takes metrics says.
///
/// Provider unit databag, `prometheus_remote_write` v1 patch 18.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `remote_write` | Python-style JSON | object of `url` | `{"url": "https://edge/stage-loom/api/v1/push"}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteWriteProviderUnitData {
    /// `remote_write`: where metrics are pushed to.
    pub remote_write: Option<RemoteWriteEndpoint>,
}

impl RemoteWriteProviderUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::required("remote_write", Encoding::PythonJson)];

    /// Reads the databag. A unit without endpoint has not spoken yet.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let remote_write = reader.optional("remote_write");
        reader.finish(RemoteWriteProviderUnitData { remote_write })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("remote_write", self.remote_write.as_ref()).finish()
    }
}

/// The endpoints of the units of any number of relations, each URL once, sorted.
///
/// Python gathers them in a set, so any order is one of its own. An unusable endpoint is skipped
/// under the name of its unit.
pub fn endpoints<'a>(
    units: impl IntoIterator<Item = (&'a str, &'a Databag)>,
) -> Decoded<Vec<RemoteWriteEndpoint>> {
    let mut found = BTreeSet::new();
    let mut skipped = Vec::new();
    for (unit, bag) in units {
        let data = RemoteWriteProviderUnitData::decode(bag);
        found.extend(data.value.remote_write);
        let by_unit = |entry| Skipped { entry: Some(unit.to_owned()), ..entry };
        skipped.extend(data.skipped.into_iter().map(by_unit));
    }
    Decoded { value: found.into_iter().collect(), skipped }
}

/// What the leader of the provider answers.
///
/// Provider application databag, `prometheus_remote_write` v1 patch 18.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `event` | Python-style JSON | feedback on rules, see [`Feedback`] | `{}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteWriteProviderAppData {
    /// `event`: what became of the rules of this relation.
    pub event: Option<Feedback>,
}

impl RemoteWriteProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("event", Encoding::PythonJson)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let event = reader.optional("event");
        reader.finish(RemoteWriteProviderAppData { event })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("event", self.event.as_ref()).finish()
    }
}

/// What the leader of a sender says.
///
/// Requirer application databag, `prometheus_remote_write` v1 patch 18.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `alert_rules` | Python-style JSON | `groups` with PromQL, see [`AlertRules`] | `{"groups": […]}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteWriteRequirerAppData {
    /// `alert_rules`: the rules; `None` where the sender has not spoken yet.
    pub alert_rules: Option<AlertRules>,
}

impl RemoteWriteRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("alert_rules", Encoding::PythonJson)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let alert_rules = AlertRules::read(&mut reader, "alert_rules");
        reader.finish(RemoteWriteRequirerAppData { alert_rules })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("alert_rules", self.alert_rules.as_ref()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_endpoint_spoils_only_itself() {
        let said = |text: &str| Databag::from([("remote_write".to_owned(), text.to_owned())]);
        let (a, b, c) =
            (said(r#"{"url": "http://b"}"#), said(r#"{"uri": 1}"#), said(r#"{"url": "http://a"}"#));
        let read = endpoints([("p/0", &a), ("p/1", &b), ("p/2", &c)]);
        let urls: Vec<_> = read.value.iter().map(|endpoint| endpoint.url.as_str()).collect();
        assert_eq!(urls, ["http://a", "http://b"]);
        assert_eq!(
            read.skipped[0].to_string(),
            "`p/1` of `remote_write`: expected a value, found nothing at `url`"
        );
    }

    #[test]
    fn members_of_rules_keep_their_order() {
        let text = r#"{"groups": [{"name": "n", "rules": [{"expr": "b", "alert": "a"}]}]}"#;
        let bag = Databag::from([("alert_rules".to_owned(), text.to_owned())]);
        let read = RemoteWriteRequirerAppData::decode(&bag);
        assert_eq!(read.value.encode()["alert_rules"].as_deref(), Some(text));
    }
}
