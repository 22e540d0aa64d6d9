//! Where the worker does better than the Python one, on purpose.

use charm::Charm;
use charm::databag::DatabagPatch;
use charm::desired::{ContainerGoal, Desired, FileGoal, ServiceGoal};
use charm::layer::Plan;
use charm::metadata::{EndpointRole, OptionType};
use charm::names::RelationId;
use charm::snapshot::{ContainerState, FileRead, ServiceState, Snapshot};
use charm::status::{Status, StatusLevel};
use charm::testing::{RelationBuilder, SnapshotBuilder};
use serde_json::{Value, json};
use worker::{Worker, paths, solution::Solution};

const SOLUTION: &str = "\
container: tally
cluster_endpoint: cluster
layer:
  verbatim: {services: {tally: {override: replace, command: /bin/tally, startup: enabled}}}
";
const CONFIG: &str = r#""a: 1\n""#;

fn reconcile_on(solution: &str, snapshot: &Snapshot) -> Desired {
    Worker::new(Solution::parse("solution.yaml", solution).expect("valid")).reconcile(snapshot)
}

fn reconcile(snapshot: &Snapshot) -> Desired {
    reconcile_on(SOLUTION, snapshot)
}

/// A leader with a role, whose workload runs.
fn running() -> SnapshotBuilder {
    let mut state = ContainerState::default();
    let service = json!({"override": "replace", "command": "/bin/tally", "startup": "enabled"});
    let foreign = json!({"override": "replace", "command": "/bin/cron", "startup": "enabled"});
    for (name, members) in [("tally", service), ("cron", foreign)] {
        let members = members.as_object().expect("an object").clone();
        state.plan.services.insert(name.to_owned(), members);
        state.services.insert(name.to_owned(), ServiceState::Active);
    }
    state.files.insert(paths::CONFIG.to_owned(), FileRead::Content(b"a: 0\n".to_vec()));
    Snapshot::for_test("tally/0")
        .leader()
        .endpoint("cluster", EndpointRole::Requirer, "tally_cluster")
        .option("role-all", OptionType::Boolean)
        .config("role-all", true)
        .container("tally", state)
}

fn coordinator() -> RelationBuilder {
    RelationBuilder::new("cluster", 7, "loom")
}

fn told<const N: usize>(entries: [(&str, &str); N]) -> Desired {
    reconcile(&running().relation(coordinator().remote_app(entries)).build())
}

fn goal(desired: &Desired) -> &ContainerGoal {
    &desired.containers[&"tally".parse().expect("valid")]
}

fn status(desired: &Desired) -> &Status {
    Status::worst(&desired.unit_statuses).expect("there is one")
}

fn runs(desired: &Desired) -> bool {
    matches!(&goal(desired).services, ServiceGoal::Running(running) if running.services.len() == 1)
}

