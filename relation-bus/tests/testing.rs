//! The library for tests of whole models: what it tells when an expectation is not met.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use relation_bus::engine::Settings;
use relation_bus::testing::TestModel;
use serde_json::json;

/// A charm whose leader answers each related unit under a key of its own.
const ANSWERS: &str = r#"
    case "$JUJU_HOOK_NAME" in
      http-relation-joined)
        juju-log "greeting $JUJU_REMOTE_UNIT"
        relation-set --app "answers={\"$JUJU_REMOTE_UNIT\": [\"$(config-get word)\"]}";;
      config-changed)
        for id in $(relation-ids http); do
          relation-set --app -r $id "answers={\"web/0\": [\"$(config-get word)\"]}"
        done;;
      update-status)
        [ "$(config-get word)" != restless ] || relation-set --app -r 0 "date=$(date +%s%N)";;
    esac
    status-set active "says $(config-get word)""#;

struct Charms(tempfile::TempDir);

impl Charms {
    fn new() -> Self {
        let charms = Self(tempfile::tempdir().unwrap());
        charms.add("web", "requires: {backend: {interface: http}}", "status-set active");
        charms.add("api", "provides: {http: {interface: http}}", ANSWERS);
        charms
    }

    fn add(&self, name: &str, endpoints: &str, script: &str) {
        let folder = self.path(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("metadata.yaml"), format!("name: {name}\n{endpoints}\n"))
            .unwrap();
        let options = "options: {word: {type: string, default: hello}}\n";
        std::fs::write(folder.join("config.yaml"), options).unwrap();
        let dispatch = folder.join("dispatch");
        std::fs::write(&dispatch, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
        std::fs::set_permissions(&dispatch, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn settled(&self) -> TestModel {
        let program = Some(env!("CARGO_BIN_EXE_relation-bus").into());
        let settings = Settings { program, ..Settings::default() };
        let mut model = TestModel::try_empty("m", settings).await.unwrap();
        model.deploy("web", self.path("web"), 1).await;
        model.deploy("api", self.path("api"), 1).await;
        model.integrate("web", "api");
        model.settle_within(20).await;
        model
    }
}

#[tokio::test]
async fn a_met_expectation_reads_in_one_line() {
    let charms = Charms::new();
    let mut model = charms.settled().await;
    model.assert_active();
    model.assert_status("api/0", "active: says hello");
    let answers = model.app_databag("api:http", "web");
    answers.assert_json("answers", json!({"web/0": ["hello"]}));
    answers.assert_absent("date");
    model.unit_databag("web/0:backend", "api").assert_has("ingress-address");
    model.assert_steady().await;
    model.assert_calls_at_most("api/0", 2);

    model.configure("api", "word", "goodbye");
    model.settle_within(2).await;
    assert_eq!(model.hooks("api/0"), ["config-changed"]);
    assert_eq!(model.hooks("web/0"), ["backend-relation-changed api on backend:0"]);
    assert_eq!(
        model.changes().to_string(),
        "api:http with web, databag of api (relation 0)\n  - answers[\"web/0\"][0] = \"hello\"\n  + \
         answers[\"web/0\"][0] = \"goodbye\""
    );
    assert!(model.changes().by("web").is_empty());
}

#[tokio::test]
async fn a_failure_shows_what_was_found_what_changed_and_the_log() {
    let charms = Charms::new();
    let mut model = charms.settled().await;
    model.configure("api", "word", "goodbye");
    model.settle_within(2).await;
    let answers = model.app_databag("api:http", "web");
    let text = answers.check_json("answers", &json!({"web/0": []})).unwrap_err().to_string();
    for part in [
        "cannot find what is expected on api:http with web, databag of api: expected (-) and found",
        "+ answers[\"web/0\"][0] = \"goodbye\"",
        "databags since the model last came to rest:\n  api:http with web",
        "    - answers[\"web/0\"][0] = \"hello\"",
        "last hooks:\n  api/0 config-changed, 5 calls",
        "log of api/0:\n",
        "greeting web/0",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let absent = answers.check_has("question").unwrap_err().to_string();
    assert!(absent.contains("expected key `question`, found `answers`"), "{absent}");
    let status = model.check_status("api/0", "blocked").unwrap_err().to_string();
    assert!(status.starts_with(
        "cannot see status `blocked` on `api/0`: it is `active: says goodbye`\n\ndatabags"
    ));
    let unrelated = model.find_relation("api:http", "nobody").unwrap_err().to_string();
    assert!(unrelated.starts_with(
        "cannot find a relation of `api:http` with `nobody`; there are: `api:http` with `web`"
    ));
}

#[tokio::test]
async fn budgets_that_are_not_kept_are_failures() {
    let charms = Charms::new();
    let mut model = charms.settled().await;
    model.configure("api", "word", "restless");
    let over = model.try_settle_within(1).await.unwrap_err().to_string();
    assert!(over.starts_with("cannot settle within 1 hooks: api/0 config-changed ran"), "{over}");
    model.settle_within(2).await;
    let restless = model.try_steady_under(relation_bus::hook::LifeCycle::UpdateStatus).await;
    let restless = restless.unwrap_err().to_string();
    assert!(
        restless.starts_with(
            "cannot dispatch `update-status` without a trace: `api/0`: \
             ApplicationDatabag(RelationId(0), \"date\")"
        ),
        "{restless}"
    );
    let dear = model.dispatch("api/0", relation_bus::hook::LifeCycle::ConfigChanged).await;
    assert_eq!(dear.price(), 5);
    let dear = model.check_calls_at_most("api/0", 4).unwrap_err().to_string();
    assert!(
        dear.starts_with(
            "cannot stay within 4 hook-tool calls: `config-changed` on `api/0` made 5 (2 \
             config-get, 1 relation-ids, 1 relation-set, 1 status-set)"
        ),
        "{dear}"
    );
}

#[tokio::test]
#[should_panic(expected = "tests/testing.rs")]
async fn a_panic_names_the_line_of_the_test() {
    let charms = Charms::new();
    let model = charms.settled().await;
    model.assert_status("api/0", "blocked");
}
