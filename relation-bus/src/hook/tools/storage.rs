//! `storage-list`, `storage-get`, `storage-add`.

use serde_json::json;

use super::options::text;
use super::{Output, Print, Releases, Run, Tool, ToolError, failed, usage};
use crate::hook::Hook;

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "storage-list",
        purpose: "List storage attached to the unit.",
        flags: &[],
        output: Output::Smart,
        releases: Releases::All,
        run: storage_list,
    },
    Tool {
        name: "storage-get",
        purpose: "Print information for the storage instance with the specified ID.",
        flags: &[text(&["s"])],
        output: Output::Smart,
        releases: Releases::All,
        run: storage_get,
    },
    Tool {
        name: "storage-add",
        purpose: "Add storage instances.",
        flags: &[],
        output: Output::None,
        releases: Releases::All,
        run: storage_add,
    },
];

/// Instances of the unit: one for each storage that the charm declares, as a unit of a fresh
/// model has them.
fn instances(run: &Run<'_>) -> Vec<(String, String, String)> {
    let Some(application) = run.model.applications.get(run.context.application()) else {
        return Vec::new();
    };
    let number = run.context.unit.number();
    let instance = |name: &String| {
        let location = application.charm.storage[name]["location"].as_str();
        let id = format!("{name}/{number}");
        let fallback = format!("/var/lib/juju/storage/{id}");
        (name.clone(), id, location.map_or(fallback, ToOwned::to_owned))
    };
    application.charm.storage.keys().map(instance).collect()
}

fn storage_list(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let wanted = run.parsed.word(0);
    let ids: Vec<_> = instances(run)
        .into_iter()
        .filter(|(name, ..)| wanted.is_none_or(|wanted| wanted == name))
        .map(|(_, id, _)| id)
        .collect();
    Ok(Print::Value(json!(ids)))
}

fn storage_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let own = match &run.context.hook {
        Hook::Storage { id, .. } => Some(id.clone()),
        _ => None,
    };
    let Some(wanted) = run.parsed.value("s").map(ToOwned::to_owned).or(own) else {
        return usage("no storage instance specified");
    };
    let Some((_, _, location)) = instances(run).into_iter().find(|(_, id, _)| *id == wanted) else {
        return usage(format!("invalid value {wanted:?} for option -s: storage not found"));
    };
    match run.parsed.word(0) {
        None => Ok(Print::Value(json!({ "kind": "filesystem", "location": location }))),
        Some("kind") => Ok(Print::Value(json!("filesystem"))),
        Some("location") => Ok(Print::Value(json!(location))),
        Some(other) => failed(format!("invalid storage attribute {other:?}")),
    }
}

fn storage_add(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let Some(directive) = run.parsed.word(0) else {
        return usage("storage add requires a storage directive");
    };
    let (name, count) = directive.split_once('=').unwrap_or((directive, "1"));
    if count.parse::<u32>().is_err() {
        return usage(format!("only count can be specified for {name:?}"));
    }
    failed(format!("cannot add storage {name:?}: this model has no further storage"))
}
