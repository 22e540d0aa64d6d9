//! `status-set`, `status-get`, `application-version-set`: they act at once.

use serde_json::{Map, Value, json};

use super::format::Format;
use super::options::{Flag, switch};
use super::{Output, Print, Releases, Run, Tool, ToolError, failed, refuse_extra, usage};
use crate::hook::WriteRecord;
use crate::model::{StatusEntry, StatusValue};

const APPLICATION: Flag = switch(&["application"]);

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "status-set",
        purpose: "Set status information.",
        flags: &[APPLICATION],
        output: Output::None,
        releases: Releases::All,
        run: status_set,
    },
    Tool {
        name: "status-get",
        purpose: "Print status information.",
        flags: &[APPLICATION, switch(&["include-data"])],
        output: Output::Smart,
        releases: Releases::All,
        run: status_get,
    },
    Tool {
        name: "application-version-set",
        purpose: "Specify which version of the application is deployed.",
        flags: &[],
        output: Output::None,
        releases: Releases::All,
        run: application_version_set,
    },
];

fn status_set(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let Some(word) = run.parsed.word(0) else {
        return usage("invalid args, require <status> [message]");
    };
    let Ok(value) = word.parse::<StatusValue>() else {
        return usage(format!(
            "invalid status {word:?}, expected one of [maintenance blocked waiting active]"
        ));
    };
    let message = run.parsed.word(1).unwrap_or_default().to_owned();
    refuse_extra(run.parsed.words.get(2..).unwrap_or_default())?;
    let text = format!("{value}: {message}");
    let status = StatusEntry::new(value, message, run.model.clock);
    if run.parsed.is_on("application") {
        run.require_leader()?;
        let name = run.context.application().to_owned();
        if let Some(application) = run.model.applications.get_mut(&name) {
            let same = application
                .status
                .as_ref()
                .is_some_and(|now| now.value == value && now.message == status.message);
            if !same {
                application.status = Some(status);
                run.context.writes.push(WriteRecord::ApplicationStatus(text));
            }
        }
        return Ok(Print::Nothing);
    }
    if let Some(unit) = run.model.unit_mut(&run.context.unit) {
        if unit.status.value != value || unit.status.message != status.message {
            run.context.writes.push(WriteRecord::UnitStatus(text));
        }
        unit.set_status(status.clone());
    }
    run.context.status = Some(status);
    Ok(Print::Nothing)
}

fn describe(status: &StatusEntry, with_data: bool) -> Map<String, Value> {
    let mut entry = Map::new();
    entry.insert("status".to_owned(), json!(status.value.as_str()));
    if with_data {
        entry.insert("message".to_owned(), json!(status.message));
        entry.insert("status-data".to_owned(), json!({}));
    }
    entry
}

fn status_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    refuse_extra(&run.parsed.words)?;
    let with_data = run.parsed.is_on("include-data");
    let plain = !with_data && run.format == Format::Smart;
    if run.parsed.is_on("application") {
        if !run.context.is_leader(run.model) {
            return failed("finding application status: this unit is not the leader");
        }
        let Some(application) = run.model.applications.get(run.context.application()) else {
            return failed("permission denied");
        };
        let status = application.shown_status();
        if plain {
            return Ok(Print::Value(json!(status.value.as_str())));
        }
        let mut entry = describe(&status, with_data);
        let units: Map<_, _> = application
            .units
            .iter()
            .map(|(name, unit)| {
                (name.to_string(), Value::Object(describe(&unit.status, with_data)))
            })
            .collect();
        entry.insert("units".to_owned(), Value::Object(units));
        return Ok(Print::Value(json!({ "application-status": entry })));
    }
    let stored = run.model.unit(&run.context.unit).map(|unit| unit.status.clone());
    let status =
        run.context.status.get_or_insert_with(|| stored.unwrap_or_else(StatusEntry::unset)).clone();
    Ok(Print::Value(if plain {
        json!(status.value.as_str())
    } else {
        Value::Object(describe(&status, with_data))
    }))
}

fn application_version_set(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let Some(version) = run.parsed.word(0).map(ToOwned::to_owned) else {
        return usage("no version specified");
    };
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let name = run.context.application().to_owned();
    if let Some(application) = run.model.applications.get_mut(&name)
        && application.workload_version != version
    {
        application.workload_version.clone_from(&version);
        run.context.writes.push(WriteRecord::WorkloadVersion(version));
    }
    Ok(Print::Nothing)
}
