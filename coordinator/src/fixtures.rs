//! A small product and its deployment, for the unit tests of decisions.

use charm::desired::Desired;
use charm::snapshot::{ContainerState, Host, Ipv6, Snapshot};
use charm::testing::{RelationBuilder, SnapshotBuilder};
use serde_json::Value;

use crate::reconcile::reconcile;
use crate::solution::Solution;

/// Everything that a solution can wire, and nothing that it needn't say.
pub(crate) const SOLUTION: &str = "\
roles: [read, write, all]
meta_roles: {all: [read, write]}
minimal_deployment: [read, write]
endpoints:
  cluster: cluster
  metrics: metrics
  logging: logging
  charm-tracing: charm-tracing
  workload-tracing: workload-tracing
  s3: s3
  catalogue: catalogue
  grafana-dashboards: dashboards
  service-mesh: mesh
  service-mesh-provide-cmr-mesh: provide-cmr
  service-mesh-require-cmr-mesh: require-cmr
peer_endpoint: peers
worker_metrics_port: 9400
workers_config: 'join: {{ addresses | json }}'
workload_tracing_protocols: [zipkin, otlp_http]
nginx:
  server_name: '{{ fqdn }}'
  enable_status_page: true
  upstreams: [{name: read, port: 9400, lookup_key: read}]
  servers: [{port: 8080, locations: [{path: /, backend: read}]}]
";

/// The solution, with further lines.
pub(crate) fn solution(more: &str) -> Solution {
    Solution::parse("solution.yaml", &format!("{SOLUTION}{more}")).expect("valid")
}

/// The leader of a coordinator with nothing around it.
pub(crate) fn alone() -> SnapshotBuilder {
    Snapshot::for_test("tally/0")
        .leader()
        .charm("tally-coordinator-k8s")
        .host(Host {
            fqdn: "tally-0.tally-endpoints.stage.svc.cluster.local".to_owned(),
            nameserver: Some("10.0.0.10".to_owned()),
            ipv6: Ipv6::Absent,
        })
        .container("nginx", ContainerState::default())
        .container("nginx-prometheus-exporter", ContainerState::default())
}

/// The same with one worker for all roles and an object store: a deployment that works.
pub(crate) fn working() -> SnapshotBuilder {
    alone().relation(worker(1, "counter", "all")).relation(store())
}

/// A worker application with one unit that has said all that it must.
pub(crate) fn worker(id: u32, app: &str, role: &str) -> RelationBuilder {
    let unit = format!("{app}/0");
    let topology = format!(
        r#"{{"application": "{app}", "unit": "{unit}", "charm_name": "tally-worker-k8s"}}"#
    );
    RelationBuilder::new("cluster", id, app)
        .remote_app([("role", format!("\"{role}\"").as_str())])
        .remote_unit(
            &unit,
            [
                ("juju_topology", topology.as_str()),
                ("address", format!("\"{app}-0.example\"").as_str()),
            ],
        )
}

/// An object store that can be used.
pub(crate) fn store() -> RelationBuilder {
    RelationBuilder::new("s3", 2, "blob").remote_app([
        ("endpoint", "http://blob.example"),
        ("bucket", "12345"),
        ("access-key", "AK"),
        ("secret-key", "SK"),
    ])
}

/// What is decided with the plain solution.
pub(crate) fn decide(snapshot: &Snapshot) -> Desired {
    reconcile(&solution(""), snapshot)
}

/// A value of an application databag, read as JSON.
pub(crate) fn app_value(desired: &Desired, relation: u32, key: &str) -> Option<Value> {
    let bag = desired.app_databags().get(&charm::names::RelationId(relation))?;
    serde_json::from_str(bag.get(key)?.as_deref()?).ok()
}
