//! Whole models of shell-script charms: what runs, in which order, and what comes of it.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use relation_bus::charm_folder::{CharmFolder, load};
use relation_bus::engine::{Bus, EngineError, PeerEcho, Reach, Settings};
use relation_bus::hook::{Hook, LifeCycle};
use relation_bus::model::{StatusEntry, StatusValue};
use relation_bus::names::UnitName;
use serde_json::{Map, json};

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn write_program(path: &Path, script: &str) {
    std::fs::write(path, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Two charms in a folder: `web` requires what `api` provides.
struct Charms {
    folder: tempfile::TempDir,
}

impl Charms {
    fn new(web: &str, api: &str) -> Self {
        let charms = Self { folder: tempfile::tempdir().unwrap() };
        let web_metadata = "name: web\nrequires: {backend: {interface: http}}\n\
            peers: {peers: {interface: web_peers}}\ncontainers: {web: {}}\n";
        charms.add("web", web_metadata, web);
        let api_metadata = "name: api\nprovides: {http: {interface: http}}\n";
        charms.add("api", api_metadata, api);
        charms
    }

    fn add(&self, name: &str, metadata: &str, script: &str) {
        let folder = self.path(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("metadata.yaml"), metadata).unwrap();
        std::fs::write(folder.join("config.yaml"), "options: {port: {type: int, default: 80}}\n")
            .unwrap();
        let actions = "greet: {params: {name: {type: string, default: you}}}\n";
        std::fs::write(folder.join("actions.yaml"), actions).unwrap();
        write_program(&folder.join("dispatch"), script);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self, name: &str) -> CharmFolder {
        load(&self.path(name)).unwrap()
    }

    async fn related(&self, webs: u32, settings: Settings) -> Bus {
        let mut bus = Bus::empty("m", "0000", "3.6.8", settings).await.unwrap();
        bus.deploy("web", &self.load("web"), webs).await.unwrap();
        bus.deploy("api", &self.load("api"), 1).await.unwrap();
        bus.integrate("web", "api").unwrap();
        bus
    }
}

const ACTIVE: &str = "status-set active";

fn hooks(bus: &Bus, name: &str) -> Vec<String> {
    let own = bus.journal().iter().filter(|journal| journal.unit == unit(name));
    own.map(|journal| match journal.subject.is_empty() {
        true => journal.hook.clone(),
        false => format!("{} {}", journal.hook, journal.subject),
    })
    .collect()
}

#[tokio::test]
async fn a_deployed_model_runs_the_hooks_of_juju() {
    let charms = Charms::new(ACTIVE, ACTIVE);
    let mut bus = charms.related(1, Settings::default()).await;
    bus.settle().await.unwrap();
    assert_eq!(
        hooks(&bus, "web/0"),
        [
            "install",
            "peers-relation-created web on peers:0",
            "backend-relation-created api on backend:1",
            "leader-elected",
            "config-changed",
            "start",
            "web-pebble-ready",
            "backend-relation-joined api/0 on backend:1",
            "backend-relation-changed api/0 on backend:1",
        ]
    );
    assert!(bus.is_active());
    assert_eq!(bus.settle().await.unwrap().hooks, 0);
}

const CHAT: &str = r#"
    case "$JUJU_HOOK_NAME" in
      backend-relation-created) relation-set "hello=$JUJU_UNIT_NAME";;
      http-relation-changed)
        seen=$(relation-get hello)
        relation-set --app "answer-$(echo $seen | tr / -)=yes";;
    esac
    status-set active"#;

#[tokio::test]
async fn databags_travel_and_a_second_run_writes_nothing() {
    let charms = Charms::new(CHAT, CHAT);
    let mut bus = charms.related(2, Settings::default()).await;
    bus.settle().await.unwrap();
    let relation = bus.relation("web", "backend", "api").unwrap();
    let bag = bus.application_databag(relation, "api");
    assert_eq!(bag.keys().collect::<Vec<_>>(), ["answer-web-0", "answer-web-1"]);
    assert_eq!(bus.unit_databag(relation, &unit("web/1"))["hello"], "web/1");
    for name in bus.units() {
        let journal = bus.redispatch(&name, Hook::from(LifeCycle::UpdateStatus)).await.unwrap();
        assert!(journal.succeeded);
        assert_eq!(journal.writes, []);
    }
    assert_eq!(bus.settle().await.unwrap().hooks, 0);
}

#[tokio::test]
async fn a_unit_more_and_a_unit_less_are_told_to_the_others() {
    let charms = Charms::new(ACTIVE, ACTIVE);
    let mut bus = charms.related(1, Settings::default()).await;
    bus.settle().await.unwrap();
    let before = hooks(&bus, "api/0").len();
    assert_eq!(bus.add_unit("web").await.unwrap(), unit("web/1"));
    bus.settle().await.unwrap();
    assert_eq!(
        hooks(&bus, "api/0")[before..],
        ["http-relation-joined web/1 on http:1", "http-relation-changed web/1 on http:1"]
    );
    assert_eq!(bus.remove_unit("web").unwrap(), unit("web/1"));
    bus.settle().await.unwrap();
    assert_eq!(hooks(&bus, "api/0").last().unwrap(), "http-relation-departed web/1 on http:1");
    let last = hooks(&bus, "web/1");
    assert_eq!(
        last[last.len() - 5..],
        [
            "peers-relation-departed web/0 on peers:0",
            "backend-relation-departed api/0 on backend:1",
            "backend-relation-broken api on backend:1",
            "stop",
            "remove",
        ]
    );
    assert_eq!(bus.units(), [unit("api/0"), unit("web/0")]);
}

