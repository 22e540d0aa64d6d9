//! `grafana_datasource`: what Grafana can query.
//!
//! Who can be queried is the provider, Grafana the requirer. Described is grafana_source v1.0,
//! which has sources of a whole application; v0.29 in the field knows sources of units only. The
//! leader of the provider writes [`GrafanaSourceProviderAppData`], each of its units
//! [`GrafanaSourceProviderUnitData`]; the leader of Grafana answers with
//! [`GrafanaSourceRequirerAppData`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::grafana_datasource::{GrafanaSource, GrafanaSourceProviderAppData};
//! use relation_lib::topology::JujuTopology;
//!
//! let uuid = "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse()?;
//! let topology = JujuTopology::new("stage", uuid, "loom".parse()?);
//! let data = GrafanaSourceProviderAppData {
//!     source: Some(GrafanaSource::new(&topology, "loki")),
//!     app_host: Some("http://loom:3100".into()),
//! };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert!(bag["grafana_source_data"].ends_with(r#""extra_fields": null, "secure_extra_fields": null}"#));
//! assert_eq!(GrafanaSourceProviderAppData::decode(&bag).value, data);
//! # Ok::<(), relation_lib::topology::NameError>(())
//! ```

use std::fmt;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::databag::{
    Databag, DatabagPatch, Decoded, Encoding, FromJson, Key, Members, Mismatch, Reader, Writer,
};
use crate::topology::JujuTopology;

/// The name of the interface.
pub const INTERFACE: &str = "grafana_datasource";

/// Fields of a source that Grafana keeps secret, such as header values. They print redacted.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SecureFields(Map<String, Value>);

impl SecureFields {
    /// Wraps the fields.
    #[must_use]
    pub fn new(fields: Map<String, Value>) -> Self {
        SecureFields(fields)
    }

    /// The fields.
    #[must_use]
    pub fn expose(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl fmt::Debug for SecureFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// What kind of source an application is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrafanaSource {
    /// Name of the model.
    pub model: String,
    /// UUID of the model.
    pub model_uuid: String,
    /// Name of the application.
    pub application: String,
    /// The type of the source in Grafana: `prometheus`, `loki`, `tempo`, …
    #[serde(rename = "type")]
    pub source_type: String,
    /// Further settings (`jsonData` in Grafana).
    pub extra_fields: Option<Map<String, Value>>,
    /// Further settings that are secret (`secureJsonData` in Grafana).
    pub secure_extra_fields: Option<SecureFields>,
}

impl GrafanaSource {
    /// A source of a type, without further settings. Of `alertmanager`, Grafana also wants to
    /// know whose it is; that is `prometheus`.
    #[must_use]
    pub fn new(topology: &JujuTopology, source_type: &str) -> Self {
        let implementation = (source_type == "alertmanager")
            .then(|| Map::from_iter([("implementation".to_owned(), Value::from("prometheus"))]));
        GrafanaSource {
            model: topology.model.clone(),
            model_uuid: topology.model_uuid.to_string(),
            application: topology.application.to_string(),
            source_type: source_type.to_owned(),
            extra_fields: implementation,
            secure_extra_fields: None,
        }
    }

    /// The URL under which Grafana shall query: with a scheme, and for Mimir with the path of its
    /// Prometheus API.
    #[must_use]
    pub fn query_url(&self, url: &str) -> String {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        if self.source_type == "mimir" { format!("{url}/prometheus") } else { url }
    }

    /// The id that Grafana gives to the source of the application.
    #[must_use]
    pub fn uid(&self) -> String {
        format!("juju_{}_{}_{}", self.model, self.model_uuid, self.application)
    }

    /// The id that Grafana gives to the source of one unit.
    #[must_use]
    pub fn uid_of_unit(&self, number: u32) -> String {
        format!("{}_{number}", self.uid())
    }
}

impl FromJson for GrafanaSource {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(GrafanaSource {
            model: members.required("model")?,
            model_uuid: members.required("model_uuid")?,
            application: members.required("application")?,
            source_type: members.required("type")?,
            extra_fields: members.optional("extra_fields")?,
            secure_extra_fields: members.optional("secure_extra_fields")?.map(SecureFields),
        })
    }
}

/// What the leader of a source says.
///
/// Provider application databag, grafana_source v1.0.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `grafana_source_data` | Python-style JSON | object of `model`, `model_uuid`, `application`, `type`, `extra_fields`, `secure_extra_fields`; the last may hold secrets | `{"model": "stage", …, "type": "loki", "extra_fields": null, "secure_extra_fields": null}` |
/// | `grafana_source_app_host` | plain | URL of the application; not in v0 | `http://loom.stage.svc.cluster.local:9400` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrafanaSourceProviderAppData {
    /// `grafana_source_data`: what kind of source it is.
    pub source: Option<GrafanaSource>,
    /// `grafana_source_app_host`: where the application is; `None` when its units are sources.
    pub app_host: Option<String>,
}

