//! Parts of a solution that concern one integration each.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use charm::names::EndpointName;
use serde::Deserialize;

use super::{Ordered, Roles, Template};
use charm::patterns::solution_file::name;

/// The ports that workers open.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum WorkerPorts {
    /// By role, meta roles expanded: a worker with several roles opens the ports of all.
    ByRole(BTreeMap<String, Vec<NonZeroU16>>),
    /// By the role text exactly as the worker advertises it; a text that isn't listed gives none.
    ByRoleText(BTreeMap<String, Vec<NonZeroU16>>),
}

impl WorkerPorts {
    /// The ports for a worker that advertises this role text, each once, in the order of the file.
    pub fn of(&self, roles: &Roles, text: &str) -> Vec<NonZeroU16> {
        match self {
            Self::ByRoleText(texts) => texts.get(text).cloned().unwrap_or_default(),
            Self::ByRole(by_role) => {
                let literal = text.split(',').map(|role| role.trim().to_owned());
                let mut names: Vec<String> = literal.collect();
                names.extend(roles.expand(text));
                let mut ports = Vec::new();
                for port in names.iter().filter_map(|name| by_role.get(name)).flatten() {
                    if !ports.contains(port) {
                        ports.push(*port);
                    }
                }
                ports
            }
        }
    }
}

/// The ports of the coordinator's web server that carry the workers' telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryProxy {
    /// While there is no certificate.
    pub http_port: NonZeroU16,
    /// With a certificate.
    pub https_port: NonZeroU16,
}

/// Where workers write metrics to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteWrite {
    /// Whoever is related on this endpoint (`prometheus_remote_write`, requirer).
    Endpoint(EndpointName),
    /// These URLs.
    Fixed(Vec<Template>),
}

/// The solution's entry in the catalogue. A text that is empty when rendered is left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueItem {
    /// What the entry is called.
    pub name: Template,
    /// Where it leads.
    #[serde(default)]
    pub url: Option<Template>,
    /// Name of a Material Design icon.
    pub icon: Template,
    /// A sentence.
    #[serde(default)]
    pub description: Option<Template>,
    /// Where the API is documented.
    #[serde(default)]
    pub api_docs: Option<Template>,
    /// Name → address; `None`: the entry has none to show.
    #[serde(default)]
    pub api_endpoints: Option<Ordered<Template>>,
}

/// The deployment as a data source of Grafana.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// The type of the source in Grafana: `prometheus`, `loki`, `tempo`, …
    #[serde(rename = "type")]
    pub source_type: String,
    /// Where Grafana queries the application; `None`: the application is no source.
    #[serde(default)]
    pub url: Option<Template>,
    /// Where Grafana queries this unit; `None`: units are no sources of their own.
    #[serde(default)]
    pub unit_url: Option<Template>,
    /// Further settings: renders to a YAML mapping, or to nothing.
    #[serde(default)]
    pub extra_fields: Option<Template>,
    /// Further settings that Grafana keeps secret: renders to a YAML mapping, or to nothing.
    #[serde(default)]
    pub secure_extra_fields: Option<Template>,
}

/// Who may talk to us over the service mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshPolicy {
    /// Applications related on an endpoint may reach our units on these ports (none: on all).
    Unit {
        /// The endpoint.
        relation: EndpointName,
        /// The ports.
        ports: Vec<NonZeroU16>,
    },
    /// Applications related on an endpoint may reach our service in these ways (none: in all).
    App {
        /// The endpoint.
        relation: EndpointName,
        /// The ways.
        endpoints: Vec<MeshEndpoint>,
        /// The Kubernetes Service, when it isn't called as the application.
        service: Option<String>,
    },
}

/// A way in which somebody may talk to us; what is absent is not restricted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeshEndpoint {
    /// Host names.
    pub hosts: Option<Vec<String>>,
    /// Ports.
    pub ports: Option<Vec<NonZeroU16>>,
    /// HTTP methods.
    pub methods: Option<Vec<String>>,
    /// Paths, with `{*}` for one segment.
    pub paths: Option<Vec<String>>,
}

/// A mesh policy as the file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MeshPolicyEntry {
    r#type: MeshPolicyType,
    #[serde(deserialize_with = "name")]
    relation: EndpointName,
    #[serde(default)]
    ports: Option<Vec<NonZeroU16>>,
    #[serde(default)]
    endpoints: Option<Vec<MeshEndpoint>>,
    #[serde(default)]
    service: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MeshPolicyType {
    Unit,
    App,
}

impl TryFrom<MeshPolicyEntry> for MeshPolicy {
    type Error = &'static str;

    fn try_from(entry: MeshPolicyEntry) -> Result<Self, Self::Error> {
        let MeshPolicyEntry { r#type, relation, ports, endpoints, service } = entry;
        match r#type {
            MeshPolicyType::Unit if endpoints.is_some() || service.is_some() => {
                Err("a policy of type `unit` has `relation` and `ports` only")
            }
            MeshPolicyType::App if ports.is_some() => {
                Err("a policy of type `app` has its ports in `endpoints`")
            }
            MeshPolicyType::Unit => Ok(Self::Unit { relation, ports: ports.unwrap_or_default() }),
            MeshPolicyType::App => {
                Ok(Self::App { relation, endpoints: endpoints.unwrap_or_default(), service })
            }
        }
    }
}

/// Where remote write goes, as the file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum RemoteWriteEntry {
    Endpoint(#[serde(deserialize_with = "name")] EndpointName),
    Fixed(Vec<FixedEndpoint>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FixedEndpoint {
    url: Template,
}

impl From<RemoteWriteEntry> for RemoteWrite {
    fn from(entry: RemoteWriteEntry) -> Self {
        match entry {
            RemoteWriteEntry::Endpoint(endpoint) => Self::Endpoint(endpoint),
            RemoteWriteEntry::Fixed(fixed) => {
                Self::Fixed(fixed.into_iter().map(|endpoint| endpoint.url).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(ports: Vec<NonZeroU16>) -> Vec<u16> {
        ports.into_iter().map(NonZeroU16::get).collect()
    }

    #[test]
    fn ports_of_all_roles_of_a_worker_are_joined() {
        let ports: WorkerPorts =
            serde_yaml::from_str("by_role: {read: [3100, 9095], write: [3100, 7946]}\n")
                .expect("valid");
        let roles = Roles {
            meta: Ordered::from([("all".to_owned(), vec!["read".to_owned(), "write".to_owned()])]),
            ..Roles::default()
        };
        assert_eq!(numbers(ports.of(&roles, "all")), [3100, 9095, 7946]);
        assert_eq!(numbers(ports.of(&roles, "write")), [3100, 7946]);
        assert_eq!(numbers(ports.of(&roles, "other")), [0u16; 0]);
    }

    #[test]
    fn ports_by_text_need_the_exact_text() {
        let ports: WorkerPorts =
            serde_yaml::from_str("by_role_text: {'read,write': [3100]}\n").expect("valid");
        assert_eq!(numbers(ports.of(&Roles::default(), "read,write")), [3100]);
        assert_eq!(numbers(ports.of(&Roles::default(), "read")), [0u16; 0]);
    }
}
