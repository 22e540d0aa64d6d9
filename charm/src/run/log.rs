//! Log lines go to `juju-log`; those of a dry run to stderr, as nothing is written then.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::Trace;
use crate::tools::{HookTools, LogLevel, Tools};

/// Where lines go.
enum Sink {
    JujuLog(Arc<dyn HookTools + Send + Sync>),
    Stderr,
}

/// Writes each event as one line: text, then fields as `key=value`.
pub(super) struct LogLayer {
    sink: Sink,
    trace: Option<String>,
}

/// Sends log lines to Juju, and spans to the trace, until the guard is dropped. Without a trace
/// it is a dry run.
pub(super) fn install(
    tools: Arc<dyn HookTools + Send + Sync>,
    trace: Option<&Trace>,
) -> DefaultGuard {
    let sink = if trace.is_some() { Sink::JujuLog(tools) } else { Sink::Stderr };
    let lines = LogLayer { sink, trace: trace.map(Trace::id) };
    let subscriber = tracing_subscriber::registry().with(trace.map(Trace::layer)).with(lines);
    tracing::subscriber::set_default(subscriber)
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warning,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// Libraries beneath ours that talk about their own affairs.
const LIBRARIES: [&str; 12] = [
    "h2",
    "hyper",
    "hyper_util",
    "kube",
    "kube_client",
    "opentelemetry",
    "opentelemetry_otlp",
    "opentelemetry_sdk",
    "reqwest",
    "rustls",
    "tower",
    "tungstenite",
];

fn is_ours(target: &str) -> bool {
    !LIBRARIES.contains(&target.split("::").next().unwrap_or(target))
}

/// Whether an event is worth a line: every line costs a process, so libraries are heard only when
/// something is wrong.
fn is_wanted(target: &str, level: Level) -> bool {
    level <= if is_ours(target) { Level::INFO } else { Level::WARN }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        if !is_wanted(metadata.target(), *metadata.level()) {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let foreign = if is_ours(metadata.target()) { "" } else { metadata.target() };
        let separator = if foreign.is_empty() { "" } else { ": " };
        let mut text = format!("{foreign}{separator}{}{}", line.message, line.fields);
        if let Some(trace) = &self.trace {
            // Writing to a String can't fail.
            let _ = write!(text, " trace_id={trace}");
        }
        match &self.sink {
            Sink::JujuLog(tools) => {
                // A log line that can't be written is not worth a failed hook.
                let _ = Tools::new(&**tools).log(level(*metadata.level()), &text);
            }
            Sink::Stderr => {
                let word = level(*metadata.level()).as_str();
                let _ = writeln!(std::io::stderr(), "{word} {text}");
            }
        }
    }
}

/// The parts of a line.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String can't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.record_debug(field, &value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::tools::{ToolCall, ToolError};

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl HookTools for Lines {
        fn call(&self, call: &ToolCall) -> Result<Vec<u8>, ToolError> {
            self.0.lock().expect("not poisoned").push(call.shown_arguments());
            Ok(Vec::new())
        }
    }

    #[test]
    fn lines_carry_level_and_fields() {
        let lines = Arc::new(Lines::default());
        let snapshot = crate::snapshot::Snapshot::for_test("tempo/0").build();
        let trace = Trace::begin(&snapshot.identity, &snapshot.metadata);
        let guard = install(Arc::<Lines>::clone(&lines), Some(&trace));
        tracing::warn!(unit = %"loki/0", count = 2, word = "a b", "cannot read `{}`", "x");
        tracing::debug!("not told");
        tracing::info!(target: "hyper", "not told");
        drop(guard);
        assert_eq!(
            *lines.0.lock().expect("not poisoned"),
            [format!(
                "--log-level WARNING -- cannot read `x` unit=loki/0 count=2 word=\"a b\" trace_id={}",
                trace.id()
            )]
        );
    }
}
