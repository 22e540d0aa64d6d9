//! Services and changes.

use std::time::{Duration, Instant};

use relation_bus::pebble::{Action, ContainerSetup};
use serde_json::{Value, json};

use crate::target::{Expected, Target, bad, sync, task_log, tasks};

crate::cases!(
    services_are_listed,
    requests_that_make_no_sense,
    autostart_needs_an_enabled_service,
    changes_are_looked_up,
);

const LAYER: &str = r#"services:
  ok: {override: replace, command: sleep 300, startup: enabled}
  quick: {override: replace, command: sh -c "echo hello; echo err >&2; exit 3"}
  ign: {override: replace, command: sh -c "echo bye; exit 4", on-failure: ignore}
  missing: {override: replace, command: /no/such/thing}
  bad: {override: replace, command: "false"}
  dep: {override: replace, command: sleep 300, requires: [ok], after: [ok]}
  bdep: {override: replace, command: sleep 300, requires: [bad], after: [bad]}
"#;

async fn services_are_listed(target: Target) {
    target.layer("l", LAYER).await;
    let service = |name: &str, startup: &str| json!({"name": name, "startup": startup, "current": "inactive"});
    let names = ["bad", "bdep", "dep", "ign", "missing", "ok", "quick"];
    let all = names.map(|name| service(name, if name == "ok" { "enabled" } else { "disabled" }));
    target.check("GET /v1/services", "", sync(json!(all))).await;
    let two = json!([service("ok", "enabled"), service("quick", "disabled")]);
    target.check("GET /v1/services?names=ok,quick&names=nosuch", "", sync(two)).await;
    target.check("GET /v1/services?names=nosuch", "", sync(json!([]))).await;
}

async fn requests_that_make_no_sense(target: Target) {
    target.layer("l", LAYER).await;
    let cases: [(&str, &'static str); 8] = [
        (
            r#"{"action":"start","services":["nosuch"]}"#,
            "cannot start services: service \"nosuch\" does not exist",
        ),
        (
            r#"{"action":"stop","services":["nosuch"]}"#,
            "cannot stop services: service \"nosuch\" does not exist",
        ),
        (
            r#"{"action":"restart","services":["nosuch"]}"#,
            "cannot restart services: service \"nosuch\" does not exist",
        ),
        (r#"{"action":"start","services":[]}"#, "must specify services for start action"),
        (r#"{"action":"zap","services":["ok"]}"#, "invalid action \"zap\""),
        (r#"{"action":"replan","services":["ok"]}"#, "replan accepts no service names"),
        (r#"{"action":"autostart","services":["ok"]}"#, "autostart accepts no service names"),
        ("x", "cannot decode data from request body: …"),
    ];
    for (body, message) in cases {
        target.check("POST /v1/services", body, bad(message)).await;
    }
}

async fn autostart_needs_an_enabled_service(target: Target) {
    let nothing = Expected::Error(400, "no default services", Some("no-default-services"));
    target.check("POST /v1/services", r#"{"action":"autostart"}"#, nothing).await;
    target.layer("l", LAYER).await;
    let change = target.run("autostart", &[]).await;
    assert_eq!(
        (change["kind"].as_str(), change["summary"].as_str()),
        (Some("autostart"), Some("Autostart service \"ok\""))
    );
    assert_eq!(target.current("ok").await, "active");
}

async fn changes_are_looked_up(target: Target) {
    let unknown = || Expected::Error(404, "cannot find change with id \"9999\"", None);
    target.check("GET /v1/changes/9999", "", unknown()).await;
    target.check("GET /v1/changes/9999/wait", "", unknown()).await;
    target.check("POST /v1/changes/9999", r#"{"action":"abort"}"#, unknown()).await;
    target
        .check(
            "GET /v1/changes?select=foo",
            "",
            bad("select should be one of: all,in-progress,ready"),
        )
        .await;
    target.layer("l", LAYER).await;
    let id = target.begin("start", &["ok"]).await;
    target
        .check(&format!("GET /v1/changes/{id}/wait?timeout=zz"), "", bad("invalid timeout: …"))
        .await;
    target.wait(&id).await;
    let count = async |query: &str| {
        let (_, answer) = target.send(&format!("GET /v1/changes{query}"), "").await;
        answer["result"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 0);
    assert_eq!(count("?select=ready&for=ok").await, 1);
    assert_eq!(count("?select=ready&for=dep").await, 0);
    assert_eq!(count("?select=all").await, 1);
    let over = format!("POST /v1/changes/{id}");
    let (status, answer) = target.send(&over, r#"{"action":"abort"}"#).await;
    assert_eq!(status, 400);
    assert_eq!(
        answer["result"]["message"],
        format!("cannot abort change {id} with nothing pending")
    );
    target.check(&over, r#"{"action":"zap"}"#, bad("invalid action \"zap\"")).await;
}

fn simulated(restart_error: Option<&str>) -> ContainerSetup {
    let layer = json!({"services": {
        "ok": {"override": "replace", "command": "sleep 300", "startup": "enabled"},
        "dep": {"override": "replace", "command": "sleep 300", "requires": ["ok"], "after": ["ok"]},
    }});
    ContainerSetup {
        layers: vec![("image".to_owned(), layer)],
        active: ["ok".to_owned()].into(),
        restart_error: restart_error.map(str::to_owned),
        ..ContainerSetup::default()
    }
}

#[tokio::test]
async fn simulated_services_change_at_once_and_are_written_down() {
    let target = Target::with_setup(simulated(None)).await;
    let workload = target.workload.clone().unwrap();
    let began = Instant::now();
    let change = target.run("restart", &["ok", "dep"]).await;
    assert_eq!(
        tasks(&change),
        [
            "Stop service \"dep\": Done",
            "Stop service \"ok\": Done",
            "Start service \"ok\": Done",
            "Start service \"dep\": Done"
        ]
    );
    target.layer("image", "services: {ok: {override: merge, environment: {A: b}}}").await;
    let change = target.run("replan", &[]).await;
    assert_eq!(
        tasks(&change),
        ["Stop service \"dep\": Done", "Stop service \"ok\": Done", "Start service \"ok\": Done"]
    );
    assert!(workload.is_active("ok") && !workload.is_active("dep"));
    let change = target.run("replan", &[]).await;
    assert_eq!(task_log(&change, 0), ["INFO Service \"ok\" already started."]);
    let change = target.run("stop", &["dep"]).await;
    assert_eq!(task_log(&change, 0), ["INFO Service \"dep\" already stopped."]);
    assert!(began.elapsed() < Duration::from_secs(1));
    let journal: Vec<Value> = workload.journal().iter().map(Action::to_json).collect();
    assert_eq!(
        journal,
        [
            json!(["restart", ["ok", "dep"]]),
            json!(["layer", "image"]),
            json!(["replan"]),
            json!(["replan"]),
            json!(["stop", ["dep"]])
        ]
    );
    assert_eq!(workload.plan()["services"]["ok"]["environment"], json!({"A": "b"}));
    assert_eq!(workload.services()["ok"].startup, "enabled");
}

#[tokio::test]
async fn restarts_can_be_made_to_fail() {
    let target = Target::with_setup(simulated(Some("service exited quickly with code 1"))).await;
    let change = target.run("restart", &["ok"]).await;
    assert_eq!(change["status"], "Error");
    assert_eq!(
        change["err"],
        "cannot perform the following tasks:\n- Start service \"ok\" (service exited quickly with code 1)"
    );
    assert_eq!(target.current("ok").await, "active");
}
