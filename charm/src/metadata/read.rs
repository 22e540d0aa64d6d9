//! Reading `metadata.yaml` and `config.yaml` of an unpacked charm.

use std::fmt;
use std::fs;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Endpoint, EndpointRole, Metadata, OptionType};

/// Why the charm's metadata can't be read.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// A file can't be read.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what Juju wants it to be.
    #[error("cannot use `{path}`, line {line}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1; 0 where the parser knows none.
        line: u64,
        /// What was expected and what was found.
        reason: String,
    },
}

#[derive(Deserialize)]
struct MetadataFile {
    name: String,
    #[serde(default)]
    provides: Entries<EndpointEntry>,
    #[serde(default)]
    requires: Entries<EndpointEntry>,
    #[serde(default)]
    peers: Entries<EndpointEntry>,
    #[serde(default)]
    containers: Entries<IgnoredAny>,
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    options: Entries<OptionEntry>,
}

#[derive(Deserialize)]
struct OptionEntry {
    #[serde(rename = "type", default = "OptionEntry::default_type")]
    kind: OptionKind,
}

impl OptionEntry {
    fn default_type() -> OptionKind {
        OptionKind::String
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum OptionKind {
    String,
    Int,
    Float,
    Boolean,
    Secret,
}

/// A mapping in the order of the file; an empty value counts as an empty mapping.
struct Entries<T>(Vec<(String, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Entries::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_any(EntriesVisitor(PhantomData))
    }
}

/// `<endpoint>: <interface>` or `<endpoint>: {interface, limit, …}`.
struct EndpointEntry {
    interface: String,
    limit: Option<u32>,
}

impl<'de> Deserialize<'de> for EndpointEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EndpointVisitor;

        impl<'de> Visitor<'de> for EndpointVisitor {
            type Value = EndpointEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an interface, or a mapping with `interface`")
            }

            fn visit_str<E>(self, interface: &str) -> Result<EndpointEntry, E> {
                Ok(EndpointEntry { interface: interface.to_owned(), limit: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EndpointEntry, A::Error> {
                let (mut interface, mut limit) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "interface" => interface = Some(map.next_value()?),
                        "limit" => limit = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                let missing = || serde::de::Error::missing_field("interface");
                Ok(EndpointEntry { interface: interface.ok_or_else(missing)?, limit })
            }
        }

        deserializer.deserialize_any(EndpointVisitor)
    }
}

impl Metadata {
    /// Reads `metadata.yaml` and, where there is one, `config.yaml` in the folder of a charm.
    ///
    /// # Errors
    ///
    /// When a file can't be read, isn't YAML, or isn't what Juju accepts.
    pub fn read(charm_dir: &Path) -> Result<Self, MetadataError> {
        let path = charm_dir.join("metadata.yaml");
        let text = fs::read_to_string(&path)
            .map_err(|source| MetadataError::Unreadable { path: path.clone(), source })?;
        let mut metadata = Self::parse(&path, &text)?;
        let path = charm_dir.join("config.yaml");
        match fs::read_to_string(&path) {
            Ok(text) => metadata.add_options(&path, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(MetadataError::Unreadable { path, source }),
        }
        Ok(metadata)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, MetadataError> {
        let file: MetadataFile = parse_yaml(path, text)?;
        let mut metadata = Self { name: file.name, ..Self::default() };
        let sections = [
            (EndpointRole::Provider, file.provides),
            (EndpointRole::Requirer, file.requires),
            (EndpointRole::Peer, file.peers),
        ];
        for (role, Entries(entries)) in sections {
            for (name, EndpointEntry { interface, limit }) in entries {
                let name = name.parse().map_err(|error| wrong(path, text, &name, error))?;
                metadata.endpoints.insert(name, Endpoint { role, interface, limit });
            }
        }
        for (name, _) in file.containers.0 {
            let name = name.parse().map_err(|error| wrong(path, text, &name, error))?;
            metadata.containers.insert(name);
        }
        Ok(metadata)
    }

    fn add_options(&mut self, path: &Path, text: &str) -> Result<(), MetadataError> {
        let file: ConfigFile = parse_yaml(path, text)?;
        for (name, OptionEntry { kind }) in file.options.0 {
            let kind = match kind {
                OptionKind::String => OptionType::String,
                OptionKind::Int => OptionType::Int,
                OptionKind::Float => OptionType::Float,
                OptionKind::Boolean => OptionType::Boolean,
                OptionKind::Secret => OptionType::Secret,
            };
            self.options.insert(name.clone(), kind);
            self.option_order.push(name);
        }
        Ok(())
    }
}

fn parse_yaml<'de, T: Deserialize<'de>>(path: &Path, text: &'de str) -> Result<T, MetadataError> {
    serde_yaml::from_str(text).map_err(|error| MetadataError::Malformed {
        path: path.to_path_buf(),
        line: error.location().map_or(0, |location| location.line()),
        reason: error.without_snippet().to_string(),
    })
}

/// A name that YAML takes but Juju doesn't: the line is where the name stands as a key.
fn wrong(path: &Path, text: &str, name: &str, error: crate::names::NameError) -> MetadataError {
    let stands = |line: &str| line.trim_start().starts_with(name);
    let line = text.lines().position(stands).map_or(0, |at| at as u64 + 1);
    MetadataError::Malformed { path: path.to_path_buf(), line, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = "\
name: tempo-coordinator-k8s
summary: x
containers:
  nginx: {resource: nginx-image}
provides:
  tracing:
    interface: tracing
requires:
  s3: {interface: s3, limit: 1, optional: true}
  logging: loki_push_api
peers:
";

    #[test]
    fn metadata_is_read() {
        let metadata = Metadata::parse(Path::new("metadata.yaml"), METADATA).expect("valid");
        assert_eq!(metadata.name, "tempo-coordinator-k8s");
        let endpoint = |name: &str| metadata.endpoints[&name.parse().expect("valid")].clone();
        assert_eq!(endpoint("s3").limit, Some(1));
        assert_eq!(endpoint("logging").interface, "loki_push_api");
        assert_eq!(endpoint("tracing").role, EndpointRole::Provider);
        assert_eq!(metadata.containers.len(), 1);
    }

    #[test]
    fn options_keep_their_order() {
        let mut metadata = Metadata::default();
        let text = "options:\n  zeta: {type: int}\n  alpha:\n    description: x\n";
        metadata.add_options(Path::new("config.yaml"), text).expect("valid");
        assert_eq!(metadata.option_order, ["zeta", "alpha"]);
        assert_eq!(metadata.options["zeta"], OptionType::Int);
        assert_eq!(metadata.options["alpha"], OptionType::String);
    }

    #[test]
    fn errors_name_file_and_line() {
        for (text, line) in [
            ("name: x\nrequires:\n  s3: {limit: 1}\n", "line 3"),
            ("name: x\nrequires:\n  Bad Name: s3\n", "line 3"),
            ("name: [\n", "line"),
        ] {
            let error = Metadata::parse(Path::new("metadata.yaml"), text).expect_err("invalid");
            let shown = error.to_string();
            assert!(shown.starts_with("cannot use `metadata.yaml`, line"), "{shown}");
            assert!(shown.contains(line), "{shown}");
        }
    }
}
