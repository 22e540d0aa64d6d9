//! Checks, notices, identities, and who may do what.

use std::time::{Duration, Instant};

use relation_bus::pebble::{CheckSetup, CheckStatus, ContainerSetup};
use serde_json::json;

use crate::target::{Expected, Target, bad, sync};

crate::cases!(
    checks_are_started_and_stopped,
    notices_are_added_and_listed,
    identities_are_kept_apart,
);

async fn checks_are_started_and_stopped(target: Target) {
    target
        .layer(
            "l",
            "checks:\n  up: {override: replace, level: alive, period: 1h, threshold: 2, tcp: {port: 1}}\n  \
             dis: {override: replace, startup: disabled, tcp: {port: 1}}\n",
        )
        .await;
    let down = |name: &str, threshold: u64| json!({"name": name, "startup": "disabled", "status": "inactive", "successes": 0, "threshold": threshold});
    let up = json!({"name": "up", "level": "alive", "startup": "enabled", "status": "up", "successes": 0,
                    "threshold": 2, "change-id": "<id>"});
    let answer = target.check("GET /v1/checks", "", sync(json!([down("dis", 3), up]))).await;
    target.check("GET /v1/checks?level=alive", "", sync(json!([up]))).await;
    target.check("GET /v1/checks?names=nosuch", "", sync(json!([]))).await;
    target.check("GET /v1/health", "", sync(json!({"healthy": true}))).await;
    target.check("GET /v1/health?level=foo", "", bad("level must be \"alive\" or \"ready\"")).await;
    let change = answer["result"][1]["change-id"].as_str().unwrap().to_owned();
    let (_, shown) = target.send(&format!("GET /v1/changes/{change}"), "").await;
    let shown = &shown["result"];
    assert_eq!(
        (shown["kind"].as_str(), shown["summary"].as_str(), shown["status"].as_str()),
        (Some("perform-check"), Some("Perform TCP check \"up\""), Some("Doing"))
    );

    let cases: [(&str, Expected); 7] = [
        (r#"{"action":"start","checks":["dis","up"]}"#, sync(json!({"changed": ["dis"]}))),
        (r#"{"action":"start","checks":["dis","up"]}"#, sync(json!({"changed": []}))),
        (r#"{"action":"stop","checks":["up","dis"]}"#, sync(json!({"changed": ["dis", "up"]}))),
        (
            r#"{"action":"stop","checks":["zz","nosuch"]}"#,
            bad("cannot stop checks: cannot find checks in plan: nosuch, zz"),
        ),
        (r#"{"action":"stop","checks":[]}"#, bad("must specify checks for stop action")),
        (r#"{"action":"zap","checks":["up"]}"#, bad("invalid action \"zap\"")),
        ("x", bad("cannot decode data from request body: …")),
    ];
    for (body, expected) in cases {
        target.check("POST /v1/checks", body, expected).await;
    }
    let nosuch = Expected::Error(404, "cannot find check with name \"nosuch\"", None);
    target.check("POST /v1/checks/refresh", r#"{"name":"nosuch"}"#, nosuch).await;
    target.check("POST /v1/checks/refresh", "{}", bad("must specify check name")).await;
    let change = target.run("replan", &[]).await;
    assert_eq!((change["status"].as_str(), change.get("tasks")), (Some("Done"), None));
    target.check("GET /v1/checks?names=up", "", sync(json!([up]))).await;
    target.check("GET /v1/checks?names=dis", "", sync(json!([down("dis", 3)]))).await;
}

#[tokio::test]
async fn checks_can_be_given_a_state() {
    let check = |name: &str, level: Option<&str>, status, failures| CheckSetup {
        name: name.to_owned(),
        level: level.map(str::to_owned),
        status,
        failures,
        threshold: 3,
    };
    let layer =
        json!({"checks": {"ready": {"override": "replace", "level": "ready", "tcp": {"port": 1}}}});
    let setup = ContainerSetup {
        layers: vec![("l".to_owned(), layer)],
        checks: vec![
            check("ready", Some("ready"), CheckStatus::Down, 7),
            check("other", None, CheckStatus::Up, 0),
        ],
        ..ContainerSetup::default()
    };
    let target = Target::with_setup(setup).await;
    let wanted = json!([
        {"name": "other", "startup": "enabled", "status": "up", "successes": 0, "threshold": 3},
        {"name": "ready", "level": "ready", "startup": "enabled", "status": "down", "successes": 0, "failures": 7,
         "threshold": 3},
    ]);
    target.check("GET /v1/checks", "", sync(wanted)).await;
    let (status, answer) = target.send("GET /v1/health?level=ready", "").await;
    let unhealthy = json!({"type": "sync", "status-code": 502, "status": "Bad Gateway", "result": {"healthy": false}});
    assert_eq!((status, answer), (502, unhealthy));
    target.check("GET /v1/health?level=alive", "", sync(json!({"healthy": true}))).await;
}

async fn notices_are_added_and_listed(target: Target) {
    let add = r#"{"action":"add","type":"custom","key":"example.com/a"}"#;
    let first = target.check("POST /v1/notices", add, sync(json!({"id": "<id>"}))).await;
    let more = r#"{"action":"add","type":"custom","key":"example.com/a","data":{"k":"v"},"repeat-after":"1h"}"#;
    let second = target.check("POST /v1/notices", more, sync(json!({"id": "<id>"}))).await;
    assert_eq!(first["result"], second["result"]);
    let (_, listed) = target.send("GET /v1/notices?types=custom", "").await;
    let user = listed["result"][0]["user-id"].clone();
    let notice = json!({
        "id": first["result"]["id"], "user-id": user, "type": "custom", "key": "example.com/a",
        "first-occurred": "<t>", "last-occurred": "<t>", "last-repeated": "<t>", "occurrences": 2,
        "last-data": {"k": "v"}, "repeat-after": "1h0m0s", "expire-after": "168h0m0s",
    });
    target.compare(&json!([notice]), &listed["result"], "notices");
    assert_eq!(listed["result"][0]["first-occurred"], listed["result"][0]["last-repeated"]);
    let repeated = listed["result"][0]["last-repeated"].as_str().unwrap().to_owned();
    target
        .check(&format!("GET /v1/notices?types=custom&after={repeated}"), "", sync(json!([])))
        .await;
    target.check("GET /v1/notices?types=bogus", "", sync(json!([]))).await;
    target.check("GET /v1/notices?keys=nokey&timeout=300ms", "", sync(json!([]))).await;

    let began = Instant::now();
    let (waited, _) =
        tokio::join!(target.send("GET /v1/notices?keys=example.com/b&timeout=10s", ""), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            target
                .send(
                    "POST /v1/notices",
                    r#"{"action":"add","type":"custom","key":"example.com/b"}"#,
                )
                .await
        });
    assert_eq!(waited.1["result"][0]["key"], "example.com/b");
    assert!(began.elapsed() < Duration::from_secs(5));

    let id = target.begin("replan", &[]).await;
    target.wait(&id).await;
    let (_, listed) =
        target.send(&format!("GET /v1/notices?types=change-update&keys={id}"), "").await;
    let update = &listed["result"][0];
    assert_eq!(
        (update["user-id"].clone(), update["last-data"].clone()),
        (json!(null), json!({"kind": "replan"}))
    );

    let long = format!(
        "{{\"action\":\"add\",\"type\":\"custom\",\"key\":\"example.com/{}\"}}",
        "x".repeat(300)
    );
    let large = json!({"action": "add", "type": "custom", "key": "example.com/a", "data": {"k": "x".repeat(5000)}});
    let cases: [(&str, &'static str); 5] = [
        (
            r#"{"action":"add","type":"custom","key":"bad"}"#,
            "invalid key \"bad\" (must be in \"example.com/path\" format)",
        ),
        (
            r#"{"action":"add","type":"warning","key":"example.com/a"}"#,
            "invalid type \"warning\" (can only add \"custom\" notices)",
        ),
        (
            r#"{"action":"add","type":"custom","key":"example.com/a","data":{"k":1}}"#,
            "cannot decode notice data: …",
        ),
        (&large.to_string(), "total size of data must be 4096 bytes or less"),
        (&long, "key must be 256 bytes or less"),
    ];
    for (body, message) in cases {
        target.check("POST /v1/notices", body, bad(message)).await;
    }
    target
        .check(
            "GET /v1/notices/999",
            "",
            Expected::Error(404, "cannot find notice with ID \"999\"", None),
        )
        .await;
}

async fn identities_are_kept_apart(target: Target) {
    let (status, answer) = target
        .send(
            "POST /v1/identities",
            r#"{"action":"add","identities":{"bob":{"access":"admin","local":{"user-id":4242}},
                "al":{"access":"metrics","basic":{"password":"$6$x$y"}}}}"#,
        )
        .await;
    assert_eq!(
        (status, answer),
        (200, json!({"type": "sync", "status-code": 200, "status": "OK"}))
    );
    let shown = json!({"al": {"access": "metrics", "basic": {"password": "*****"}},
                       "bob": {"access": "admin", "local": {"user-id": 4242}}});
    target.check("GET /v1/identities", "", sync(shown)).await;
    let refused: [(&str, &'static str); 3] = [
        (
            r#"{"action":"add","identities":{"bob":{"access":"admin","local":{"user-id":1}}}}"#,
            "identities already exist: bob",
        ),
        (
            r#"{"action":"add","identities":{"c":{"access":"read","local":{"user-id":4242}}}}"#,
            "cannot have multiple identities with user ID 4242 (bob, c)",
        ),
        (
            r#"{"action":"zap","identities":{}}"#,
            "invalid action \"zap\", must be \"add\", \"update\", \"replace\", or \"remove\"",
        ),
    ];
    for (body, message) in refused {
        target.check("POST /v1/identities", body, bad(message)).await;
    }
    let replace = r#"{"action":"replace","identities":{"bob":null,"zz":{"access":"read","local":{"user-id":5}}}}"#;
    assert_eq!(target.send("POST /v1/identities", replace).await.0, 200);
    let remove = r#"{"action":"remove","identities":{"zz":null}}"#;
    assert_eq!(target.send("POST /v1/identities", remove).await.0, 200);
    target.check("POST /v1/identities", remove, bad("identities do not exist: zz")).await;
}

#[tokio::test]
async fn strangers_may_only_read() {
    let target =
        Target::with_setup(ContainerSetup { caller_uid: Some(4711), ..ContainerSetup::default() })
            .await;
    for path in [
        "system-info",
        "health",
        "services",
        "changes",
        "checks",
        "logs",
        "notices",
        "identities",
        "metrics",
    ] {
        assert_eq!(target.send(&format!("GET /v1/{path}"), "").await.0, 200, "{path}");
    }
    let add = r#"{"action":"add","type":"custom","key":"example.com/a"}"#;
    target.check("POST /v1/notices", add, sync(json!({"id": "<id>"}))).await;
    for request in [
        "GET /v1/plan?format=yaml",
        "GET /v1/files?action=list&path=/",
        "GET /v1/tasks/1/websocket/stdio",
        "POST /v1/layers",
        "POST /v1/services",
        "POST /v1/files",
        "POST /v1/exec",
        "POST /v1/signals",
        "POST /v1/checks",
        "POST /v1/identities",
        "POST /v1/changes/1",
    ] {
        target
            .check(request, "{}", Expected::Error(401, "access denied", Some("login-required")))
            .await;
    }
}
