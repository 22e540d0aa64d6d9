//! A client of Pebble, the service manager in every workload container.
//!
//! HTTP over a unix socket, websockets for commands. A container that isn't up is a state and not
//! a failure: [`PebbleError::is_unreachable`] tells it apart from Pebble's refusals.

mod exec;
mod files;
mod plan;
mod services;

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

pub use self::exec::ExecOutput;
pub use self::services::{Change, SystemInfo};

/// How long one request may take, unless it waits for something.
const REQUEST: Duration = Duration::from_secs(5);
/// The longest path that a unix socket's address holds.
const LONGEST_ADDRESS: usize = 107;

/// Why Pebble did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum PebbleError {
    /// Its socket isn't there, refuses, or doesn't answer: the container is not up (yet, or any more).
    #[error("cannot reach Pebble at `{socket}`")]
    Unreachable {
        /// The socket.
        socket: String,
        /// What the connection said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Pebble refused the request.
    #[error("cannot {action}: Pebble answered {code}: {message}")]
    Refused {
        /// What was asked for.
        action: String,
        /// The HTTP status.
        code: u16,
        /// Pebble's words.
        message: String,
        /// Pebble's word for the kind of error, if it has one.
        kind: Option<String>,
    },
    /// A change that Pebble began did not succeed.
    #[error("cannot {action}: {reason}")]
    ChangeFailed {
        /// What was asked for.
        action: String,
        /// Pebble's words.
        reason: String,
    },
    /// A change was not done in time.
    #[error("cannot {action}: not done after {seconds} s", seconds = .limit.as_secs())]
    Late {
        /// What was asked for.
        action: String,
        /// The time it had.
        limit: Duration,
    },
    /// The answer is not what Pebble's interface says.
    #[error("cannot {action}: Pebble's answer can't be read: {reason}")]
    Protocol {
        /// What was asked for.
        action: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl PebbleError {
    /// Whether the container is not up: a state that the next dispatch finds changed.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// A connection to the Pebble of one container.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    address: PathBuf,
    http: reqwest::Client,
    // Keeps the folder open that a short address goes through.
    _folder: Option<File>,
}

/// Pebble's envelope around every JSON answer.
#[derive(Debug, Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "status-code")]
    code: u16,
    #[serde(default)]
    change: Option<String>,
    #[serde(default)]
    result: Value,
}

impl Client {
    /// A client for the Pebble that listens on this socket. Nothing is sent yet.
    ///
    /// # Errors
    /// When there is no such folder: the container is not up.
    pub fn new(socket: &Path) -> Result<Self, PebbleError> {
        let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| {
            PebbleError::Unreachable { socket: socket.display().to_string(), source }
        };
        let (address, folder) = if socket.as_os_str().len() > LONGEST_ADDRESS {
            let (Some(parent), Some(name)) = (socket.parent(), socket.file_name()) else {
                return Err(unreachable(io::Error::from(io::ErrorKind::InvalidInput).into()));
            };
            let folder = File::open(parent).map_err(|source| unreachable(source.into()))?;
            let address =
                Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
            (address, Some(folder))
        } else {
            (socket.to_owned(), None)
        };
        let http = reqwest::Client::builder()
            .unix_socket(address.clone())
            .build()
            .map_err(|source| unreachable(source.into()))?;
        Ok(Self { socket: socket.to_owned(), address, http, _folder: folder })
    }

    fn url(path: &str) -> String {
        // The socket decides who answers; the host is ignored.
        format!("http://localhost{path}")
    }

    fn failed(&self, action: &str, error: reqwest::Error) -> PebbleError {
        if error.is_decode() || error.is_body() || error.is_builder() {
            return PebbleError::Protocol { action: action.to_owned(), reason: error.to_string() };
        }
        PebbleError::Unreachable { socket: self.socket.display().to_string(), source: error.into() }
    }

    async fn get(
        &self,
        action: &str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Envelope, PebbleError> {
        self.get_within(action, path, query, REQUEST).await
    }

    async fn get_within(
        &self,
        action: &str,
        path: &str,
        query: &[(&str, &str)],
        limit: Duration,
    ) -> Result<Envelope, PebbleError> {
        let request = self.http.get(Self::url(path)).query(query).timeout(limit);
        self.send(action, request).await
    }

    async fn post(&self, action: &str, path: &str, body: &Value) -> Result<Envelope, PebbleError> {
        let request = self.http.post(Self::url(path)).json(body).timeout(REQUEST);
        self.send(action, request).await
    }

    #[tracing::instrument(name = "pebble", level = "debug", skip_all, fields(action = action))]
    async fn send(
        &self,
        action: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Envelope, PebbleError> {
        let answer = request.send().await.map_err(|error| self.failed(action, error))?;
        let body = answer.bytes().await.map_err(|error| self.failed(action, error))?;
        let envelope: Envelope = serde_json::from_slice(&body).map_err(|error| {
            PebbleError::Protocol { action: action.to_owned(), reason: error.to_string() }
        })?;
        if envelope.kind == "error" {
            let text = |member: &str| {
                envelope.result.get(member).and_then(Value::as_str).map(str::to_owned)
            };
            return Err(PebbleError::Refused {
                action: action.to_owned(),
                code: envelope.code,
                message: text("message").unwrap_or_default(),
                kind: text("kind"),
            });
        }
        Ok(envelope)
    }
}

/// Reads the result of an answer into a type.
fn result<T: serde::de::DeserializeOwned>(
    action: &str,
    envelope: Envelope,
) -> Result<T, PebbleError> {
    serde_json::from_value(envelope.result).map_err(|error| PebbleError::Protocol {
        action: action.to_owned(),
        reason: error.to_string(),
    })
}
