//! Log targets: where the output of services goes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::clock::Timestamp;
use super::plan::forwards;
use super::schema::Entry;
use super::supervise;
use super::syslog::Syslog;
use super::workload::{Inner, State, VERSION};

/// Entries that are sent at once, and kept while the target fails.
const BATCH: usize = 100;
/// How long entries wait for more.
const FLUSH: Duration = Duration::from_secs(1);
/// How long a target has to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How entries are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Loki,
    OpenTelemetry,
    Syslog,
}

impl Protocol {
    /// The protocol of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "loki" => Some(Self::Loki),
            "opentelemetry" => Some(Self::OpenTelemetry),
            "syslog" => Some(Self::Syslog),
            _ => None,
        }
    }
}

/// A line on its way.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) service: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) time: Timestamp,
    pub(super) message: String,
}

/// What sends the lines of one target.
enum Sender {
    Http { client: reqwest::Client, protocol: Protocol, location: String },
    Syslog(Syslog),
}

impl Sender {
    /// `None`, with a word in the log, when there can't be one for that place.
    fn new(protocol: Protocol, location: String) -> Option<Self> {
        if protocol == Protocol::Syslog {
            let syslog = Syslog::new(&location);
            if syslog.is_none() {
                tracing::warn!(location, "a log target has no place");
            }
            return syslog.map(Self::Syslog);
        }
        let agent = format!("pebble/{VERSION}");
        match reqwest::Client::builder().user_agent(agent).timeout(TIMEOUT).build() {
            Ok(client) => Some(Self::Http { client, protocol, location }),
            Err(error) => {
                tracing::warn!(%error, "a log target has no client");
                None
            }
        }
    }
}

/// What a target makes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Taken,
    /// It comes again with the next lines.
    Later,
    Refused,
}

impl Verdict {
    fn of(status: u16) -> Self {
        match status {
            200 | 204 => Self::Taken,
            429 => Self::Later,
            400..500 => Self::Refused,
            _ => Self::Later,
        }
    }
}

/// Sends the lines of one target for as long as the container lives. Like the daemon, it goes to the place that the
/// target had when it first appeared, and sends again all that is still kept whenever a layer is added.
pub(super) async fn run(inner: Arc<Inner>, target: String, protocol: Protocol, location: String) {
    let Some(mut sender) = Sender::new(protocol, location) else { return };
    let mut seen = Seen::default();
    let mut buffer: VecDeque<Line> = VecDeque::new();
    let mut due: Option<Instant> = None;
    loop {
        let new = inner.wait_for(|state| new_lines(state, &target, seen));
        let late = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let lines = tokio::select! {
            (lines, now) = new => {
                seen = now;
                lines
            }
            () = late => {
                due = None;
                flush(&mut sender, &mut buffer).await;
                continue;
            }
        };
        for line in lines {
            buffer.push_back(line);
            due = due.or_else(|| Some(Instant::now() + FLUSH));
            if buffer.len() == BATCH && flush(&mut sender, &mut buffer).await != Verdict::Later {
                due = None;
            }
            if buffer.len() > BATCH {
                buffer.pop_front();
            }
        }
    }
}

/// How far a target has read: the last line, and how often layers were added by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    line: u64,
    additions: u64,
}

fn new_lines(state: &State, target: &str, seen: Seen) -> Option<(Vec<Line>, Seen)> {
    let config = state.plan.log_targets().get(target)?;
    let now = Seen { line: state.logs.last(), additions: state.additions };
    if now == seen {
        return None;
    }
    let after = if now.additions == seen.additions { seen.line } else { 0 };
    let lines = state.logs.since(&[], after);
    let own = lines.into_iter().filter(|(service, _)| forwards(config, service));
    let line = |(service, line): (&str, &super::logs::LogLine)| {
        let environment =
            state.plan.services().get(service).map(supervise::environment).unwrap_or_default();
        Line {
            service: service.to_owned(),
            labels: labels(config, &environment),
            time: line.time,
            message: line.message.clone(),
        }
    };
    Some((own.map(line).collect(), now))
}

fn labels(target: &Entry, environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let given = target.get("labels").and_then(Value::as_object).into_iter().flatten();
    given
        .map(|(key, value)| (key.clone(), expand(value.as_str().unwrap_or_default(), environment)))
        .collect()
}

