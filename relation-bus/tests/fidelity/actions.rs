//! Item 28: actions.

use relation_bus::engine::{ActionResult, Settings};
use relation_bus::hook::{Hook, LifeCycle};
use serde_json::{Map, Value, json};

use crate::stage::{Play, misused, prints, refused, unit};

async fn run(play: &mut Play, script: &str, parameters: Value) -> ActionResult {
    play.on("web", "greet", script);
    let parameters = parameters.as_object().cloned().unwrap_or_default();
    play.bus.run_action(&unit("web/0"), "greet", parameters).await.unwrap()
}

#[tokio::test]
async fn item_28_an_action_runs_in_error_state_and_leaves_it_as_it_is() {
    let mut play = Play::with(Settings { retries: 0, ..Settings::default() }).await;
    play.on("web", "config-changed", "exit 1");
    play.deploy("web", 1).await;
    play.settle().await;
    let done = run(&mut play, "action-set a=1", json!({})).await;
    assert_eq!(done.failure, None);
    assert_eq!(play.status("web/0"), "error hook failed: \"config-changed\"");
}

#[tokio::test]
async fn item_28_a_failing_action_is_no_error_of_its_unit_and_is_not_tried_again() {
    let mut play = Play::settled(1, 0).await;
    let mark = play.mark();
    let failed = run(&mut play, "action-set a=1; exit 3", json!({})).await;
    assert_eq!(failed.failure.as_deref(), Some("exit status 3"));
    assert_eq!(failed.results["a"], "1");
    assert_eq!(failed.results["return-code"], 3);
    assert_eq!(play.settle().await, 0);
    assert_eq!(play.events_since("web/0", mark), ["greet"]);
    assert_eq!(play.status("web/0"), "unknown");
}

#[tokio::test]
async fn item_28_action_fail_marks_it_and_lets_it_go_on() {
    let mut play = Play::settled(1, 0).await;
    let failed = run(&mut play, "action-fail 'not today'; action-set after=1", json!({})).await;
    assert_eq!(failed.failure.as_deref(), Some("not today"));
    assert_eq!(
        (&failed.results["after"], &failed.results["return-code"]),
        (&json!("1"), &json!(0))
    );
    let silent = run(&mut play, "action-fail", json!({})).await;
    assert_eq!(
        silent.failure.as_deref(),
        Some("action failed without reason given, check action for errors")
    );
}

#[tokio::test]
async fn item_28_what_an_action_writes_is_committed_if_it_ends_well() {
    let mut play = Play::settled(1, 1).await;
    run(&mut play, "relation-set -r backend:1 a=1; state-set b=1", json!({})).await;
    assert_eq!(play.told("api/0").await, ["http-relation-changed web/0"]);
    run(&mut play, "relation-set -r backend:1 a=2; exit 1", json!({})).await;
    assert_eq!(play.own_keys(play.backend(), "web/0")["a"], "1");
    assert_eq!(play.bus.model().unit(&unit("web/0")).unwrap().state["b"], "1");
}

#[tokio::test]
async fn item_28_parameters_have_their_defaults_and_are_read_by_dots() {
    let mut play = Play::settled(1, 0).await;
    let script = "{ action-get --format=json; action-get name; action-get deep.a.b
        action-get deep.x --format=json; action-get name.x --format=json; } >\"$S/seen\"";
    run(&mut play, script, json!({"deep": {"a": {"b": [1, 2]}}})).await;
    assert_eq!(
        play.note("web", "seen"),
        "{\"deep\":{\"a\":{\"b\":[1,2]}},\"name\":\"you\"}\nyou\n- 1\n- 2\nnull\nnull\n"
    );
}

