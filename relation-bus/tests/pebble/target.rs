//! A Pebble to talk to, and what answers are expected of it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use relation_bus::pebble::{ContainerSetup, Server, ServiceMode, Workload};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What keeps a Pebble alive.
enum Running {
    Embedded { _server: Server },
    Real { daemon: Child },
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Real { daemon } = self {
            // Services have process groups of their own, which only a daemon that ends in good order stops.
            Command::new("kill").arg(daemon.id().to_string()).status().ok();
            daemon.wait().ok();
        }
    }
}

/// A Pebble without layers, and an empty folder in its container.
pub(crate) struct Target {
    client: reqwest::Client,
    _running: Running,
    _folder: TempDir,
    pub(crate) socket: PathBuf,
    pub(crate) dir: String,
    pub(crate) workload: Option<Workload>,
}

/// What an answer must be.
#[derive(Debug)]
pub(crate) enum Expected {
    /// Status 200, with this result.
    Sync(Value),
    /// A change was begun.
    Async,
    /// A refusal: status, message, kind.
    Error(u16, &'static str, Option<&'static str>),
}

pub(crate) fn sync(result: Value) -> Expected {
    Expected::Sync(result)
}

pub(crate) fn bad(message: &'static str) -> Expected {
    Expected::Error(400, message, None)
}

impl Target {
    pub(crate) async fn embedded() -> Self {
        let setup = ContainerSetup {
            service_mode: ServiceMode::Processes,
            okay_delay: Duration::from_secs(1),
            directories: ["/case".to_owned()].into(),
            ..ContainerSetup::default()
        };
        Self::with_setup(setup).await
    }

