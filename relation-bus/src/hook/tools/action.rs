//! `action-get`, `action-set`, `action-fail`, `action-log`.

use serde_json::{Map, Value};

use super::{Output, Print, Releases, Run, Tool, ToolError, failed, refuse_extra, usage};
use crate::hook::ActionState;

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "action-get",
        purpose: "Get action parameters.",
        flags: &[],
        output: Output::Smart,
        releases: Releases::All,
        run: action_get,
    },
    Tool {
        name: "action-set",
        purpose: "Set action results.",
        flags: &[],
        output: Output::None,
        releases: Releases::All,
        run: action_set,
    },
    Tool {
        name: "action-fail",
        purpose: "Set action fail status with message.",
        flags: &[],
        output: Output::None,
        releases: Releases::All,
        run: action_fail,
    },
    Tool {
        name: "action-log",
        purpose: "Record a progress message for the current action.",
        flags: &[],
        output: Output::None,
        releases: Releases::All,
        run: action_log,
    },
];

/// Keys that Juju fills itself.
const RESERVED: [&str; 4] = ["stdout", "stdout-encoding", "stderr", "stderr-encoding"];

/// The action that runs. Bad usage is told before anyone looks for it.
fn action<'a>(run: &'a mut Run<'_>) -> Result<&'a mut ActionState, ToolError> {
    match &mut run.context.action {
        Some(action) => Ok(action),
        None => failed("not running an action"),
    }
}

fn action_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let path = run.parsed.word(0).map(ToOwned::to_owned);
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let mut value = Value::Object(action(run)?.parameters.clone());
    for segment in path.iter().flat_map(|path| path.split('.')) {
        value = value.get(segment).cloned().unwrap_or_default();
    }
    Ok(Print::Value(value))
}

fn is_segment(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !text.is_empty()
        && text.chars().all(|c| inner(c) || c == '-')
        && text.starts_with(inner)
        && text.ends_with(inner)
}

fn action_set(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let words = run.parsed.words.clone();
    let mut entries = Vec::new();
    for word in &words {
        let Some((path, value)) = word.split_once('=') else {
            return usage(format!("argument {word:?} must be of the form key...=value"));
        };
        let segments: Vec<_> = path.split('.').collect();
        for segment in &segments {
            if !is_segment(segment) {
                return usage(format!(
                    "key {segment:?} must start and end with lowercase alphanumeric, and contain \
                     only lowercase alphanumeric, hyphens and periods"
                ));
            }
            if RESERVED.contains(segment) {
                return usage(format!("cannot set reserved action key {segment:?}"));
            }
        }
        entries.push((segments, value));
    }
    let action = action(run)?;
    for (segments, value) in entries {
        insert(&mut action.results, &segments, value);
    }
    Ok(Print::Nothing)
}

/// Puts a value at a path; what stood in the way is replaced.
fn insert(map: &mut Map<String, Value>, path: &[&str], value: &str) {
    match path {
        [] => {}
        [key] => drop(map.insert((*key).to_owned(), Value::from(value))),
        [key, rest @ ..] => {
            let entry = map.entry((*key).to_owned()).or_insert(Value::Null);
            if !entry.is_object() {
                *entry = Value::Object(Map::new());
            }
            if let Some(inner) = entry.as_object_mut() {
                insert(inner, rest, value);
            }
        }
    }
}

fn action_fail(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let message = run.parsed.word(0).map(ToOwned::to_owned);
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let fallback = "action failed without reason given, check action for errors";
    action(run)?.failure = Some(message.unwrap_or_else(|| fallback.to_owned()));
    Ok(Print::Nothing)
}

fn action_log(run: &mut Run<'_>) -> Result<Print, ToolError> {
    if run.parsed.words.is_empty() {
        return usage("no message specified");
    }
    let message = run.parsed.words.join(" ");
    action(run)?.log.push(message);
    Ok(Print::Nothing)
}
