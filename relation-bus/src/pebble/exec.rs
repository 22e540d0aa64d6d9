//! Commands run in the container, with their streams over websockets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path as UrlPath, State as Shared};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, json};
use tokio::sync::mpsc;

use super::changes::{NewTask, Status, TaskId};
use super::clock::parse_duration;
use super::envelope::{Answer, ApiError, Reply, read_body};
use super::exec_process::{self, Failed, Spec};
use super::journal::Action;
use super::layer::text;
use super::occurrence::notify_command;
use super::process;
use super::schema::Entry;
use super::setup::{ExecAnswer, ServiceMode};
use super::supervise;
use super::workload::{Inner, State};

/// What ends a stream, in both directions.
pub(super) const END: &str = "{\"command\":\"end\"}";

/// One of the streams of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stream {
    Control,
    Stdio,
    Stderr,
}

/// Where standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stderr {
    Own,
    WithStdout,
}

/// A command that is waiting for its streams, or has them.
#[derive(Debug)]
pub(super) struct Session {
    stderr: Stderr,
    claimed: BTreeSet<Stream>,
    sockets: mpsc::UnboundedSender<(Stream, WebSocket)>,
}

/// The commands that have not ended, by their task.
pub(super) type Sessions = BTreeMap<TaskId, Session>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Request {
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    service_context: String,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    working_dir: String,
    #[serde(default)]
    timeout: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    terminal: bool,
    #[serde(default)]
    interactive: bool,
    #[serde(default)]
    split_stderr: bool,
}

/// Begins a command. It runs once its streams are connected.
pub(super) fn post(inner: &Arc<Inner>, body: &[u8]) -> Reply {
    let request: Request = read_body(body, "request body")?;
    let refuse = |message: String| Err(ApiError::bad_request(message));
    let Some(name) = request.command.first() else {
        return refuse("must specify command".to_owned());
    };
    let timeout = match request.timeout.as_str() {
        "" => None,
        text => Some(
            parse_duration(text)
                .map_err(|error| ApiError::bad_request(format!("invalid timeout: {error}")))?,
        ),
    };
    let context = match request.service_context.as_str() {
        "" => Entry::new(),
        service => match inner.read(|state| state.plan.services().get(service).cloned()) {
            Some(context) => context,
            None => return refuse(format!("context service {service:?} not found")),
        },
    };
    if !request.user.is_empty() && inner.read(|state| state.tree.user(&request.user)).is_none() {
        return refuse(format!("user: unknown user {}", request.user));
    }
    let declared = ExecAnswer::find(&inner.execs, &request.command).cloned();
    let declared = declared.or_else(|| notify_command(inner, &request.command));
    let is_real =
        declared.is_none() && inner.mode == ServiceMode::Processes && process::is_executable(name);
    if declared.is_none() && !is_real {
        return refuse(format!("cannot find executable {name:?}"));
    }
    if request.interactive && !request.terminal {
        return Err(ApiError::internal(
            "cannot call exec: cannot use interactive mode without a terminal",
        ));
    }
    let defaults = if is_real { Defaults::of_this_process() } else { Defaults::of_an_image() };
    let own = Some(request.working_dir.as_str()).filter(|folder| !folder.is_empty());
    let working_dir = own.unwrap_or_else(|| text(&context, "working-dir"));
    let exists = |folder: &str| {
        inner.read(|state| state.tree.is_folder(folder)) || is_real && Path::new(folder).is_dir()
    };
    let working_dir = match working_dir {
        "" => defaults.home.clone(),
        folder if exists(folder) => folder.to_owned(),
        folder => {
            let message = format!("cannot call exec: working directory {folder:?} does not exist");
            return Err(ApiError::internal(message));
        }
    };
    let mut environment = supervise::environment(&context);
    environment.extend(request.environment);
    defaults.fill(&mut environment);

    let stderr = if request.split_stderr { Stderr::Own } else { Stderr::WithStdout };
    let (sockets, arriving) = mpsc::unbounded_channel();
    let (change, task) = inner.update(|state| {
        let summary = format!("Execute command {name:?}");
        let new_task = NewTask { kind: "exec", summary: summary.clone(), subject: String::new() };
        let (change, tasks) = state.changes.add("exec", summary, vec![new_task], Map::new());
        // A change that was given one task has it.
        let task = tasks[0];
        state.changes.set(task, Status::Doing);
        state.execs.insert(task, Session { stderr, claimed: BTreeSet::new(), sockets });
        state.journal.push(Action::Exec(request.command.clone()));
        (change, task)
    });
    let result = json!({"environment": environment, "task-id": task.to_string(), "working-dir": working_dir});
    let program = match declared {
        Some(answer) => Program::Declared(answer),
        None => Program::Real(Spec {
            words: request.command,
            environment,
            working_dir,
            timeout,
            stderr,
        }),
    };
    let shared = Arc::clone(inner);
    tokio::spawn(async move { run(&shared, task, stderr, program, arriving).await });
    Ok(Answer::Async { change: change.to_string(), result })
}

/// What a command's environment has if nobody says otherwise.
struct Defaults {
    home: String,
    path: String,
}

impl Defaults {
    fn of_an_image() -> Self {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        Self { home: "/root".to_owned(), path: path.to_owned() }
    }

    fn of_this_process() -> Self {
        let image = Self::of_an_image();
        let home = std::env::var("HOME").unwrap_or_else(|_| "/".to_owned());
        Self { home, path: std::env::var("PATH").unwrap_or(image.path) }
    }

