//! Hook tools of the unit, its application, state, ports, logs and actions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ToolCall, ToolError, Tools};
use crate::leadership::{Leader, Leadership};
use crate::names::EndpointName;
use crate::ports::Port;
use crate::status::{Status, StatusLevel};

/// Longest text that is handed to `juju-log` in one argument: Linux takes 128 KiB.
const LOG_LIMIT: usize = 131_071;

/// Whose status or databag is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// This unit's.
    Unit,
    /// Our application's; only the leader may write it.
    Application,
}

/// Juju's log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// `TRACE`
    Trace,
    /// `DEBUG`
    Debug,
    /// `INFO`
    Info,
    /// `WARNING`
    Warning,
    /// `ERROR`
    Error,
}

impl LogLevel {
    /// The word that Juju uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

#[derive(Default, Deserialize)]
struct StatusData {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
}

impl StatusData {
    /// `None` for words that a charm can't set (`unknown`, `error`).
    fn status(self) -> Option<Status> {
        let level = [
            StatusLevel::Active,
            StatusLevel::Waiting,
            StatusLevel::Maintenance,
            StatusLevel::Blocked,
        ]
        .into_iter()
        .find(|level| level.as_str() == self.status)?;
        Some(Status { level, message: self.message })
    }
}

#[derive(Default, Deserialize)]
struct ApplicationStatusData {
    #[serde(rename = "application-status", default)]
    application_status: StatusData,
}

#[derive(Default, Deserialize)]
struct NetworkData {
    #[serde(rename = "bind-addresses", default)]
    bind_addresses: Vec<BindAddress>,
}

#[derive(Default, Deserialize)]
struct BindAddress {
    #[serde(default)]
    addresses: Vec<Address>,
}

#[derive(Default, Deserialize)]
struct Address {
    #[serde(default)]
    value: String,
}

impl Tools<'_> {
    /// Whether this unit leads. The proof in it is good for this dispatch.
    ///
    /// # Errors
    ///
    /// When the tool fails: the controller can't say.
    pub fn leadership(&self) -> Result<Leadership, ToolError> {
        let leads: bool = self.read(ToolCall::new("is-leader").json(), "`true` or `false`")?;
        Ok(if leads { Leadership::Leader(Leader::attest()) } else { Leadership::Follower })
    }

