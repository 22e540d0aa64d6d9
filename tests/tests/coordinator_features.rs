//! What a coordinator is related to besides its workers, played: certificates, ingress, catalogue,
//! dashboards, data sources, remote write, and what operators ask it.

use relation_bus::testing::TestModel;
use relation_lib::grafana_dashboard::DashboardProviderAppData;
use relation_lib::tls_certificates::Certificate;
use serde_json::{Value, json};
use tests::in_process::quick_settings;
use tests::workspace;

const HOST: &str = "tally.cos.svc.cluster.local";

/// A value of the leader's databag, as it stands there; nothing when there is none.
fn said(model: &TestModel, end: &str, remote: &str, key: &str) -> String {
    model.app_databag(end, remote).text(key).unwrap_or_default().to_owned()
}

/// A file of a workload container.
fn file(model: &TestModel, unit: &str, container: &str, path: &str) -> String {
    let unit = unit.parse().expect("a test names units rightly");
    let files = model.bus().workload(&unit, container).expect("a container").files();
    let found = files.get(path);
    let known: Vec<_> = files.keys().collect();
    let content = found.unwrap_or_else(|| unreachable!("`{path}` is not among {known:?}"));
    String::from_utf8_lossy(content).into_owned()
}

#[tokio::test]
async fn everything_around_a_coordinator_is_served() {
    let path = workspace().join("fixtures/models/everything.yaml");
    let model = TestModel::try_from_file(path, quick_settings()).await;
    let mut model = model.expect("the model can be deployed");
    model.settle_within(1000).await;
    model.assert_active();

    certificates_are_in_use(&model);
    the_ingress_decides_the_url_from_outside(&mut model).await;
    dashboards_are_taken_without_complaint(&model);
    grafana_leads_from_our_source_to_others(&mut model).await;
    workers_write_metrics_to_prometheus(&model);
    operators_get_answers(&mut model).await;
    another_authority_takes_over(&mut model).await;
    model.assert_steady().await;
}

fn certificates_are_in_use(model: &TestModel) {
    let cluster = model.app_databag("tally:tally-cluster", "tally-front");
    let server = cluster.json("server_cert");
    let parsed = Certificate::from_pem(server.as_str().unwrap_or_default()).parse();
    let parsed = parsed.expect("a certificate");
    assert_eq!(parsed.issuer, "CN=one");
    for name in [HOST, "tally-front-0.tally-front-endpoints.cos.svc.cluster.local"] {
        assert!(parsed.attributes.sans_dns.contains(name), "{:?}", parsed.attributes.sans_dns);
    }
    let jobs = model.app_databag("tally:metrics-endpoint", "prometheus").json("scrape_jobs");
    assert_eq!(jobs[0]["scheme"], "https");
    let conf = file(model, "tally/0", "nginx", "/etc/nginx/nginx.conf");
    assert!(conf.contains("listen 8080 ssl"), "{conf}");
}

async fn the_ingress_decides_the_url_from_outside(model: &mut TestModel) {
    let asked = model.app_databag("tally:ingress", "traefik");
    asked.assert_json("port", json!(8080));
    asked.assert_json("scheme", json!("https"));
    asked.assert_json("strip-prefix", json!(true));
    let answer = model.app_databag("traefik:ingress", "tally");
    answer.assert_json("ingress", json!({"url": "http://edge.example/cos-tally"}));

    let entry = model.app_databag("tally:catalogue", "catalogue");
    let endpoints = json!({
        "Push": "http://edge.example/cos-tally/api/push",
        "Query": "http://edge.example/cos-tally/api/query",
    });
    entry.assert_json("api_endpoints", endpoints);
    assert_eq!(said(model, "tally:catalogue", "catalogue", "url"), "http://edge.example/cos-tally");
    let page = file(model, "catalogue/0", "catalogue", "/web/config.json");
    let page: Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!(page["apps"][0]["name"], "Tally (tally)");

    // The host is given up: the application answers under its own name again, and back.
    model.configure("traefik", "external_hostname", "");
    model.settle_within(100).await;
    let own = format!("https://{HOST}:8080");
    assert_eq!(said(model, "tally:catalogue", "catalogue", "url"), own);
    model.configure("traefik", "external_hostname", "gate.example");
    model.settle_within(100).await;
    let outside = "http://gate.example/cos-tally";
    assert_eq!(said(model, "tally:catalogue", "catalogue", "url"), outside);
    let source = said(model, "tally:grafana-source", "grafana", "grafana_source_app_host");
    assert_eq!(source, outside);
}

