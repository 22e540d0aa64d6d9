//! From spans to a receiver.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::spool::Spool;
use crate::connection::{Connection, ConnectionError};
use crate::desired::TraceDestination;
use crate::host::HostRoot;

/// What a dead or slow receiver may cost a hook.
const LIMIT: Duration = Duration::from_millis(900);

/// Takes what the exporter would send, so that it can wait in a file if need be.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Option<Bytes>>>);

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capture")
    }
}

impl HttpClient for Capture {
    fn send_bytes<'client, 'future>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'future>>
    where
        'client: 'future,
        Self: 'future,
    {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(request.into_body());
        Box::pin(async { Ok(Response::new(Bytes::new())) })
    }
}

/// Spans in the form that a receiver takes; `None` when there are none.
pub(super) async fn encode(spans: Vec<SpanData>, resource: &Resource) -> Option<Vec<u8>> {
    if spans.is_empty() {
        return None;
    }
    let capture = Capture::default();
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(capture.clone())
        .with_protocol(Protocol::HttpBinary)
        // Nothing goes there: the client keeps the body.
        .with_endpoint("http://localhost/v1/traces")
        .build()
        .ok()?;
    exporter.set_resource(resource);
    exporter.export(spans).await.ok()?;
    let body = capture.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    body.map(|body| body.to_vec())
}

/// Sends what waits, the newest first, as far as the time goes.
pub(super) async fn send(spool: &mut Spool, destination: &TraceDestination, root: &HostRoot) {
    let deliver = async {
        let mut connection =
            Connection::open(&destination.url, destination.ca.as_deref(), root).await?;
        while let Some(batch) = spool.newest() {
            let status = connection.post(batch).await?;
            if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
                break;
            }
            // A batch that a receiver can't read will not be read later either.
            if !status.is_success() {
                tracing::warn!(status = status.as_u16(), "a receiver refused traces");
            }
            spool.sent();
        }
        Ok::<_, ConnectionError>(())
    };
    match tokio::time::timeout(LIMIT, deliver).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!("traces wait: {}: {}", destination.url, crate::run::chain(&error));
        }
        Err(_) => tracing::debug!("traces wait: {} does not answer", destination.url),
    }
}
