//! What templates of a worker's solution see.
//!
//! A name that isn't listed here is an error when the template is rendered, never an empty text.

use std::collections::BTreeMap;

use charm::snapshot::Snapshot;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::paths;
use crate::roles::Roles;

/// The facts that a template may use.
#[derive(Debug, Serialize)]
pub struct Context<'a> {
    /// The roles that are switched on, sorted.
    roles: &'a [String],
    /// The same with a comma between two.
    role_text: String,
    /// Who we are.
    topology: Topology<'a>,
    /// The unit's full host name.
    fqdn: &'a str,
    /// Whether the coordinator shares a certificate.
    tls: bool,
    /// Whether the coordinator shares authorities of the object store.
    s3_tls: bool,
    /// Where the worker's files lie.
    paths: Paths,
    /// Loki unit → push URL.
    loki_endpoints: &'a IndexMap<String, String>,
    /// Protocol → URL, for the workload's traces.
    workload_tracing_receivers: &'a IndexMap<String, String>,
    /// Protocol → URL, for charms' traces.
    charm_tracing_receivers: &'a IndexMap<String, String>,
    /// URLs that the workload sends metrics to.
    remote_write_endpoints: Vec<&'a str>,
    /// The model's proxies.
    proxies: Proxies<'a>,
    /// Options of the charm that have a value.
    config: &'a BTreeMap<String, Value>,
}

#[derive(Debug, Serialize)]
struct Topology<'a> {
    model: &'a str,
    model_uuid: &'a str,
    application: &'a str,
    unit: &'a str,
    charm_name: &'a str,
}

#[derive(Debug, Serialize)]
struct Paths {
    config: &'static str,
    server_cert: &'static str,
    private_key: &'static str,
    ca_cert: &'static str,
    s3_ca: &'static str,
    trusted_ca: &'static str,
}

/// A proxy that isn't set is an empty text.
#[derive(Debug, Serialize)]
struct Proxies<'a> {
    http: &'a str,
    https: &'a str,
    no: &'a str,
}

static NO_ENTRIES: std::sync::LazyLock<IndexMap<String, String>> =
    std::sync::LazyLock::new(IndexMap::new);

impl<'a> Context<'a> {
    /// Collects the facts.
    pub fn of(snapshot: &'a Snapshot, cluster: &'a Cluster<'a>, roles: &'a Roles) -> Self {
        let identity = &snapshot.identity;
        let proxies = &identity.proxies;
        let data = &cluster.data.value;
        Self {
            roles: roles.enabled(),
            role_text: roles.text(),
            topology: Topology {
                model: identity.model.as_str(),
                model_uuid: identity.model_uuid.as_str(),
                application: identity.application.as_str(),
                unit: identity.unit.as_str(),
                charm_name: &snapshot.metadata.name,
            },
            fqdn: &snapshot.host.fqdn,
            tls: data.server_cert.is_some(),
            s3_tls: data.s3_tls_ca_chain.is_some(),
            paths: Paths {
                config: paths::CONFIG,
                server_cert: paths::SERVER_CERT,
                private_key: paths::PRIVATE_KEY,
                ca_cert: paths::CA_CERT,
                s3_ca: paths::S3_CA,
                trusted_ca: paths::TRUSTED_CA,
            },
            loki_endpoints: data.loki_endpoints.as_ref().unwrap_or(&NO_ENTRIES),
            workload_tracing_receivers: data
                .workload_tracing_receivers
                .as_ref()
                .unwrap_or(&NO_ENTRIES),
            charm_tracing_receivers: data.charm_tracing_receivers.as_ref().unwrap_or(&NO_ENTRIES),
            remote_write_endpoints: data
                .remote_write_endpoints
                .iter()
                .flatten()
                .map(|endpoint| endpoint.url.as_str())
                .collect(),
            proxies: Proxies {
                http: proxies.http.as_deref().unwrap_or_default(),
                https: proxies.https.as_deref().unwrap_or_default(),
                no: proxies.no.as_deref().unwrap_or_default(),
            },
            config: &snapshot.config,
        }
    }

    /// The facts as templates take them.
    pub fn to_value(&self) -> minijinja::Value {
        minijinja::value::Serde(self).into()
    }
}
