//! `leader-get`, `leader-set`: settings of the application that its leader writes at once. Gone
//! in Juju 4.

use serde_json::{Value, json};

use super::{
    Output, Print, Releases, Run, Tool, ToolError, failed, key_values, refuse_extra, usage,
};
use crate::hook::WriteRecord;

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "leader-get",
        purpose: "Print application leadership settings.",
        flags: &[],
        output: Output::Smart,
        releases: Releases::Before(4),
        run: leader_get,
    },
    Tool {
        name: "leader-set",
        purpose: "Write application leadership settings.",
        flags: &[],
        output: Output::None,
        releases: Releases::Before(4),
        run: leader_set,
    },
];

fn leader_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let key = run.parsed.word(0).filter(|key| *key != "-" && !key.is_empty());
    if let Some(key) = key.filter(|key| key.contains('=')) {
        return usage(format!("invalid key {key:?}"));
    }
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let Some(application) = run.model.applications.get(run.context.application()) else {
        return failed("cannot read leadership settings: permission denied");
    };
    let settings = &application.leader_settings;
    Ok(Print::Value(match key {
        Some(key) => settings.get(key).map_or(Value::Null, |value| json!(value)),
        None => json!(settings),
    }))
}

fn leader_set(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let pairs = key_values(&run.parsed.words)?;
    let refusal = "cannot write leadership settings: cannot write settings: not the leader";
    if !run.context.is_leader(run.model) {
        return failed(refusal);
    }
    let name = run.context.application().to_owned();
    let Some(application) = run.model.applications.get_mut(&name) else {
        return failed(refusal);
    };
    for (key, value) in pairs {
        let settings = &mut application.leader_settings;
        let before = match value.is_empty() {
            true => settings.remove(&key),
            false => settings.insert(key.clone(), value.clone()),
        };
        if before.unwrap_or_default() != value {
            application.leader_settings_version += 1;
            run.context.writes.push(WriteRecord::LeaderSetting(key));
        }
    }
    Ok(Print::Nothing)
}
