use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::desired::{ContainerGoal, Reaction, Renewal, RunningServices, ServiceGoal, Trigger};
use crate::leadership::Leader;
use crate::snapshot::{ContainerState, ServiceState};
use crate::testing::{RelationBuilder, secret_content};

fn patch(entries: &[(&str, Option<&str>)]) -> DatabagPatch {
    entries.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn layer(command: &str) -> Layer {
    let Value::Object(service) =
        json!({"override": "replace", "command": command, "startup": "enabled"})
    else {
        panic!("an object")
    };
    Layer { services: BTreeMap::from([("web".to_owned(), service)]), ..Layer::default() }
}

#[test]
fn only_keys_that_differ_are_written() {
    let snapshot = Snapshot::for_test("tempo/0")
        .leader()
        .relation(
            RelationBuilder::new("cluster", 3, "worker")
                .local_app([("a", "1"), ("b", "2"), ("c", "3")])
                .local_unit([("ingress-address", "10.1.2.3")]),
        )
        .build();
    let mut desired = Desired::default();
    let id = RelationId(3);
    let wanted =
        patch(&[("a", Some("1")), ("b", Some("x")), ("c", None), ("d", None), ("e", Some(""))]);
    desired.app_databag(&Leader::for_test(), id, wanted);
    desired.unit_databag(id, patch(&[("ingress-address", Some("10.1.2.3"))]));
    let expected = DatabagChange {
        relation: id,
        owner: Owner::Application,
        patch: patch(&[("b", Some("x")), ("c", None)]),
    };
    assert_eq!(Difference::between(&snapshot, &desired).databags, [expected]);
}

#[test]
fn files_are_compared_as_told() {
    let state = ContainerState::default()
        .with_file("/bytes", "a: 1\n")
        .with_file("/yaml", "b: 2\na: 1\n")
        .with_file("/gone", "x");
    let file = |text: &str, comparison| FileGoal::Present {
        content: SecretText::new(text),
        mode: 0o644,
        comparison,
    };
    let snapshot = Snapshot::for_test("w/0").container("loki", state).build();
    let mut desired = Desired::default();
    let goal = desired.container(&"loki".parse().expect("valid"));
    goal.files.insert("/bytes".to_owned(), file("a:  1\n", Comparison::Bytes));
    goal.files.insert("/yaml".to_owned(), file("{a: 1, b: 2}", Comparison::Yaml));
    goal.files.insert("/gone".to_owned(), FileGoal::Absent);
    goal.files.insert("/absent".to_owned(), FileGoal::Absent);
    let difference = Difference::between(&snapshot, &desired);
    let changes = &difference.containers[&"loki".parse().expect("valid")];
    assert_eq!(
        *changes,
        [
            ContainerChange::Write {
                path: "/bytes".to_owned(),
                content: SecretText::new("a:  1\n"),
                mode: 0o644
            },
            ContainerChange::Remove { path: "/gone".to_owned() },
        ]
    );
}

fn running(trigger: Trigger) -> ServiceGoal {
    let services = set(&["web"]);
    ServiceGoal::Running(RunningServices { services, trigger, ..RunningServices::default() })
}

/// The changes that services call for, when one of two runs and these differences were found.
fn renewed(state: ServiceState, causes: &[(&str, Renewal)]) -> Vec<Value> {
    let running = RunningServices {
        services: set(&["web", "other"]),
        causes: causes.iter().map(|(subject, class)| ((*subject).to_owned(), *class)).collect(),
        reload: Some(Reload::Signal("SIGHUP".to_owned())),
        ..RunningServices::default()
    };
    let other = json!({"override": "replace", "command": "/bin/other"});
    let state = planned("/bin/web", state).with_service("other", other, ServiceState::Active);
    let snapshot = Snapshot::for_test("w/0").container("loki", state).build();
    let mut desired = Desired::default();
    desired.container(&"loki".parse().expect("valid")).services = ServiceGoal::Running(running);
    match &Difference::between(&snapshot, &desired).to_json()["changes"] {
        Value::Array(changes) => changes.clone(),
        other => panic!("expected a list, found {other}"),
    }
}

fn change(change: &str, services: &[&str], causes: &[&str]) -> Value {
    json!({"change": change, "container": "loki", "services": services, "causes": causes})
}

#[test]
fn there_is_one_restart_for_any_number_of_differences() {
    use Renewal::{Nothing, Reload, Restart};
    let both = &["other", "web"];
    let up = ServiceState::Active;
    assert_eq!(renewed(up.clone(), &[("a", Nothing)]), [json!(null); 0]);
    assert_eq!(
        renewed(up.clone(), &[("a", Nothing), ("b", Reload)]),
        [change("reload", both, &["b"])]
    );
    assert_eq!(
        renewed(up, &[("a", Restart), ("b", Reload), ("c", Restart)]),
        [change("restart", both, &["a", "c"])]
    );
}

#[test]
fn what_does_not_run_is_started_and_the_rest_is_left_alone() {
    use Renewal::{Reload, Restart};
    let down = ServiceState::Inactive;
    let started = change("restart", &["web"], &[]);
    assert_eq!(renewed(down.clone(), &[]), vec![started.clone()]);
    assert_eq!(
        renewed(down.clone(), &[("a", Reload)]),
        [started, change("reload", &["other"], &["a"])]
    );
    assert_eq!(renewed(down, &[("a", Restart)]), [change("restart", &["other", "web"], &["a"])]);
}

fn shown(state: ContainerState, goal: ContainerGoal) -> Vec<String> {
    let name: ContainerName = "loki".parse().expect("valid");
    let snapshot = Snapshot::for_test("w/0").container("loki", state).build();
    let mut desired = Desired::default();
    desired.containers = BTreeMap::from([(name, goal)]);
    let text = Difference::between(&snapshot, &desired).to_string();
    text.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
}

fn planned(command: &str, state: ServiceState) -> ContainerState {
    let Value::Object(mut members) = json!({}) else { panic!("an object") };
    members.extend(layer(command).services["web"].clone());
    ContainerState::default().with_service("web", Value::Object(members), state)
}

#[test]
fn a_restart_needs_a_reason() {
    let goal = |trigger| ContainerGoal {
        files: BTreeMap::from([("/c".to_owned(), FileGoal::text("new"))]),
        layers: vec![("web".to_owned(), layer("/bin/web"))],
        services: running(trigger),
        ..ContainerGoal::default()
    };
    let on_file = || Trigger { files: set(&["/c"]), layers: BTreeSet::new() };
    let on_layer = || Trigger { files: BTreeSet::new(), layers: set(&["web"]) };
    let as_wanted = || planned("/bin/web", ServiceState::Active).with_file("/c", "new");
    assert_eq!(shown(as_wanted(), goal(on_file())), [""; 0]);
    let other_file = as_wanted().with_file("/c", "old");
    assert_eq!(shown(other_file.clone(), goal(on_file())), ["file-write", "restart"]);
    assert_eq!(shown(other_file, goal(on_layer())), ["file-write"]);
    let other_plan = planned("/bin/old", ServiceState::Active).with_file("/c", "new");
    assert_eq!(shown(other_plan, goal(on_layer())), ["layer", "restart"]);
    let down = planned("/bin/web", ServiceState::Inactive).with_file("/c", "new");
    assert_eq!(shown(down, goal(on_file())), ["restart"]);
}

#[test]
fn a_replan_needs_a_reason() {
    let goal = || ContainerGoal {
        layers: vec![("web".to_owned(), layer("/bin/web"))],
        services: ServiceGoal::Replanned(set(&["web"])),
        ..ContainerGoal::default()
    };
    assert_eq!(shown(planned("/bin/web", ServiceState::Active), goal()), [""; 0]);
    assert_eq!(shown(planned("/bin/web", ServiceState::Inactive), goal()), ["replan"]);
    assert_eq!(shown(planned("/bin/old", ServiceState::Active), goal()), ["layer", "replan"]);
    assert_eq!(shown(ContainerState::default(), goal()), ["layer", "replan"]);
}

#[test]
fn only_running_services_of_the_plan_are_stopped() {
    let goal = || ContainerGoal {
        services: ServiceGoal::Stopped(set(&["web", "other"])),
        ..ContainerGoal::default()
    };
    assert_eq!(shown(planned("/bin/web", ServiceState::Active), goal()), ["stop"]);
    assert_eq!(shown(planned("/bin/web", ServiceState::Inactive), goal()), [""; 0]);
}

#[test]
fn what_was_interrupted_is_done() {
    let name: ContainerName = "loki".parse().expect("valid");
    let state = planned("/bin/web", ServiceState::Active).with_file("/c", "new");
    let mut snapshot = Snapshot::for_test("w/0").container("loki", state).build();
    let trigger = Trigger { files: set(&["/c"]), layers: BTreeSet::new() };
    let goal = ContainerGoal {
        services: running(trigger.clone()),
        reactions: vec![Reaction { command: vec!["reload".to_owned()], trigger: trigger.clone() }],
        ..ContainerGoal::default()
    };
    let mut desired = Desired::default();
    desired.containers = BTreeMap::from([(name.clone(), goal)]);
    assert!(Difference::between(&snapshot, &desired).is_empty());
    let left = Interrupted { trigger, ..Interrupted::default() };
    snapshot.interrupted.insert(name.clone(), left);
    let difference = Difference::between(&snapshot, &desired);
    assert_eq!(difference.containers[&name].len(), 2);
    assert_eq!(
        difference.fired[&name].causes,
        BTreeMap::from([("`/c`".to_owned(), Renewal::Restart)])
    );
}

#[test]
fn secrets_are_revised_and_granted_only_when_needed() {
    let snapshot = Snapshot::for_test("tempo/0")
        .leader()
        .owned_secret("kept", "secret:a", [("key", "1")])
        .owned_secret("old", "secret:b", [("key", "1")])
        .build();
    let present = |value: &str, grants: &[u32]| SecretGoal::Present {
        owner: SecretOwner::Unit,
        content: secret_content([("key", value)]),
        expire: None,
        grants: grants.iter().copied().map(RelationId).collect(),
    };
    let label = |text: &str| -> SecretLabel { text.parse().expect("valid") };
    let mut desired = Desired::default();
    desired.secrets = BTreeMap::from([
        (label("kept"), present("1", &[7])),
        (label("new"), present("2", &[])),
        (label("old"), SecretGoal::Absent),
        (label("none"), SecretGoal::Absent),
    ]);
    let difference = Difference::between(&snapshot, &desired);
    assert_eq!(
        difference.to_json()["changes"],
        json!([
            {"change": "secret-grant", "label": "kept", "id": "secret:a", "relation": 7},
            {"change": "secret-add", "label": "new", "owner": "unit", "keys": ["key"], "grants": []},
            {"change": "secret-remove", "label": "old", "id": "secret:b"},
        ])
    );
}

#[test]
fn ports_version_state_and_statuses_are_compared() {
    let mut snapshot = Snapshot::for_test("tempo/0")
        .opened_port("80/tcp")
        .opened_port("81/tcp")
        .state(WORKLOAD_VERSION_KEY, "1")
        .state("kept", "x")
        .build();
    snapshot.unit_status = Some(Status::active(""));
    let ports = ["80/tcp", "82/tcp"].iter().map(|port| port.parse().expect("valid")).collect();
    let mut desired = Desired::default();
    desired.ports = Some(ports);
    desired.workload_version = Some("1".to_owned());
    desired.state =
        BTreeMap::from([("kept".to_owned(), Some("x".to_owned())), ("no".to_owned(), None)]);
    desired.unit_statuses = vec![Status::active("")];

    let difference = Difference::between(&snapshot, &desired);
    assert_eq!(difference.to_string(), "port-open port=82/tcp\nport-close port=81/tcp\n");
    desired.ports = None;
    assert!(Difference::between(&snapshot, &desired).is_empty());
    desired.workload_version = Some("2".to_owned());
    desired.unit_statuses.push(Status::waiting("for s3"));
    assert_eq!(
        Difference::between(&snapshot, &desired).to_json(),
        json!({"charm_tracing": null, "changes": [
            {"change": "state", "set": {"workload-version": "2"}, "delete": []},
            {"change": "workload-version", "version": "2"},
            {"change": "status", "owner": "unit", "status": "waiting", "message": "for s3"},
        ]})
    );
}

#[test]
fn credentials_are_masked() {
    let snapshot =
        Snapshot::for_test("tempo/0").relation(RelationBuilder::new("s3", 3, "minio")).build();
    let mut desired = Desired::default();
    let config = r#"{"s3": {"secret_key": "hunter2", "bucket": "b"}, "text": "password: hunter2"}"#;
    desired.unit_databag(
        RelationId(3),
        patch(&[
            ("secret-key", Some("hunter2")),
            ("worker_config", Some(config)),
            ("privkey_secret_id", Some("\"secret:abc\"")),
            ("plain", Some("shown")),
        ]),
    );
    let text = Difference::between(&snapshot, &desired).to_string();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("shown") && text.contains("bucket"), "{text}");
}
