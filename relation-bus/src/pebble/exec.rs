//! Commands run in the container, with their streams over websockets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path as UrlPath, State as Shared};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::changes::{NewTask, Status, TaskId};
use super::clock::parse_duration;
use super::envelope::{Answer, ApiError, Reply, read_body};
use super::journal::Action;
use super::layer::text;
use super::setup::ExecAnswer;
use super::workload::Inner;

/// What ends a stream, in both directions.
const END: &str = "{\"command\":\"end\"}";

/// One of the streams of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Control,
    Stdio,
    Stderr,
}

/// Where standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stderr {
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
    let Some(program) = request.command.first() else {
        return refuse("must specify command".to_owned());
    };
    if !request.timeout.is_empty()
        && let Err(error) = parse_duration(&request.timeout)
    {
        return refuse(format!("invalid timeout: {error}"));
    }
    let mut environment = BTreeMap::new();
    let mut working_dir = String::new();
    if !request.service_context.is_empty() {
        let context =
            inner.read(|state| state.plan.services().get(&request.service_context).cloned());
        let Some(service) = context else {
            return refuse(format!("context service {:?} not found", request.service_context));
        };
        for (key, value) in
            service.get("environment").and_then(Value::as_object).into_iter().flatten()
        {
            environment.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
        }
        text(&service, "working-dir").clone_into(&mut working_dir);
    }
    environment.extend(request.environment.clone());
    if !request.working_dir.is_empty() {
        working_dir.clone_from(&request.working_dir);
    }
    if !request.user.is_empty() && inner.read(|state| state.tree.user(&request.user)).is_none() {
        return refuse(format!("user: unknown user {}", request.user));
    }
    let Some(answer) = ExecAnswer::find(&inner.execs, &request.command).cloned() else {
        return refuse(format!("cannot find executable {program:?}"));
    };
    if request.interactive && !request.terminal {
        return Err(ApiError::internal(
            "cannot call exec: cannot use interactive mode without a terminal",
        ));
    }
    if working_dir.is_empty() {
        "/root".clone_into(&mut working_dir);
    } else if !inner.read(|state| state.tree.is_folder(&working_dir)) {
        return Err(ApiError::internal(format!(
            "cannot call exec: working directory {working_dir:?} does not exist"
        )));
    }
    for (key, value) in [("HOME", "/root"), ("LANG", "C.UTF-8"), ("USER", "root")] {
        environment.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    environment.entry("PATH".to_owned()).or_insert_with(|| path.to_owned());

    let stderr = if request.split_stderr { Stderr::Own } else { Stderr::WithStdout };
    let (sockets, arriving) = mpsc::unbounded_channel();
    let (change, task) = inner.update(|state| {
        let summary = format!("Execute command {program:?}");
        let new_task = NewTask { kind: "exec", summary: summary.clone(), subject: String::new() };
        let (change, tasks) = state.changes.add("exec", summary, vec![new_task], Map::new());
        // A change that was given one task has it.
        let task = tasks[0];
        state.changes.set(task, Status::Doing);
        state.execs.insert(task, Session { stderr, claimed: BTreeSet::new(), sockets });
        state.journal.push(Action::Exec(request.command.clone()));
        (change, task)
    });
    let shared = Arc::clone(inner);
    tokio::spawn(async move { run(&shared, task, stderr, answer, arriving).await });
    let result = json!({"environment": environment, "task-id": task.to_string(), "working-dir": working_dir});
    Ok(Answer::Async { change: change.to_string(), result })
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
    let claim = |state: &mut super::workload::State| {
        let id = state.changes.find_task(&task);
        let id = id.ok_or_else(|| {
            ApiError::not_found(format!("cannot find task {task:?}")).into_response()
        })?;
        let kind = state.changes.task_kind(id).unwrap_or_default();
        if kind != "exec" {
            return Err(ApiError::bad_request(format!("{kind:?} tasks do not have websockets"))
                .into_response());
        }
        // A command that has ended answers like this, and not with an error.
        let session = state.execs.get_mut(&id).ok_or_else(|| Body::empty().into_response())?;
        let Some(stream) =
            stream.filter(|stream| *stream != Stream::Stderr || session.stderr == Stderr::Own)
        else {
            let message = format!("cannot find {name} websocket for task {task:?}");
            return Err(ApiError::not_found(message).into_response());
        };
        if upgrade.is_ok() && !session.claimed.insert(stream) {
            return Err(
                ApiError::internal(format!("{name} websocket already connected")).into_response()
            );
        }
        Ok((stream, session.sockets.clone()))
    };
    let (stream, sockets) = match inner.update(claim) {
        Ok(claimed) => claimed,
        Err(refusal) => return refusal,
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

type Arriving = mpsc::UnboundedReceiver<(Stream, WebSocket)>;

async fn run(
    inner: &Arc<Inner>,
    task: TaskId,
    stderr: Stderr,
    answer: ExecAnswer,
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
    if tokio::time::timeout(inner.websocket_limit, connected).await.is_err() {
        inner.update(|state| {
            state.execs.remove(&task);
            let message = format!(
                "exec {task}: timeout waiting for websocket connections: context deadline exceeded"
            );
            state.changes.fail(task, &message);
        });
        return;
    }
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
    inner.update(|state| {
        state.execs.remove(&task);
        state.changes.set_data(task, "exit-code", answer.return_code.into());
        state.changes.set(task, Status::Done);
    });
    // The control stream is cut here, without a close frame, like the daemon's.
    drop(sockets);
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
