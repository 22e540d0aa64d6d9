//! `<product>_cluster`: the relation between a coordinator and its workers.
//!
//! The coordinator is the provider, each worker application has a relation of its own. Described
//! is coordinated-workers 4.1.4. The leader of the coordinator writes [`ClusterProviderAppData`],
//! the leader of a worker application [`ClusterRequirerAppData`], every worker unit
//! [`ClusterRequirerUnitData`]; coordinator units write nothing of their own.
//!
//! ```
//! use relation_lib::cluster::{ClusterProviderAppData, WorkerConfig};
//! use relation_lib::databag::{Databag, patched};
//!
//! let data = ClusterProviderAppData {
//!     worker_config: WorkerConfig::Text("target: all\n".into()),
//!     loki_endpoints: Some([("attic/0".to_owned(), "http://attic:3100/push".to_owned())].into()),
//!     ..Default::default()
//! };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["worker_config"], r#""target: all\n""#);
//! assert_eq!(bag["loki_endpoints"], r#"{"attic/0": "http://attic:3100/push"}"#);
//!
//! let read = ClusterProviderAppData::decode(&bag);
//! assert_eq!(read.value, data);
//! assert!(read.skipped.is_empty());
//! ```

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, FromJson, Key, Members, Mismatch,
    Reader, Writer,
};
pub use crate::prometheus_remote_write::RemoteWriteEndpoint;

/// The last part of the interface's name; what precedes it is the product, as in `tempo_cluster`.
pub const INTERFACE_SUFFIX: &str = "_cluster";

/// The feature of workers that take turns when they restart: they ask with `restart_request` and
/// heed `restart_turn`.
pub const RESTART_TURNS: &str = "restart-turns.v1";

/// The workload configuration as a worker finds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WorkerConfig {
    /// The coordinator has none (or no longer any) for this worker: the workload must not run.
    #[default]
    Absent,
    /// There is a value and it can't be read; [`Decoded::skipped`] says why. A worker keeps
    /// what it last could read.
    Unreadable,
    /// The configuration, YAML as text.
    Text(String),
}

impl WorkerConfig {
    /// The text, if there is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            WorkerConfig::Text(text) => Some(text),
            WorkerConfig::Absent | WorkerConfig::Unreadable => None,
        }
    }
}

/// Whose turn it is to restart.
///
/// The unit named restarts if it has to, and takes its `restart_request` back when that is done.
/// Whoever is not named waits, unless its workload doesn't run at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestartTurn {
    /// Name of the unit.
    pub unit: String,
    /// When the coordinator passes the turn on to a unit that waits, in seconds since 1970.
    pub until: u64,
}

impl FromJson for RestartTurn {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(RestartTurn { unit: members.required("unit")?, until: members.required("until")? })
    }
}

