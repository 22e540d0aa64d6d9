//! Checks that are performed, and logs that are forwarded.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::target::{Target, sync};

crate::cases!(
    checks_go_down_and_recover,
    logs_go_to_loki,
    answers_decide_about_lines,
    targets_keep_their_first_place_and_replay,
    logs_go_to_open_telemetry,
);

/// An HTTP server that answers a status to everything and keeps what it is sent.
#[derive(Clone)]
struct Receiver {
    status: Arc<Mutex<u16>>,
    received: Arc<Mutex<Vec<(String, String, Value)>>>,
    url: String,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { status: Arc::new(Mutex::new(200)), received: Arc::default(), url };
        let routes = Router::new().fallback(Self::answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        receiver
    }

    async fn answer(
        State(receiver): State<Self>,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, &'static str) {
        let media = headers
            .get("content-type")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        receiver.received.lock().unwrap().push((uri.path().to_owned(), media, body));
        (StatusCode::from_u16(*receiver.status.lock().unwrap()).unwrap(), "l1\nl2\n")
    }

    fn set(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn received(&self) -> Vec<(String, String, Value)> {
        self.received.lock().unwrap().clone()
    }

    // The lines of each push so far.
    fn pushes(&self) -> Vec<Vec<String>> {
        let line = |value: &Value| value[1].as_str().unwrap().to_owned();
        let lines = |body: &Value| {
            let streams = body["streams"].as_array().unwrap().iter();
            streams
                .flat_map(|stream| stream["values"].as_array().unwrap().iter().map(line))
                .collect()
        };
        self.received().iter().map(|(_, _, body)| lines(body)).collect()
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!("never: {what}");
}

async fn checks_go_down_and_recover(target: Target) {
    let server = Receiver::start().await;
    server.set(500);
    let url = format!("{}/ready", server.url);
    target
        .layer(
            "l",
            &format!(
                "services: {{web: {{override: replace, command: sleep 300, on-check-failure: {{up: restart}}}}}}\n\
                 checks: {{up: {{override: replace, level: alive, period: 300ms, threshold: 2, http: {{url: \"{url}\"}}}}}}"
            ),
        )
        .await;
    let check = async || target.send("GET /v1/checks?names=up", "").await.1["result"][0].clone();
    let first = check().await["change-id"].as_str().unwrap().to_owned();
    until("down", async || check().await["status"] == "down").await;
    let down = check().await;
    assert_eq!((down["successes"].as_u64(), down["threshold"].as_u64()), (Some(0), Some(2)));
    assert!(down["failures"].as_u64().unwrap() >= 2);
    for query in ["", "?level=alive", "?level=ready"] {
        assert_eq!(target.send(&format!("GET /v1/health{query}"), "").await.0, 502);
    }
    let (_, change) = target.send(&format!("GET /v1/changes/{first}"), "").await;
    let change = &change["result"];
    assert_eq!(
        (change["kind"].as_str(), change["summary"].as_str(), change["status"].as_str()),
        (Some("perform-check"), Some("Perform HTTP check \"up\""), Some("Error"))
    );
    assert!(
        change["tasks"][0]["log"][0]
            .as_str()
            .unwrap()
            .ends_with("ERROR non-2xx status code 500; l1\nl2"),
        "{change}"
    );
    let second = down["change-id"].as_str().unwrap();
    let (_, change) = target.send(&format!("GET /v1/changes/{second}"), "").await;
    assert_eq!(change["result"]["summary"], "Recover HTTP check \"up\"");
    let (_, refreshed) = target.send("POST /v1/checks/refresh", r#"{"name":"up"}"#).await;
    assert_eq!(refreshed["result"]["error"], "non-2xx status code 500; l1\nl2");
    server.set(200);
    until("up again", async || check().await["status"] == "up").await;
    assert!(check().await["successes"].as_u64().unwrap() >= 1);
    target.check("GET /v1/health", "", sync(json!({"healthy": true}))).await;
}

const PRINTER: &str = "services:\n  web:\n    override: replace\n    environment: {ENVV: val}\n    command: sh -c \"n=0; \
                       while true; do n=$((n+1)); echo web $n; sleep 0.3; done\"\n";

fn log_target(name: &str, kind: &str, location: &str, services: &str) -> String {
    format!(
        "log-targets: {{{name}: {{override: replace, type: {kind}, location: \"{location}\", services: {services}, \
         labels: {{product: Juju, e: \"$ENVV-$NOPE\"}}}}}}"
    )
}

async fn logs_go_to_loki(target: Target) {
    let loki = Receiver::start().await;
    let url = format!("{}/loki/api/v1/push", loki.url);
    target.layer("l", PRINTER).await;
    target.layer("f", &log_target("loki/0", "loki", &url, "[all]")).await;
    target.run("start", &["web"]).await;
    until("a push", async || !loki.received().is_empty()).await;
    let (path, media, body) = loki.received().remove(0);
    assert_eq!(
        (path.as_str(), media.as_str()),
        ("/loki/api/v1/push", "application/json; charset=utf-8")
    );
    let stream = &body["streams"][0];
    assert_eq!(stream["stream"], json!({"e": "val-", "pebble_service": "web", "product": "Juju"}));
    assert_eq!(stream["values"][0][1], "web 1");
    let times: Vec<i128> = stream["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value[0].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(times.is_sorted() && times[0] % 1_000_000 == 0, "{times:?}");

    target.layer("f", &log_target("loki/0", "loki", "(removed)", "[\"-all\"]")).await;
    tokio::time::sleep(Duration::from_millis(1300)).await;
    let before = loki.received().len();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(loki.received().len(), before);
}

async fn answers_decide_about_lines(target: Target) {
    let loki = Receiver::start().await;
    loki.set(500);
    target.layer("l", PRINTER).await;
    target.layer("f", &log_target("t", "loki", &loki.url, "[-all, web]")).await;
    target.run("start", &["web"]).await;
    until("two pushes", async || loki.received().len() >= 2).await;
    let pushes = loki.pushes();
    assert_eq!((pushes[0][0].as_str(), pushes[1][0].as_str()), ("web 1", "web 1"));
    assert!(pushes[1].len() > pushes[0].len());
    loki.set(400);
    let known = loki.received().len();
    until("a refusal", async || loki.received().len() > known).await;
    loki.set(204);
    let known = loki.received().len();
    until("a new push", async || loki.received().len() > known).await;
    assert_ne!(loki.pushes()[known][0], "web 1");
}

async fn targets_keep_their_first_place_and_replay(target: Target) {
    let (one, other) = (Receiver::start().await, Receiver::start().await);
    target.layer("l", "services: {web: {override: replace, command: 'sh -c \"echo one; echo two; sleep 300\"'}}").await;
    target.layer("f", &log_target("t", "loki", &one.url, "[all]")).await;
    target.run("start", &["web"]).await;
    until("a push", async || one.pushes() == [["one", "two"]]).await;
    target.layer("f", &log_target("t", "loki", &other.url, "[all]")).await;
    until("the same again", async || one.pushes() == [["one", "two"], ["one", "two"]]).await;
    assert_eq!(one.received()[0], one.received()[1]);
    assert_eq!(other.received().len(), 0);
    target.layer("f", &log_target("u", "loki", &other.url, "[all]")).await;
    until("a push under the new name", async || other.pushes() == [["one", "two"]]).await;
}

async fn logs_go_to_open_telemetry(target: Target) {
    let receiver = Receiver::start().await;
    target.layer("l", PRINTER).await;
    target.layer("f", &log_target("t", "opentelemetry", &receiver.url, "[all]")).await;
    target.run("start", &["web"]).await;
    until("a push", async || !receiver.received().is_empty()).await;
    let (path, media, body) = receiver.received().remove(0);
    assert_eq!((path.as_str(), media.as_str()), ("/v1/logs", "application/json"));
    let resource = &body["resourceLogs"][0];
    assert_eq!(
        resource["resource"]["attributes"][0],
        json!({"key": "service.name", "value": {"stringValue": "web"}})
    );
    assert_eq!(resource["scopeLogs"][0]["scope"], json!({"name": "pebble"}));
    assert_eq!(resource["scopeLogs"][0]["logRecords"][0]["body"], json!({"stringValue": "web 1"}));
}