#[tokio::test]
async fn a_removed_relation_comes_back_under_a_new_id() {
    let charms = Charms::new(ACTIVE, ACTIVE);
    let mut bus = charms.related(1, Settings::default()).await;
    bus.settle().await.unwrap();
    let relation = bus.relation("web", "backend", "api").unwrap();
    bus.remove_relation(relation).unwrap();
    bus.settle().await.unwrap();
    assert_eq!(bus.relation("web", "backend", "api"), None);
    assert_eq!(
        hooks(&bus, "api/0")[hooks(&bus, "api/0").len() - 2..],
        ["http-relation-departed web/0 on http:1", "http-relation-broken web on http:1"]
    );
    let again = bus.integrate("web:backend", "api:http").unwrap();
    assert_eq!(again.0, relation.0 + 1);
    bus.settle().await.unwrap();
    assert_eq!(hooks(&bus, "web/0").last().unwrap(), "backend-relation-changed api/0 on backend:2");
}

#[tokio::test]
async fn a_removed_application_leaves_no_trace() {
    let charms = Charms::new(ACTIVE, ACTIVE);
    let mut bus = charms.related(2, Settings::default()).await;
    bus.settle().await.unwrap();
    bus.remove_application("web").unwrap();
    bus.settle().await.unwrap();
    assert_eq!(bus.units(), [unit("api/0")]);
    assert_eq!(bus.model().relations.len(), 0);
    assert!(!bus.model().applications.contains_key("web"));
    let api = hooks(&bus, "api/0");
    assert_eq!(api.last().unwrap(), "http-relation-broken web on http:1");
}

#[tokio::test]
async fn leadership_moves_and_the_new_leader_hears_of_it() {
    let charms = Charms::new(ACTIVE, ACTIVE);
    let mut bus = charms.related(2, Settings::default()).await;
    bus.settle().await.unwrap();
    bus.set_leader(&unit("web/1")).unwrap();
    bus.settle().await.unwrap();
    assert_eq!(hooks(&bus, "web/1").last().unwrap(), "leader-elected");
    bus.remove_unit("web").unwrap();
    bus.settle().await.unwrap();
    assert!(bus.model().is_leader(&unit("web/0")));
    assert_eq!(hooks(&bus, "web/0").last().unwrap(), "leader-elected");
}

#[tokio::test]
async fn config_is_told_once_and_only_when_it_differs() {
    let charms = Charms::new("status-set active \"$(config-get port)\"", ACTIVE);
    let mut bus = charms.related(1, Settings::default()).await;
    bus.settle().await.unwrap();
    bus.configure("web", "port", Some(json!(80))).unwrap();
    assert_eq!(bus.settle().await.unwrap().hooks, 0);
    bus.configure("web", "port", Some(json!(81))).unwrap();
    bus.configure("web", "port", Some(json!(82))).unwrap();
    assert_eq!(bus.settle().await.unwrap().hooks, 1);
    assert_eq!(bus.status(&unit("web/0")).message, "82");
    assert!(matches!(bus.configure("web", "x", None), Err(EngineError::NoOption { .. })));
}

#[tokio::test]
async fn a_failed_hook_is_tried_again_as_it_was() {
    let script = r#"
        if [ "$JUJU_HOOK_NAME" = config-changed ] && [ ! -e tried ]; then
          touch tried; relation-set -r peers:0 lost=1; exit 3
        fi
        status-set active"#;
    let charms = Charms::new(script, ACTIVE);
    let mut bus = charms.related(1, Settings::default()).await;
    bus.settle().await.unwrap();
    let web = hooks(&bus, "web/0");
    assert_eq!(web[4..7], ["config-changed", "config-changed", "start"]);
    let peers = bus.relation("web", "peers", "web").unwrap();
    assert!(!bus.unit_databag(peers, &unit("web/0")).contains_key("lost"));
    assert!(bus.is_active());
}

