//! What an operator does to a running model, and what databags, plans and statuses say afterwards.

use relation_bus::testing::TestModel;
use serde_json::{Value, json};
use tests::model::settled;

/// The targets that the coordinator tells Prometheus, and nothing of the rest of the jobs.
fn targets(model: &TestModel) -> Vec<String> {
    let jobs = model.app_databag("tally:metrics-endpoint", "prometheus").json("scrape_jobs");
    let target = |job: &Value| job["static_configs"][0]["targets"][0].as_str().map(str::to_owned);
    jobs.as_array().into_iter().flatten().filter_map(target).collect()
}

fn host(unit: &str, port: u16) -> String {
    let (application, number) = unit.rsplit_once('/').unwrap_or_default();
    format!("{application}-{number}.{application}-endpoints.cos.svc.cluster.local:{port}")
}

/// Services that the log targets of some containers take, by the unit of the log store.
fn assert_log_targets(model: &TestModel, expected: &Value) {
    for (unit, container) in [("tally/0", "nginx"), ("tally/1", "nginx"), ("tally-read/0", "tally")]
    {
        let plan = model.plan(unit, container);
        let targets = plan["log-targets"].as_object().into_iter().flatten();
        let found: Value =
            targets.map(|(name, target)| (name.clone(), target["services"].clone())).collect();
        assert_eq!(&found, expected, "{unit}");
    }
}

#[tokio::test]
async fn the_model_follows_what_an_operator_does() {
    let mut model = settled("cos.yaml").await;
    let push = "http://loki-0.loki-endpoints.cos.svc.cluster.local:3100/loki/api/v1/push";

    // Settled: everybody knows where logs, traces and metrics go.
    let read = model.app_databag("tally:tally-cluster", "tally-read");
    read.assert_json("loki_endpoints", json!({"loki/0": push}));
    let receivers = json!({"otlp_http": "http://tempo.cos.svc.cluster.local:4318"});
    read.assert_json("charm_tracing_receivers", receivers);
    read.assert_json("worker_ports", json!([9400, 9095, 7946]));
    model.app_databag("tally-read:tally-cluster", "tally").assert_json("role", "read");
    assert_eq!(
        targets(&model),
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
    assert_log_targets(&model, &json!({"loki/0": ["all"]}));

    // A worker unit more.
    assert_eq!(model.add_unit("tally-read").await.as_str(), "tally-read/2");
    model.settle_within(60).await;
    model.assert_status("tally-read/2", "active: read ready.");
    assert!(targets(&model).contains(&host("tally-read/2", 9400)));
    let read = model.app_databag("tally:tally-cluster", "tally-read");
    let config = read.json("worker_config");
    assert!(config.to_string().contains(&host("tally-read/2", 7946)), "{config}");
    let plan = model.plan("tally-read/2", "tally");
    assert_eq!(plan["log-targets"]["loki/0"]["services"], json!(["all"]));
    let command = "/bin/tally -config.file=/etc/worker/config.yaml -target=read";
    assert_eq!(plan["services"]["tally"]["command"], command);

    // A worker application less: its role is gone, and the coordinator says so.
    model.remove_application("tally-backend");
    model.settle_within(60).await;
    for unit in ["tally/0", "tally/1"] {
        model.assert_status(unit, "blocked: [consistency] Cluster inconsistent.");
    }
    assert!(model.find_relation("tally:tally-cluster", "tally-backend").is_err());

    // A role by config: one of the writers takes over what is missing.
    model.configure("tally-write", "role-backend", true);
    model.settle_within(60).await;
    model.app_databag("tally-write:tally-cluster", "tally").assert_json("role", "backend,write");
    model.assert_status("tally/0", "active");
    model.assert_status("tally-write/0", "active: backend,write ready.");
    assert!(!targets(&model).contains(&host("tally-backend/0", 9400)));
    let command = "/bin/tally -config.file=/etc/worker/config.yaml -target=backend,write";
    assert_eq!(model.plan("tally-write/0", "tally")["services"]["tally"]["command"], command);

    // The log store goes: nobody sends logs any more.
    model.remove_relation("tally:logging", "loki");
    model.settle_within(60).await;
    for worker in ["tally-read", "tally-write"] {
        model.app_databag("tally:tally-cluster", worker).assert_json("loki_endpoints", json!({}));
    }
    assert_log_targets(&model, &json!({"loki/0": ["-all"]}));
    model.assert_active();
}
