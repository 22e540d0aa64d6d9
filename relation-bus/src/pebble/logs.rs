//! What services print, and what can be counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State as Shared};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;

use super::clock::Timestamp;
use super::envelope::{ApiError, first, list};
use super::services::Current;
use super::workload::{Inner, State};

/// How much of a service's output is kept, in bytes.
const KEPT: usize = 100 * 1024;
/// How many entries a request gets unless it says.
const DEFAULT_COUNT: usize = 30;

/// A line that a service printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogLine {
    pub(super) time: Timestamp,
    pub(super) message: String,
    // Counts the lines of all services, so that a reader knows where it was.
    pub(super) number: u64,
}

#[derive(Debug, Default)]
struct Buffer {
    lines: VecDeque<LogLine>,
    bytes: usize,
}

/// The last output of each service.
#[derive(Debug, Default)]
pub(super) struct Logs {
    buffers: BTreeMap<String, Buffer>,
    last: u64,
}

impl Logs {
    /// Adds a line, without its newline.
    pub(super) fn push(&mut self, service: &str, message: String) {
        self.last += 1;
        let line = LogLine { time: Timestamp::now().to_millis(), message, number: self.last };
        let buffer = self.buffers.entry(service.to_owned()).or_default();
        buffer.bytes += line.message.len();
        buffer.lines.push_back(line);
        while buffer.bytes > KEPT {
            let Some(oldest) = buffer.lines.pop_front() else { break };
            buffer.bytes -= oldest.message.len();
        }
    }

    /// Number of the last line of all.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Lines of these services, all if none are named, after line `after`, in the order in which they were printed.
    pub(super) fn since(&self, services: &[String], after: u64) -> Vec<(&str, &LogLine)> {
        let wanted =
            self.buffers.iter().filter(|(name, _)| services.is_empty() || services.contains(name));
        let mut lines: Vec<(&str, &LogLine)> = wanted
            .flat_map(|(name, buffer)| buffer.lines.iter().map(move |line| (name.as_str(), line)))
            .filter(|(_, line)| line.number > after)
            .collect();
        lines.sort_by_key(|(_, line)| line.number);
        lines
    }
}

fn show((service, line): (&str, &LogLine)) -> String {
    let entry = json!({"time": line.time.to_string(), "service": service, "message": line.message});
    format!("{entry}\n")
}

/// Gives log lines, one JSON object on each.
pub(super) async fn get(
    Shared(inner): Shared<Arc<Inner>>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let follow = match first(&query, "follow") {
        "" | "false" => false,
        "true" => true,
        _ => {
            return ApiError::bad_request("follow parameter must be \"true\" or \"false\"")
                .into_response();
        }
    };
    let count = match first(&query, "n") {
        "" if follow => Some(0),
        "" => Some(DEFAULT_COUNT),
        "-1" => None,
        text => match text.parse::<usize>() {
            Ok(count) => Some(count),
            Err(_) => {
                return ApiError::bad_request("n must be -1, 0, or a positive integer")
                    .into_response();
            }
        },
    };
    let services = list(&query, "services");
    let (text, last) = inner.read(|state| {
        let lines = state.logs.since(&services, 0);
        let skipped = count.map_or(0, |count| lines.len().saturating_sub(count));
        (lines.into_iter().skip(skipped).map(show).collect::<String>(), state.logs.last())
    });
    let body = if follow { following(inner, services, text, last) } else { Body::from(text) };
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

// `text`, and then each line that is printed after line `last`, for as long as the client listens.
fn following(inner: Arc<Inner>, services: Vec<String>, text: String, last: u64) -> Body {
    let start = Some(text).filter(|text| !text.is_empty());
    Body::from_stream(stream::unfold(
        (inner, services, start, last),
        async |(inner, services, start, last)| {
            let (text, last) = match start {
                Some(text) => (text, last),
                None => {
                    let new = |state: &State| {
                        let lines = state.logs.since(&services, last);
                        let newest = lines.last()?.1.number;
                        Some((lines.into_iter().map(show).collect::<String>(), newest))
                    };
                    inner.wait_for(new).await
                }
            };
            Some((
                Ok::<_, std::convert::Infallible>(Bytes::from(text)),
                (inner, services, None, last),
            ))
        },
    ))
}

/// Gives the counts in the Prometheus text format, with the heads repeated before each sample, as the daemon does.
pub(super) async fn metrics(Shared(inner): Shared<Arc<Inner>>) -> Response {
    let text = inner.read(|state| {
        let mut text = String::new();
        let mut sample = |name: &str, help: &str, kind: &str, label: &str, subject: &str, value: u64| {
            text.push_str(&format!(
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{{label}={subject:?}}} {value}\n\n"
            ));
        };
        for (name, counts) in state.checks.counts() {
            sample("pebble_check_up", "Whether the check is up (1) or not (0)", "gauge", "check", name, u64::from(counts.up));
            let help = "Number of times the check has succeeded";
            sample("pebble_check_success_count", help, "counter", "check", name, counts.successes);
            let help = "Number of times the check has failed";
            sample("pebble_check_failure_count", help, "counter", "check", name, counts.failures);
        }
        for name in state.plan.services().keys() {
            let active = u64::from(state.services.current(name) == Current::Active);
            let help = "Whether the service is currently active (1) or not (0)";
            sample("pebble_service_active", help, "gauge", "service", name, active);
            let starts = state.services.starts(name);
            let help = "Number of times the service has started";
            sample("pebble_service_start_count", help, "counter", "service", name, starts);
        }
        text
    });
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
