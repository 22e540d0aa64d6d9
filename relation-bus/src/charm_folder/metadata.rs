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
    /// Storage that containers see, by container.
    #[serde(default)]
    pub mounts: BTreeMap<String, Vec<Mount>>,
    /// Config options by name.
    pub config: BTreeMap<String, ConfigOption>,
    /// Actions by name, as declared.
    pub actions: Map<String, Value>,
    /// Storage by name, as declared.
    pub storage: Map<String, Value>,
    /// Resources by name, as declared.
    pub resources: Map<String, Value>,
}

/// Where a container sees a storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The storage's name in the metadata.
    pub storage: String,
    /// The path in the container.
    #[serde(default)]
    pub location: String,
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
            mounts: mounts(metadata)?,
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
                self.containers.iter().map(|name| (name.clone(), self.container(name))).collect();
            document.insert("containers".to_owned(), Value::Object(containers));
        }
        for (section, content) in [("storage", &self.storage), ("resources", &self.resources)] {
            if !content.is_empty() {
                document.insert(section.to_owned(), Value::Object(content.clone()));
            }
        }
        Value::Object(document)
    }

    /// What `metadata.yaml` says of a container.
    fn container(&self, name: &str) -> Value {
        match self.mounts.get(name) {
            Some(mounts) => json!({ "mounts": mounts }),
            None => json!({}),
        }
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

fn mounts(metadata: &Value) -> Result<BTreeMap<String, Vec<Mount>>, MetadataError> {
    let mut mounts = BTreeMap::new();
    for (container, declared) in entries(metadata, "containers")? {
        let Some(list) = declared.get("mounts") else { continue };
        let parsed = Vec::<Mount>::deserialize(list)
            .map_err(|_| refuse(format!("containers.{container}.mounts"), "a list of mounts"))?;
        mounts.insert(container, parsed);
    }
    Ok(mounts)
}

impl ConfigOption {
    /// A value for this option: a text is read as the option's type, anything else must be of it.
    ///
    /// # Errors
    ///
    /// What Juju says of a value that the option does not take.
    pub fn check(&self, name: &str, value: ConfigValue) -> Result<ConfigValue, String> {
        let refuse =
            |shown: &str| Err(format!("option {name:?} expected {}, got {shown}", self.kind));
        let parsed = match (self.kind.as_str(), &value) {
            ("string", Value::String(_)) => Some(value.clone()),
            ("secret", Value::String(text)) => {
                let is_uri = text.is_empty() || text.starts_with("secret:");
                is_uri.then(|| value.clone())
            }
            ("boolean", Value::Bool(_)) => Some(value.clone()),
            ("boolean", Value::String(text)) => match text.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(json!(true)),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(json!(false)),
                _ => None,
            },
            ("int", Value::Number(number)) => number.as_i64().map(Value::from),
            ("int", Value::String(text)) => text.parse::<i64>().ok().map(Value::from),
            ("float", Value::Number(number)) => number.as_f64().map(Value::from),
            ("float", Value::String(text)) => {
                text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from)
            }
            _ => None,
        };
        match parsed {
            Some(parsed) => Ok(parsed),
            None => refuse(&value.to_string()),
        }
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
    fn a_value_is_of_the_type_of_its_option() {
        let option = |kind: &str| ConfigOption {
            kind: kind.to_owned(),
            default: None,
            description: String::new(),
        };
        for (kind, given, taken) in [
            ("int", json!("8080"), json!(8080)),
            ("int", json!(1), json!(1)),
            ("boolean", json!("True"), json!(true)),
            ("float", json!("1.5"), json!(1.5)),
            ("string", json!("1"), json!("1")),
            ("secret", json!("secret:x"), json!("secret:x")),
        ] {
            assert_eq!(option(kind).check("o", given), Ok(taken), "{kind}");
        }
        for (kind, given, text) in [
            ("int", json!("many"), "option \"o\" expected int, got \"many\""),
            ("int", json!(1.5), "option \"o\" expected int, got 1.5"),
            ("boolean", json!("yes"), "option \"o\" expected boolean, got \"yes\""),
            ("string", json!(5), "option \"o\" expected string, got 5"),
            ("secret", json!("plain"), "option \"o\" expected secret, got \"plain\""),
        ] {
            assert_eq!(option(kind).check("o", given), Err(text.to_owned()));
        }
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