    /// Options that have a value or a default.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn config(&self) -> Result<BTreeMap<String, Value>, ToolError> {
        self.read(ToolCall::new("config-get").json(), "an object of options")
    }

    /// A status as Juju has it; `None` while never set.
    ///
    /// # Errors
    ///
    /// When the tool fails; for the application's also when this unit doesn't lead.
    pub fn status(&self, owner: Owner) -> Result<Option<Status>, ToolError> {
        let call = ToolCall::new("status-get").json().arg("--include-data");
        match owner {
            Owner::Unit => Ok(self.read::<StatusData>(call, "a status")?.status()),
            Owner::Application => {
                let data: ApplicationStatusData =
                    self.read(call.arg("--application"), "a status")?;
                Ok(data.application_status.status())
            }
        }
    }

    /// Sets a status, at once: it stays even if the hook fails.
    ///
    /// # Errors
    ///
    /// When the tool fails; for the application's also when this unit doesn't lead.
    pub fn set_status(&self, owner: Owner, status: &Status) -> Result<(), ToolError> {
        let call = ToolCall::new("status-set");
        let call = match owner {
            Owner::Unit => call,
            Owner::Application => call.arg("--application"),
        };
        self.run(call.arg("--").arg(status.level.as_str()).arg(&status.message)).map(drop)
    }

    /// Sets the workload's version, at once.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn set_workload_version(&self, version: &str) -> Result<(), ToolError> {
        self.run(ToolCall::new("application-version-set").arg("--").arg(version)).map(drop)
    }

    /// The unit's address in the network bound to an endpoint; `None` when Juju knows none.
    ///
    /// # Errors
    ///
    /// When the tool fails for another reason than that there is no such network.
    pub fn address(&self, endpoint: &EndpointName) -> Result<Option<IpAddr>, ToolError> {
        let call = ToolCall::new("network-get").json().arg(endpoint.as_str());
        match self.read::<NetworkData>(call, "an object with `bind-addresses`") {
            Ok(data) => Ok(data
                .bind_addresses
                .iter()
                .flat_map(|binding| &binding.addresses)
                .find_map(|address| address.value.parse().ok())),
            Err(error @ ToolError::Refused { .. }) => {
                tracing::warn!(%endpoint, "{error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Ports that this unit has opened. Ranges are not ours and are left out.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn opened_ports(&self) -> Result<BTreeSet<Port>, ToolError> {
        let texts: Vec<String> =
            self.read(ToolCall::new("opened-ports").json(), "a list of ports")?;
        Ok(texts.iter().filter_map(|text| text.parse().ok()).collect())
    }

    /// Opens a port.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn open_port(&self, port: Port) -> Result<(), ToolError> {
        self.run(ToolCall::new("open-port").arg(port.to_string())).map(drop)
    }

    /// Closes a port.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn close_port(&self, port: Port) -> Result<(), ToolError> {
        self.run(ToolCall::new("close-port").arg(port.to_string())).map(drop)
    }

    /// The unit's whole state at the controller.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn state(&self) -> Result<BTreeMap<String, String>, ToolError> {
        self.read(ToolCall::new("state-get").json(), "an object of texts")
    }

    /// Keeps texts in the unit's state at the controller.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn set_state(&self, entries: &BTreeMap<String, String>) -> Result<(), ToolError> {
        let entries: Map<String, Value> = entries
            .iter()
            .map(|(key, value)| (key.clone(), Value::String(value.clone())))
            .collect();
        let call = ToolCall::new("state-set").arg("--file").arg("-");
        self.run(call.stdin(Value::Object(entries).to_string())).map(drop)
    }

    /// Drops a key of the unit's state.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn delete_state(&self, key: &str) -> Result<(), ToolError> {
        self.run(ToolCall::new("state-delete").arg("--").arg(key)).map(drop)
    }

    /// Writes to Juju's log; long texts are split.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn log(&self, level: LogLevel, text: &str) -> Result<(), ToolError> {
        for piece in pieces(text, LOG_LIMIT) {
            let call = ToolCall::new("juju-log").arg("--log-level").arg(level.as_str());
            // Not through `run`: a span about a log line would be logged itself.
            self.0.call(&call.arg("--").arg(piece))?;
        }
        Ok(())
    }

    /// The parameters of the running action.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn action_parameters(&self) -> Result<Map<String, Value>, ToolError> {
        self.read(ToolCall::new("action-get").json(), "an object of parameters")
    }

    /// Sets results of the running action.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn set_action_results(&self, results: &BTreeMap<String, String>) -> Result<(), ToolError> {
        let call = results.iter().fold(ToolCall::new("action-set"), |call, (key, value)| {
            call.arg(format!("{key}={value}"))
        });
        self.run(call).map(drop)
    }

    /// Marks the running action as failed.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn fail_action(&self, reason: &str) -> Result<(), ToolError> {
        self.run(ToolCall::new("action-fail").arg("--").arg(reason)).map(drop)
    }
}

/// Splits a text at character boundaries into pieces of at most `limit` bytes.
fn pieces(text: &str, limit: usize) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while rest.len() > limit {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(limit));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::recording::RecordingTools;
    use super::*;

    #[test]
    fn statuses_are_read_in_both_shapes() {
        let tools = RecordingTools::default()
            .prints("status-get", r#"{"message":"go","status":"blocked","status-data":{}}"#)
            .prints(
                "status-get --format=json --include-data --application",
                r#"{"application-status":{"status":"unknown","units":{}}}"#,
            );
        let typed = Tools::new(&tools);
        assert_eq!(typed.status(Owner::Unit).expect("read"), Some(Status::blocked("go")));
        assert_eq!(typed.status(Owner::Application).expect("read"), None);
    }

    #[test]
    fn null_and_nothing_count_as_empty() {
        let tools = RecordingTools::default().prints("state-get", "null\n");
        assert!(Tools::new(&tools).state().expect("read").is_empty());
        assert!(Tools::new(&tools).opened_ports().expect("read").is_empty());
    }

    #[test]
    fn the_first_bind_address_is_taken() {
        let answer = r#"{"bind-addresses":[{"addresses":[{"value":"fe80::1"}]}]}"#;
        let tools = RecordingTools::default().prints("network-get", answer);
        let endpoint = "logging".parse().expect("valid");
        assert_eq!(Tools::new(&tools).address(&endpoint).expect("read"), "fe80::1".parse().ok());
    }

    #[test]
    fn other_output_is_told() {
        let tools = RecordingTools::default().prints("is-leader", "perhaps");
        let shown = Tools::new(&tools).leadership().expect_err("no bool").to_string();
        assert_eq!(
            shown,
            "cannot use what `is-leader --format=json` printed: expected `true` or `false`"
        );
    }

    #[test]
    fn long_texts_are_split_at_characters() {
        assert_eq!(pieces("aéz", 2), ["a", "é", "z"]);
        assert_eq!(pieces("", 2), [""]);
    }
}
