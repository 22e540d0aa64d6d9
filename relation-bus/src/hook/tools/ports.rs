//! `open-port`, `close-port`, `opened-ports`: buffered.

use std::collections::BTreeSet;

use serde_json::json;

use super::options::{switch, text};
use super::{Output, Print, Run, Tool, ToolError, failed, refuse_extra, usage};
use crate::model::OpenedPort;

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "open-port",
        purpose: "Register a request to open a port or port range.",
        flags: &[text(&["endpoints"])],
        output: Output::None,
        run: open_port,
    },
    Tool {
        name: "close-port",
        purpose: "Register a request to close a port or port range.",
        flags: &[text(&["endpoints"])],
        output: Output::None,
        run: close_port,
    },
    Tool {
        name: "opened-ports",
        purpose: "List all ports or port ranges opened by the unit.",
        flags: &[switch(&["endpoints"])],
        output: Output::Smart,
        run: opened_ports,
    },
];

fn argument(run: &Run<'_>) -> Result<OpenedPort, ToolError> {
    let Some(word) = run.parsed.word(0) else {
        return usage("no port or range specified");
    };
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let Ok(mut port) = word.parse::<OpenedPort>() else {
        return usage(format!(
            "invalid port, expected <port>[/<proto>] or <from>-<to>[/<proto>] or icmp; got {word:?}"
        ));
    };
    if port.from != port.to {
        return failed(
            "port ranges are not supported for k8s applications, please specify a single port",
        );
    }
    if let Some(endpoints) = run.parsed.value("endpoints").filter(|list| *list != "*") {
        port.endpoints = endpoints.split(',').map(|name| name.trim().to_owned()).collect();
    }
    Ok(port)
}

/// The ports as this hook leaves them so far.
fn pending<'a>(run: &'a mut Run<'_>) -> &'a mut BTreeSet<OpenedPort> {
    let unit = run.model.unit(&run.context.unit);
    let stored = unit.map(|unit| unit.opened_ports.clone());
    run.context.pending.ports.get_or_insert_with(|| stored.unwrap_or_default())
}

fn open_port(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let port = argument(run)?;
    let name = run.context.unit.clone();
    let ports = pending(run);
    if let Some(other) =
        ports.iter().find(|other| other.overlaps(&port) && !other.same_range(&port))
    {
        return failed(format!(
            "cannot open {port} (unit \"{name}\"): port range conflicts with {other}"
        ));
    }
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