#[tokio::test]
async fn a_hook_that_keeps_failing_leaves_the_unit_in_error() {
    let charms = Charms::new(r#"[ "$JUJU_HOOK_NAME" != config-changed ]"#, ACTIVE);
    let mut bus = charms.related(1, Settings::default()).await;
    bus.settle().await.unwrap();
    let status: StatusEntry = bus.status(&unit("web/0"));
    assert_eq!(status.value, StatusValue::Error);
    assert_eq!(status.message, "hook failed: \"config-changed\"");
    assert!(!bus.is_active());
    let tries = hooks(&bus, "web/0").iter().filter(|hook| *hook == "config-changed").count();
    assert_eq!(tries, 3);
    let result = bus.run_action(&unit("web/0"), "greet", Map::new()).await.unwrap();
    assert_eq!(result.failure, None);
    assert_eq!(bus.status(&unit("web/0")).value, StatusValue::Error);
}

#[tokio::test]
async fn an_action_has_parameters_results_and_never_an_error_state() {
    let script = r#"
        case "$JUJU_DISPATCH_PATH" in
          actions/greet)
            action-set "greeting.text=hello $(action-get name)"; action-log working
            [ "$(action-get name)" != nobody ];;
        esac"#;
    let charms = Charms::new(script, ACTIVE);
    let mut bus = charms.related(1, Settings::default()).await;
    bus.settle().await.unwrap();
    let greeted = bus.run_action(&unit("web/0"), "greet", Map::new()).await.unwrap();
    assert_eq!(greeted.failure, None);
    assert_eq!(greeted.results["greeting"], json!({"text": "hello you"}));
    assert_eq!(greeted.log, ["working"]);
    let parameters = json!({"name": "nobody"}).as_object().unwrap().clone();
    let failed = bus.run_action(&unit("web/0"), "greet", parameters).await.unwrap();
    assert_eq!(failed.failure.as_deref(), Some("exit status 1"));
    assert_eq!(failed.results["greeting"], json!({"text": "hello nobody"}));
    assert_ne!(bus.status(&unit("web/0")).value, StatusValue::Error);
    let none = bus.run_action(&unit("web/0"), "nope", Map::new()).await;
    assert!(matches!(none, Err(EngineError::NoAction { .. })));
}

#[tokio::test]
async fn a_model_that_does_not_rest_names_the_noisy() {
    let script = r#"
        case "$JUJU_HOOK_NAME" in
          peers-relation-changed|leader-elected)
            n=$(relation-get -r peers:0 --app n web); relation-set -r peers:0 --app n=$((n + 1));;
        esac"#;
    let charms = Charms::new(script, ACTIVE);
    let settings = Settings { hook_limit: 60, ..Settings::default() };
    let mut bus = charms.related(1, settings.clone()).await;
    let error = bus.settle().await.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "cannot settle the model within 60 hooks: web/0 peers-relation-changed ran"
        )
    );
    assert!(error.contains("ApplicationDatabag(RelationId(0), \"n\")"), "{error}");
    let mut silent = charms.related(1, Settings { peer_echo: PeerEcho::Silent, ..settings }).await;
    silent.settle().await.unwrap();
}

#[tokio::test]
async fn an_unreachable_container_is_not_ready_until_it_answers() {
    let charms = Charms::new(ACTIVE, ACTIVE);
    let mut bus = charms.related(1, Settings::default()).await;
    bus.set_reach(&unit("web/0"), "web", Reach::Down).await.unwrap();
    bus.settle().await.unwrap();
    assert!(!hooks(&bus, "web/0").contains(&"web-pebble-ready".to_owned()));
    bus.set_reach(&unit("web/0"), "web", Reach::Up).await.unwrap();
    bus.settle().await.unwrap();
    assert_eq!(hooks(&bus, "web/0").last().unwrap(), "web-pebble-ready");
}

#[tokio::test]
async fn a_secret_in_a_databag_is_read_and_its_change_is_told() {
    let owner = r#"
        case "$JUJU_HOOK_NAME" in
          http-relation-created)
            uri=$(secret-add --label pass password=first)
            secret-grant "$uri" -r "$JUJU_RELATION_ID"; relation-set --app "uri=$uri";;
          config-changed)
            if [ "$(config-get port)" = 1 ]; then
              uri=$(secret-info-get --label pass | head -1 | tr -d ':')
              secret-set "$uri" password=second
            fi;;
        esac"#;
    let reader = r#"
        case "$JUJU_HOOK_NAME" in
          backend-relation-changed)
            uri=$(relation-get --app uri)
            status-set active "$(secret-get "$uri" password --label api-pass)";;
          secret-changed)
            status-set active "$JUJU_SECRET_LABEL $(secret-get "$JUJU_SECRET_ID" password --refresh)";;
        esac"#;
    let charms = Charms::new(reader, owner);
    let mut bus = charms.related(1, Settings::default()).await;
    bus.settle().await.unwrap();
    assert_eq!(bus.status(&unit("web/0")).message, "first", "{:#?}", bus.log(&unit("web/0")));
    bus.configure("api", "port", Some(json!(1))).unwrap();
    bus.settle().await.unwrap();
    assert_eq!(bus.status(&unit("web/0")).message, "api-pass second");
}

#[tokio::test]
async fn ends_that_do_not_fit_are_refused() {
    let charms = Charms::new(ACTIVE, ACTIVE);
    let mut bus = charms.related(1, Settings::default()).await;
    let text = |result: Result<_, EngineError>| result.map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        text(bus.integrate("web", "api")),
        "cannot add relation \"web:backend api:http\": relation web:backend api:http already exists"
    );
    assert_eq!(
        text(bus.integrate("web:nope", "api")),
        "application \"web\" has no \"nope\" relation"
    );
    assert_eq!(text(bus.integrate("web", "x")), "application \"x\" not found");
}
