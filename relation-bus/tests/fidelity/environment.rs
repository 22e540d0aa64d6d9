//! Item 1: the environment of each kind of event, to the variable.

use std::collections::BTreeMap;

use relation_bus::engine::Settings;
use relation_bus::hook::{Detaching, Hook, LifeCycle, RelationEvent, SecretEvent, WorkloadEvent};
use relation_bus::model::StorageKind;
use relation_bus::names::SecretId;
use serde_json::Map;

use crate::stage::{JUJU, Play, unit};

/// In every hook on Kubernetes, Ubuntu and Juju 3, with nothing in them or with something.
const ALWAYS: [&str; 34] = [
    "APT_LISTCHANGES_FRONTEND",
    "CHARM_DIR",
    "CLOUD_API_VERSION",
    "DEBIAN_FRONTEND",
    "JUJU_AGENT_SOCKET_ADDRESS",
    "JUJU_AGENT_SOCKET_NETWORK",
    "JUJU_API_ADDRESSES",
    "JUJU_AVAILABILITY_ZONE",
    "JUJU_CHARM_DIR",
    "JUJU_CHARM_FTP_PROXY",
    "JUJU_CHARM_HTTPS_PROXY",
    "JUJU_CHARM_HTTP_PROXY",
    "JUJU_CHARM_NO_PROXY",
    "JUJU_CONTEXT_ID",
    "JUJU_DISPATCH_PATH",
    "JUJU_HOOK_NAME",
    "JUJU_MACHINE_ID",
    "JUJU_MODEL_NAME",
    "JUJU_MODEL_UUID",
    "JUJU_PRINCIPAL_UNIT",
    "JUJU_SLA",
    "JUJU_UNIT_NAME",
    "JUJU_VERSION",
    "KUBERNETES_PORT",
    "KUBERNETES_PORT_443_TCP",
    "KUBERNETES_PORT_443_TCP_ADDR",
    "KUBERNETES_PORT_443_TCP_PORT",
    "KUBERNETES_PORT_443_TCP_PROTO",
    "KUBERNETES_SERVICE",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "KUBERNETES_SERVICE_PORT_HTTPS",
    "LANG",
    "PATH",
];

type Variables = BTreeMap<String, String>;