// `$NAME` and `${NAME}` from the environment; unknown ones, and `$$`, are empty.
fn expand(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, after) = match braced {
            Some((name, after)) => (name, after),
            None if after.starts_with('$') => ("", &after[1..]),
            None => {
                let end = after
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(after.len());
                after.split_at(end)
            }
        };
        expanded.push_str(environment.get(name).map_or("", String::as_str));
        rest = after;
    }
    expanded + rest
}

async fn flush(sender: &mut Sender, buffer: &mut VecDeque<Line>) -> Verdict {
    if buffer.is_empty() {
        return Verdict::Taken;
    }
    let (client, protocol, location) = match sender {
        Sender::Http { client, protocol, location } => (client, protocol, location),
        Sender::Syslog(syslog) => {
            let sent = tokio::time::timeout(TIMEOUT, syslog.send(buffer)).await;
            return if matches!(sent, Ok(Ok(()))) { Verdict::Taken } else { Verdict::Later };
        }
    };
    let (url, media, body) = match protocol {
        Protocol::OpenTelemetry => {
            (format!("{location}/v1/logs"), "application/json", open_telemetry(buffer))
        }
        Protocol::Loki | Protocol::Syslog => {
            (location.clone(), "application/json; charset=utf-8", loki(buffer))
        }
    };
    let sent = client.post(url).header("Content-Type", media).body(body.to_string()).send().await;
    let verdict = sent.map_or(Verdict::Later, |response| Verdict::of(response.status().as_u16()));
    if verdict != Verdict::Later {
        buffer.clear();
    }
    verdict
}

// Lines of the same service and labels, by service.
fn streams(buffer: &VecDeque<Line>) -> BTreeMap<(&str, &BTreeMap<String, String>), Vec<&Line>> {
    let mut streams: BTreeMap<_, Vec<&Line>> = BTreeMap::new();
    for line in buffer {
        streams.entry((line.service.as_str(), &line.labels)).or_default().push(line);
    }
    streams
}

fn loki(buffer: &VecDeque<Line>) -> Value {
    let stream = |((service, labels), lines): ((&str, &BTreeMap<String, String>), Vec<&Line>)| {
        let mut labels = labels.clone();
        labels.insert("pebble_service".to_owned(), service.to_owned());
        let values: Vec<Value> =
            lines.iter().map(|line| json!([line.time.nanos().to_string(), line.message])).collect();
        json!({"stream": labels, "values": values})
    };
    json!({"streams": streams(buffer).into_iter().map(stream).collect::<Vec<_>>()})
}

fn open_telemetry(buffer: &VecDeque<Line>) -> Value {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let resource = |((service, labels), lines): ((&str, &BTreeMap<String, String>), Vec<&Line>)| {
        let mut attributes = vec![attribute("service.name", service)];
        attributes.extend(labels.iter().map(|(key, value)| attribute(key, value)));
        let record = |line: &&Line| {
            let mut record = Map::new();
            record.insert("timeUnixNano".to_owned(), line.time.nanos().to_string().into());
            record.insert("body".to_owned(), json!({"stringValue": line.message}));
            Value::Object(record)
        };
        let records: Vec<Value> = lines.iter().map(record).collect();
        json!({"resource": {"attributes": attributes},
               "scopeLogs": [{"scope": {"name": "pebble"}, "logRecords": records}]})
    };
    json!({"resourceLogs": streams(buffer).into_iter().map(resource).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_take_variables_from_the_service() {
        let environment = BTreeMap::from([("A".to_owned(), "val".to_owned())]);
        for (text, wanted) in [
            ("$A-$NOPE", "val-"),
            ("x${A}y", "xvaly"),
            ("a$$b", "ab"),
            ("plain", "plain"),
            ("$", ""),
            ("${A", "{A"),
        ] {
            assert_eq!(expand(text, &environment), wanted, "{text}");
        }
    }

    #[test]
    fn answers_are_judged_as_the_daemon_does() {
        let verdicts = [200, 201, 204, 302, 400, 404, 429, 500].map(Verdict::of);
        use Verdict::{Later, Refused, Taken};
        assert_eq!(verdicts, [Taken, Later, Taken, Later, Refused, Refused, Later, Later]);
    }
}
