//! A client of Pebble, the service manager in workload containers.
//!
//! Speaks HTTP/1.1 over a unix socket, as Pebble 1.1 to 1.32 do. Every request is bounded in time.
//! A container that isn't up yet, or that dies between two requests, is told apart from all other
//! failures by [`PebbleError::is_gone`].

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::Value;

mod changes;
mod checks;
mod error;
mod exec;
mod files;
mod multipart;
mod notices;
mod plan;
mod services;
mod socket;

pub use changes::{Change, ChangeId, ChangeSelect, Task};
pub use checks::{Check, CheckAction, CheckLevel, Health};
pub use error::PebbleError;
pub use exec::{Exec, ExecOutput};
pub use files::{FileInfo, FileOwner, FileWrite, MakeParents, Removal};
pub use notices::{Notice, NoticeFilter};
pub use plan::Combine;
pub use services::{Service, ServiceAction};

use socket::Socket;

/// How long one request may take, as `ops` has it. Waiting for a change is many requests.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to the Pebble of one container.
#[derive(Debug, Clone)]
pub struct PebbleClient {
    http: reqwest::Client,
    socket: Socket,
}

/// What Pebble says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SystemInfo {
    /// Its version, such as `v1.26.0`.
    pub version: String,
    /// Changes when the container restarts (in a pod, where Pebble is the first process).
    #[serde(rename = "boot-id", default)]
    pub boot_id: String,
    /// Where it serves plain HTTP, as told on its command line.
    #[serde(rename = "http-address")]
    pub http_address: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    change: Option<String>,
    #[serde(default)]
    result: Value,
}

impl PebbleClient {
    /// A client for a socket. Nothing is connected yet. Paths beyond the 107 bytes that a socket
    /// address holds work too, as long as their folder can be opened when the client is made.
    ///
    /// # Errors
    ///
    /// When the folder of such a long path can't be opened: the container isn't up.
    pub fn new(path: &Path) -> Result<Self, PebbleError> {
        let socket = Socket::new(path)?;
        let http = reqwest::Client::builder()
            .unix_socket(socket.address().to_path_buf())
            .no_proxy()
            .build()
            .map_err(|source| PebbleError::Unreachable { source: Box::new(source) })?;
        Ok(Self { http, socket })
    }

    /// What Pebble says of itself. It answers as soon as the container is up.
    ///
    /// # Errors
    ///
    /// When it can't be reached.
    pub async fn system_info(&self) -> Result<SystemInfo, PebbleError> {
        self.read("/v1/system-info", &[]).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("http://localhost{path}"));
        request.timeout(REQUEST_TIMEOUT)
    }

    /// Sends a request and opens the envelope.
    async fn send(&self, path: &str, request: RequestBuilder) -> Result<Envelope, PebbleError> {
        use tracing::Instrument as _;

        let span = tracing::info_span!("pebble", otel.name = path, path);
        let exchange = async {
            let response = in_context(request)
                .send()
                .await
                .map_err(|error| PebbleError::transport(path, error))?;
            let status = response.status();
            let body =
                response.bytes().await.map_err(|error| PebbleError::transport(path, error))?;
            open(path, status, &body)
        };
        exchange.instrument(span).await
    }

    async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Envelope, PebbleError> {
        self.send(path, self.request(Method::GET, path).query(query)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Envelope, PebbleError> {
        self.send(path, self.request(Method::POST, path).json(body)).await
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, PebbleError> {
        let envelope = self.get(path, query).await?;
        decode(path, envelope.result)
    }
}

/// The request with the W3C trace context of the span that it is made in.
fn in_context(request: RequestBuilder) -> RequestBuilder {
    match crate::telemetry::traceparent() {
        Some(context) => request.header("traceparent", context),
        None => request,
    }
}

fn open(path: &str, status: StatusCode, body: &[u8]) -> Result<Envelope, PebbleError> {
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|source| PebbleError::Protocol {
            request: path.to_owned(),
            expected: "a JSON envelope",
            source: Some(source),
        })?;
    if envelope.kind != "error" {
        return Ok(envelope);
    }
    let text = |member: &str| envelope.result[member].as_str().map(str::to_owned);
    Err(PebbleError::Refused {
        request: path.to_owned(),
        code: status.as_u16(),
        kind: text("kind"),
        message: text("message").unwrap_or_default(),
    })
}

fn decode<T: serde::de::DeserializeOwned>(path: &str, result: Value) -> Result<T, PebbleError> {
    serde_json::from_value(result).map_err(|source| PebbleError::Protocol {
        request: path.to_owned(),
        expected: "a result of the documented form",
        source: Some(source),
    })
}

/// A list that Pebble may leave out or write as `null`.
fn nullable<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A duration as Pebble reads it: `4.000s`.
fn duration(duration: Duration) -> String {
    format!("{:.3}s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests;
