//! `open-port`, `close-port`, `opened-ports`: buffered.

use std::collections::BTreeSet;

use serde_json::json;

use super::options::{switch, text};
use super::{Output, Print, Releases, Run, Tool, ToolError, failed, refuse_extra, usage};
use crate::model::{OpenedPort, Protocol};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "open-port",
        purpose: "Register a request to open a port or port range.",
        flags: &[text(&["endpoints"])],
        output: Output::Deprecated,
        releases: Releases::All,
        run: open_port,
    },
    Tool {
        name: "close-port",
        purpose: "Register a request to close a port or port range.",
        flags: &[text(&["endpoints"])],
        output: Output::Deprecated,
        releases: Releases::All,
        run: close_port,
    },
    Tool {
        name: "opened-ports",
        purpose: "List all ports or port ranges opened by the unit.",
        flags: &[switch(&["endpoints"])],
        output: Output::Smart,
        releases: Releases::All,
        run: opened_ports,
    },
];

fn argument(run: &Run<'_>) -> Result<OpenedPort, ToolError> {
    let Some(word) = run.parsed.word(0) else {
        return usage("no port or range specified");
    };
    let mut port = read(&word.to_lowercase()).map_err(ToolError::Usage)?;
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    if port.from != port.to {
        return failed(
            "port ranges are not supported for k8s applications, please specify a single port",
        );
    }
    if let Some(endpoints) = run.parsed.value("endpoints").filter(|list| !list.is_empty()) {
        port.endpoints = endpoints.split(',').map(|name| name.trim().to_owned()).collect();
    }
    Ok(port)
}

/// A port or range in Juju's spelling, or Juju's words for what is wrong with it.
fn read(text: &str) -> Result<OpenedPort, String> {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let all = BTreeSet::new();
    if range == "icmp" {
        return Ok(OpenedPort { from: 0, to: 0, protocol: Protocol::Icmp, endpoints: all });
    }
    let bounds: Vec<&str> = range.split('-').collect();
    let (from, to) = match bounds[..] {
        [port] => (number(port)?, number(port)?),
        [from, to] => (number(from)?, number(to)?),
        _ => return Err(format!("invalid port range {range:?}")),
    };
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "icmp" => {
            return Err(format!("protocol \"icmp\" doesn't support any ports; got \"{from}\""));
        }
        other => {
            let expected = "\"tcp\", \"udp\", or \"icmp\"";
            return Err(format!("invalid protocol {other:?}, expected {expected}"));
        }
    };
    if from > to {
        return Err(format!("invalid port range {from}-{to}/{}", protocol.as_str()));
    }
    let within = |bound: u64| u16::try_from(bound).ok();
    match (within(from), within(to)) {
        (Some(from), Some(to)) => Ok(OpenedPort { from, to, protocol, endpoints: all }),
        _ => Err(format!("port range bounds must be between 0 and 65535, got {from}-{to}")),
    }
}

fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let reason = match digits.parse::<u64>() {
        Ok(number) if i64::try_from(number).is_ok() => return Ok(number),
        _ if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) => {
            "value out of range"
        }
        _ => "invalid syntax",
    };
    Err(format!("invalid port {text:?}: strconv.Atoi: parsing {text:?}: {reason}"))
}

/// The ports as this hook leaves them so far.
fn pending<'a>(run: &'a mut Run<'_>) -> &'a mut BTreeSet<OpenedPort> {
    let unit = run.model.unit(&run.context.unit);
    let stored = unit.map(|unit| unit.opened_ports.clone());
    run.context.pending.ports.get_or_insert_with(|| stored.unwrap_or_default())
}

fn open_port(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let port = argument(run)?;
    let ports = pending(run);
    let known = ports.iter().find(|other| other.same_range(&port)).cloned();
    let merged = match known {
        Some(known) => {
            ports.remove(&known);
            let all = known.endpoints.is_empty() || port.endpoints.is_empty();
            let endpoints = match all {
                true => BTreeSet::new(),
                false => known.endpoints.union(&port.endpoints).cloned().collect(),
            };
            OpenedPort { endpoints, ..port }
        }
        None => port,
    };
    ports.insert(merged);
    Ok(Print::Nothing)
}

fn close_port(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let port = argument(run)?;
    let ports = pending(run);
    let Some(known) = ports.iter().find(|other| other.same_range(&port)).cloned() else {
        return Ok(Print::Nothing);
    };
    ports.remove(&known);
    let left: BTreeSet<_> = known.endpoints.difference(&port.endpoints).cloned().collect();
    if !port.endpoints.is_empty() && !left.is_empty() {
        ports.insert(OpenedPort { endpoints: left, ..known });
    }
    Ok(Print::Nothing)
}

fn opened_ports(run: &mut Run<'_>) -> Result<Print, ToolError> {
    refuse_extra(&run.parsed.words)?;
    let with_endpoints = run.parsed.is_on("endpoints");
    let unit = run.model.unit(&run.context.unit);
    let ports = match &run.context.pending.ports {
        Some(ports) => ports.clone(),
        None => unit.map(|unit| unit.opened_ports.clone()).unwrap_or_default(),
    };
    let mut ports: Vec<_> = ports.into_iter().collect();
    ports.sort_by_key(|port| (port.protocol.as_str(), port.from, port.to));
    let printed: Vec<String> = ports
        .iter()
        .map(|port| {
            let endpoints: Vec<_> = port.endpoints.iter().map(String::as_str).collect();
            match endpoints.is_empty() {
                _ if !with_endpoints => port.to_string(),
                true => format!("{port} (*)"),
                false => format!("{port} ({})", endpoints.join(", ")),
            }
        })
        .collect();
    Ok(Print::Value(json!(printed)))
}
