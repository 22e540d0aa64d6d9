//! The charm's own traces.
//!
//! One dispatch is one trace: spans for the dispatch (its attribute `event` names the hook), the
//! snapshot, the decision, the writing, each hook tool and each request to Pebble and Kubernetes.
//! It is sent as OTLP over HTTP
//! (protobuf) to where the charm says ([`crate::desired::Desired::charm_tracing`]). While that is
//! not known, or nobody answers there, traces wait in a bounded file of the charm's folder.
//! Sending takes a second at most, and its failure fails nothing.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::trace::{SpanId, TraceContextExt, TraceId, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, SdkTracerProvider, SpanData, SpanExporter,
};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

use crate::desired::TraceDestination;
use crate::host::HostRoot;
use crate::metadata::Metadata;
use crate::snapshot::Identity;

mod delivery;
mod spool;

/// Spans of the dispatch so far.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(batch);
        Ok(())
    }
}

/// Gives all spans of a dispatch one trace, known from the start, so that log lines can name it.
#[derive(Debug)]
struct OneTrace(TraceId);

impl IdGenerator for OneTrace {
    fn new_trace_id(&self) -> TraceId {
        self.0
    }

    fn new_span_id(&self) -> SpanId {
        RandomIdGenerator::default().new_span_id()
    }
}

/// The trace of one dispatch.
pub(crate) struct Trace {
    id: TraceId,
    collector: Collector,
    provider: SdkTracerProvider,
    resource: Resource,
}

impl Trace {
    /// Begins a trace with the unit's topology as resource attributes.
    pub(crate) fn begin(identity: &Identity, metadata: &Metadata) -> Self {
        let id = RandomIdGenerator::default().new_trace_id();
        let collector = Collector::default();
        let attributes = [
            ("service.name", format!("{}-charm", metadata.name)),
            ("juju_model", identity.model.to_string()),
            ("juju_model_uuid", identity.model_uuid.to_string()),
            ("juju_application", identity.application.to_string()),
            ("juju_unit", identity.unit.to_string()),
            ("juju_charm", metadata.name.clone()),
        ];
        let resource = Resource::builder_empty()
            .with_attributes(attributes.map(|(key, value)| KeyValue::new(key, value)))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(collector.clone())
            .with_id_generator(OneTrace(id))
            .with_resource(resource.clone())
            .build();
        Self { id, collector, provider, resource }
    }

    /// The trace's id, 32 hex digits.
    pub(crate) fn id(&self) -> String {
        self.id.to_string()
    }

    /// What turns spans of this program into spans of the trace.
    pub(crate) fn layer<S>(&self) -> OpenTelemetryLayer<S, opentelemetry_sdk::trace::SdkTracer>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("charm"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
    }

    /// Sends the trace and those that wait; what can't be sent in time waits for the next dispatch.
    pub(crate) async fn end(
        self,
        destination: Option<&TraceDestination>,
        root: &HostRoot,
        charm_dir: &Path,
    ) {
        let spans = {
            let mut spans = self.collector.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *spans)
        };
        let batch = delivery::encode(spans, &self.resource).await;
        let mut spool = spool::Spool::open(charm_dir);
        spool.add(batch);
        if let Some(destination) = destination {
            delivery::send(&mut spool, destination, root).await;
        }
        // Traces are worth no failed hook, not even when the disk is full.
        let _ = spool.close();
    }
}

/// The W3C trace context of the current span, for requests that leave the process.
pub(crate) fn traceparent() -> Option<String> {
    let context: Context = tracing::Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| {
        let flags = span.trace_flags().to_u8();
        format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
    })
}

#[cfg(test)]
mod tests;