    fn fill(self, environment: &mut BTreeMap<String, String>) {
        let pairs = [
            ("HOME", self.home),
            ("LANG", "C.UTF-8".to_owned()),
            ("PATH", self.path),
            ("USER", "root".to_owned()),
        ];
        for (key, value) in pairs {
            environment.entry(key.to_owned()).or_insert(value);
        }
    }
}

/// Connects a stream of a command.
pub(super) async fn websocket(
    Shared(inner): Shared<Arc<Inner>>,
    UrlPath((task, name)): UrlPath<(String, String)>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let stream = match name.as_str() {
        "control" => Some(Stream::Control),
        "stdio" => Some(Stream::Stdio),
        "stderr" => Some(Stream::Stderr),
        _ => None,
    };
    let claim = |state: &mut State| {
        let id = state.changes.find_task(&task);
        let id = id.ok_or_else(|| ApiError::not_found(format!("cannot find task {task:?}")))?;
        let kind = state.changes.task_kind(id).unwrap_or_default();
        if kind != "exec" {
            return Err(ApiError::bad_request(format!("{kind:?} tasks do not have websockets")));
        }
        let Some(session) = state.execs.get_mut(&id) else { return Ok(None) };
        let Some(stream) =
            stream.filter(|stream| *stream != Stream::Stderr || session.stderr == Stderr::Own)
        else {
            return Err(ApiError::not_found(format!(
                "cannot find {name} websocket for task {task:?}"
            )));
        };
        if upgrade.is_ok() && !session.claimed.insert(stream) {
            return Err(ApiError::internal(format!("{name} websocket already connected")));
        }
        Ok(Some((stream, session.sockets.clone())))
    };
    let (stream, sockets) = match inner.update(claim) {
        Ok(Some(claimed)) => claimed,
        // A command that has ended answers like this, and not with an error.
        Ok(None) => return Body::empty().into_response(),
        Err(refusal) => return refusal.into_response(),
    };
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(async move |socket| {
            // Fails if the command has ended meanwhile; then the socket is closed by dropping it.
            sockets.send((stream, socket)).ok();
        }),
        Err(_) => {
            ApiError::bad_request("websocket: the client is not using the websocket protocol")
                .into_response()
        }
    }
}

/// The streams that the client connects, as they come.
pub(super) type Arriving = mpsc::UnboundedReceiver<(Stream, WebSocket)>;

/// What a command is.
enum Program {
    Declared(ExecAnswer),
    Real(Spec),
}

/// A command that failed as such.
struct Failure {
    message: String,
    exit_code: Option<i32>,
}

async fn run(
    inner: &Arc<Inner>,
    task: TaskId,
    stderr: Stderr,
    program: Program,
    mut arriving: Arriving,
) {
    let mut sockets = BTreeMap::new();
    let needed: &[Stream] = match stderr {
        Stderr::Own => &[Stream::Stdio, Stream::Stderr],
        Stderr::WithStdout => &[Stream::Stdio],
    };
    let connected = async {
        while !needed.iter().all(|stream| sockets.contains_key(stream)) {
            match arriving.recv().await {
                Some((stream, socket)) => sockets.insert(stream, socket),
                None => return,
            };
        }
    };
    let outcome = if tokio::time::timeout(inner.websocket_limit, connected).await.is_err() {
        let message = format!(
            "exec {task}: timeout waiting for websocket connections: context deadline exceeded"
        );
        Err(Failure { message, exit_code: None })
    } else {
        match program {
            Program::Declared(answer) => Ok(play(&answer, &mut sockets).await),
            Program::Real(spec) => {
                exec_process::run(inner, task, &spec, std::mem::take(&mut sockets), arriving)
                    .await
                    .map_err(|Failed(message)| Failure { message, exit_code: Some(-1) })
            }
        }
    };
    inner.update(|state| {
        state.execs.remove(&task);
        match outcome {
            Ok(code) => {
                state.changes.set_data(task, "exit-code", code.into());
                state.changes.set(task, Status::Done);
            }
            Err(Failure { message, exit_code }) => {
                if let Some(code) = exit_code {
                    state.changes.set_data(task, "exit-code", code.into());
                }
                state.changes.fail(task, &message);
            }
        }
    });
    // The control stream is cut here, without a close frame, like the daemon's.
    drop(sockets);
}

// Prints what a declared command prints, and gives its exit code.
async fn play(answer: &ExecAnswer, sockets: &mut BTreeMap<Stream, WebSocket>) -> i32 {
    let mut stdio = sockets.remove(&Stream::Stdio);
    send(&mut stdio, &answer.stdout).await;
    match sockets.remove(&Stream::Stderr) {
        None => send(&mut stdio, &answer.stderr).await,
        own => {
            let mut own = own;
            send(&mut own, &answer.stderr).await;
            end(own).await;
        }
    }
    end(stdio).await;
    answer.return_code
}

async fn send(socket: &mut Option<WebSocket>, output: &str) {
    let Some(stream) = socket else { return };
    for chunk in output.as_bytes().chunks(32 * 1024) {
        if stream.send(Message::Binary(chunk.to_vec().into())).await.is_err() {
            // The client is gone; the command goes on without it.
            *socket = None;
            return;
        }
    }
}

// Says that a stream is over. The daemon leaves it to the client to close the socket, so it stays open until then.
async fn end(socket: Option<WebSocket>) {
    let Some(mut socket) = socket else { return };
    if socket.send(Message::Text(END.into())).await.is_ok() {
        tokio::spawn(async move {
            let drained = async { while let Some(Ok(_)) = socket.recv().await {} };
            tokio::time::timeout(Duration::from_secs(60), drained).await.ok();
        });
    }
}
