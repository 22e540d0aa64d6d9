//! Commands that are really run, with their streams.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use rustix::process::Signal;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;

use super::changes::TaskId;
use super::clock::format_duration;
use super::exec::{Arriving, END, Stderr, Stream};
use super::process::{self, Process, signal_named};
use super::workload::Inner;

/// Largest piece of output sent at once, in bytes.
const CHUNK: usize = 32 * 1024;
/// How long a client has to close its sockets after the end.
const LINGER: Duration = Duration::from_secs(60);

/// A command to run.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) words: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) working_dir: String,
    pub(super) timeout: Option<Duration>,
    pub(super) stderr: Stderr,
}

/// Why a command gave no exit code of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed(pub(super) String);

/// Runs a command to its end, and gives its exit code.
pub(super) async fn run(
    inner: &Arc<Inner>,
    task: TaskId,
    spec: &Spec,
    mut sockets: BTreeMap<Stream, WebSocket>,
    mut arriving: Arriving,
) -> Result<i32, Failed> {
    let mut command = process::command(&spec.words, &spec.environment, &spec.working_dir);
    command.stdin(Stdio::piped());
    let joined = match spec.stderr {
        Stderr::Own => {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            None
        }
        Stderr::WithStdout => {
            Some(process::join_outputs(&mut command).map_err(|error| Failed(error.to_string()))?)
        }
    };
    let mut child = process::spawn(command).map_err(Failed)?;
    let process =
        Process::of(&child).ok_or_else(|| Failed("the process has no number".to_owned()))?;
    let mut outputs = Vec::new();
    if let Some(stdio) = sockets.remove(&Stream::Stdio) {
        let (to_client, from_client) = stdio.split();
        tokio::spawn(feed(from_client, child.stdin.take()));
        match (joined, child.stdout.take()) {
            (Some(output), _) => outputs.push(tokio::spawn(forward(output, to_client))),
            (None, Some(output)) => outputs.push(tokio::spawn(forward(output, to_client))),
            (None, None) => {}
        }
    }
    if let (Some(socket), Some(output)) = (sockets.remove(&Stream::Stderr), child.stderr.take()) {
        let (to_client, from_client) = socket.split();
        tokio::spawn(feed(from_client, None));
        outputs.push(tokio::spawn(forward(output, to_client)));
    }
    let early = sockets.remove(&Stream::Control);
    let control = tokio::spawn(async move {
        // The control stream may also come when the command is running.
        let socket = match early {
            Some(socket) => Some(socket),
            None => arriving.recv().await.map(|(_, socket)| socket),
        };
        if let Some(socket) = socket {
            obey(socket, process).await;
        }
    });
    let limit = async {
        match spec.timeout {
            Some(timeout) => {
                tokio::time::sleep(timeout).await;
                timeout
            }
            None => std::future::pending().await,
        }
    };
    let aborted = inner.wait_for(|state| state.changes.is_aborting(task).then_some(()));
    let (status, late) = tokio::select! {
        status = child.wait() => (status, None),
        timeout = limit => {
            process.signal(Signal::KILL);
            (child.wait().await, Some(timeout))
        }
        () = aborted => {
            process.signal(Signal::KILL);
            (child.wait().await, None)
        }
    };
    // What the command left behind may still print: the change lasts for as long.
    for output in outputs {
        output.await.ok();
    }
    control.abort();
    match late {
        Some(timeout) => {
            let timeout = format_duration(timeout);
            Err(Failed(format!("timed out after {timeout}: context deadline exceeded")))
        }
        None => Ok(process::exit_code(status)),
    }
}

// Writes what the client sends, until it says that it is done. Then reads on, so that the socket stays open until the
// client closes it.
async fn feed(mut from_client: SplitStream<WebSocket>, mut stdin: Option<ChildStdin>) {
    while stdin.is_some() {
        match from_client.next().await {
            Some(Ok(Message::Binary(data))) => {
                let Some(open) = &mut stdin else { break };
                if open.write_all(&data).await.is_err() {
                    stdin = None;
                }
            }
            Some(Ok(Message::Text(text))) if is_end(&text) => stdin = None,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            Some(Ok(_)) => {}
        }
    }
    let drained = async { while let Some(Ok(_)) = from_client.next().await {} };
    tokio::time::timeout(LINGER, drained).await.ok();
}

async fn forward(mut output: impl AsyncRead + Unpin, mut to_client: SplitSink<WebSocket, Message>) {
    let mut buffer = vec![0; CHUNK];
    let mut connected = true;
    while let Ok(count @ 1..) = output.read(&mut buffer).await {
        // A client that is gone must not block the command: its output is read all the same.
        connected = connected
            && to_client.send(Message::Binary(buffer[..count].to_vec().into())).await.is_ok();
    }
    to_client.send(Message::Text(END.into())).await.ok();
}

fn is_end(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Said {
        command: String,
    }
    serde_json::from_str::<Said>(text).is_ok_and(|said| said.command == "end")
}

// Passes signals on. A connection that is lost without a proper close kills the command.
async fn obey(mut socket: WebSocket, process: Process) {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    #[derive(Deserialize)]
    struct Order {
        signal: Option<Named>,
    }
    loop {
        let said = match socket.recv().await {
            Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
            Some(Ok(Message::Binary(data))) => data.to_vec(),
            Some(Ok(Message::Close(_))) => return,
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => {
                process.signal(Signal::KILL);
                return;
            }
        };
        let order = serde_json::from_slice::<Order>(&said).ok().and_then(|order| order.signal);
        match order.and_then(|named| signal_named(&named.name)) {
            Some(signal) => process.signal(signal),
            None => tracing::warn!("a control message of an exec was not understood"),
        }
    }
}