    pub(crate) async fn with_setup(setup: ContainerSetup) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("p.sock");
        let workload = Workload::new(setup).unwrap();
        let server = workload.serve(&socket).await.unwrap();
        let running = Running::Embedded { _server: server };
        Self::new(folder, socket, running, "/case".to_owned(), Some(workload))
    }

    pub(crate) async fn real() -> Self {
        let program =
            std::env::var("PEBBLE_DAEMON").expect("PEBBLE_DAEMON names the pebble program");
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("p.sock");
        let dir = folder.path().join("case");
        std::fs::create_dir(&dir).unwrap();
        let daemon = Command::new(program)
            .args(["run", "--create-dirs", "--hold"])
            .env("PEBBLE", folder.path().join("pebble"))
            .env("PEBBLE_SOCKET", &socket)
            .env("PEBBLE_PERSIST", "never")
            .process_group(0)
            .spawn()
            .unwrap();
        let running = Running::Real { daemon };
        let target = Self::new(folder, socket, running, dir.to_str().unwrap().to_owned(), None);
        for _ in 0..100 {
            if target.client.get("http://localhost/v1/system-info").send().await.is_ok() {
                return target;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the daemon doesn't answer");
    }

    fn new(
        folder: TempDir,
        socket: PathBuf,
        running: Running,
        dir: String,
        workload: Option<Workload>,
    ) -> Self {
        let client = reqwest::Client::builder().unix_socket(socket.as_path()).build().unwrap();
        Self { client, _running: running, _folder: folder, socket, dir, workload }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// A text with `$D` standing for the folder.
    pub(crate) fn at(&self, text: &str) -> String {
        text.replace("$D", &self.dir)
    }

    /// Sends `METHOD /path` with a body, and gives status and JSON.
    pub(crate) async fn send(&self, request: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let (method, path) = request.split_once(' ').unwrap();
        let url = format!("http://localhost{}", self.at(path));
        let request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        let request = request.header("Content-Type", "application/json").body(body);
        let response = request.timeout(Duration::from_secs(20)).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("http://localhost{}", self.at(path)))
            .timeout(Duration::from_secs(20))
    }

    /// Sends a request and checks the answer. Texts in `expected` may hold `$D`; `<t>`, `<id>` stand for a time and an
    /// id; a text that ends in `…` is compared up to there. Gives the answer.
    pub(crate) async fn check(&self, request: &str, body: &str, expected: Expected) -> Value {
        let (status, answer) = self.send(request, self.at(body)).await;
        let wanted = match expected {
            Expected::Sync(result) => {
                json!({"type": "sync", "status-code": 200, "status": "OK", "result": result})
            }
            Expected::Async => {
                json!({"type": "async", "status-code": 202, "status": "Accepted", "change": "<id>", "result": null})
            }
            Expected::Error(code, message, kind) => {
                let reason = reqwest::StatusCode::from_u16(code).unwrap();
                let mut result = json!({"message": message});
                if let Some(kind) = kind {
                    result["kind"] = kind.into();
                }
                json!({"type": "error", "status-code": code, "status": reason.canonical_reason(), "result": result})
            }
        };
        assert_eq!(wanted["status-code"], status, "{request} {body}: {answer}");
        self.compare(&wanted, &answer, request);
        answer
    }

    /// Compares an answer as [`Self::check`] does.
    pub(crate) fn compare(&self, wanted: &Value, answer: &Value, what: &str) {
        assert!(self.fits(wanted, answer), "{what}\n  wanted: {wanted}\n  got:    {answer}");
    }

    fn fits(&self, wanted: &Value, answer: &Value) -> bool {
        match (wanted, answer) {
            (Value::Object(wanted), Value::Object(answer)) => {
                wanted.len() == answer.len()
                    && wanted.iter().all(|(key, value)| {
                        answer.get(key).is_some_and(|other| self.fits(value, other))
                    })
            }
            (Value::Array(wanted), Value::Array(answer)) => {
                wanted.len() == answer.len()
                    && wanted.iter().zip(answer).all(|(one, other)| self.fits(one, other))
            }
            // Daemons before v1.28 write an empty list as null.
            (Value::Array(wanted), Value::Null) => wanted.is_empty(),
            (Value::String(wanted), Value::String(answer)) => match wanted.as_str() {
                "<t>" => answer.len() >= 20 && answer.contains('T'),
                "<id>" => answer.parse::<u64>().is_ok(),
                _ => match self.at(wanted).split_once('…') {
                    Some((head, tail)) => answer.starts_with(head) && answer.ends_with(tail),
                    None => *answer == self.at(wanted),
                },
            },
            _ => wanted == answer,
        }
    }

    /// Adds a layer that must be taken.
    pub(crate) async fn layer(&self, label: &str, text: &str) {
        self.check("POST /v1/layers", &layer(label, &self.at(text)), sync(true.into())).await;
    }

    /// The plan.
    pub(crate) async fn plan(&self) -> Value {
        let (_, answer) = self.send("GET /v1/plan?format=yaml", "").await;
        serde_yaml::from_str(answer["result"].as_str().unwrap()).unwrap()
    }

    /// Begins a service action and waits for its change.
    pub(crate) async fn run(&self, action: &str, services: &[&str]) -> Value {
        let id = self.begin(action, services).await;
        self.wait(&id).await
    }

    /// Begins a service action and gives the id of its change.
    pub(crate) async fn begin(&self, action: &str, services: &[&str]) -> String {
        let body = json!({"action": action, "services": services}).to_string();
        let answer = self.check("POST /v1/services", &body, Expected::Async).await;
        answer["change"].as_str().unwrap().to_owned()
    }

    /// Waits for a change.
    pub(crate) async fn wait(&self, id: &str) -> Value {
        let (status, answer) =
            self.send(&format!("GET /v1/changes/{id}/wait?timeout=15s"), "").await;
        assert_eq!(status, 200, "{answer}");
        answer["result"].clone()
    }

    /// The state of each service.
    pub(crate) async fn current(&self, service: &str) -> String {
        let (_, answer) = self.send(&format!("GET /v1/services?names={service}"), "").await;
        answer["result"][0]["current"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a service has a state.
    pub(crate) async fn becomes(&self, service: &str, wanted: &str) {
        for _ in 0..100 {
            if self.current(service).await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        panic!("`{service}` is `{}`, not `{wanted}`", self.current(service).await);
    }
}

/// The body of a request that adds a layer.
pub(crate) fn layer(label: &str, text: &str) -> String {
    json!({"action": "add", "combine": true, "label": label, "format": "yaml", "layer": text})
        .to_string()
}

/// The log lines of a task without their times.
pub(crate) fn task_log(change: &Value, task: usize) -> Vec<String> {
    let lines =
        change["tasks"][task]["log"].as_array().into_iter().flatten().filter_map(Value::as_str);
    lines.map(|line| line.split_once(' ').map_or(line, |(_, text)| text).to_owned()).collect()
}

/// The summaries and statuses of the tasks of a change.
pub(crate) fn tasks(change: &Value) -> Vec<String> {
    let tasks = change["tasks"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    tasks.map(|task| format!("{}: {}", text(&task["summary"]), text(&task["status"]))).collect()
}
