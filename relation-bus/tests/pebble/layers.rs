//! System, layers and plan.

use serde_json::{Value, json};

use crate::target::{Expected, Target, bad, layer, sync};

crate::cases!(
    system_info,
    unknown_endpoints_and_methods,
    an_empty_plan,
    a_layer_is_added_once_and_combined_often,
    layers_that_cannot_be_read,
    plans_that_cannot_stand,
    values_are_filled_in,
);

async fn system_info(target: Target) {
    let (status, answer) = target.send("GET /v1/system-info", "").await;
    let result = answer["result"].as_object().unwrap();
    assert_eq!((status, result.len()), (200, 2));
    assert!(result["version"].as_str().unwrap().starts_with("v1."));
    assert_eq!(result["boot-id"].as_str().unwrap().len(), 36);
    assert!(target.socket().exists());
}

async fn unknown_endpoints_and_methods(target: Target) {
    target
        .check("GET /v1/warnings", "", Expected::Error(404, "invalid API endpoint requested", None))
        .await;
    target
        .check("GET /v1/layers", "", Expected::Error(405, "method \"GET\" not allowed", None))
        .await;
    target.check("GET /v1/services/web", "", bad("not implemented")).await;
}

async fn an_empty_plan(target: Target) {
    target.check("GET /v1/plan?format=yaml", "", sync("{}\n".into())).await;
    target.check("GET /v1/plan", "", bad("invalid format \"\"")).await;
}

async fn a_layer_is_added_once_and_combined_often(target: Target) {
    let text = "services:\n  web:\n    override: replace\n    summary: s\n    command: sleep 300\n    startup: enabled\n    \
                environment: {A: \"1\", B: two}\n    after: [x]\n";
    let base = json!({"action": "add", "combine": false, "label": "base", "format": "yaml", "layer": text}).to_string();
    target.check("POST /v1/layers", &base, sync(true.into())).await;
    let mut web = json!({"summary": "s", "startup": "enabled", "override": "replace", "command": "sleep 300",
                         "after": ["x"], "environment": {"A": "1", "B": "two"}});
    assert_eq!(target.plan().await, json!({"services": {"web": web}}));
    assert_eq!(target.current("web").await, "inactive");
    target.check("POST /v1/layers", &base, bad("layer \"base\" already exists")).await;

    let more =
        "services:\n  web:\n    override: merge\n    environment: {B: three}\n    after: [\"y\"]\n";
    for after in [json!(["x", "y"]), json!(["x", "y", "y"])] {
        target.layer("base", more).await;
        web["environment"]["B"] = "three".into();
        web["after"] = after;
        assert_eq!(target.plan().await, json!({"services": {"web": web}}));
    }
    target
        .layer("base", "services:\n  web:\n    override: replace\n    command: sleep 301\n")
        .await;
    target.layer("top", "services: {web: {override: merge, summary: on top}}").await;
    let web = json!({"summary": "on top", "override": "replace", "command": "sleep 301"});
    assert_eq!(target.plan().await, json!({"services": {"web": web}}));
}