impl GrafanaSourceProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("grafana_source_data", Encoding::PythonJson),
        Key::optional("grafana_source_app_host", Encoding::Raw),
    ];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let value = GrafanaSourceProviderAppData {
            source: reader.optional("grafana_source_data"),
            app_host: reader.raw("grafana_source_app_host").map(str::to_owned),
        };
        reader.finish(value)
    }

    /// Writes the databag, secret fields in clear text: this interface knows no other way.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("grafana_source_data", self.source.as_ref())
            .raw("grafana_source_app_host", self.app_host.as_deref())
            .finish()
    }
}

/// Where a unit of a source is.
///
/// Provider unit databag, grafana_source v1.0 (where units are sources) and v0.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `grafana_source_host` | plain | URL of the unit | `http://loom-0.loom-endpoints.stage.svc.cluster.local:9009` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrafanaSourceProviderUnitData {
    /// `grafana_source_host`: where the unit is; `None` when it is no source of its own.
    pub host: Option<String>,
}

impl GrafanaSourceProviderUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("grafana_source_host", Encoding::Raw)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let reader = Reader::new(bag);
        let host = reader.raw("grafana_source_host").map(str::to_owned);
        reader.finish(GrafanaSourceProviderUnitData { host })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().raw("grafana_source_host", self.host.as_deref()).finish()
    }
}

/// What the leader of Grafana answers.
///
/// Requirer application databag, grafana_source v1.0. Providers ignore it without `grafana_uid`.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `grafana_uid` | plain | which Grafana it is | `juju_stage_20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11_glass_0` |
/// | `datasource_uids` | Python-style JSON | object: unit of the source → uid | `{"press/0": "juju_stage_20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11_press_0"}` |
/// | `grafana_base_url` | plain | where Grafana is | `http://edge.example/stage-glass` |
/// | `app_datasource_uid` | plain | uid of the application's source; not in v0 | `juju_stage_20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11_loom` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrafanaSourceRequirerAppData {
    /// `grafana_uid`: which Grafana it is.
    pub grafana_uid: Option<String>,
    /// `datasource_uids`: uids of the units' sources.
    pub datasource_uids: Option<IndexMap<String, String>>,
    /// `grafana_base_url`: where Grafana is.
    pub grafana_base_url: Option<String>,
    /// `app_datasource_uid`: uid of the application's source.
    pub app_datasource_uid: Option<String>,
}

impl GrafanaSourceRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("grafana_uid", Encoding::Raw),
        Key::optional("datasource_uids", Encoding::PythonJson),
        Key::optional("grafana_base_url", Encoding::Raw),
        Key::optional("app_datasource_uid", Encoding::Raw),
    ];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let value = GrafanaSourceRequirerAppData {
            grafana_uid: reader.raw("grafana_uid").map(str::to_owned),
            datasource_uids: reader.map("datasource_uids"),
            grafana_base_url: reader.raw("grafana_base_url").map(str::to_owned),
            app_datasource_uid: reader.raw("app_datasource_uid").map(str::to_owned),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .raw("grafana_uid", self.grafana_uid.as_deref())
            .json("datasource_uids", self.datasource_uids.as_ref())
            .raw("grafana_base_url", self.grafana_base_url.as_deref())
            .raw("app_datasource_uid", self.app_datasource_uid.as_deref())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    const RECORDED: &str = r#"{"model": "stage", "model_uuid": "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11", "application": "loom", "type": "loom", "extra_fields": {"a": 1}, "secure_extra_fields": {"k": "hunter2"}}"#;

    fn bag(entries: &[(&str, &str)]) -> Databag {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn databags_hold_to_the_byte() {
        let app = bag(&[
            ("grafana_source_data", RECORDED),
            ("grafana_source_app_host", "http://loom.stage.svc.cluster.local:9400"),
        ]);
        let read = GrafanaSourceProviderAppData::decode(&app);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), app);
        assert!(!format!("{read:?}").contains("hunter2"));
        let answer = bag(&[
            ("grafana_uid", "g"),
            ("datasource_uids", "{}"),
            ("grafana_base_url", "http://g"),
            ("app_datasource_uid", "u"),
        ]);
        let read = GrafanaSourceRequirerAppData::decode(&answer);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), answer);
        let unit = bag(&[("grafana_source_host", "http://loom-0:9009")]);
        let read = GrafanaSourceProviderUnitData::decode(&unit);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), unit);
    }

    #[test]
    fn urls_and_uids_follow_from_the_type_and_the_names() {
        let source =
            GrafanaSourceProviderAppData::decode(&bag(&[("grafana_source_data", RECORDED)]))
                .value
                .source
                .unwrap();
        assert_eq!(source.query_url("loom:80"), "http://loom:80");
        let mimir = GrafanaSource { source_type: "mimir".into(), ..source.clone() };
        assert_eq!(mimir.query_url("https://vault"), "https://vault/prometheus");
        assert_eq!(source.uid_of_unit(3), "juju_stage_20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11_loom_3");
    }
}
