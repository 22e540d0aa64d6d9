//! Real services: a process each, its output kept, its exits handled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;

use super::clock::parse_duration;
use super::layer::text;
use super::process::{self, Process};
use super::schema::Entry;
use super::services::Current;
use super::workload::Inner;

/// Longest log line, in bytes. What is longer becomes several.
const LINE_LIMIT: usize = 4096;
/// How long the last output of an ended process is waited for: something it left behind may hold the pipe open.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

/// What a service does when its process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnExit {
    Restart,
    /// Stays down. Also stands for the daemon's shutdowns: this server outlives its services.
    Stay(&'static str),
}

impl OnExit {
    fn read(service: &Entry, code: i32) -> Self {
        let key = if code == 0 { "on-success" } else { "on-failure" };
        match text(service, key) {
            "ignore" => Self::Stay("ignore"),
            "shutdown" => Self::Stay("shutdown"),
            "failure-shutdown" => Self::Stay("failure-shutdown"),
            "success-shutdown" => Self::Stay("success-shutdown"),
            _ => Self::Restart,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Stay(word) => word,
        }
    }
}

/// The delays between the restarts of a service.
#[derive(Debug)]
struct Backoff {
    first: Duration,
    factor: f64,
    limit: Duration,
    next: Duration,
}

impl Backoff {
    fn read(service: &Entry) -> Self {
        let first = duration(service, "backoff-delay", Duration::from_millis(500));
        let factor = service.get("backoff-factor").and_then(Value::as_f64).unwrap_or(2.0);
        let limit = duration(service, "backoff-limit", Duration::from_secs(30));
        Self { first, factor, limit, next: first }
    }

    // The delay after a process that ran that long.
    fn after(&mut self, ran: Duration) -> Duration {
        if ran >= self.limit {
            self.next = self.first;
        }
        let delay = self.next.min(self.limit);
        self.next = delay.mul_f64(self.factor).min(self.limit);
        delay
    }
}

/// A service's duration at `key`, or the daemon's default.
pub(super) fn duration(service: &Entry, key: &str, default: Duration) -> Duration {
    parse_duration(text(service, key)).unwrap_or(default)
}

/// How long a service is given to end by itself.
pub(super) fn kill_delay(service: &Entry) -> Duration {
    duration(service, "kill-delay", Duration::from_secs(5))
}

/// The environment that a service's configuration adds.
pub(super) fn environment(service: &Entry) -> BTreeMap<String, String> {
    let given = service.get("environment").and_then(Value::as_object).into_iter().flatten();
    given.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// Runs a service until it is stopped, or ends and stays down. `report` gets the reason if the first process can't be
/// begun or ends before it has run for the okay delay.
pub(super) async fn supervise(
    inner: Arc<Inner>,
    service: String,
    config: Entry,
    generation: u64,
    report: oneshot::Sender<String>,
) {
    let mut report = Some(report);
    let mut backoff = Backoff::read(&config);
    loop {
        let began = Instant::now();
        let (mut child, process, output) = match begin(&config) {
            Ok(begun) => begun,
            Err(reason) => {
                inner
                    .update(|state| state.services.settle(&service, generation, Current::Inactive));
                if let Some(report) = report.take() {
                    report.send(format!("cannot start service: {reason}")).ok();
                }
                return;
            }
        };
        inner.update(|state| state.services.runs(&service, generation, process));
        let reading = tokio::spawn(read_lines(Arc::clone(&inner), service.clone(), output));
        let over =
            inner.wait_for(|state| state.services.is_over(&service, generation).then_some(()));
        let status = tokio::select! {
            status = child.wait() => status,
            () = over => {
                process::end(&mut child, process, kill_delay(&config)).await;
                inner.update(|state| state.services.gone(&service, process));
                return;
            }
        };
        tokio::time::timeout(LAST_OUTPUT, reading).await.ok();
        let code = process::exit_code(status);
        let asked = inner.update(|state| {
            state.services.gone(&service, process);
            state.services.take_restart(&service)
        });
        let action = if asked { OnExit::Restart } else { OnExit::read(&config, code) };
        let next = if action == OnExit::Restart { Current::Backoff } else { Current::Error };
        inner.update(|state| state.services.settle(&service, generation, next));
        if let Some(report) = report.take().filter(|_| began.elapsed() < inner.okay_delay) {
            let action = action.as_str();
            report
                .send(format!(
                    "service start attempt: exited quickly with code {code}, will {action}"
                ))
                .ok();
        }
        if action != OnExit::Restart {
            return;
        }
        let over =
            inner.wait_for(|state| state.services.is_over(&service, generation).then_some(()));
        if tokio::time::timeout(backoff.after(began.elapsed()), over).await.is_ok() {
            return;
        }
        inner.update(|state| state.services.settle(&service, generation, Current::Active));
    }
}

fn begin(config: &Entry) -> Result<(tokio::process::Child, Process, Receiver), String> {
    let words = process::split_command(text(config, "command"))?;
    let mut command = process::command(&words, &environment(config), text(config, "working-dir"));
    let output = process::join_outputs(&mut command).map_err(|error| error.to_string())?;
    let child = process::spawn(command)?;
    let process = Process::of(&child).ok_or("the process has no number")?;
    Ok((child, process, output))
}

async fn read_lines(inner: Arc<Inner>, service: String, output: Receiver) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    let take = |line: &mut Vec<u8>| {
        let message = String::from_utf8_lossy(line).into_owned();
        line.clear();
        inner.update(|state| state.logs.push(&service, message));
    };
    while let Ok(byte) = output.read_u8().await {
        match byte {
            b'\n' => take(&mut line),
            _ if line.len() == LINE_LIMIT => {
                take(&mut line);
                line.push(byte);
            }
            _ => line.push(byte),
        }
    }
    if !line.is_empty() {
        take(&mut line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_limit_and_begin_anew() {
        let mut service = Entry::new();
        service.insert("backoff-delay".to_owned(), "1s".into());
        service.insert("backoff-factor".to_owned(), 3.0.into());
        service.insert("backoff-limit".to_owned(), "5s".into());
        let mut backoff = Backoff::read(&service);
        let quick = Duration::from_millis(10);
        let delays: Vec<u64> = (0..4).map(|_| backoff.after(quick).as_secs()).collect();
        assert_eq!(delays, [1, 3, 5, 5]);
        assert_eq!(backoff.after(Duration::from_secs(6)), Duration::from_secs(1));
    }
}
