//! The solution of the worker charm in `charmcraft/` does what its README says.

use std::path::Path;

use charm::Charm;
use charm::databag::DatabagPatch;
use charm::desired::{Desired, ServiceGoal};
use charm::layer::Layer;
use charm::metadata::EndpointRole;
use charm::snapshot::{ContainerState, Snapshot};
use charm::status::Status;
use charm::testing::{RelationBuilder, SnapshotBuilder};
use serde_json::json;
use worker::Worker;
use worker::solution::Solution;

fn reconcile(snapshot: &Snapshot) -> Desired {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charmcraft/worker");
    Worker::new(Solution::load(&folder).expect("the solution is valid")).reconcile(snapshot)
}

fn unit() -> SnapshotBuilder {
    Snapshot::for_test("tally-read/0")
        .charm("tally-worker-k8s")
        .fqdn("tally-read-0.example")
        .endpoint("tally-cluster", EndpointRole::Requirer, "tally_cluster")
        .container("tally", ContainerState::default())
        .config("role-write", true)
        .config("role-read", true)
}

fn layer(desired: &Desired) -> &Layer {
    let (label, layer) = &desired.containers[&"tally".parse().expect("valid")].layers[0];
    assert_eq!(label, "tally");
    layer
}

#[test]
fn the_layer_follows_roles_and_receivers() {
    let relation = RelationBuilder::new("tally-cluster", 4, "tally").remote_app([
        ("worker_config", r#""a: 1\n""#),
        ("server_cert", r#""PEM""#),
        ("workload_tracing_receivers", r#"{"otlp_http": "http://tempo:4318"}"#),
    ]);
    let desired = reconcile(&unit().leader().relation(relation).build());
    let layer = layer(&desired);
    let service = &layer.services["tally"];
    assert_eq!(
        service["command"],
        "/bin/tally -config.file=/etc/worker/config.yaml -target=read,write"
    );
    assert_eq!(
        service["environment"],
        json!({
            "TALLY_INSTANCE": "tally-read/0",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://tempo:4318/v1/traces",
            "OTEL_RESOURCE_ATTRIBUTES": "juju_application=tally-read,juju_unit=tally-read/0",
        })
    );
    assert_eq!(
        layer.checks["ready"]["http"],
        json!({"url": "https://tally-read-0.example:9400/ready"})
    );
    let ports: Vec<String> = desired.ports.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(ports, ["9095/tcp", "9400/tcp"]);
    let role = DatabagPatch::from([("role".to_owned(), Some(r#""read,write""#.to_owned()))]);
    assert_eq!(desired.app_databags().values().collect::<Vec<_>>(), [&role]);
    assert_eq!(Status::worst(&desired.unit_statuses), Some(&Status::active("read,write ready.")));
}

#[test]
fn without_receivers_there_is_no_tracing() {
    let relation = RelationBuilder::new("tally-cluster", 4, "tally")
        .remote_app([("worker_config", r#""a: 1\n""#)]);
    let desired = reconcile(&unit().relation(relation).build());
    assert_eq!(
        layer(&desired).services["tally"]["environment"],
        json!({"TALLY_INSTANCE": "tally-read/0"})
    );
    assert!(desired.app_databags().is_empty(), "a follower publishes no role");
}

#[test]
fn without_configuration_the_service_is_stopped() {
    let desired =
        reconcile(&unit().relation(RelationBuilder::new("tally-cluster", 4, "tally")).build());
    let goal = &desired.containers[&"tally".parse().expect("valid")];
    assert_eq!(goal.services, ServiceGoal::Stopped(["tally".to_owned()].into()));
}