/// What the leader of a coordinator tells the workers of one relation.
///
/// Provider application databag, coordinated-workers 4.1.4 (2.2.4 and later read the same). All
/// values are Python-style JSON; a key whose field is `None` is absent, an empty list or object is
/// written.
///
/// | key | value | example |
/// |---|---|---|
/// | `worker_config` | text of a YAML document, required | `"target: all\n"` |
/// | `loki_endpoints` | object: unit of Loki → URL to push to | `{"attic/0": "http://attic-0:3100/loki/api/v1/push"}` |
/// | `charm_tracing_receivers` | object: protocol → URL | `{"otlp_http": "http://trail:4318"}` |
/// | `workload_tracing_receivers` | object: protocol → URL | `{}` |
/// | `remote_write_endpoints` | list of `{"url"}` | `[{"url": "http://press-0:9090/api/v1/write"}]` |
/// | `worker_ports` | list of integers | `[9400, 9095]` |
/// | `ca_cert` | PEM of the authority | `"-----BEGIN CERTIFICATE-----\n…"` |
/// | `server_cert` | PEM of the leaf certificate | `"-----BEGIN CERTIFICATE-----\n…"` |
/// | `privkey_secret_id` | id of a Juju secret with the private key, granted to the relation | `"secret:e99ss83g43bzodhw9dp7"` |
/// | `s3_tls_ca_chain` | authorities of the object store, a blank line between two | `"CA-ONE\n\nCA-TWO"` |
/// | `worker_labels` | object: labels for the workers' pods | `{"app.kubernetes.io/part-of": "loom"}` |
/// | `features` | list of names; ours, only towards workers that announce them | `["restart-turns.v1"]` |
/// | `restart_turn` | object of `unit` and `until`; ours, only with the feature | `{"unit": "loom-read/0", "until": 1795226574}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterProviderAppData {
    /// `worker_config`: the configuration of the workload.
    pub worker_config: WorkerConfig,
    /// `loki_endpoints`: push URL by unit of Loki.
    pub loki_endpoints: Option<IndexMap<String, String>>,
    /// `charm_tracing_receivers`: where charms send their traces, by protocol.
    pub charm_tracing_receivers: Option<IndexMap<String, String>>,
    /// `workload_tracing_receivers`: where workloads send their traces, by protocol.
    pub workload_tracing_receivers: Option<IndexMap<String, String>>,
    /// `remote_write_endpoints`: where workloads send metrics; `None` when the product has none.
    pub remote_write_endpoints: Option<Vec<RemoteWriteEndpoint>>,
    /// `worker_ports`: the ports that workers open; `None` when workers decide themselves. Read
    /// as a whole: with one unusable entry the list counts as unreadable.
    pub worker_ports: Option<Vec<u16>>,
    /// `ca_cert`: the authority that signed the server certificate.
    pub ca_cert: Option<String>,
    /// `server_cert`: the certificate that workers serve, without chain.
    pub server_cert: Option<String>,
    /// `privkey_secret_id`: the secret with its private key, as `secret:<id>` or
    /// `secret://<model uuid>/<id>`.
    pub privkey_secret_id: Option<String>,
    /// `s3_tls_ca_chain`: authorities of the object store.
    pub s3_tls_ca_chain: Option<String>,
    /// `worker_labels`: labels for the workers' pods.
    pub worker_labels: Option<IndexMap<String, String>>,
    /// `features`: what the coordinator does for these workers beyond the Python coordinator. Not
    /// written when empty, so that the databag is then the Python coordinator's to the byte.
    pub features: BTreeSet<String>,
    /// `restart_turn`: whose turn it is to restart; `None`: nobody's.
    pub restart_turn: Option<RestartTurn>,
}

impl ClusterProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("worker_config", Encoding::PythonJson),
        Key::optional("loki_endpoints", Encoding::PythonJson),
        Key::optional("charm_tracing_receivers", Encoding::PythonJson),
        Key::optional("workload_tracing_receivers", Encoding::PythonJson),
        Key::optional("remote_write_endpoints", Encoding::PythonJson),
        Key::optional("worker_ports", Encoding::PythonJson),
        Key::optional("ca_cert", Encoding::PythonJson),
        Key::optional("server_cert", Encoding::PythonJson),
        Key::optional("privkey_secret_id", Encoding::PythonJson),
        Key::optional("s3_tls_ca_chain", Encoding::PythonJson),
        Key::optional("worker_labels", Encoding::PythonJson),
        Key::optional("features", Encoding::PythonJson),
        Key::optional("restart_turn", Encoding::PythonJson),
    ];

    /// Reads the databag. Nothing fails it: an unreadable key spoils only itself.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let worker_config = match reader.required::<String>("worker_config") {
            Ok(text) if text.is_empty() => WorkerConfig::Absent,
            Ok(text) => WorkerConfig::Text(text),
            Err(DecodeError::Missing { .. }) => WorkerConfig::Absent,
            Err(DecodeError::Unusable { key, reason }) => {
                reader.skip(&key, None, reason);
                WorkerConfig::Unreadable
            }
        };
        let value = ClusterProviderAppData {
            worker_config,
            loki_endpoints: reader.map("loki_endpoints"),
            charm_tracing_receivers: reader.map("charm_tracing_receivers"),
            workload_tracing_receivers: reader.map("workload_tracing_receivers"),
            remote_write_endpoints: reader.list("remote_write_endpoints"),
            worker_ports: reader.optional("worker_ports"),
            ca_cert: reader.optional("ca_cert"),
            server_cert: reader.optional("server_cert"),
            privkey_secret_id: reader.optional("privkey_secret_id"),
            s3_tls_ca_chain: reader.optional("s3_tls_ca_chain"),
            worker_labels: reader.map("worker_labels"),
            features: reader.list("features").unwrap_or_default().into_iter().collect(),
            restart_turn: reader.optional("restart_turn"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("worker_config", self.worker_config.text())
            .json("loki_endpoints", self.loki_endpoints.as_ref())
            .json("charm_tracing_receivers", self.charm_tracing_receivers.as_ref())
            .json("workload_tracing_receivers", self.workload_tracing_receivers.as_ref())
            .json("remote_write_endpoints", self.remote_write_endpoints.as_ref())
            .json("worker_ports", self.worker_ports.as_ref())
            .json("ca_cert", self.ca_cert.as_ref())
            .json("server_cert", self.server_cert.as_ref())
            .json("privkey_secret_id", self.privkey_secret_id.as_ref())
            .json("s3_tls_ca_chain", self.s3_tls_ca_chain.as_ref())
            .json("worker_labels", self.worker_labels.as_ref())
            .json("features", (!self.features.is_empty()).then_some(&self.features))
            .json("restart_turn", self.restart_turn.as_ref())
            .finish()
    }

    /// Writes `restart_turn` alone, or takes it away.
    #[must_use]
    pub fn encode_turn(turn: Option<&RestartTurn>) -> DatabagPatch {
        Writer::default().json("restart_turn", turn).finish()
    }
}

