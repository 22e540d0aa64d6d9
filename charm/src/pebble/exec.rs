//! Commands in a container, over websockets.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Client, PebbleError, REQUEST};

/// How long a command may run.
const COMMAND: Duration = Duration::from_secs(60);

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Its exit code; 128 + n when signal n ended it.
    pub code: i64,
    /// What it printed.
    pub stdout: String,
    /// What it said to its standard error.
    pub stderr: String,
}

impl Client {
    /// Runs a command to its end, with an empty standard input.
    ///
    /// # Errors
    /// When the container is not up, or the command can't be run or runs longer than 60 s. An exit
    /// code other than 0 is not an error.
    pub async fn exec(&self, command: &[String]) -> Result<ExecOutput, PebbleError> {
        let action = format!("run `{}`", command.join(" "));
        let body = json!({
            "command": command,
            "split-stderr": true,
            "timeout": format!("{:.3}s", COMMAND.as_secs_f64()),
        });
        let begun = self.post(&action, "/v1/exec", &body).await?;
        let task = begun.result.get("task-id").and_then(Value::as_str).ok_or_else(|| {
            PebbleError::Protocol {
                action: action.clone(),
                reason: "expected a task id".to_owned(),
            }
        })?;
        // Pebble kills the command when `control` is lost, so it is held until the end.
        let _control = self.websocket(&action, task, "control").await?;
        let mut stdio = self.websocket(&action, task, "stdio").await?;
        let mut stderr = self.websocket(&action, task, "stderr").await?;
        let end = json!({"command": "end"}).to_string();
        if let Err(error) = stdio.send(Message::text(end)).await {
            tracing::debug!(%error, "the command ended before its input did");
        }
        // A grandchild that holds the pipes must not hold us: the bound is ours, not Pebble's.
        let limit = COMMAND + Duration::from_secs(1);
        let both = futures_util::future::join(drain(&mut stdio), drain(&mut stderr));
        let (stdout, stderr) = timeout(limit, both)
            .await
            .map_err(|_| PebbleError::Late { action: action.clone(), limit: COMMAND })?;
        let change = self.finish(&action, &begun, limit).await?;
        match (change.exit_code(), &change.err) {
            (Some(code), None) => Ok(ExecOutput { code, stdout, stderr }),
            (_, error) => Err(PebbleError::ChangeFailed {
                action,
                reason: error.clone().unwrap_or_else(|| "there is no exit code".to_owned()),
            }),
        }
    }

    async fn websocket(
        &self,
        action: &str,
        task: &str,
        name: &str,
    ) -> Result<WebSocketStream<UnixStream>, PebbleError> {
        let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| {
            PebbleError::Unreachable { socket: self.socket.display().to_string(), source }
        };
        let connect = async {
            let stream = UnixStream::connect(&self.address)
                .await
                .map_err(|source| unreachable(source.into()))?;
            let url = format!("ws://localhost/v1/tasks/{task}/websocket/{name}");
            let (socket, _) =
                client_async(url, stream).await.map_err(|error| PebbleError::Protocol {
                    action: action.to_owned(),
                    reason: format!("websocket `{name}`: {error}"),
                })?;
            Ok(socket)
        };
        timeout(REQUEST, connect).await.map_err(|late| unreachable(late.into()))?
    }
}

/// Reads a stream to its end: Pebble says `end` in a text frame and sends no close frame.
async fn drain(socket: &mut WebSocketStream<UnixStream>) -> String {
    let mut output = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(bytes) => output.extend_from_slice(&bytes),
            Message::Text(_) | Message::Close(_) => break,
            _ => {}
        }
    }
    String::from_utf8_lossy(&output).into_owned()
}
