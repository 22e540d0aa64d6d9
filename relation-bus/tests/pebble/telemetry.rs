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
    tcp_checks_connect,
    exec_checks_run_a_command,
    a_check_that_goes_down_restarts_who_asks_for_it,
    targets_merge_labels_and_append_services,
    logs_go_to_syslog,
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

async fn check_status(target: &Target, name: &str) -> String {
    let (_, answer) = target.send(&format!("GET /v1/checks?names={name}"), "").await;
    answer["result"][0]["status"].as_str().unwrap_or_default().to_owned()
}

/// The error of a check that is run now; nothing when it is good.
async fn refreshed(target: &Target, name: &str) -> Option<String> {
    let body = json!({"name": name}).to_string();
    let (_, answer) = target.send("POST /v1/checks/refresh", body).await;
    answer["result"]["error"].as_str().map(str::to_owned)
}

async fn tcp_checks_connect(target: Target) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let check = format!(
        "checks: {{port: {{override: replace, period: 200ms, threshold: 1, \
         tcp: {{host: 127.0.0.1, port: {port}}}}}}}"
    );
    target.layer("l", &check).await;
    assert_eq!(refreshed(&target, "port").await, None);
    assert_eq!(check_status(&target, "port").await, "up");
    drop(listener);
    until("down", async || check_status(&target, "port").await == "down").await;
    let expected = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
    assert_eq!(refreshed(&target, "port").await, Some(expected));
    let (_, answer) = target.send("GET /v1/checks?names=port", "").await;
    let change = answer["result"][0]["change-id"].as_str().unwrap().to_owned();
    let (_, change) = target.send(&format!("GET /v1/changes/{change}"), "").await;
    assert_eq!(change["result"]["summary"], "Recover TCP check \"port\"");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    until("up again", async || check_status(&target, "port").await == "up").await;
    drop(listener);
}

async fn exec_checks_run_a_command(target: Target) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready");
    let script = format!("test -e {} && exit 0; echo no; echo file; exit 3", file.display());
    let layer = json!({
        "services": {"web": {"override": "replace", "command": "sleep 300",
                             "environment": {"WHO": "web", "WHY": "service"}}},
        "checks": {
            "run": {"override": "replace", "period": "200ms", "threshold": 1,
                    "exec": {"command": format!("sh -c \"{script}\"")}},
            "context": {"override": "replace", "period": "10s", "exec": {
                "command": "sh -c \"echo $WHO $WHY; exit 1\"", "service-context": "web",
                "environment": {"WHY": "check"}}},
        },
    });
    target.layer("l", &layer.to_string()).await;
    until("down", async || check_status(&target, "run").await == "down").await;
    assert_eq!(refreshed(&target, "run").await.as_deref(), Some("exit status 3; no\nfile"));
    assert_eq!(refreshed(&target, "context").await.as_deref(), Some("exit status 1; web check"));
    std::fs::write(&file, "").unwrap();
    until("up", async || check_status(&target, "run").await == "up").await;
    let (_, answer) = target.send("GET /v1/checks?names=run", "").await;
    let change = answer["result"][0]["change-id"].as_str().unwrap().to_owned();
    let (_, change) = target.send(&format!("GET /v1/changes/{change}"), "").await;
    assert_eq!(change["result"]["summary"], "Perform exec check \"run\"");
}

async fn a_check_that_goes_down_restarts_who_asks_for_it(target: Target) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let printer = "sh -c \"echo started; exec sleep 300\"";
    let layer = json!({
        "services": {
            "asks": {"override": "replace", "command": printer, "backoff-delay": "100ms",
                     "on-check-failure": {"port": "restart"}},
            "ignores": {"override": "replace", "command": printer,
                        "on-check-failure": {"port": "ignore"}},
            "other": {"override": "replace", "command": printer},
        },
        "checks": {"port": {"override": "replace", "period": "300ms", "threshold": 2,
                            "tcp": {"host": "127.0.0.1", "port": port}}},
    });
    target.layer("l", &layer.to_string()).await;
    target.run("start", &["asks", "ignores", "other"]).await;
    let starts = async |service: &str| {
        let (_, logs) = target.send(&format!("GET /v1/logs?services={service}&n=-1"), "").await;
        // One line alone is read as JSON.
        logs.as_str().map_or(1, |text| text.lines().count())
    };
    assert_eq!((starts("asks").await, starts("other").await), (1, 1));
    drop(listener);
    until("down", async || check_status(&target, "port").await == "down").await;
    until("a restart", async || starts("asks").await == 2).await;
    target.becomes("asks", "active").await;
    // It goes on failing, and that restarts nobody again.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let counts = (starts("asks").await, starts("ignores").await, starts("other").await);
    assert_eq!(counts, (2, 1, 1));
}