/// What the leader of a worker application tells the coordinator.
///
/// Requirer application databag, coordinated-workers 4.1.4.
///
/// | key | value | example |
/// |---|---|---|
/// | `role` | text in Python-style JSON: roles, sorted, a comma between two, required | `"read,write"` |
///
/// Version 4.1.2 writes the roles in the order of the config options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRequirerAppData {
    /// `role`: the text as it stands in the databag.
    pub role: String,
}

impl ClusterRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::required("role", Encoding::PythonJson)];

    /// The text for a set of roles.
    pub fn of_roles<'a>(roles: impl IntoIterator<Item = &'a str>) -> Self {
        let roles: BTreeSet<&str> = roles.into_iter().collect();
        ClusterRequirerAppData { role: roles.into_iter().collect::<Vec<_>>().join(",") }
    }

    /// The roles in the text, in its order. Blanks around a role don't count, and nothing between
    /// two commas is no role.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.role.split(',').map(str::trim).filter(|role| !role.is_empty())
    }

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When there is no role in it, or it is no text.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let reader = Reader::new(bag);
        let role = reader.required("role")?;
        Ok(reader.finish(ClusterRequirerAppData { role }))
    }

    /// Writes the databag. To take a role back, see [`crate::databag::withdrawing`].
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("role", Some(&self.role)).finish()
    }
}

/// Who a worker unit is; its model is always the coordinator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerTopology {
    /// Name of the application.
    pub application: String,
    /// Name of the unit.
    pub unit: String,
    /// Name of the charm in its metadata.
    pub charm_name: String,
}

impl FromJson for WorkerTopology {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(WorkerTopology {
            application: members.required("application")?,
            unit: members.required("unit")?,
            charm_name: members.required("charm_name")?,
        })
    }
}

/// What every worker unit tells the coordinator.
///
/// Requirer unit databag, coordinated-workers 4.1.4. All values are Python-style JSON.
///
/// | key | value | example |
/// |---|---|---|
/// | `juju_topology` | object of `application`, `unit`, `charm_name`, required | `{"application": "loom-read", "unit": "loom-read/0", "charm_name": "loom-worker-k8s"}` |
/// | `address` | full host name without scheme and port, required | `"loom-read-0.loom-read-endpoints.stage.svc.cluster.local"` |
/// | `features` | list of names; ours, Python sides ignore it | `["restart-turns.v1"]` |
/// | `restart_request` | text: why a restart has to wait for its turn; ours, only towards coordinators that announce the feature | `"configuration changed"` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRequirerUnitData {
    /// `juju_topology`: who the unit is.
    pub juju_topology: WorkerTopology,
    /// `address`: where it is reached.
    pub address: String,
    /// `features`: what a worker of ours understands beyond the Python worker. Not written when
    /// empty, so that the databag is then the Python worker's to the byte.
    pub features: BTreeSet<String>,
    /// `restart_request`: why the unit has to restart its workload, for as long as it waits for its
    /// turn or isn't done with it.
    pub restart_request: Option<String>,
}