fn dashboards_are_taken_without_complaint(model: &TestModel) {
    let sent = model.app_databag("tally:grafana-dashboard", "grafana");
    let bag = [("dashboards".to_owned(), sent.text("dashboards").unwrap_or_default().to_owned())];
    let read = DashboardProviderAppData::decode(&bag.into()).value.dashboards;
    let templates = read.expect("dashboards").templates;
    let tally = templates["file:tally"].content.unpack().expect("packed");
    assert!(tally.contains("Pushed per second"));
    let answer = model.app_databag("grafana:grafana-dashboard", "tally");
    answer.assert_json("event", json!({}));
    let dashboard: Value = serde_json::from_str(&tally).expect("JSON");
    let uid = dashboard["uid"].as_str().expect("every dashboard has an id");
    let name = format!("juju_tally-coordinator-k8s_{uid}.json");
    let path = format!("/etc/grafana/provisioning/dashboards/{name}");
    assert!(file(model, "grafana/0", "grafana", &path).contains("Pushed per second"));
}

async fn grafana_leads_from_our_source_to_others(model: &mut TestModel) {
    let extra = |model: &TestModel| {
        let data = model.app_databag("tally:grafana-source", "grafana").json("grafana_source_data");
        data["extra_fields"].clone()
    };
    let uuid = "6b2f8a1e-3c5d-4e7f-8a9b-0c1d2e3f4a5b";
    let metrics = format!("juju_cos_{uuid}_prometheus_0");
    let leads = json!({"httpMethod": "GET", "serviceMap": {"datasourceUid": metrics}});
    assert_eq!(extra(model), leads);
    let units = model.app_databag("grafana:grafana-source", "tally").json("datasource_uids");
    assert_eq!(units["tally/1"], format!("juju_cos_{uuid}_tally_1"));
    let ours = model.app_databag("tally:receive-datasource", "prometheus").json("datasources");
    assert_eq!(ours.as_array().map(Vec::len), Some(2), "{ours}");
    assert_eq!(ours[0]["type"], "tally");

    // Another Grafana has the metrics now: nothing leads there.
    model.remove_relation("prometheus:grafana-source", "grafana");
    model.settle_within(100).await;
    assert_eq!(extra(model), json!({"httpMethod": "GET"}));
    model.integrate("prometheus:grafana-source", "grafana:grafana-source");
    model.settle_within(100).await;
    assert_eq!(extra(model), leads);
}

fn workers_write_metrics_to_prometheus(model: &TestModel) {
    let told = model.app_databag("tally:tally-cluster", "tally-front");
    let url = "http://prometheus-0.prometheus-endpoints.cos.svc.cluster.local:9090/api/v1/write";
    told.assert_json("remote_write_endpoints", json!([{"url": url}]));
    let config = file(model, "tally-front/0", "tally", "/etc/worker/config.yaml");
    assert!(config.contains(url), "{config}");
}

async fn operators_get_answers(model: &mut TestModel) {
    let receivers = model.run_action("tally/0", "list-receivers", json!({})).await;
    assert_eq!(receivers.failure, None);
    assert_eq!(receivers.results["otlp-http"], "http://tempo.cos.svc.cluster.local:4318");

    let workers = model.run_action("tally/1", "list-workers", json!({"role": "backend"})).await;
    let address = "tally-back-0.tally-back-endpoints.cos.svc.cluster.local";
    assert_eq!(workers.results["addresses"], address);
    let none = model.run_action("tally/1", "list-workers", json!({"role": "cook"})).await;
    assert_eq!(none.failure.as_deref(), Some("no role `cook`"));

    model.remove_relation("tally:s3", "s3");
    model.settle_within(100).await;
    let refused = model.run_action("tally/0", "list-receivers", json!({})).await;
    let why = "cannot answer while the deployment is not coherent: [s3] Missing S3 integration.";
    assert_eq!(refused.failure.as_deref(), Some(why));
    model.integrate("tally:s3", "s3:s3-credentials");
    model.settle_within(100).await;
    model.assert_active();
}

async fn another_authority_takes_over(model: &mut TestModel) {
    model.remove_relation("tally:certificates", "ca-one");
    model.settle_within(150).await;
    let jobs = model.app_databag("tally:metrics-endpoint", "prometheus").json("scrape_jobs");
    assert_eq!(jobs[0]["scheme"], Value::Null, "plain http again: {}", jobs[0]);
    model.integrate("tally:certificates", "ca-two:certificates");
    model.settle_within(150).await;
    let server = model.app_databag("tally:tally-cluster", "tally-back").json("server_cert");
    let parsed = Certificate::from_pem(server.as_str().unwrap_or_default()).parse();
    assert_eq!(parsed.expect("a certificate").issuer, "CN=two");
    model.assert_active();
}
