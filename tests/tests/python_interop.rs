//! Charms on the Python library and ours, at the two ends of the cluster relation.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use relation_bus::testing::TestModel;
use serde_json::{Value, json};
use tests::model::settled;
use tests::workspace;

/// A file in a container.
fn file(model: &TestModel, unit: &str, path: &str) -> Option<String> {
    let unit = unit.parse().unwrap();
    let files = model.bus().workload(&unit, "tally").unwrap().files();
    files.get(path).map(|content| String::from_utf8(content.clone()).unwrap())
}

/// The workers' configuration in a container, as it means.
fn config(model: &TestModel, unit: &str) -> Value {
    let text = file(model, unit, "/etc/worker/config.yaml").unwrap_or_default();
    serde_yaml::from_str(&text).unwrap()
}

/// The ports that a unit has open.
fn ports(model: &TestModel, unit: &str) -> Vec<String> {
    let unit = unit.parse().unwrap();
    let model = model.bus().model();
    let ports = &model.unit(&unit).unwrap().opened_ports;
    ports.iter().map(ToString::to_string).collect()
}

fn host(model: &str, unit: &str) -> String {
    let (application, _) = unit.split_once('/').unwrap();
    let pod = unit.replace('/', "-");
    format!("{pod}.{application}-endpoints.{model}.svc.cluster.local")
}

/// What our coordinator says to all workers, and what each Python worker has made of it.
fn assert_workers_agree(model: &TestModel, units: &[&str]) {
    let bag = model.app_databag("tally:tally-cluster", "workers");
    let said: Value = serde_yaml::from_str(bag.json("worker_config").as_str().unwrap()).unwrap();
    assert!(said.is_object(), "{said}");
    for unit in units {
        assert_eq!(config(model, unit), said, "{unit}");
        model.assert_status(unit, "active: (all roles) ready.");
        let own = model.unit_databag(&format!("{unit}:cluster"), "tally");
        own.assert_json("address", host("pyworker", unit));
        let topology = json!({
            "application": "workers", "unit": unit, "charm_name": "python-worker-k8s",
        });
        own.assert_json("juju_topology", topology);
    }
}

#[tokio::test]
#[ignore = "needs ops and coordinated-workers"]
async fn a_python_worker_follows_our_coordinator() {
    let mut model = settled("python-worker.yaml").await;
    model.assert_active();
    model.app_databag("workers:cluster", "tally").assert_json("role", "all");
    assert_workers_agree(&model, &["workers/0", "workers/1"]);
    let push = "http://loki-0.loki-endpoints.pyworker.svc.cluster.local:3100/loki/api/v1/push";
    let said = model.app_databag("tally:tally-cluster", "workers");
    said.assert_json("loki_endpoints", json!({"loki/0": push}));
    said.assert_json("worker_ports", json!([9400, 7946, 9095]));
    assert_eq!(ports(&model, "workers/1"), ["7946/tcp", "9095/tcp", "9400/tcp"]);
    let plan = model.plan("workers/0", "tally");
    assert_eq!(plan["services"]["tally"]["command"], "/bin/tally -target=all");
    assert_eq!(plan["log-targets"]["loki/0"]["location"], push);
    assert_eq!(plan["log-targets"]["loki/0"]["labels"]["juju_unit"], "workers/0");
    // Python's Kubernetes client has reached the cluster.
    let map = model.bus().cluster().objects().into_iter().find(|object| {
        object["kind"] == "ConfigMap" && object["metadata"]["name"] == "workers-pod-labels"
    });
    assert!(map.is_some());

    // Certificates: the key travels as a secret that is granted to Python's application.
    model.deploy("seal", workspace().join("cos/charms/self-signed-certificates"), 1).await;
    model.integrate("tally:certificates", "seal:certificates");
    model.settle_within(120).await;
    model.assert_active();
    let said = model.app_databag("tally:tally-cluster", "workers");
    for unit in ["workers/0", "workers/1"] {
        let own = |path: &str| file(&model, unit, path).map(Value::from).unwrap_or_default();
        assert_eq!(own("/etc/worker/ca.cert"), said.json("ca_cert"), "{unit}");
        assert_eq!(own("/etc/worker/server.cert"), said.json("server_cert"), "{unit}");
        let key = file(&model, unit, "/etc/worker/private.key").unwrap();
        assert!(key.contains("PRIVATE KEY-----"), "{unit}");
    }

    // One more, a change of configuration, and one less.
    model.add_unit("workers").await;
    model.configure("tally", "retention_hours", 24);
    model.settle_within(120).await;
    assert_workers_agree(&model, &["workers/0", "workers/1", "workers/2"]);
    model.remove_unit("workers");
    model.settle_within(60).await;
    assert_workers_agree(&model, &["workers/0", "workers/1"]);

    // The end of it: the workers wipe what they were told.
    model.remove_relation("workers:cluster", "tally");
    model.settle_within(60).await;
    for unit in ["workers/0", "workers/1"] {
        model.assert_status(unit, "blocked: Missing relation to a coordinator charm");
        let left = ["config.yaml", "private.key", "server.cert", "ca.cert"];
        for name in left {
            assert_eq!(file(&model, unit, &format!("/etc/worker/{name}")), None, "{unit}");
        }
    }
}

