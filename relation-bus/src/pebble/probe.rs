//! Checks that are really performed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;

use super::checks::RunId;
use super::clock::format_duration;
use super::layer::text;
use super::plan::check_duration;
use super::process;
use super::schema::Entry;
use super::supervise;
use super::workload::Inner;

/// How much of an answer or an output a failure tells, in lines.
const DETAIL_LINES: usize = 5;

/// Performs a check once each period until it is stopped or altered. The first time is one period from now.
pub(super) async fn repeat(inner: Arc<Inner>, name: String, config: Entry, run: RunId) {
    let period = check_duration(&config, "period", Duration::from_secs(10));
    loop {
        let over = inner.wait_for(|state| state.checks.is_over(&name, run).then_some(()));
        if tokio::time::timeout(period, over).await.is_ok() {
            return;
        }
        let outcome = once(&inner, &config).await;
        inner.update(|state| state.record_check(&name, run, &outcome));
    }
}

/// Performs a check, and says what is wrong.
pub(super) async fn once(inner: &Inner, config: &Entry) -> Result<(), String> {
    let period = check_duration(config, "period", Duration::from_secs(10));
    let timeout = check_duration(config, "timeout", Duration::from_secs(3)).min(period);
    let performed = async {
        if let Some(http) = config.get("http").and_then(Value::as_object) {
            get(http).await
        } else if let Some(tcp) = config.get("tcp").and_then(Value::as_object) {
            connect(tcp).await
        } else if let Some(exec) = config.get("exec").and_then(Value::as_object) {
            execute(inner, exec).await
        } else {
            Ok(())
        }
    };
    let late = |_| Err(format!("check timed out after {}", format_duration(timeout)));
    tokio::time::timeout(timeout, performed).await.unwrap_or_else(late)
}

fn detail(output: &str) -> String {
    let lines: Vec<&str> = output.trim().lines().take(DETAIL_LINES).collect();
    if lines.is_empty() { String::new() } else { format!("; {}", lines.join("\n")) }
}

async fn get(http: &Entry) -> Result<(), String> {
    let url = text(http, "url");
    let failed = |error: reqwest::Error| format!("Get {url:?}: {error}");
    let mut request = reqwest::Client::new().get(url);
    for (key, value) in http.get("headers").and_then(Value::as_object).into_iter().flatten() {
        request = request.header(key, value.as_str().unwrap_or_default());
    }
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = response.text().await.unwrap_or_default();
    Err(format!("non-2xx status code {}{}", status.as_u16(), detail(&body)))
}

async fn connect(tcp: &Entry) -> Result<(), String> {
    let host = Some(text(tcp, "host")).filter(|host| !host.is_empty()).unwrap_or("localhost");
    let port = tcp
        .get("port")
        .and_then(Value::as_u64)
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or(0);
    match TcpStream::connect((host, port)).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(format!("dial tcp {host}:{port}: connect: connection refused"))
        }
        Err(error) => Err(format!("dial tcp {host}:{port}: {error}")),
    }
}

async fn execute(inner: &Inner, exec: &Entry) -> Result<(), String> {
    let context = inner
        .read(|state| state.plan.services().get(text(exec, "service-context")).cloned())
        .unwrap_or_default();
    let mut environment = supervise::environment(&context);
    environment.extend(supervise::environment(exec));
    let own = Some(text(exec, "working-dir")).filter(|folder| !folder.is_empty());
    let words = process::split_command(text(exec, "command"))?;
    let mut command = process::command(
        &words,
        &environment,
        own.unwrap_or_else(|| text(&context, "working-dir")),
    );
    let output =
        command.output().await.map_err(|error| format!("fork/exec {}: {error}", words[0]))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    let code = process::exit_code(Ok(output.status));
    Err(format!("exit status {code}{}", detail(&String::from_utf8_lossy(&printed))))
}
