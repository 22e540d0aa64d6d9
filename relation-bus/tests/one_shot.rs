//! One event through a real process: a charm that is a shell script.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use relation_bus::charm_folder::CharmMetadata;
use relation_bus::model::{DataBag, StatusValue};
use relation_bus::names::{RelationId, UnitName};
use relation_bus::one_shot::{Charm, Event, Outcome, World, WorldPeer, WorldRelation, run};
use serde_json::{Value, json};

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn bag(pairs: &[(&str, &str)]) -> DataBag {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A leader related to `api/0` through `backend:3`, with a peer relation `peers:1`.
fn world(folder: &Path, script: &str) -> World {
    let metadata = json!({
        "name": "web",
        "requires": {"backend": {"interface": "http"}},
        "peers": {"peers": {"interface": "web_peers"}},
        "containers": {"web": {}},
    });
    let metadata = CharmMetadata::from_documents(&metadata, &Value::Null, &Value::Null).unwrap();
    let dispatch = folder.join("script");
    std::fs::write(&dispatch, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
    std::fs::set_permissions(&dispatch, std::fs::Permissions::from_mode(0o755)).unwrap();
    World {
        model_name: "m".to_owned(),
        model_uuid: "3f1c9a52-7d4e-4b0a-9c61-5e8f2ab4d107".to_owned(),
        juju_version: "3.6.8".to_owned(),
        charm: Charm { metadata, dispatch, ..Charm::default() },
        unit: unit("web/0"),
        leader: Some(unit("web/0")),
        config: BTreeMap::new(),
        fqdn: "web-0.web-endpoints.m.svc.cluster.local".to_owned(),
        dns_server: "10.152.183.10".to_owned(),
        has_ipv6: false,
        environment: BTreeMap::new(),
        networks: BTreeMap::new(),
        address: "10.1.0.2".to_owned(),
        relations: vec![WorldRelation {
            id: RelationId(3),
            endpoint: "backend".to_owned(),
            remote_application: "api".to_owned(),
            local_unit: bag(&[("private-address", "10.1.0.2")]),
            remote_units: [(unit("api/0"), bag(&[("url", "http://api")]))].into(),
            ..WorldRelation::default()
        }],
        peers: vec![WorldPeer {
            id: RelationId(1),
            endpoint: "peers".to_owned(),
            ..WorldPeer::default()
        }],
        charm_container_files: BTreeMap::new(),
        secrets: Vec::new(),
        opened_ports: BTreeSet::new(),
        workload_version: String::new(),
        state: BTreeMap::new(),
        kubernetes: Some("127.0.0.1:1".to_owned()),
        root: folder.join("r"),
    }
}

async fn play(script: &str, event: &Event) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    run(&world(folder.path(), script), event).await.unwrap()
}

fn update_status() -> Event {
    Event { name: "update-status".to_owned(), ..Event::default() }
}

fn changed() -> Event {
    Event {
        name: "relation-changed".to_owned(),
        relation: Some(RelationId(3)),
        remote_unit: Some(unit("api/0")),
        ..Event::default()
    }
}

#[tokio::test]
async fn a_hook_reads_its_remote_and_writes_its_databags() {
    let script = r#"
        url=$(relation-get url)
        relation-set "seen=$url"
        printf '{"big": "value <&>"}' | relation-set -r 3 --app --file -
        status-set active "talks to $JUJU_REMOTE_UNIT"
        application-version-set 1.2"#;
    let outcome = play(script, &changed()).await;
    assert_eq!(outcome.failure, None);
    let relation = &outcome.model.relations[&RelationId(3)];
    assert_eq!(relation.unit_bag(&unit("web/0")).unwrap().content["seen"], "http://api");
    assert_eq!(relation.sides[0].bag.content, bag(&[("big", "value <&>")]));
    let web = outcome.model.unit(&unit("web/0")).unwrap();
    assert_eq!(web.status.value, StatusValue::Active);
    assert_eq!(web.status.message, "talks to api/0");
    assert_eq!(outcome.model.applications["web"].workload_version, "1.2");
    assert_eq!(
        outcome.journal.counts(),
        BTreeMap::from([
            ("relation-get", 1),
            ("relation-set", 2),
            ("status-set", 1),
            ("application-version-set", 1),
        ])
    );
}

#[tokio::test]
async fn a_failing_hook_keeps_its_status_and_drops_its_databags() {
    let script = "relation-set -r 3 a=b; state-set k=v; open-port 80; status-set blocked no
        application-version-set 1.0; exit 7";
    let outcome = play(script, &changed()).await;
    assert_eq!(outcome.exit, Some(7));
    assert_eq!(outcome.failure.as_deref(), Some("exit status 7"));
    let relation = &outcome.model.relations[&RelationId(3)];
    assert!(!relation.unit_bag(&unit("web/0")).unwrap().content.contains_key("a"));
    let web = outcome.model.unit(&unit("web/0")).unwrap();
    assert!(web.state.is_empty() && web.opened_ports.is_empty());
    assert_eq!(web.status.message, "no");
    assert_eq!(outcome.model.applications["web"].workload_version, "1.0");
    let log: Vec<_> = outcome.model.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(
        log,
        ["hook \"backend-relation-changed\" (via hook dispatching script: dispatch) failed: exit \
          status 7"]
    );
}

#[tokio::test]
async fn the_environment_is_bare() {
    let outcome = play("env | sort", &update_status()).await;
    let names: BTreeSet<&str> =
        outcome.model.log.iter().filter_map(|line| Some(line.message.split_once('=')?.0)).collect();
    // The shell adds the last two by itself.
    let expected: BTreeSet<&str> = "APT_LISTCHANGES_FRONTEND CHARM_DIR CLOUD_API_VERSION \
        DEBIAN_FRONTEND JUJU_AGENT_SOCKET_ADDRESS JUJU_AGENT_SOCKET_NETWORK JUJU_API_ADDRESSES \
        JUJU_AVAILABILITY_ZONE JUJU_CHARM_DIR JUJU_CHARM_FTP_PROXY JUJU_CHARM_HTTPS_PROXY \
        JUJU_CHARM_HTTP_PROXY JUJU_CHARM_NO_PROXY JUJU_CONTEXT_ID JUJU_DISPATCH_PATH \
        JUJU_HOOK_NAME JUJU_MACHINE_ID JUJU_MODEL_NAME JUJU_MODEL_UUID JUJU_PRINCIPAL_UNIT \
        JUJU_SLA JUJU_UNIT_NAME JUJU_VERSION KUBERNETES_PORT KUBERNETES_PORT_443_TCP \
        KUBERNETES_PORT_443_TCP_ADDR KUBERNETES_PORT_443_TCP_PORT KUBERNETES_PORT_443_TCP_PROTO \
        KUBERNETES_SERVICE KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT \
        KUBERNETES_SERVICE_PORT_HTTPS LANG PATH TERM PWD"
        .split_whitespace()
        .collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn output_goes_to_the_log_by_line() {
    let outcome = play("echo out; echo err >&2", &update_status()).await;
    let lines: BTreeSet<_> = outcome
        .model
        .log
        .iter()
        .map(|line| (line.level.as_str(), line.module.as_str(), line.message.as_str()))
        .collect();
    let expected = BTreeSet::from([
        ("DEBUG", "unit.web/0.update-status", "out"),
        ("WARNING", "unit.web/0.update-status", "err"),
    ]);
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_broken_relation_is_not_listed_and_still_readable_by_id() {
    let script = "relation-ids backend; relation-list -r 3; relation-list -r 3 --app
        relation-get -r 3 --app - api";
    let broken = Event {
        name: "relation-broken".to_owned(),
        relation: Some(RelationId(3)),
        ..Event::default()
    };
    let outcome = play(script, &broken).await;
    assert_eq!(outcome.failure, None);
    let lines: Vec<_> = outcome.model.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["api", "{}"]);
}

#[tokio::test]
async fn a_tool_with_a_foreign_context_is_refused() {
    let script = "JUJU_CONTEXT_ID=x is-leader || echo refused";
    let outcome = play(script, &update_status()).await;
    let lines: BTreeSet<_> = outcome.model.log.iter().map(|line| line.message.as_str()).collect();
    let expected = BTreeSet::from(["ERROR bad request: wrong context ID; got \"x\"", "refused"]);
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn calls_from_one_hook_run_one_after_another() {
    let script = "for i in 1 2 3 4 5 6; do state-set k$i=v & done; wait";
    let outcome = play(script, &update_status()).await;
    assert_eq!(outcome.model.unit(&unit("web/0")).unwrap().state.len(), 6);
}

#[tokio::test]
async fn a_child_that_outlives_the_hook_does_not_hold_it() {
    let started = std::time::Instant::now();
    let outcome = play("sleep 20 & echo done", &update_status()).await;
    assert_eq!(outcome.failure, None);
    assert!(started.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn the_trust_store_tool_succeeds_and_does_nothing() {
    let outcome = play("update-ca-certificates --fresh", &update_status()).await;
    assert_eq!(outcome.failure, None);
    assert!(outcome.journal.calls.is_empty());
}

#[tokio::test]
async fn the_unit_finds_itself_below_its_root() {
    let script = r#"root=${JUJU_CHARM_DIR%/var/lib/juju/agents/*}
        cat $root/etc/hostname $root/etc/resolv.conf
        test "$PWD" = "$JUJU_CHARM_DIR"; test -f metadata.yaml; test -d $root/charm/containers/web"#;
    let outcome = play(script, &update_status()).await;
    assert_eq!(outcome.failure, None, "{:?}", outcome.model.log);
    assert_eq!(outcome.model.log[0].message, "web-0");
    assert_eq!(outcome.model.log[1].message, "nameserver 10.152.183.10");
}

#[tokio::test]
async fn an_event_about_an_absent_relation_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let event = Event {
        name: "relation-joined".to_owned(),
        relation: Some(RelationId(9)),
        ..Event::default()
    };
    let error = run(&world(folder.path(), "true"), &event).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot play an event of relation `9`: the world has no such relation"
    );
}
