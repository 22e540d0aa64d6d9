use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::event::{Event, Lifecycle, RelationEvent, RelationEventKind};
use crate::metadata::{Endpoint, EndpointRole, Metadata};
use crate::testing::RelationBuilder;
use crate::tools::recording::RecordingTools;

fn metadata() -> Metadata {
    let endpoint = |role| Endpoint { role, interface: "x".to_owned(), limit: None };
    let mut metadata = Metadata::default();
    let roles = [("logging", EndpointRole::Requirer), ("peers", EndpointRole::Peer)];
    for (name, role) in roles {
        metadata.endpoints.insert(name.parse().expect("valid"), endpoint(role));
    }
    metadata
}

/// Reads the needs as `tempo/0` and gives the snapshot and the calls.
fn read(tools: RecordingTools, event: Event, needs: &[Needs]) -> (Snapshot, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let blank = Snapshot::for_test("tempo/0").build();
    let charm_dir = folder.path().join("var/lib/juju/agents/unit-tempo-0/charm");
    std::fs::create_dir_all(charm_dir.join("rules/sub")).expect("created");
    std::fs::write(charm_dir.join("rules/sub/a.rule"), "x").expect("written");
    let dispatch = Dispatch {
        event: event.clone(),
        identity: blank.identity.clone(),
        root: crate::host::HostRoot::of_charm_dir(&charm_dir),
        charm_dir,
        kubernetes: None,
    };
    let workloads = Workloads::new(dispatch.clone());
    let mut snapshot = Snapshot::start(event, blank.identity, Arc::new(metadata()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut reader = Reader::new(Tools::new(&tools), &dispatch, &workloads);
        reader.facts(&mut snapshot).expect("readable");
        for needs in needs {
            reader.read(needs, &mut snapshot).await.expect("readable");
        }
    });
    let calls = tools.calls().into_iter();
    (
        snapshot,
        calls
            .filter(|call| !call.starts_with("is-leader") && !call.starts_with("status-get"))
            .collect(),
    )
}

fn update_status() -> Event {
    Event::Lifecycle(Lifecycle::UpdateStatus)
}

fn endpoint(name: &str, bags: &[Bag]) -> Needs {
    let bags = bags.iter().copied().collect();
    Needs { endpoints: BTreeMap::from([(name.parse().expect("valid"), bags)]), ..Needs::default() }
}

const ALL: [Bag; 4] = [Bag::LocalApp, Bag::LocalUnit, Bag::RemoteApp, Bag::RemoteUnits];