impl ClusterRequirerUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("juju_topology", Encoding::PythonJson),
        Key::required("address", Encoding::PythonJson),
        Key::optional("features", Encoding::PythonJson),
        Key::optional("restart_request", Encoding::PythonJson),
    ];

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When topology or address is absent or unusable: the unit has not spoken yet.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let mut reader = Reader::new(bag);
        let value = ClusterRequirerUnitData {
            juju_topology: reader.required("juju_topology")?,
            address: reader.required("address")?,
            features: reader.list("features").unwrap_or_default().into_iter().collect(),
            restart_request: reader.optional("restart_request"),
        };
        Ok(reader.finish(value))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let features = (!self.features.is_empty()).then_some(&self.features);
        Writer::default()
            .json("juju_topology", Some(&self.juju_topology))
            .json("address", Some(&self.address))
            .json("features", features)
            .json("restart_request", self.restart_request.as_ref())
            .finish()
    }

    /// Writes `restart_request` alone, or takes it away.
    #[must_use]
    pub fn encode_request(reason: Option<&str>) -> DatabagPatch {
        Writer::default().json("restart_request", reason).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    fn bag(entries: &[(&str, &str)]) -> Databag {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn provider_databag_holds_to_the_byte() {
        let recorded = bag(&[
            ("worker_config", r#""target: all\nstorage: s3\n""#),
            (
                "loki_endpoints",
                r#"{"attic/0": "http://attic-0.attic-endpoints.stage.svc.cluster.local:3100/loki/api/v1/push"}"#,
            ),
            (
                "charm_tracing_receivers",
                r#"{"otlp_http": "http://trail.stage.svc.cluster.local:4318"}"#,
            ),
            ("workload_tracing_receivers", "{}"),
            (
                "remote_write_endpoints",
                r#"[{"url": "http://press-0.press-endpoints.stage.svc.cluster.local:9090/api/v1/write"}]"#,
            ),
            ("worker_ports", "[9400, 9095]"),
            ("ca_cert", r#""-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----""#),
            ("server_cert", r#""-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----""#),
            ("privkey_secret_id", r#""secret:e99ss83g43bzodhw9dp7""#),
            ("s3_tls_ca_chain", r#""CA-ONE\n\nCA-TWO""#),
            (
                "worker_labels",
                r#"{"app.kubernetes.io/part-of": "loom", "istio.io/dataplane-mode": "ambient"}"#,
            ),
        ]);
        let read = ClusterProviderAppData::decode(&recorded);
        assert_eq!(read.skipped, []);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), recorded);
    }

    #[test]
    fn each_unreadable_key_spoils_only_itself() {
        let read = ClusterProviderAppData::decode(&bag(&[
            ("worker_config", r#""a: 1\n""#),
            ("loki_endpoints", "{'logs/0': 'x'}"),
            ("worker_ports", r#"["http", 9400]"#),
            ("worker_labels", r#"{"a": 1, "b": "2"}"#),
            ("unknown", "not json"),
        ]));
        assert_eq!(read.value.worker_config, WorkerConfig::Text("a: 1\n".into()));
        assert_eq!(read.value.loki_endpoints, None);
        assert_eq!(read.value.worker_ports, None);
        assert_eq!(read.value.worker_labels, Some([("b".to_owned(), "2".to_owned())].into()));
        let told: Vec<String> = read.skipped.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "`loki_endpoints`: not JSON, at line 1 column 2",
                "`worker_ports`: expected an integer, found a string at `0`",
                "`a` of `worker_labels`: expected a string, found a number",
            ]
        );
        assert!(read.is_unreadable("worker_ports"));
        assert!(!read.is_unreadable("worker_labels"));
    }

    #[test]
    fn withdrawn_and_unreadable_configuration_differ() {
        let config = |text| ClusterProviderAppData::decode(&bag(text)).value.worker_config;
        assert_eq!(config(&[]), WorkerConfig::Absent);
        assert_eq!(config(&[("worker_config", "\"\"")]), WorkerConfig::Absent);
        assert_eq!(config(&[("worker_config", "a: 1")]), WorkerConfig::Unreadable);
        assert_eq!(config(&[("worker_config", "null")]), WorkerConfig::Unreadable);
    }

    #[test]
    fn roles_are_written_sorted_and_read_without_blanks() {
        let data = ClusterRequirerAppData::of_roles(["write", "read"]);
        assert_eq!(data.encode()["role"].as_deref(), Some(r#""read,write""#));
        let read = ClusterRequirerAppData::decode(&bag(&[("role", r#""write, read,""#)])).unwrap();
        assert_eq!(read.value.roles().collect::<Vec<_>>(), ["write", "read"]);
    }

    #[test]
    fn unit_without_charm_name_or_with_a_number_for_address_has_not_spoken() {
        let topology = r#"{"application": "a", "unit": "a/0"}"#;
        let error =
            ClusterRequirerUnitData::decode(&bag(&[("juju_topology", topology)])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot use key `juju_topology`: expected a value, found nothing at `charm_name`"
        );
        let topology = r#"{"model": "m", "application": "a", "unit": "a/0", "charm_name": "c"}"#;
        let error = ClusterRequirerUnitData::decode(&bag(&[
            ("juju_topology", topology),
            ("address", "17"),
        ]))
        .unwrap_err();
        assert_eq!(error.key(), "address");
    }

    #[test]
    fn features_are_written_only_when_there_are_some() {
        let mut data = ClusterRequirerUnitData {
            juju_topology: WorkerTopology {
                application: "loom-read".into(),
                unit: "loom-read/0".into(),
                charm_name: "loom-worker-k8s".into(),
            },
            address: "loom-read-0".into(),
            features: BTreeSet::new(),
            restart_request: None,
        };
        let patch = data.encode();
        assert_eq!(
            patch["juju_topology"].as_deref(),
            Some(
                r#"{"application": "loom-read", "unit": "loom-read/0", "charm_name": "loom-worker-k8s"}"#
            )
        );
        assert_eq!((&patch["features"], &patch["restart_request"]), (&None, &None));
        data.restart_request = Some("layer changed".into());
        data.features.insert("b".into());
        data.features.insert("a".into());
        assert_eq!(data.encode()["features"].as_deref(), Some(r#"["a", "b"]"#));
        let read = ClusterRequirerUnitData::decode(&patched(&Databag::new(), &data.encode()));
        assert_eq!(read.unwrap().value, data);
    }

    #[test]
    fn a_turn_goes_both_ways_and_alone() {
        let turn = RestartTurn { unit: "loom-read/0".into(), until: 1_795_226_574 };
        let data = ClusterProviderAppData {
            features: [RESTART_TURNS.to_owned()].into(),
            restart_turn: Some(turn.clone()),
            ..ClusterProviderAppData::default()
        };
        let bag = patched(&Databag::new(), &data.encode());
        assert_eq!(bag["features"], r#"["restart-turns.v1"]"#);
        assert_eq!(bag["restart_turn"], r#"{"unit": "loom-read/0", "until": 1795226574}"#);
        assert_eq!(ClusterProviderAppData::decode(&bag).value, data);
        let alone = ClusterProviderAppData::encode_turn(Some(&turn));
        assert_eq!(alone["restart_turn"].as_ref(), Some(&bag["restart_turn"]));
        assert_eq!(ClusterProviderAppData::encode_turn(None)["restart_turn"], None);
        let request = ClusterRequirerUnitData::encode_request(Some("layer changed"));
        assert_eq!(request["restart_request"].as_deref(), Some("\"layer changed\""));
    }
}
