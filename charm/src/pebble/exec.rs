//! Commands in the container.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{ChangeId, PebbleClient, PebbleError, REQUEST_TIMEOUT, decode, duration};

/// How long a command may run unless told otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A command to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Environment on top of Pebble's own.
    pub environment: BTreeMap<String, String>,
    /// Where it runs; default: the user's home, else `/`.
    pub working_dir: Option<String>,
    /// A service whose environment, user and working folder are taken over.
    pub service_context: Option<String>,
    /// The user's name.
    pub user: Option<String>,
    /// The group's name.
    pub group: Option<String>,
    /// How long it may run; default 30 s.
    pub timeout: Option<Duration>,
    /// What it reads.
    pub stdin: Vec<u8>,
}

impl Exec {
    /// A command with nothing to read and all defaults.
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { command: command.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Its exit code; 128 + n when signal n killed it.
    pub code: i64,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it printed to standard error.
    pub stderr: Vec<u8>,
}

#[derive(Deserialize)]
struct ExecResult {
    #[serde(rename = "task-id")]
    task: String,
}

type Channel = WebSocketStream<UnixStream>;

fn closed(error: impl std::error::Error + Send + Sync + 'static) -> PebbleError {
    PebbleError::Unreachable { source: Box::new(error) }
}

fn is_end(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|message| message["command"] == "end")
}

/// Reads a channel to its end. Pebble sends no close frame: the end is a message of its own.
async fn drain(mut channel: impl futures_util::Stream<Item = ChannelItem> + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(message)) = channel.next().await {
        match message {
            Message::Binary(piece) => bytes.extend_from_slice(&piece),
            Message::Text(text) if is_end(text.as_str()) => break,
            Message::Close(_) => break,
            _ => {}
        }
    }
    bytes
}

type ChannelItem = Result<Message, tokio_tungstenite::tungstenite::Error>;

impl PebbleClient {
    /// Runs a command to its end. Any exit code is an answer, not an error.
    ///
    /// # Errors
    ///
    /// When it can't be run, or takes longer than it may.
    pub async fn exec(&self, exec: &Exec) -> Result<ExecOutput, PebbleError> {
        let path = "/v1/exec";
        let limit = exec.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let (id, result) = self.begin(path, &body(exec, limit)).await?;
        let ExecResult { task } = decode(path, result)?;
        let channels = async {
            let control = self.channel(&task, "control").await?;
            let stdio = self.channel(&task, "stdio").await?;
            let stderr = self.channel(&task, "stderr").await?;
            Ok::<_, PebbleError>((control, stdio, stderr))
        };
        let (_control, stdio, stderr) = match channels.await {
            Ok(channels) => channels,
            // The change knows better than a refused channel why nothing runs.
            Err(refused) => {
                return Err(self.wait(&id, REQUEST_TIMEOUT).await.err().unwrap_or(refused));
            }
        };
        // A grandchild that holds the pipes keeps the command alive beyond its time, so the bound
        // is ours as well. The control channel is held open: Pebble kills the command without it.
        let bound = limit + Duration::from_secs(1);
        let finished = timeout(bound, self.finish(&id, &exec.stdin, stdio, stderr, bound)).await;
        finished.unwrap_or_else(|_| Err(PebbleError::Timeout { request: path.to_owned() }))
    }

    async fn finish(
        &self,
        id: &ChangeId,
        stdin: &[u8],
        stdio: Channel,
        stderr: Channel,
        bound: Duration,
    ) -> Result<ExecOutput, PebbleError> {
        let (mut input, output) = stdio.split();
        let feed = async {
            for piece in stdin.chunks(64 * 1024) {
                if input.send(Message::binary(piece.to_vec())).await.is_err() {
                    // The command ended without reading all of it: its exit code tells.
                    return;
                }
            }
            let _ = input.send(Message::text(r#"{"command":"end"}"#)).await;
        };
        let ((), stdout, stderr) = tokio::join!(feed, drain(output), drain(stderr));
        let change = self.wait(id, bound).await?;
        let code = change
            .tasks
            .first()
            .and_then(|task| task.data.as_ref()?.get("exit-code")?.as_i64())
            .ok_or_else(|| PebbleError::Protocol {
                request: "/v1/exec".to_owned(),
                expected: "an exit code",
                source: None,
            })?;
        Ok(ExecOutput { code, stdout, stderr })
    }

    async fn channel(&self, task: &str, name: &str) -> Result<Channel, PebbleError> {
        let connect = async {
            let stream = UnixStream::connect(self.socket.address()).await.map_err(closed)?;
            let url = format!("ws://localhost/v1/tasks/{task}/websocket/{name}");
            let (channel, _) =
                tokio_tungstenite::client_async(url, stream).await.map_err(closed)?;
            Ok(channel)
        };
        match timeout(REQUEST_TIMEOUT, connect).await {
            Ok(channel) => channel,
            Err(_) => Err(PebbleError::Timeout { request: format!("websocket {name}") }),
        }
    }
}

fn body(exec: &Exec, limit: Duration) -> Value {
    let mut body = Map::new();
    body.insert("command".to_owned(), exec.command.clone().into());
    body.insert("timeout".to_owned(), duration(limit).into());
    body.insert("split-stderr".to_owned(), true.into());
    if !exec.environment.is_empty() {
        let environment = exec.environment.iter();
        let environment: Map<_, _> =
            environment.map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        body.insert("environment".to_owned(), Value::Object(environment));
    }
    let texts = [
        ("working-dir", &exec.working_dir),
        ("service-context", &exec.service_context),
        ("user", &exec.user),
        ("group", &exec.group),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            body.insert(key.to_owned(), text.as_str().into());
        }
    }
    Value::Object(body)
}