async fn targets_merge_labels_and_append_services(target: Target) {
    let loki = Receiver::start().await;
    let service = |name: &str| json!({"override": "replace", "command": format!("sh -c \"echo {name}; exec sleep 300\"")});
    let layer = json!({
        "services": {"a": service("a"), "b": service("b"), "c": service("c")},
        "log-targets": {"t": {"override": "replace", "type": "loki", "location": loki.url,
                              "services": ["a"], "labels": {"one": "1", "two": "2"}}},
    });
    target.layer("l", &layer.to_string()).await;
    let more = json!({"log-targets": {"t": {"override": "merge", "services": ["all", "-b"],
                                            "labels": {"two": "zwei", "three": "3"}}}});
    target.layer("m", &more.to_string()).await;
    let merged = target.plan().await["log-targets"]["t"].clone();
    assert_eq!(merged["services"], json!(["a", "all", "-b"]));
    assert_eq!(merged["labels"], json!({"one": "1", "three": "3", "two": "zwei"}));
    target.run("start", &["a", "b", "c"]).await;
    let streams = || -> Vec<Value> {
        let bodies = loki.received();
        bodies.iter().flat_map(|(_, _, body)| body["streams"].as_array().unwrap().clone()).collect()
    };
    let sent = |name: &str| streams().iter().any(|s| s["stream"]["pebble_service"] == name);
    until("lines of both", async || sent("a") && sent("c")).await;
    assert!(!sent("b"), "the last word about `b` is that it is left out");
    let labels = json!({"one": "1", "two": "zwei", "three": "3", "pebble_service": "a"});
    assert!(streams().iter().any(|stream| stream["stream"] == labels), "{:?}", streams());
}

async fn logs_go_to_syslog(target: Target) {
    use tokio::io::AsyncReadExt;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let datagrams = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = |name: &str, scheme: &str, port: u16| {
        let location = format!("{scheme}://127.0.0.1:{port}");
        log_target(name, "syslog", &location, "[all]")
    };
    target.layer("l", PRINTER).await;
    let tcp = to("t", "tcp", listener.local_addr().unwrap().port());
    let (_, info) = target.send("GET /v1/system-info", "").await;
    if info["result"]["version"].as_str().unwrap().starts_with("v1.26.") {
        // Syslog came with v1.27.
        let (status, answer) =
            target.send("POST /v1/layers", crate::target::layer("f", &tcp)).await;
        assert_eq!(status, 400, "{answer}");
        return;
    }
    target.layer("f", &tcp).await;
    target.layer("g", &to("u", "udp", datagrams.local_addr().unwrap().port())).await;
    target.run("start", &["web"]).await;
    let line = |text: &str| {
        let words: Vec<&str> = text.splitn(7, ' ').map(str::trim).collect();
        assert_eq!((words[0], words[3], words[4], words[5]), ("<13>1", "web", "-", "-"), "{text}");
        assert!(words[1].ends_with('Z') && !words[2].is_empty(), "{text}");
        words[6].to_owned()
    };
    let expected = "[pebble@28978 e=\"val-\" product=\"Juju\"] web 1";
    let limit = Duration::from_secs(10);
    let (mut stream, _) = tokio::time::timeout(limit, listener.accept()).await.unwrap().unwrap();
    let mut bytes = vec![0; 4096];
    let count = tokio::time::timeout(limit, stream.read(&mut bytes)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
    let (length, rest) = text.split_once(' ').unwrap();
    let length: usize = length.parse().unwrap();
    assert_eq!(line(&rest[..length]), expected);
    let count = tokio::time::timeout(limit, datagrams.recv(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(line(&String::from_utf8_lossy(&bytes[..count])), expected);
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