/// What the Python coordinator has gathered from our workers, as it shows it in its status.
fn gathered(roles: &[(&str, u32)], units: &[&str]) -> String {
    let roles: Vec<_> = roles.iter().map(|(role, count)| format!("'{role}': {count}")).collect();
    let names: Vec<_> = units.iter().map(|unit| format!("'{unit}'")).collect();
    let mut hosts: Vec<_> =
        units.iter().map(|unit| format!("'{}'", host("pycoordinator", unit))).collect();
    hosts.sort();
    let (roles, names, hosts) = (roles.join(", "), names.join(", "), hosts.join(", "));
    // A tuple, as Python prints it.
    let end = if units.len() == 1 { "," } else { "" };
    format!("active: roles={{{roles}}} units=[{names}] at=({hosts}{end})")
}

#[tokio::test]
#[ignore = "needs ops and coordinated-workers"]
async fn our_workers_follow_a_python_coordinator() {
    let mut model = settled("python-coordinator.yaml").await;
    model.assert_active();
    let roles = [("backend", 1), ("read", 1), ("write", 1)];
    model.assert_status("coordinator/0", &gathered(&roles, &["read/0", "rest/0"]));
    model.app_databag("rest:tally-cluster", "coordinator").assert_json("role", "backend,write");
    model.assert_status("read/0", "active: read ready.");
    assert_eq!(config(&model, "read/0"), json!({"retention": 72}));
    // Python's ports differ by role.
    assert_eq!(ports(&model, "read/0"), ["9400/tcp"]);
    assert_eq!(ports(&model, "rest/0"), ["9095/tcp", "9400/tcp"]);

    // Everything that the interface has.
    model.configure("coordinator", "tls", true);
    model.configure("coordinator", "telemetry", true);
    model.configure("coordinator", "retention", 24);
    model.settle_within(60).await;
    model.assert_active();
    for unit in ["read/0", "rest/0"] {
        assert_eq!(config(&model, unit), json!({"retention": 24}), "{unit}");
        let own = |name: &str| file(&model, unit, &format!("/etc/worker/{name}"));
        assert_eq!(own("server.cert").as_deref(), Some("the certificate"), "{unit}");
        assert_eq!(own("private.key").as_deref(), Some("the key"), "{unit}");
        assert_eq!(own("ca.cert").as_deref(), Some("the authority"), "{unit}");
        let plan = model.plan(unit, "tally");
        let target = &plan["log-targets"]["loki/0"];
        assert_eq!(target["location"], "http://loki-0.example:3100/loki/api/v1/push", "{unit}");
        let traces =
            &plan["services"]["tally"]["environment"]["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
        assert_eq!(traces, "http://tempo.example:4318/v1/traces", "{unit}");
    }
    model.assert_steady().await;

    // Scale up and down.
    model.add_unit("read").await;
    model.settle_within(60).await;
    let roles = [("backend", 1), ("read", 2), ("write", 1)];
    let units = ["read/0", "read/1", "rest/0"];
    model.assert_status("coordinator/0", &gathered(&roles, &units));
    assert_eq!(file(&model, "read/1", "/etc/worker/private.key").as_deref(), Some("the key"));
    model.remove_unit("read");
    // Certificates and telemetry are taken back.
    model.configure("coordinator", "tls", false);
    model.configure("coordinator", "telemetry", false);
    model.settle_within(60).await;
    let roles = [("backend", 1), ("read", 1), ("write", 1)];
    model.assert_status("coordinator/0", &gathered(&roles, &["read/0", "rest/0"]));
    assert_eq!(file(&model, "read/0", "/etc/worker/private.key"), None);
    assert_eq!(file(&model, "read/0", "/etc/worker/server.cert"), None);

    // The relations end.
    model.remove_relation("read:tally-cluster", "coordinator");
    model.settle_within(60).await;
    model.assert_status("read/0", "blocked: Missing relation to a coordinator charm");
    assert_eq!(file(&model, "read/0", "/etc/worker/config.yaml"), None);
    let roles = [("backend", 1), ("write", 1)];
    model.assert_status("coordinator/0", &gathered(&roles, &["rest/0"]));
    model.remove_relation("rest:tally-cluster", "coordinator");
    model.settle_within(60).await;
    model.assert_status("coordinator/0", "blocked: no workers");
}