#[test]
fn every_databag_is_read_once() {
    let tools = RecordingTools::default()
        .prints("is-leader", "true")
        .prints("relation-ids", r#"["logging:10","logging:2"]"#)
        .prints("relation-list --format=json -r 2", r#"["loki/0","loki/1"]"#)
        .prints("relation-list --format=json -r 10", "[]")
        .prints("relation-list --format=json --app -r 10", r#""other""#)
        .prints("relation-get --format=json -r 2 - loki/1", r#"{"endpoint":"x"}"#);
    let needs = [endpoint("logging", &[Bag::RemoteUnits]), endpoint("logging", &ALL)];
    let (snapshot, calls) = read(tools, update_status(), &needs);
    assert_eq!(
        calls,
        [
            "relation-ids --format=json logging",
            "relation-list --format=json -r 2",
            "relation-list --format=json -r 10",
            "relation-list --format=json --app -r 10",
            "relation-get --format=json -r 2 - loki/0",
            "relation-get --format=json -r 2 - loki/1",
            "relation-get --format=json -r 2 --app - tempo",
            "relation-get --format=json -r 2 - tempo/0",
            "relation-get --format=json -r 2 --app - loki",
            "relation-get --format=json -r 10 --app - tempo",
            "relation-get --format=json -r 10 - tempo/0",
            "relation-get --format=json -r 10 --app - other",
        ]
    );
    let expected = RelationBuilder::new("logging", 2, "loki")
        .local_app([])
        .remote_unit("loki/0", [])
        .remote_unit("loki/1", [("endpoint", "x")]);
    let built = Snapshot::for_test("tempo/0").relation(expected).build();
    assert_eq!(snapshot.relations[0], built.relations[0]);
}

#[test]
fn followers_read_the_applications_databag_of_peers_only() {
    let tools = RecordingTools::default()
        .prints("is-leader", "false")
        .prints("relation-ids --format=json logging", r#"["logging:1"]"#)
        .prints("relation-ids --format=json peers", r#"["peers:0"]"#)
        .prints("relation-list --format=json -r 1", r#"["loki/0"]"#)
        .prints("relation-get --format=json -r 0 --app - tempo", r#"{"a":"b"}"#);
    let needs = [endpoint("logging", &[Bag::LocalApp]), endpoint("peers", &[Bag::LocalApp])];
    let (snapshot, calls) = read(tools, update_status(), &needs);
    let local_app = |id| snapshot.relation(RelationId(id)).and_then(|r| r.local_app.clone());
    assert_eq!(local_app(1), None);
    assert_eq!(local_app(0), Some(BTreeMap::from([("a".to_owned(), "b".to_owned())])));
    assert_eq!(calls.iter().filter(|call| call.starts_with("relation-get")).count(), 1);
}

#[test]
fn a_broken_or_gone_relation_is_not_read() {
    let tools = RecordingTools::default()
        .prints("is-leader", "false")
        .prints("relation-ids", r#"["logging:1","logging:2","logging:3"]"#)
        .prints("relation-list --format=json -r 3", r#"["loki/0"]"#)
        .refuses("relation-get --format=json -r 3", "permission denied")
        .refuses("relation-list --format=json -r 2", "relation not found");
    let event = Event::Relation(RelationEvent {
        kind: RelationEventKind::Broken,
        endpoint: "logging".parse().expect("valid"),
        relation: RelationId(1),
        remote_app: None,
        remote_unit: None,
        departing_unit: None,
    });
    let (snapshot, _) = read(tools, event, &[endpoint("logging", &[Bag::RemoteUnits])]);
    assert_eq!(snapshot.relations.len(), 1);
    assert_eq!(snapshot.relations[0].id, RelationId(3));
}

#[test]
fn secrets_are_found_by_label_and_refusals_are_kept() {
    let tools = RecordingTools::default()
        .prints("is-leader", "true")
        .prints("secret-info-get --format=json --label tls", r#"{"abc":{"label":"tls"}}"#)
        .refuses("secret-info-get --format=json --label none", "secret \"none\" not found")
        .prints("secret-get --format=json --label tls", r#"{"key":"hunter2"}"#)
        .refuses("secret-get --format=json --refresh secret:x", "permission denied");
    let needs = Needs {
        secrets: [
            SecretNeed::Owned("tls".parse().expect("valid")),
            SecretNeed::Owned("none".parse().expect("valid")),
            SecretNeed::Observed("secret:x".parse().expect("valid")),
        ]
        .into(),
        ..Needs::default()
    };
    let (snapshot, calls) = read(tools, update_status(), &[needs]);
    let labels: Vec<&str> = snapshot.owned_secrets.keys().map(SecretLabel::as_str).collect();
    assert_eq!(labels, ["tls"]);
    let refusal = snapshot.observed_secrets.values().next().expect("asked").clone();
    assert_eq!(
        refusal.expect_err("refused").to_string(),
        "cannot read secret `secret:x`: permission denied"
    );
    assert_eq!(calls.len(), 4);
}

#[test]
fn folders_and_containers_are_read() {
    let needs = Needs {
        charm_folders: [PathBuf::from("rules"), PathBuf::from("none")].into(),
        containers: BTreeMap::from([("nginx".parse().expect("valid"), ContainerNeeds::default())]),
        host_files: [PathBuf::from("/etc/none")].into(),
        ..Needs::default()
    };
    let tools = RecordingTools::default().prints("is-leader", "false");
    let (snapshot, calls) = read(tools, update_status(), &[needs]);
    let files: Vec<_> = snapshot.charm_files.keys().cloned().collect();
    assert_eq!(files, [PathBuf::from("rules/sub/a.rule")]);
    assert_eq!(snapshot.containers.len(), 1);
    assert!(snapshot.container(&"nginx".parse().expect("valid")).is_none());
    assert_eq!(snapshot.host_files, BTreeMap::from([(PathBuf::from("/etc/none"), None)]));
    assert_eq!(calls, [""; 0]);
}
