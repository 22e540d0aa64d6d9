//! `state-get`, `state-set`, `state-delete`: texts that the controller keeps for a unit, buffered.

use std::collections::BTreeMap;

use serde_json::json;

use super::options::{switch, text};
use super::settings::read_settings;
use super::{Output, Print, Releases, Run, Tool, ToolError, failed, key_values, refuse_extra};

/// Limits of a controller with default settings.
const KEY_LIMIT: usize = 256;
const VALUE_LIMIT: usize = 64 * 1024;
const TOTAL_LIMIT: usize = 2 * 1024 * 1024;

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "state-get",
        purpose: "Print server-side-state value.",
        flags: &[switch(&["strict"])],
        output: Output::Smart,
        releases: Releases::All,
        run: state_get,
    },
    Tool {
        name: "state-set",
        purpose: "Set server-side-state values.",
        flags: &[text(&["file"])],
        output: Output::None,
        releases: Releases::All,
        run: state_set,
    },
    Tool {
        name: "state-delete",
        purpose: "Delete server-side-state key value pairs.",
        flags: &[],
        output: Output::None,
        releases: Releases::All,
        run: state_delete,
    },
];

fn pending<'a>(run: &'a mut Run<'_>) -> &'a mut BTreeMap<String, String> {
    let stored = run.model.unit(&run.context.unit).map(|unit| unit.state.clone());
    run.context.pending.state.get_or_insert_with(|| stored.unwrap_or_default())
}

fn state_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let key = run.parsed.word(0).filter(|key| *key != "-").map(ToOwned::to_owned);
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let strict = run.parsed.is_on("strict");
    let state = pending(run);
    let Some(key) = key else { return Ok(Print::Value(json!(state))) };
    match state.get(&key) {
        Some(value) => Ok(Print::Value(json!(value))),
        None if strict => failed(format!("{key:?} not found")),
        None => Ok(Print::Value(json!(""))),
    }
}

fn state_set(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let pairs = key_values(&run.parsed.words)?;
    let mut changes = BTreeMap::new();
    if let Some(path) = run.parsed.value("file") {
        for (key, value) in read_settings(&run.read_file(path)?)? {
            changes.insert(key, value.unwrap_or_default());
        }
    }
    changes.extend(pairs);
    for (key, value) in &changes {
        if key.len() > KEY_LIMIT {
            return failed(format!(
                "max allowed key length ({KEY_LIMIT}) exceeded quota limit exceeded"
            ));
        }
        if value.len() > VALUE_LIMIT {
            return failed(format!(
                "max allowed value length ({VALUE_LIMIT}) exceeded quota limit exceeded"
            ));
        }
    }
    let state = pending(run);
    let mut after = state.clone();
    after.extend(changes);
    let total: usize = after.iter().map(|(key, value)| key.len() + value.len()).sum();
    if total > TOTAL_LIMIT {
        return failed(format!("max allowed size ({TOTAL_LIMIT}) exceeded quota limit exceeded"));
    }
    *state = after;
    Ok(Print::Nothing)
}

fn state_delete(run: &mut Run<'_>) -> Result<Print, ToolError> {
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    // Without a key there is nothing to delete, and nobody minds.
    if let Some(key) = run.parsed.word(0).map(ToOwned::to_owned) {
        pending(run).remove(&key);
    }
    Ok(Print::Nothing)
}