#[tokio::test]
async fn item_28_results_are_nested_by_dots_and_some_keys_are_reserved() {
    let mut play = Play::settled(1, 0).await;
    let hook = Hook::Action { name: "greet".to_owned(), id: 9, parameters: Map::new() };
    let key = "must start and end with lowercase alphanumeric, and contain only lowercase \
               alphanumeric, hyphens and periods";
    let table = [
        ("action-set a.b=1 a.c-d=x=y", prints("")),
        ("action-set a.b=2", prints("")),
        ("action-set x", misused("argument \"x\" must be of the form key...=value")),
        ("action-set X=1", misused(&format!("key \"X\" {key}"))),
        ("action-set a.-b=1", misused(&format!("key \"-b\" {key}"))),
        ("action-set stdout=1", misused("cannot set reserved action key \"stdout\"")),
        ("action-set a.stderr=1", misused("cannot set reserved action key \"stderr\"")),
        (
            "action-set stdout-encoding=1",
            misused("cannot set reserved action key \"stdout-encoding\""),
        ),
        ("action-fail a b", misused("unrecognized args: [\"b\"]")),
        ("action-get a b", misused("unrecognized args: [\"b\"]")),
        ("action-log", misused("no message specified")),
        ("action-log two words", prints("")),
        ("juju-reboot", refused("juju-reboot is not supported when running an action.")),
    ];
    play.check_in("web/0", hook, &table).await;
}

#[tokio::test]
async fn item_28_results_and_log_lines_reach_the_operator() {
    let mut play = Play::settled(1, 0).await;
    let script = "action-set a.b=1; action-set a.c-d=x=y; action-log two words; action-set a.b=2";
    let done = run(&mut play, script, json!({})).await;
    assert_eq!(done.results["a"], json!({"b": "2", "c-d": "x=y"}));
    assert_eq!(done.log, ["two words"]);
}

#[tokio::test]
async fn item_28_action_tools_are_refused_outside_of_actions() {
    let mut play = Play::settled(1, 0).await;
    let outside = || refused("not running an action");
    let table = [
        ("action-get", outside()),
        ("action-set a=1", outside()),
        ("action-set x", misused("argument \"x\" must be of the form key...=value")),
        ("action-fail", outside()),
        ("action-log x", outside()),
    ];
    play.check_in("web/0", LifeCycle::UpdateStatus.into(), &table).await;
}

#[tokio::test]
async fn item_28_an_action_that_nothing_implements_fails() {
    let mut play = Play::new().await;
    std::fs::remove_file(play.charm_folder("web").join("dispatch")).unwrap();
    std::fs::create_dir(play.charm_folder("web").join("hooks")).unwrap();
    std::fs::write(play.charm_folder("web").join("hooks/start"), "").unwrap();
    play.deploy("web", 1).await;
    play.settle().await;
    let done = play.bus.run_action(&unit("web/0"), "greet", Map::new()).await.unwrap();
    assert_eq!(done.failure.as_deref(), Some("action not implemented on unit \"web/0\""));
}

#[tokio::test]
async fn item_28_what_an_action_prints_is_part_of_its_results() {
    let mut play = Play::settled(1, 0).await;
    let done = run(&mut play, "echo out; echo err >&2; action-set a=1; exit 4", json!({})).await;
    assert_eq!(done.results["stdout"], "out\n");
    assert_eq!(done.results["stderr"], "err\n");
    let silent = run(&mut play, "true", json!({})).await;
    assert!(!silent.results.contains_key("stdout"), "{:?}", silent.results);
    let binary = run(&mut play, "printf '\\377'", json!({})).await;
    assert_eq!(binary.results["stdout-encoding"], "base64");
    assert_eq!(binary.results["stdout"], "/w==");
}

#[tokio::test]
async fn further_a_script_of_the_operator_has_the_tools_of_a_hook() {
    let mut play = Play::settled(1, 1).await;
    let script = "echo \"[$JUJU_HOOK_NAME] $JUJU_UNIT_NAME\"; relation-ids backend; exit 3";
    let done = play.bus.exec(&unit("web/0"), script, None).await.unwrap();
    assert_eq!((done.code, done.stdout.as_str()), (3, "[] web/0\nbackend:1\n"));
    let relation = Some(play.backend());
    let script = "echo $JUJU_RELATION_ID $JUJU_REMOTE_APP; relation-set by=operator";
    let done = play.bus.exec(&unit("web/0"), script, relation).await.unwrap();
    assert_eq!((done.code, done.stdout.as_str()), (0, "backend:1 api\n"));
    assert_eq!(play.told("api/0").await, ["http-relation-changed web/0"]);
}
