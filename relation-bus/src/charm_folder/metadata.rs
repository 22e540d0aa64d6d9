//! What a charm declares: `metadata.yaml`, `config.yaml` and `actions.yaml`, as one value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::{ConfigValue, Role};

/// What Juju reads of a charm.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CharmMetadata {
    /// The charm's name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Longer text.
    pub description: String,
    /// Endpoints by name, peers included.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Workload containers, in the order declared.
    pub containers: Vec<String>,
    /// Config options by name.
    pub config: BTreeMap<String, ConfigOption>,
    /// Actions by name, as declared.
    pub actions: Map<String, Value>,
    /// Storage by name, as declared.
    pub storage: Map<String, Value>,
    /// Resources by name, as declared.
    pub resources: Map<String, Value>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Provider, requirer or peer.
    pub role: Role,
    /// The interface it speaks.
    pub interface: String,
    /// How many relations it takes; Juju enforces it for requirers.
    pub limit: Option<u32>,
    /// Not enforced, information for people.
    pub optional: Option<bool>,
}

/// One config option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigOption {
    /// `string`, `boolean`, `int`, `float` or `secret`.
    #[serde(rename = "type", default = "string_type")]
    pub kind: String,
    /// The value until an operator sets one.
    #[serde(default)]
    pub default: Option<ConfigValue>,
    /// For people.
    #[serde(default)]
    pub description: String,
}

fn string_type() -> String {
    "string".to_owned()
}

/// A charm's files that do not declare a charm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A required key is absent or of another type.
    #[error("cannot use the metadata: key `{key}` must be {expected}")]
    Key {
        /// The key, with dots.
        key: String,
        /// What belongs there.
        expected: &'static str,
    },
}

fn refuse(key: impl Into<String>, expected: &'static str) -> MetadataError {
    MetadataError::Key { key: key.into(), expected }
}

impl CharmMetadata {
    /// Reads the three documents. For a `charmcraft.yaml`, `config` and `actions` are the parts
    /// of the same name inside `metadata`.
    ///
    /// # Errors
    ///
    /// When a part that is needed is absent or of another type.
    pub fn from_documents(
        metadata: &Value,
        config: &Value,
        actions: &Value,
    ) -> Result<Self, MetadataError> {
        let text = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
        let name = text("name");
        if name.is_empty() {
            return Err(refuse("name", "a text"));
        }
        let mut endpoints = BTreeMap::new();
        for (section, role) in
            [("provides", Role::Provider), ("requires", Role::Requirer), ("peers", Role::Peer)]
        {
            for (endpoint, declared) in entries(metadata, section)? {
                let key = || format!("{section}.{endpoint}");
                let interface = declared.as_str().or(declared["interface"].as_str());
                let interface = interface.ok_or_else(|| refuse(key(), "an interface"))?;
                let entry = Endpoint {
                    role,
                    interface: interface.to_owned(),
                    limit: declared["limit"].as_u64().and_then(|limit| limit.try_into().ok()),
                    optional: declared["optional"].as_bool(),
                };
                endpoints.insert(endpoint.clone(), entry);
            }
        }
        let mut options = BTreeMap::new();
        for (option, declared) in entries(config, "options")? {
            let parsed = ConfigOption::deserialize(&declared)
                .map_err(|_| refuse(format!("options.{option}"), "a config option"))?;
            options.insert(option, parsed);
        }
        Ok(Self {
            name,
            summary: text("summary"),
            description: text("description"),
            endpoints,
            containers: entries(metadata, "containers")?.into_iter().map(|(n, _)| n).collect(),
            config: options,
            actions: actions.as_object().cloned().unwrap_or_default(),
            storage: entries(metadata, "storage")?.into_iter().collect(),
            resources: entries(metadata, "resources")?.into_iter().collect(),
        })
    }

    /// The content of `metadata.yaml`.
    #[must_use]
    pub fn metadata_document(&self) -> Value {
        let mut document = Map::new();
        document.insert("name".to_owned(), json!(self.name));
        document.insert("summary".to_owned(), json!(self.summary));
        document.insert("description".to_owned(), json!(self.description));
        for (section, role) in
            [("provides", Role::Provider), ("requires", Role::Requirer), ("peers", Role::Peer)]
        {
            let mut declared = Map::new();
            for (name, endpoint) in self.endpoints.iter().filter(|(_, e)| e.role == role) {
                let mut entry = Map::new();
                entry.insert("interface".to_owned(), json!(endpoint.interface));
                if let Some(limit) = endpoint.limit {
                    entry.insert("limit".to_owned(), json!(limit));
                }
                if let Some(optional) = endpoint.optional {
                    entry.insert("optional".to_owned(), json!(optional));
                }
                declared.insert(name.clone(), Value::Object(entry));
            }
            if !declared.is_empty() {
                document.insert(section.to_owned(), Value::Object(declared));
            }
        }
        if !self.containers.is_empty() {
            let containers: Map<_, _> =
                self.containers.iter().map(|name| (name.clone(), json!({}))).collect();
            document.insert("containers".to_owned(), Value::Object(containers));
        }
        for (section, content) in [("storage", &self.storage), ("resources", &self.resources)] {
            if !content.is_empty() {
                document.insert(section.to_owned(), Value::Object(content.clone()));
            }
        }
        Value::Object(document)
    }

    /// The content of `config.yaml`; nothing when there are no options, since an empty file is an
    /// error to Juju.
    #[must_use]
    pub fn config_document(&self) -> Option<Value> {
        if self.config.is_empty() {
            return None;
        }
        let mut options = Map::new();
        for (name, option) in &self.config {
            let mut entry = Map::new();
            entry.insert("type".to_owned(), json!(option.kind));
            if let Some(default) = &option.default {
                entry.insert("default".to_owned(), default.clone());
            }
            entry.insert("description".to_owned(), json!(option.description));
            options.insert(name.clone(), Value::Object(entry));
        }
        Some(json!({ "options": options }))
    }
}

/// The entries of a mapping inside a document; none when it is absent.
fn entries(document: &Value, key: &str) -> Result<Vec<(String, Value)>, MetadataError> {
    match &document[key] {
        Value::Null => Ok(Vec::new()),
        Value::Object(map) => Ok(map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()),
        _ => Err(refuse(key, "a mapping")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let metadata = json!({
            "name": "web", "summary": "s", "description": "d",
            "provides": {"http": {"interface": "http", "optional": true}},
            "requires": {"db": "sql"},
            "peers": {"peers": {"interface": "web_peers"}},
            "containers": {"web": {"resource": "image"}},
        });
        let config = json!({"options": {"port": {"type": "int", "default": 80}}});
        let charm = CharmMetadata::from_documents(&metadata, &config, &Value::Null).unwrap();
        assert_eq!(charm.endpoints["db"].interface, "sql");
        assert_eq!(charm.endpoints["peers"].role, Role::Peer);
        assert_eq!(charm.containers, ["web"]);
        let again = CharmMetadata::from_documents(
            &charm.metadata_document(),
            &charm.config_document().unwrap(),
            &Value::Null,
        );
        assert_eq!(again, Ok(charm));
    }

    #[test]
    fn names_the_key_that_is_wrong() {
        let metadata = json!({"name": "web", "provides": {"http": {}}});
        assert_eq!(
            CharmMetadata::from_documents(&metadata, &Value::Null, &Value::Null),
            Err(refuse("provides.http", "an interface"))
        );
    }
}
