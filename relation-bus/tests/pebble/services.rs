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
    services_start_and_stop,
    services_that_exit_quickly,
    services_that_cannot_be_spawned,
    requirements_make_an_order,
    replan_restarts_what_changed,
    failures_stay_in_their_lane,
    waiting_has_a_limit,
    starts_are_aborted_and_interrupted,
    signals_are_sent,
    logs_and_metrics,
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

async fn services_start_and_stop(target: Target) {
    target.layer("l", LAYER).await;
    let change = target.run("stop", &["ign"]).await;
    assert_eq!(task_log(&change, 0), ["INFO Service \"ign\" has never been started."]);
    let began = Instant::now();
    let id = target.begin("start", &["ok"]).await;
    let (_, answer) = target.send(&format!("GET /v1/changes/{id}"), "").await;
    let change = &answer["result"];
    assert_eq!(
        (
            change["kind"].as_str(),
            change["summary"].as_str(),
            change["status"].as_str(),
            change["ready"].as_bool()
        ),
        (Some("start"), Some("Start service \"ok\""), Some("Doing"), Some(false))
    );
    let change = target.wait(&id).await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    let time = json!("<t>");
    let progress = json!({"label": "", "done": 1, "total": 1});
    let wanted = json!({
        "id": id, "kind": "start", "summary": "Start service \"ok\"", "status": "Done", "ready": true,
        "spawn-time": time, "ready-time": time,
        "tasks": [{"id": "<id>", "kind": "start", "summary": "Start service \"ok\"", "status": "Done",
                   "progress": progress, "spawn-time": time, "ready-time": time}],
    });
    target.compare(&wanted, &change, "change");
    let active =
        json!([{"name": "ok", "startup": "enabled", "current": "active", "current-since": "<t>"}]);
    target.check("GET /v1/services?names=ok", "", sync(active)).await;
    let change = target.run("start", &["ok"]).await;
    assert_eq!(task_log(&change, 0), ["INFO Service \"ok\" already started."]);
    assert_eq!(target.run("stop", &["ok"]).await["status"], "Done");
    assert_eq!(target.current("ok").await, "inactive");
    let change = target.run("stop", &["ok"]).await;
    assert_eq!(task_log(&change, 1), ["INFO Service \"ok\" already stopped."]);
}

async fn services_that_exit_quickly(target: Target) {
    target.layer("l", LAYER).await;
    let began = Instant::now();
    let change = target.run("start", &["quick"]).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(
        change["err"],
        "cannot perform the following tasks:\n- Start service \"quick\" (service start attempt: exited quickly with \
         code 3, will restart)"
    );
    assert_eq!(
        task_log(&change, 0),
        [
            "INFO Most recent service output:\n    hello\n    err",
            "ERROR service start attempt: exited quickly with code 3, will restart"
        ]
    );
    target.becomes("quick", "backoff").await;
    assert_eq!(target.run("stop", &["quick"]).await["status"], "Done");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(target.current("quick").await, "inactive");
    let change = target.run("start", &["ign"]).await;
    assert!(
        change["err"].as_str().unwrap().ends_with("exited quickly with code 4, will ignore)"),
        "{change}"
    );
    assert_eq!(target.current("ign").await, "error");
    let change = target.run("stop", &["ign"]).await;
    assert_eq!(task_log(&change, 0), ["INFO Service \"ign\" had already exited."]);
    assert_eq!(target.current("ign").await, "inactive");
}

async fn services_that_cannot_be_spawned(target: Target) {
    target.layer("l", LAYER).await;
    let change = target.run("start", &["missing"]).await;
    assert_eq!(
        change["err"],
        "cannot perform the following tasks:\n- Start service \"missing\" (cannot start service: fork/exec \
         /no/such/thing: no such file or directory)"
    );
    assert_eq!(task_log(&change, 0).len(), 1);
    assert_eq!(target.current("missing").await, "inactive");
}

async fn requirements_make_an_order(target: Target) {
    target.layer("l", LAYER).await;
    let change = target.run("restart", &["dep", "ok"]).await;
    assert_eq!(
        (change["kind"].as_str(), change["status"].as_str()),
        (Some("restart"), Some("Done"))
    );
    assert_eq!(change["summary"], "Restart service \"dep\" and 1 more");
    assert_eq!(
        tasks(&change),
        [
            "Stop service \"dep\": Done",
            "Stop service \"ok\": Done",
            "Start service \"ok\": Done",
            "Start service \"dep\": Done"
        ]
    );
    assert_eq!(
        (target.current("ok").await, target.current("dep").await),
        ("active".to_owned(), "active".to_owned())
    );
    let change = target.run("stop", &["ok"]).await;
    assert_eq!(change["summary"], "Stop service \"ok\" and 1 more");
    assert_eq!(tasks(&change), ["Stop service \"dep\": Done", "Stop service \"ok\": Done"]);
    let change = target.run("restart", &["ok", "bad"]).await;
    assert_eq!(change["status"], "Error");
    assert_eq!(target.current("ok").await, "active");
}