#[test]
fn an_unreadable_key_spoils_only_itself() {
    let desired = told([
        ("worker_config", CONFIG),
        ("worker_ports", r#"["http"]"#),
        ("loki_endpoints", "{'logs/0': 'x'}"),
        ("ca_cert", "17"),
        ("worker_labels", "["),
    ]);
    assert!(runs(&desired));
    assert_eq!(desired.ports, None);
    assert!(goal(&desired).layers.iter().all(|(label, _)| label == "tally"));
    assert!(!goal(&desired).files.contains_key(paths::CA_CERT));
    assert_eq!(desired.kubernetes, []);
    assert_eq!(desired.problems.len(), 4);
    assert_eq!(desired.problems[0].place, "relation `cluster:7`, application `loom`");
    let shown = "[cluster] the coordinator's key `loki_endpoints`: not JSON, at line 1 column 2";
    assert_eq!(status(&desired), &Status::active(shown));
}

#[test]
fn while_the_configuration_is_unreadable_the_last_good_one_stays() {
    for text in ["a: 1", r#""a: {""#] {
        let desired = told([("worker_config", text)]);
        assert!(runs(&desired), "{text}");
        assert!(!goal(&desired).files.contains_key(paths::CONFIG));
        assert_eq!(status(&desired).level, StatusLevel::Blocked);
        assert!(status(&desired).message.ends_with("): running with the last good one"));
        assert_eq!(desired.problems.len(), 1, "{:?}", desired.problems);
    }
}

#[test]
fn an_unreadable_configuration_starts_nothing_new() {
    let fresh = running().container("tally", ContainerState::default());
    let relation = coordinator().remote_app([("worker_config", "a: 1")]);
    let desired = reconcile(&fresh.relation(relation).build());
    assert!(desired.containers.is_empty());
    assert!(status(&desired).message.ends_with("): not started"));
}

#[test]
fn a_withdrawn_configuration_stops_only_our_service() {
    let desired = told([]);
    assert_eq!(goal(&desired).services, ServiceGoal::Stopped(["tally".to_owned()].into()));
    assert!(paths::ALL.iter().all(|path| goal(&desired).files[*path] == FileGoal::Absent));
    assert_eq!(status(&desired).message, "Waiting for coordinator to publish a config");
}

#[test]
fn a_role_that_is_switched_off_is_taken_back() {
    let relation = coordinator().local_app([("role", r#""all""#)]);
    let desired = reconcile(&running().config("role-all", false).relation(relation).build());
    let patch = DatabagPatch::from([("role".to_owned(), None)]);
    assert_eq!(desired.app_databags()[&RelationId(7)], patch);
}

#[test]
fn an_empty_list_closes_our_ports() {
    let ports = |text| told([("worker_config", CONFIG), ("worker_ports", text)]).ports;
    assert_eq!(ports("[]"), Some([].into()));
    assert_eq!(ports("[0, 80]"), Some(["80/tcp".parse().expect("valid")].into()));
    assert_eq!(told([("worker_config", CONFIG)]).ports, None);
}

#[test]
fn logs_go_out_whatever_the_workload_does() {
    let endpoints = r#"{"logs/0": "http://logs/push"}"#;
    let relation = coordinator().remote_app([("loki_endpoints", endpoints)]);
    let snapshot = running()
        .container("sidecar", ContainerState { plan: Plan::default(), ..Default::default() })
        .container_down("third")
        .pebble_ready("sidecar")
        .relation(relation);
    let desired = reconcile(&snapshot.build());
    let targets = |name: &str| -> Vec<&str> {
        let goal = desired.containers.get(&name.parse().expect("valid"));
        let layers = goal.map(|goal| &goal.layers[..]).unwrap_or_default();
        layers.iter().flat_map(|(_, layer)| layer.log_targets.keys().map(String::as_str)).collect()
    };
    assert_eq!((targets("tally"), targets("sidecar")), (vec!["logs/0"], vec!["logs/0"]));
    assert_eq!(targets("third"), Vec::<&str>::new());
}

#[test]
fn charm_traces_trust_the_authority() {
    let receivers = r#"{"otlp_http": "https://tempo:4318"}"#;
    let tracing = |ca: &str| {
        let keys =
            [("worker_config", CONFIG), ("charm_tracing_receivers", receivers), ("ca_cert", ca)];
        told(keys).charm_tracing
    };
    let destination = tracing(r#""CA""#).expect("there is one");
    assert_eq!(destination.url, "https://tempo:4318/v1/traces");
    assert_eq!(destination.ca.as_deref(), Some("CA"));
    assert_eq!(tracing("null"), None);
}

#[test]
fn the_version_is_asked_for_when_our_container_comes_up() {
    let probe = |container| reconcile(&running().pebble_ready(container).build()).version_probe;
    let asked = probe("tally").expect("asked");
    assert_eq!(asked.command, ["/bin/tally", "-version"]);
    assert_eq!((asked.read)("tally, version 3.1"), Some("3.1".to_owned()));
    assert!(probe("sidecar").is_none());
}

#[test]
fn a_key_that_cannot_be_read_leaves_certificate_and_key_as_they_are() {
    let relation = coordinator().remote_app([
        ("worker_config", CONFIG),
        ("ca_cert", r#""CA""#),
        ("server_cert", r#""CERT""#),
        ("privkey_secret_id", r#""secret:abc""#),
    ]);
    let snapshot = running().relation(relation).refused_secret("secret:abc", "permission denied");
    let desired = reconcile(&snapshot.build());
    let files = &goal(&desired).files;
    assert!(files.contains_key(paths::CA_CERT) && files.contains_key(paths::TRUSTED_CA));
    assert!(!files.contains_key(paths::SERVER_CERT) && !files.contains_key(paths::PRIVATE_KEY));
    assert!(runs(&desired));
    let expected =
        "[tls] the private key can't be read (permission denied): the coordinator has to grant it";
    assert_eq!(status(&desired), &Status::waiting(expected));
}

#[test]
fn a_key_is_written_for_its_reader_only() {
    let relation = coordinator().remote_app([
        ("worker_config", CONFIG),
        ("server_cert", r#""CERT""#),
        ("privkey_secret_id", r#""secret://uuid/abc""#),
    ]);
    let snapshot =
        running().relation(relation).observed_secret("secret://uuid/abc", [("private-key", "KEY")]);
    let desired = reconcile(&snapshot.build());
    let FileGoal::Present { content, mode, .. } = &goal(&desired).files[paths::PRIVATE_KEY] else {
        unreachable!("the key is there");
    };
    assert_eq!((content.reveal(), *mode), ("KEY", 0o600));
}

#[test]
fn a_layer_that_cannot_be_built_blocks_and_the_configuration_is_written() {
    let broken = "container: tally\ncluster_endpoint: cluster\nlayer: {template: '{{ nope }}'}\n";
    let relation = coordinator().remote_app([("worker_config", CONFIG)]);
    let desired = reconcile_on(broken, &running().relation(relation).build());
    assert_eq!(
        status(&desired),
        &Status::blocked(
            "[layer] cannot render `layer`: `nope` is undefined (line 1 of the template)"
        )
    );
    assert!(goal(&desired).files.contains_key(paths::CONFIG));
    assert_eq!(goal(&desired).services, ServiceGoal::Untouched);
}

#[test]
fn of_several_coordinators_the_first_is_served() {
    let second = RelationBuilder::new("cluster", 9, "weft").remote_app([("worker_config", CONFIG)]);
    let first = coordinator().remote_app([("worker_config", CONFIG)]);
    let desired = reconcile(&running().relation(second).relation(first).build());
    assert!(runs(&desired));
    assert_eq!(desired.unit_databags().keys().collect::<Vec<_>>(), [&RelationId(7)]);
    assert!(status(&desired).message.starts_with("[cluster] several coordinators are related: "));
}

#[test]
fn a_solution_that_cannot_be_read_blocks_and_says_where() {
    let folder = std::env::temp_dir().join("a folder without a solution");
    let worker = Worker::load(&folder);
    let desired = worker.reconcile(&running().relation(coordinator()).build());
    assert_eq!(status(&desired), &Status::blocked("[solution] cannot read `solution.yaml`"));
    assert!(desired.containers.is_empty() && desired.unit_databags().is_empty());
}

#[test]
fn a_failed_check_changes_nothing() {
    use charm::event::{Event, WorkloadEvent, WorkloadEventKind};
    let event = Event::Workload(WorkloadEvent {
        container: "tally".parse().expect("valid"),
        kind: WorkloadEventKind::CheckFailed("ready".to_owned()),
    });
    let relation = coordinator().remote_app([("worker_config", r#""a: 2\n""#)]);
    let desired = reconcile(&running().relation(relation).event(event).build());
    assert!(desired.containers.is_empty() && desired.unit_databags().is_empty());
}

#[test]
fn juju_keys_are_left_alone() {
    let relation = coordinator().local_unit([("ingress-address", "10.0.0.1"), ("leftover", "x")]);
    let desired = reconcile(&running().relation(relation).build());
    let patch = &desired.unit_databags()[&RelationId(7)];
    assert_eq!(patch.get("leftover"), Some(&None));
    assert!(!patch.contains_key("ingress-address"));
    let address: Value =
        serde_json::from_str(patch["address"].as_deref().expect("set")).expect("JSON");
    assert_eq!(address, "test-0");
}
