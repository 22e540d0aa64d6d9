//! What an operator does to a running model, and what databags, plans and statuses say afterwards.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use relation_bus::engine::Bus;
use relation_bus::names::RelationId;
use serde_json::{Value, json};
use tests::model::{app_value, settled, status, unit};

fn relation(bus: &Bus, endpoint: &str, remote: &str) -> RelationId {
    bus.relation("tally", endpoint, remote).unwrap_or_else(|| panic!("{endpoint} with {remote}"))
}

/// The targets that the coordinator tells Prometheus, and nothing of the rest of the jobs.
fn targets(bus: &Bus) -> Vec<String> {
    let id = relation(bus, "metrics-endpoint", "prometheus");
    let jobs = app_value(bus, id, "tally", "scrape_jobs");
    let jobs = jobs.as_array().cloned().unwrap_or_default();
    let target = |job: &Value| job["static_configs"][0]["targets"][0].as_str().map(str::to_owned);
    jobs.iter().filter_map(target).collect()
}

fn host(unit: &str, port: u16) -> String {
    let (application, number) = unit.rsplit_once('/').unwrap();
    format!("{application}-{number}.{application}-endpoints.cos.svc.cluster.local:{port}")
}

/// Services that a log target of a container takes, by the unit of the log store.
fn log_targets(bus: &Bus, name: &str, container: &str) -> Value {
    let plan = bus.plan(&unit(name), container);
    let targets = plan["log-targets"].as_object().cloned().unwrap_or_default();
    targets.into_iter().map(|(name, target)| (name, target["services"].clone())).collect()
}

#[tokio::test]
async fn the_model_follows_what_an_operator_does() {
    let mut bus = settled("cos.yaml").await;
    let read = relation(&bus, "tally-cluster", "tally-read");
    let loki = relation(&bus, "logging", "loki");
    let push = "http://loki-0.loki-endpoints.cos.svc.cluster.local:3100/loki/api/v1/push";

    // Settled: everybody knows where logs, traces and metrics go.
    assert_eq!(app_value(&bus, read, "tally", "loki_endpoints"), json!({"loki/0": push}));
    assert_eq!(
        app_value(&bus, read, "tally", "charm_tracing_receivers"),
        json!({"otlp_http": "http://tempo.cos.svc.cluster.local:4318"})
    );
    assert_eq!(app_value(&bus, read, "tally", "worker_ports"), json!([9400, 9095, 7946]));
    assert_eq!(app_value(&bus, read, "tally-read", "role"), json!("read"));
    assert_eq!(
        targets(&bus),
        [
            host("tally-read/0", 9400),
            host("tally-read/1", 9400),
            host("tally-write/0", 9400),
            host("tally-write/1", 9400),
            host("tally-backend/0", 9400),
            host("tally/1", 9113),
            host("tally/0", 9113),
        ]
    );
    for (name, container) in [("tally/0", "nginx"), ("tally/1", "nginx"), ("tally-read/0", "tally")]
    {
        assert_eq!(log_targets(&bus, name, container), json!({"loki/0": ["all"]}), "{name}");
    }

    // A worker unit more.
    let added = bus.add_unit("tally-read").await.unwrap();
    bus.settle().await.unwrap();
    assert_eq!(added, unit("tally-read/2"));
    assert_eq!(status(&bus, &added), ("active".to_owned(), "read ready.".to_owned()));
    assert!(targets(&bus).contains(&host("tally-read/2", 9400)));
    let config = app_value(&bus, read, "tally", "worker_config");
    assert!(config.as_str().unwrap().contains(&host("tally-read/2", 7946)), "{config}");
    assert_eq!(log_targets(&bus, "tally-read/2", "tally"), json!({"loki/0": ["all"]}));
    let command = &bus.plan(&added, "tally")["services"]["tally"]["command"];
    assert_eq!(command, "/bin/tally -config.file=/etc/worker/config.yaml -target=read");

    // A worker application less: its role is gone, and the coordinator says so.
    bus.remove_application("tally-backend").unwrap();
    bus.settle().await.unwrap();
    let blocked = ("blocked".to_owned(), "[consistency] Cluster inconsistent.".to_owned());
    assert_eq!(status(&bus, &unit("tally/0")), blocked);
    assert_eq!(status(&bus, &unit("tally/1")), blocked);
    assert_eq!(bus.relation("tally", "tally-cluster", "tally-backend"), None);

    // A role by config: one of the writers takes over what is missing.
    bus.configure("tally-write", "role-backend", Some(json!(true))).unwrap();
    bus.settle().await.unwrap();
    let write = relation(&bus, "tally-cluster", "tally-write");
    assert_eq!(app_value(&bus, write, "tally-write", "role"), json!("backend,write"));
    assert_eq!(status(&bus, &unit("tally/0")).0, "active");
    assert_eq!(
        status(&bus, &unit("tally-write/0")),
        ("active".to_owned(), "backend,write ready.".to_owned())
    );
    assert!(!targets(&bus).contains(&host("tally-backend/0", 9400)));
    let command = &bus.plan(&unit("tally-write/0"), "tally")["services"]["tally"]["command"];
    assert_eq!(command, "/bin/tally -config.file=/etc/worker/config.yaml -target=backend,write");

    // The log store goes: nobody sends logs any more.
    bus.remove_relation(loki).unwrap();
    bus.settle().await.unwrap();
    for id in [read, write] {
        assert_eq!(app_value(&bus, id, "tally", "loki_endpoints"), json!({}));
    }
    for (name, container) in [("tally/0", "nginx"), ("tally/1", "nginx"), ("tally-read/0", "tally")]
    {
        assert_eq!(log_targets(&bus, name, container), json!({"loki/0": ["-all"]}), "{name}");
    }
    for name in bus.units() {
        assert_eq!(status(&bus, &name).0, "active", "{name}");
    }
}
