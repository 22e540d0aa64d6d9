//! `juju show-status-log`: what a unit's workload has said of itself.

use serde_json::{Value, json};

use super::{Column, table};
use crate::model::{StatusEntry, Unit};

/// How many entries Juju shows when nothing else is asked for.
pub const DEFAULT_LENGTH: usize = 20;

/// The newest entries of a unit's history, oldest first.
fn newest(unit: &Unit, length: usize) -> Vec<&StatusEntry> {
    let all: Vec<_> = unit.status_history.iter().chain([&unit.status]).collect();
    let first = all.len().saturating_sub(length);
    all[first..].to_vec()
}

/// The document of `juju show-status-log --format json`.
#[must_use]
pub fn document(unit: &Unit, length: usize) -> Value {
    let entries = newest(unit, length).into_iter().map(|entry| {
        json!({
            "status": entry.value.as_str(),
            "message": entry.message,
            "since": entry.since.rfc3339(),
            "type": "workload",
        })
    });
    entries.collect()
}

/// The table of `juju show-status-log`.
#[must_use]
pub fn tabular(unit: &Unit, length: usize) -> String {
    use Column::Left;
    let rows = newest(unit, length).into_iter().map(|entry| {
        vec![
            entry.since.since(),
            "workload".to_owned(),
            entry.value.to_string(),
            entry.message.clone(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    table(&[Left("Time"), Left("Type"), Left("Status"), Left("Message")], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::UnitName;
    use crate::shapes::samples;

    #[test]
    fn the_history_ends_with_what_is_shown_now() {
        let model = samples::model();
        let unit = model.unit(&UnitName::new("db", 0)).unwrap();
        let document = document(unit, DEFAULT_LENGTH);
        assert_eq!(document.as_array().unwrap().len(), 2);
        assert_eq!(
            document[1],
            json!({
                "status": "active", "message": "ready", "since": "2025-01-01T00:01:00Z",
                "type": "workload",
            })
        );
        assert!(tabular(unit, 1).ends_with("01 Jan 2025 00:01:00Z  workload  active  ready\n"));
    }
}