async fn replan_restarts_what_changed(target: Target) {
    let change = target.run("replan", &[]).await;
    assert_eq!(
        (change["summary"].as_str(), change.get("tasks")),
        (Some("Replan - no services"), None)
    );
    target.layer("l", LAYER).await;
    target.run("start", &["dep"]).await;
    let change = target.run("replan", &[]).await;
    assert_eq!(tasks(&change), ["Start service \"ok\": Done"]);
    assert_eq!(task_log(&change, 0), ["INFO Service \"ok\" already started."]);
    target.layer("l", "services: {ok: {override: merge, environment: {X: \"1\"}}}").await;
    target.run("replan", &[]).await;
    assert_eq!(
        (target.current("ok").await, target.current("dep").await),
        ("active".to_owned(), "inactive".to_owned())
    );
    target.layer("l", "services: {dep: {override: merge, environment: {X: \"1\"}}}").await;
    target.run("replan", &[]).await;
    assert_eq!(target.current("dep").await, "active");
}

async fn failures_stay_in_their_lane(target: Target) {
    target.layer("l", LAYER).await;
    let change = target.run("start", &["bdep"]).await;
    assert_eq!(tasks(&change), ["Start service \"bad\": Error", "Start service \"bdep\": Hold"]);
    assert_eq!(task_log(&change, 1), Vec::<String>::new());
    assert!(!change["err"].as_str().unwrap().contains("bdep"));
    let change = target.run("start", &["ign", "ok"]).await;
    assert_eq!(change["status"], "Error");
    assert!(tasks(&change).contains(&"Start service \"ok\": Done".to_owned()));
    assert_eq!(target.current("ok").await, "active");
}

async fn waiting_has_a_limit(target: Target) {
    target.layer("l", LAYER).await;
    let id = target.begin("restart", &["ok"]).await;
    let late = Expected::Error(504, "timed out waiting for change after 200ms", None);
    target.check(&format!("GET /v1/changes/{id}/wait?timeout=0.2s"), "", late).await;
    assert_eq!(target.wait(&id).await["status"], "Done");
}

async fn starts_are_aborted_and_interrupted(target: Target) {
    target.layer("l", LAYER).await;
    let id = target.begin("start", &["ok"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (status, answer) =
        target.send(&format!("POST /v1/changes/{id}"), r#"{"action":"abort"}"#).await;
    assert_eq!((status, answer["result"]["status"].as_str()), (200, Some("Abort")));
    let change = target.wait(&id).await;
    assert!(
        change["err"].as_str().unwrap().ends_with("(start aborted, sent SIGKILL to process)"),
        "{change}"
    );

    let id = target.begin("start", &["ok"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(target.run("stop", &["ok"]).await["status"], "Done");
    let change = target.wait(&id).await;
    assert!(
        change["err"]
            .as_str()
            .unwrap()
            .ends_with("(service start attempt: stopped before the 1s okay delay)"),
        "{change}"
    );
}

async fn signals_are_sent(target: Target) {
    target.layer("l", "services: {web: {override: replace, command: sleep 300}}").await;
    target.run("start", &["web"]).await;
    target
        .check("POST /v1/signals", r#"{"signal":"SIGCONT","services":["web"]}"#, sync(true.into()))
        .await;
    let cases: [(&str, Expected); 4] = [
        (
            r#"{"signal":"HUP","services":["web"]}"#,
            Expected::Error(
                500,
                "cannot send signal to \"web\": invalid signal name \"HUP\"",
                None,
            ),
        ),
        (
            r#"{"signal":"SIGHUP","services":["nosuch"]}"#,
            Expected::Error(500, "cannot send signal to \"nosuch\": service is not running", None),
        ),
        (r#"{"signal":"SIGHUP","services":[]}"#, bad("must specify one or more services")),
        (
            r#"{"signal":"SIGTERM","services":["web","nosuch"]}"#,
            Expected::Error(500, "cannot send signal to \"nosuch\": service is not running", None),
        ),
    ];
    for (body, expected) in cases {
        target.check("POST /v1/signals", body, expected).await;
    }
    target.becomes("web", "backoff").await;
}

async fn logs_and_metrics(target: Target) {
    let command =
        r#"services: {web: {override: replace, command: 'sh -c "echo one; echo two; sleep 300"'}}"#;
    target.layer("l", command).await;
    target.run("start", &["web"]).await;
    let lines = async |query: &str| {
        let (status, answer) = target.send(&format!("GET /v1/logs{query}"), "").await;
        assert_eq!(status, 200, "{answer}");
        match answer {
            Value::String(text) => {
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
            }
            one => vec![one],
        }
    };
    let line = |message: &str| json!({"time": "<t>", "service": "web", "message": message});
    target.compare(&json!([line("one"), line("two")]), &lines("").await.into(), "logs");
    target.compare(&json!([line("two")]), &lines("?n=1").await.into(), "logs");
    assert_eq!(lines("?services=nosuch").await, Vec::<Value>::new());
    target.check("GET /v1/logs?n=foo", "", bad("n must be -1, 0, or a positive integer")).await;
    target
        .check("GET /v1/logs?follow=x", "", bad("follow parameter must be \"true\" or \"false\""))
        .await;
    let mut following =
        target.request(reqwest::Method::GET, "/v1/logs?follow=true&n=1").send().await.unwrap();
    assert_eq!(following.headers()["content-type"], "application/x-ndjson");
    let chunk = following.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&chunk).contains("\"message\":\"two\""));
    assert!(tokio::time::timeout(Duration::from_millis(200), following.chunk()).await.is_err());
    let (_, metrics) = target.send("GET /v1/metrics", "").await;
    for sample in [
        "pebble_service_active{service=\"web\"} 1",
        "pebble_service_start_count{service=\"web\"} 1",
    ] {
        assert!(metrics.as_str().unwrap().lines().any(|line| line == sample), "{metrics}");
    }
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