async fn layers_that_cannot_be_read(target: Target) {
    target.layer("ok", "services: {web: {override: replace, command: x, startup: maybe}}").await;
    let before = target.plan().await;
    let cases: [(&str, &str, &'static str); 12] = [
        (
            "b1",
            "services: {web: {command: x}}",
            "layer \"b1\" must define \"override\" for service \"web\"",
        ),
        (
            "b2",
            "services: {web: {override: blah, command: x}}",
            "layer \"b2\" has invalid \"override\" value for service \"web\"",
        ),
        (
            "b3",
            "foo: bar",
            "cannot parse layer YAML: cannot parse layer \"b3\": unknown section \"foo\"",
        ),
        (
            "b4",
            "services: {web: {overide: merge}}",
            "cannot parse layer YAML: cannot parse layer \"b4\" section \"services\": yaml: unmarshal errors:…",
        ),
        ("b5", "services: {", "cannot parse layer YAML: cannot parse layer \"b5\": yaml: …"),
        (
            "b6",
            "services:\n  web:\n",
            "cannot parse layer YAML: service object cannot be null for service \"web\"",
        ),
        (
            "b7",
            "services: {pebble: {override: replace, command: x}}",
            "cannot parse layer YAML: cannot use reserved service name \"pebble\"",
        ),
        ("pebble-x", "{}", "cannot parse layer YAML: cannot use reserved label prefix \"pebble-\""),
        ("", "{}", "label must be set"),
        (
            "b10",
            "services: {web: {override: replace, command: x, backoff-delay: 5}}",
            "cannot parse layer YAML: cannot parse layer \"b10\" section \"services\": invalid duration \"5\"",
        ),
        (
            "b11",
            "checks: {c: {override: replace, level: high, tcp: {port: 1}}}",
            "cannot parse layer YAML: plan check \"c\" level must be \"alive\" or \"ready\"",
        ),
        (
            "b12",
            "services: [web]",
            "cannot parse layer YAML: cannot parse layer \"b12\" section \"services\": yaml: unmarshal errors:…",
        ),
    ];
    for (label, text, message) in cases {
        target.check("POST /v1/layers", &layer(label, text), bad(message)).await;
    }
    let with = |key: &str, value: &str| {
        let mut body: Value = serde_json::from_str(&layer("b", "{}")).unwrap();
        body[key] = value.into();
        body.to_string()
    };
    target.check("POST /v1/layers", &with("format", "json"), bad("invalid format \"json\"")).await;
    target.check("POST /v1/layers", &with("action", "zap"), bad("invalid action \"zap\"")).await;
    target.check("POST /v1/layers", "not json", bad("cannot decode request body: …")).await;
    assert_eq!(target.plan().await, before);
    for (label, text) in [("e1", ""), ("e2", "{}"), ("e3", "services: null"), ("e4", "# nothing\n")]
    {
        target.layer(label, text).await;
    }
    assert_eq!(target.plan().await, before);
}

async fn plans_that_cannot_stand(target: Target) {
    let cases: [(&str, &'static str); 10] = [
        (
            "services: {nope: {override: merge, summary: x}}",
            "plan must define \"command\" for service \"nope\"",
        ),
        (
            "services: {a: {override: replace, command: x, requires: [nosuch]}}",
            "service \"nosuch\" does not exist",
        ),
        (
            "services: {a1: {override: replace, command: x, after: [b1]}, b1: {override: replace, command: x, after: [a1]}}",
            "services in before/after loop: a1, b1",
        ),
        (
            "checks: {c: {override: replace, threshold: 3}}",
            "plan must specify one of \"http\", \"tcp\", or \"exec\" for check \"c\"",
        ),
        (
            "checks: {c: {override: replace, exec: {command: x, service-context: nosuch}}}",
            "plan check \"c\" service context specifies non-existent service \"nosuch\"",
        ),
        (
            "log-targets: {t: {override: replace, type: loki, services: [all]}}",
            "plan must define \"location\" for log target \"t\"",
        ),
        (
            "log-targets: {t: {override: replace, location: http://x, services: [all]}}",
            "plan must define \"type\" (… for log target \"t\"",
        ),
        (
            "log-targets: {t: {override: replace, type: foo, location: http://x}}",
            "cannot parse layer YAML: log target \"t\" has unsupported type \"foo\", must be …",
        ),
        (
            "log-targets: {t: {override: replace, type: loki, location: http://x, services: [nosuch]}}",
            "log target \"t\" specifies unknown service \"nosuch\"",
        ),
        (
            "log-targets: {t: {override: replace, type: loki, location: http://x, labels: {pebble_x: y}}}",
            "cannot parse layer YAML: log target \"t\": label \"pebble_x\" uses reserved prefix \"pebble_\"",
        ),
    ];
    for (text, message) in cases {
        target.check("POST /v1/layers", &layer("l", text), bad(message)).await;
    }
    assert_eq!(target.plan().await, json!({}));
}

async fn values_are_filled_in(target: Target) {
    target
        .layer(
            "l",
            "checks: {up: {override: replace, startup: disabled, tcp: {port: 1}}, \
             slow: {override: replace, startup: disabled, period: 1s, timeout: 5s, tcp: {port: 1}}}\n\
             log-targets: {t: {override: replace, type: loki, location: \"http://127.0.0.1:1/\"}}\n",
        )
        .await;
    assert_eq!(
        target.plan().await,
        json!({
            "checks": {
                "slow": {"override": "replace", "startup": "disabled", "period": "1s", "timeout": "1s", "threshold": 3,
                         "tcp": {"port": 1}},
                "up": {"override": "replace", "startup": "disabled", "threshold": 3, "tcp": {"port": 1}},
            },
            "log-targets": {"t": {"type": "loki", "location": "http://127.0.0.1:1/", "services": [],
                                  "override": "replace"}},
        })
    );
}
