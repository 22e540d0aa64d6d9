//! The solution, rules and dashboards of the charm in `charmcraft/coordinator`.

use std::path::{Path, PathBuf};

use charm::Charm as _;
use charm::desired::Desired;
use charm::snapshot::{ContainerState, Host, Ipv6, Snapshot};
use charm::testing::{RelationBuilder, SnapshotBuilder};
use coordinator::Coordinator;
use coordinator::solution::Solution;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charmcraft/coordinator")
}

fn worker(id: u32, app: &str, role: &str) -> RelationBuilder {
    let unit = format!("{app}/0");
    let topology = format!(
        r#"{{"application": "{app}", "unit": "{unit}", "charm_name": "tally-worker-k8s"}}"#
    );
    let address = format!(r#""{app}-0.{app}-endpoints.stage.svc.cluster.local""#);
    RelationBuilder::new("tally-cluster", id, app)
        .remote_app([("role", format!("\"{role}\"").as_str())])
        .remote_unit(&unit, [("juju_topology", topology.as_str()), ("address", address.as_str())])
}

/// A deployment that works: every role, object store, scraper, log store.
fn deployment() -> SnapshotBuilder {
    let mut builder = Snapshot::for_test("tally/0")
        .leader()
        .charm("tally-coordinator-k8s")
        .host(Host {
            fqdn: "tally-0.tally-endpoints.stage.svc.cluster.local".to_owned(),
            nameserver: Some("10.0.0.10".to_owned()),
            ipv6: Ipv6::Absent,
        })
        .config("retention_hours", 72)
        .container("nginx", ContainerState::default())
        .container("nginx-prometheus-exporter", ContainerState::default())
        .relation(worker(1, "tally-read", "read"))
        .relation(worker(2, "tally-rest", "backend,write"))
        .relation(RelationBuilder::new("s3", 3, "blob").remote_app([
            ("endpoint", "https://blob.example"),
            ("bucket", "tallies"),
            ("access-key", "AK"),
            ("secret-key", "SK"),
        ]))
        .relation(RelationBuilder::new("metrics-endpoint", 4, "press").remote_unit("press/0", []))
        .relation(RelationBuilder::new("logging", 5, "attic").remote_unit(
            "attic/0",
            [("endpoint", r#"{"url": "http://attic-0:3100/loki/api/v1/push"}"#)],
        ))
        .relation(RelationBuilder::new("grafana-dashboard", 6, "glass"))
        .relation(RelationBuilder::new("catalogue", 7, "shelf"));
    for (path, content) in files(&folder().join("src")) {
        builder = builder.charm_file(&path, &content);
    }
    builder
}

fn files(below: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).expect("the folder is part of the project") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let relative = path.strip_prefix(folder()).expect("below the charm");
            let content = std::fs::read_to_string(&path).expect("text");
            found.push((relative.display().to_string(), content));
        }
    }
    found
}

fn decide(snapshot: &Snapshot) -> Desired {
    let solution = Solution::load(&folder()).expect("the shipped solution is valid");
    Coordinator::new(solution).reconcile(snapshot)
}

fn app_value(desired: &Desired, relation: u32, key: &str) -> Value {
    let id = charm::names::RelationId(relation);
    let text = desired.app_databags()[&id][key].as_deref().expect("a value");
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn the_shipped_charm_has_nothing_to_complain_about() {
    let desired = decide(&deployment().build());
    assert_eq!(desired.problems, []);
    assert_eq!(desired.unit_statuses, [charm::status::Status::active("")]);
}

#[test]
fn the_workers_configuration_is_yaml_that_says_what_the_model_says() {
    let desired = decide(&deployment().build());
    let text = app_value(&desired, 1, "worker_config");
    let config: Value =
        serde_yaml::from_str(text.as_str().expect("a text")).expect("the configuration is YAML");
    insta::assert_json_snapshot!(config);
}

#[test]
fn rules_hold_for_each_worker_application_and_the_coordinator() {
    let desired = decide(&deployment().build());
    let names = |relation| -> Vec<String> {
        let rules = app_value(&desired, relation, "alert_rules");
        let groups = rules["groups"].as_array().expect("groups").iter();
        groups.map(|group| group["name"].as_str().expect("a name").to_owned()).collect()
    };
    insta::assert_json_snapshot!(serde_json::json!({"metrics": names(4), "logs": names(5)}));
}

#[test]
fn a_follower_writes_no_application_databag() {
    let mut snapshot = deployment().build();
    snapshot.leadership = charm::leadership::Leadership::Follower;
    let desired = decide(&snapshot);
    assert!(desired.app_databags().is_empty());
    assert!(desired.app_statuses().is_empty());
    let unit = &desired.unit_databags()[&charm::names::RelationId(4)];
    assert_eq!(unit["prometheus_scrape_unit_name"].as_deref(), Some("tally/0"));
}

#[test]
fn the_action_lists_the_receivers_of_a_deployment_that_works() {
    let solution = Solution::load(&folder()).expect("the shipped solution is valid");
    let coordinator = Coordinator::new(solution);
    let call =
        charm::ActionCall { name: "list-receivers".to_owned(), parameters: serde_json::Map::new() };
    let receivers =
        r#"[{"protocol": {"name": "otlp_http", "type": "http"}, "url": "http://loom:4318"}]"#;
    let tracing =
        RelationBuilder::new("workload-tracing", 8, "loom").remote_app([("receivers", receivers)]);
    let answer = coordinator.action(&deployment().relation(tracing).build(), &call);
    assert_eq!(answer.failure, None);
    assert_eq!(answer.results["otlp-http"], "http://loom:4318");
    let alone = Snapshot::for_test("tally/0").charm("tally-coordinator-k8s").build();
    let failure = coordinator.action(&alone, &call).failure.expect("a failure");
    assert!(failure.contains("Missing any worker relation."), "{failure}");
}

#[test]
fn the_decision_depends_on_nothing_but_the_snapshot() {
    let snapshot = deployment().relation(RelationBuilder::new("certificates", 8, "seal")).build();
    assert_eq!(format!("{:?}", decide(&snapshot)), format!("{:?}", decide(&snapshot)));
}