fn read(environ: &str) -> Variables {
    let pairs = environ.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The variables with which the process of a hook starts.
async fn variables(play: &mut Play, hook: Hook) -> Variables {
    play.run_in("web/0", hook, "tr '\\0' '\\n' </proc/$$/environ >\"$S/environ\"").await;
    read(&play.note("web", "environ"))
}

/// Those beyond the ones that every hook has; the usual ones must all be there.
fn beyond(mut variables: Variables) -> Variables {
    for name in ALWAYS.into_iter().chain(["TERM"]) {
        assert!(variables.remove(name).is_some(), "{name}");
    }
    variables
}

fn expected(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn item_01_each_kind_of_event_has_its_variables_and_no_other() {
    let mut play = Play::settled(1, 1).await;
    let relation = [
        ("JUJU_RELATION", "backend"),
        ("JUJU_RELATION_ID", "backend:1"),
        ("JUJU_REMOTE_APP", "api"),
    ];
    let with_unit = |unit: &'static str| [&relation[..], &[("JUJU_REMOTE_UNIT", unit)]].concat();
    let departed = [&with_unit("api/0")[..], &[("JUJU_DEPARTING_UNIT", "api/0")]].concat();
    let id = SecretId::from_number(7);
    let uri = id.uri();
    let secret = [("JUJU_SECRET_ID", uri.as_str()), ("JUJU_SECRET_LABEL", "mine")];
    let revision = [&secret[..], &[("JUJU_SECRET_REVISION", "3")]].concat();
    let about = |event| Hook::Secret { id: id.clone(), label: "mine".to_owned(), event };
    let web = |event| Hook::Workload { container: "web".to_owned(), event };
    let notice = WorkloadEvent::CustomNotice { id: "4".to_owned(), key: "a.b/c".to_owned() };
    let check = "up".to_owned();
    let workload = [("JUJU_WORKLOAD_NAME", "web")];
    let storage = Hook::Storage {
        name: "data".to_owned(),
        id: "data/0".to_owned(),
        location: "/srv".to_owned(),
        kind: StorageKind::Filesystem,
        detaching: Detaching::No,
    };
    let table: Vec<(Hook, Vec<(&str, &str)>)> = vec![
        (LifeCycle::Start.into(), vec![]),
        (LifeCycle::UpdateStatus.into(), vec![]),
        (Hook::Other("some-new-event".to_owned()), vec![]),
        (play.about_backend(RelationEvent::Created, None), with_unit("")),
        (play.about_backend(RelationEvent::Joined, Some("api/0")), with_unit("api/0")),
        (play.about_backend(RelationEvent::Changed, Some("api/0")), with_unit("api/0")),
        (play.about_backend(RelationEvent::Changed, None), with_unit("")),
        (play.about_backend(RelationEvent::Departed, Some("api/0")), departed),
        (play.about_backend(RelationEvent::Broken, None), with_unit("")),
        (web(WorkloadEvent::PebbleReady), workload.to_vec()),
        (
            web(notice),
            [
                &workload[..],
                &[
                    ("JUJU_NOTICE_ID", "4"),
                    ("JUJU_NOTICE_TYPE", "custom"),
                    ("JUJU_NOTICE_KEY", "a.b/c"),
                ],
            ]
            .concat(),
        ),
        (
            web(WorkloadEvent::CheckFailed { check: check.clone() }),
            [&workload[..], &[("JUJU_PEBBLE_CHECK_NAME", "up")]].concat(),
        ),
        (
            web(WorkloadEvent::CheckRecovered { check }),
            [&workload[..], &[("JUJU_PEBBLE_CHECK_NAME", "up")]].concat(),
        ),
        (about(SecretEvent::Changed), secret.to_vec()),
        (about(SecretEvent::Rotate), secret.to_vec()),
        (about(SecretEvent::Expired { revision: 3 }), revision.clone()),
        (about(SecretEvent::Remove { revision: 3 }), revision),
        (
            storage,
            vec![
                ("JUJU_STORAGE_ID", "data/0"),
                ("JUJU_STORAGE_LOCATION", "/srv"),
                ("JUJU_STORAGE_KIND", "filesystem"),
            ],
        ),
    ];
    for (hook, pairs) in table {
        let name = hook.name();
        let found = variables(&mut play, hook).await;
        assert_eq!(found["JUJU_HOOK_NAME"], name);
        assert_eq!(found["JUJU_DISPATCH_PATH"], format!("hooks/{name}"));
        assert!(found["JUJU_CONTEXT_ID"].starts_with(&format!("web/0-{name}-")));
        assert_eq!(beyond(found), expected(&pairs), "{name}");
    }
}

#[tokio::test]
async fn item_01_a_peer_relation_has_the_own_application_at_its_other_end() {
    let mut play = Play::new().await;
    let note = "echo $JUJU_REMOTE_APP $JUJU_REMOTE_UNIT >\"$S/seen-${JUJU_UNIT_NAME#web/}\"";
    play.on("web", "peers-relation-changed", note);
    play.deploy("web", 2).await;
    play.settle().await;
    assert_eq!(play.note("web", "seen-0"), "web web/1\n");
    assert_eq!(play.note("web", "seen-1"), "web web/0\n");
}

#[tokio::test]
async fn item_01_an_action_has_no_hook_name() {
    let mut play = Play::settled(1, 0).await;
    play.on("web", "greet", "tr '\\0' '\\n' </proc/$$/environ >\"$S/environ\"");
    play.bus.run_action(&unit("web/0"), "greet", Map::new()).await.unwrap();
    let found = read(&play.note("web", "environ"));
    assert_eq!(found["JUJU_HOOK_NAME"], "");
    assert_eq!(found["JUJU_DISPATCH_PATH"], "actions/greet");
    assert!(found["JUJU_CONTEXT_ID"].starts_with("web/0-greet-"));
    let id = found["JUJU_ACTION_UUID"].clone();
    assert!(id.parse::<u32>().is_ok(), "{id}");
    let tag = format!("action-{id}");
    assert_eq!(
        beyond(found),
        expected(&[
            ("JUJU_ACTION_NAME", "greet"),
            ("JUJU_ACTION_UUID", &id),
            ("JUJU_ACTION_TAG", &tag),
        ])
    );
}

#[tokio::test]
async fn item_01_what_every_hook_has_says_where_and_who_it_is() {
    let mut play = Play::settled(1, 0).await;
    let found = variables(&mut play, LifeCycle::Start.into()).await;
    let root = play.bus.root(&unit("web/0")).unwrap().display().to_string();
    let charm = format!("{root}/var/lib/juju/agents/unit-web-0/charm");
    for (name, value) in [
        ("CHARM_DIR", charm.as_str()),
        ("JUJU_CHARM_DIR", &charm),
        ("JUJU_UNIT_NAME", "web/0"),
        ("JUJU_MODEL_NAME", "m"),
        ("JUJU_VERSION", JUJU),
        ("JUJU_AGENT_SOCKET_NETWORK", "unix"),
        ("JUJU_MACHINE_ID", ""),
        ("JUJU_PRINCIPAL_UNIT", ""),
        ("JUJU_AVAILABILITY_ZONE", ""),
        ("JUJU_CHARM_HTTP_PROXY", ""),
        ("LANG", "C.UTF-8"),
        ("TERM", "tmux-256color"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("APT_LISTCHANGES_FRONTEND", "none"),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    let digits = found["JUJU_CONTEXT_ID"].strip_prefix("web/0-start-").unwrap();
    assert!(digits.len() == 32 && digits.chars().all(|c| c.is_ascii_hexdigit()), "{digits}");
}

#[tokio::test]
async fn item_29_the_environment_is_of_the_release_that_is_played() {
    let mut play = Play::of_juju("4.0.1", Settings::default()).await;
    play.deploy("web", 1).await;
    play.settle().await;
    let found = variables(&mut play, LifeCycle::Start.into()).await;
    assert_eq!(found["JUJU_VERSION"], "4.0.1");
    assert!(!found.contains_key("JUJU_SLA"));
}
