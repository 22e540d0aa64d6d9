//! `storage-list`, `storage-get`, `storage-add`.

use std::collections::BTreeMap;

use serde_json::json;

use super::options::text;
use super::{Output, Print, Releases, Run, Tool, ToolError, failed, usage};
use crate::hook::Hook;
use crate::model::most_count;

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

fn storage_list(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let wanted = run.parsed.word(0);
    let ids: Vec<_> = run
        .model
        .storage_of(&run.context.unit)
        .filter(|storage| wanted.is_none_or(|wanted| wanted == storage.name))
        .map(|storage| storage.id.clone())
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
    let found = run.model.storage_of(&run.context.unit).find(|storage| storage.id == wanted);
    let Some(storage) = found else {
        return usage(format!("invalid value {wanted:?} for option -s: storage not found"));
    };
    let (kind, location) = (storage.kind.as_str(), &storage.location);
    match run.parsed.word(0) {
        None => Ok(Print::Value(json!({ "kind": kind, "location": location }))),
        Some("kind") => Ok(Print::Value(json!(kind))),
        Some("location") => Ok(Print::Value(json!(location))),
        Some(other) => failed(format!("invalid storage attribute {other:?}")),
    }
}

/// Buffered: the instances exist after the commit, and are attached after that.
fn storage_add(run: &mut Run<'_>) -> Result<Print, ToolError> {
    if run.parsed.words.is_empty() {
        return usage("storage add requires a storage directive");
    }
    let mut wanted: BTreeMap<String, u32> = BTreeMap::new();
    for directive in &run.parsed.words {
        let (name, count) = directive.split_once('=').unwrap_or((directive, "1"));
        let Ok(count) = count.parse::<u32>() else {
            return usage(format!("only count can be specified for {name:?}"));
        };
        *wanted.entry(name.to_owned()).or_default() += count;
    }
    let unit = &run.context.unit;
    let application = run.model.applications.get(unit.application());
    for (name, count) in &wanted {
        let declared = application.and_then(|application| application.charm.storage.get(name));
        let Some(declared) = declared else {
            return failed(format!(
                "adding storage {name:?} for unit {unit}: charm storage {name:?} not found"
            ));
        };
        let there = run.model.storage_of(unit).filter(|storage| storage.name == *name).count();
        let buffered = run.context.pending.storage.get(name).copied().unwrap_or(0);
        let total = u32::try_from(there).unwrap_or(u32::MAX).saturating_add(buffered) + count;
        if let Some(most) = most_count(declared).filter(|most| total > *most) {
            return failed(format!(
                "adding storage {name:?} for unit {unit}: validating storage {name:?}: at most \
                 {most} instances supported, {total} specified"
            ));
        }
    }
    for (name, count) in wanted {
        *run.context.pending.storage.entry(name).or_default() += count;
    }
    Ok(Print::Nothing)
}
