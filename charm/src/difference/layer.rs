//! Whether a layer would change the plan.
//!
//! Every layer that is added makes Pebble send all buffered log lines again, so one that changes
//! nothing is not added. The plan that Pebble shows is normalised: empty members are left out,
//! durations are printed in its own way, a check's threshold is filled in. Both sides are brought
//! to one form before they are compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::layer::{Layer, Plan};

/// Where a layer would change the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerDifference {
    /// Service → its members that would differ (`command`, `environment`). A new service has all of
    /// its members here.
    pub services: BTreeMap<String, BTreeSet<String>>,
    /// Checks that would differ.
    pub checks: BTreeSet<String>,
    /// Log targets that would differ.
    pub log_targets: BTreeSet<String>,
}

impl LayerDifference {
    /// Whether the layer would change nothing.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.checks.is_empty() && self.log_targets.is_empty()
    }
}

type Entries = BTreeMap<String, Map<String, Value>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Services,
    Checks,
    LogTargets,
}

/// What adding the layer would change. What Pebble fills in or spells otherwise is no difference.
pub fn layer_difference(plan: &Plan, layer: &Layer) -> LayerDifference {
    let members = |section, plan: &Entries, (name, entry): (&String, &Map<String, Value>)| {
        let below = plan.get(name);
        let wanted = normal(section, &combined(section, below, entry));
        let found = below.map(|entry| normal(section, entry)).unwrap_or_default();
        let keys: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
        let differing: BTreeSet<String> =
            keys.into_iter().filter(|key| wanted.get(*key) != found.get(*key)).cloned().collect();
        // An entry without members is new all the same.
        (below.is_none() || !differing.is_empty()).then(|| (name.clone(), differing))
    };
    let names = |section, plan, layer: &Entries| {
        layer
            .iter()
            .filter_map(|entry| members(section, plan, entry))
            .map(|(name, _)| name)
            .collect()
    };
    let of_service = |entry| members(Section::Services, &plan.services, entry);
    LayerDifference {
        services: layer.services.iter().filter_map(of_service).collect(),
        checks: names(Section::Checks, &plan.checks, &layer.checks),
        log_targets: names(Section::LogTargets, &plan.log_targets, &layer.log_targets),
    }
}

/// The plan with the layer on top.
pub(super) fn combine(plan: &mut Plan, layer: &Layer) {
    let join = |section, plan: &mut Entries, layer: &Entries| {
        for (name, entry) in layer {
            let entry = combined(section, plan.get(name), entry);
            plan.insert(name.clone(), entry);
        }
    };
    join(Section::Services, &mut plan.services, &layer.services);
    join(Section::Checks, &mut plan.checks, &layer.checks);
    join(Section::LogTargets, &mut plan.log_targets, &layer.log_targets);
}

/// Lists that grow under `override: merge`. One that is there already with all of the new items
/// counts as merged: an earlier dispatch did it, and merging again would only repeat them.
fn appends(section: Section, key: &str) -> bool {
    match section {
        Section::Services => matches!(key, "after" | "before" | "requires"),
        Section::Checks => false,
        Section::LogTargets => key == "services",
    }
}

fn combined(
    section: Section,
    below: Option<&Map<String, Value>>,
    entry: &Map<String, Value>,
) -> Map<String, Value> {
    let merges = entry.get("override").is_some_and(|word| word == "merge");
    let Some(below) = below.filter(|_| merges) else { return entry.clone() };
    let mut merged = below.clone();
    for (key, value) in entry {
        let joined = match (merged.get(key), value) {
            (Some(Value::Array(found)), Value::Array(more)) if appends(section, key) => {
                let new = more.iter().filter(|item| !found.contains(item));
                Value::Array(found.iter().chain(new).cloned().collect())
            }
            (Some(Value::Object(found)), Value::Object(more)) => {
                let mut found = found.clone();
                found.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
                Value::Object(found)
            }
            (Some(found), value) if is_empty(value) => found.clone(),
            _ => value.clone(),
        };
        merged.insert(key.clone(), joined);
    }
    merged
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

const DURATIONS: [&str; 5] = ["period", "timeout", "backoff-delay", "backoff-limit", "kill-delay"];

/// An entry in one form: no empty members, scalars as texts, durations in nanoseconds. `override`
/// says how the entry came about, not what it is.
fn normal(section: Section, entry: &Map<String, Value>) -> Map<String, Value> {
    let mut normal = Map::new();
    for (key, value) in entry {
        if key == "override" || is_empty(value) {
            continue;
        }
        let duration = value.as_str().filter(|_| DURATIONS.contains(&key.as_str()));
        let value = match duration.and_then(nanoseconds) {
            Some(nanoseconds) => Value::from(nanoseconds),
            None => scalars_as_text(value),
        };
        normal.insert(key.clone(), value);
    }
    if section == Section::Checks {
        normal.entry("threshold").or_insert_with(|| Value::from("3"));
        let numbers =
            [&normal.get("period"), &normal.get("timeout")].map(|n| n.and_then(Value::as_u64));
        if let [period, Some(timeout)] = numbers {
            let period = period.unwrap_or(10_000_000_000);
            normal.insert("timeout".to_owned(), Value::from(timeout.min(period)));
        }
    }
    normal
}

fn scalars_as_text(value: &Value) -> Value {
    match value {
        Value::Bool(truth) => Value::from(truth.to_string()),
        Value::Number(number) => {
            let text = number.to_string();
            Value::from(text.strip_suffix(".0").unwrap_or(&text))
        }
        Value::Array(items) => Value::Array(items.iter().map(scalars_as_text).collect()),
        Value::Object(members) => Value::Object(
            members.iter().map(|(key, value)| (key.clone(), scalars_as_text(value))).collect(),
        ),
        Value::Null | Value::String(_) => value.clone(),
    }
}

/// A duration in Go's form (`1m30s`, `500ms`, `1.5h`), in nanoseconds.
fn nanoseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, f64); 7] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
    ];
    let mut rest = text;
    let mut total = 0.0;
    if rest == "0" {
        return Some(0);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let word = &rest[..rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len())];
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == word)?;
        total += number * unit;
        rest = &rest[word.len()..];
    }
    // Pebble's durations fit an i64 of nanoseconds; larger ones are refused by Pebble itself.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative")]
    (!text.is_empty()).then_some(total.round() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("not an object") };
        members
    }

    fn same(section: Section, plan: Value, layer: Value) -> bool {
        let (plan, layer) = (entry(plan), entry(layer));
        normal(section, &combined(section, Some(&plan), &layer)) == normal(section, &plan)
    }

    #[test]
    fn durations_are_read() {
        for (text, expected) in [
            ("1m0s", Some(60_000_000_000)),
            ("60s", Some(60_000_000_000)),
            ("500ms", Some(500_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            ("168h0m0s", Some(604_800_000_000_000)),
            ("0", Some(0)),
            ("5", None),
            ("", None),
            ("5x", None),
        ] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn what_pebble_fills_in_is_no_difference() {
        assert!(same(
            Section::Checks,
            json!({"override": "replace", "threshold": 3, "period": "1m0s", "timeout": "1m0s",
                   "http": {"url": "http://x"}}),
            json!({"override": "replace", "period": "60s", "timeout": "2m",
                   "http": {"url": "http://x"}, "level": ""}),
        ));
        assert!(same(
            Section::LogTargets,
            json!({"override": "merge", "type": "loki", "location": "x", "services": []}),
            json!({"override": "replace", "type": "loki", "location": "x"}),
        ));
        assert!(same(
            Section::Services,
            json!({"override": "replace", "command": "x", "environment": {"PORT": "80"}, "user-id": 1}),
            json!({"override": "replace", "command": "x", "environment": {"PORT": 80}, "user-id": "1",
                   "after": [], "summary": ""}),
        ));
    }

    #[test]
    fn what_differs_is_a_difference() {
        assert!(!same(
            Section::Services,
            json!({"override": "replace", "command": "x", "environment": {"A": "1", "B": "2"}}),
            json!({"override": "replace", "command": "x", "environment": {"A": "1"}}),
        ));
        assert!(!same(
            Section::LogTargets,
            json!({"override": "replace", "type": "loki", "location": "x", "services": ["all"]}),
            json!({"override": "replace", "type": "loki", "location": "x", "services": ["-all"]}),
        ));
    }

    #[test]
    fn members_that_differ_are_named() {
        let service = |command: &str, environment: Value| {
            let web = entry(
                json!({"override": "replace", "command": command, "environment": environment}),
            );
            BTreeMap::from([("web".to_owned(), web)])
        };
        let plan = Plan { services: service("x", json!({"A": "1"})), ..Plan::default() };
        let layer = |command, environment| Layer {
            services: service(command, environment),
            ..Layer::default()
        };
        let found = |layer: &Layer| layer_difference(&plan, layer).services.remove("web");
        let set = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
        assert_eq!(found(&layer("x", json!({"A": 1}))), None);
        assert_eq!(found(&layer("x", json!({"A": 2}))), set(&["environment"]));
        assert_eq!(found(&layer("y", json!({}))), set(&["command", "environment"]));
        let new = layer_difference(&Plan::default(), &layer("x", json!({})));
        assert_eq!(new.services["web"], BTreeSet::from(["command".to_owned()]));
    }

    #[test]
    fn a_merge_that_is_done_is_not_done_again() {
        let plan = json!({"override": "replace", "command": "x", "after": ["a", "b"],
            "environment": {"A": "1", "B": "2"}});
        let merge = json!({"override": "merge", "after": ["b"], "environment": {"A": "1"}});
        assert!(same(Section::Services, plan.clone(), merge));
        let more = json!({"override": "merge", "after": ["c"]});
        assert!(!same(Section::Services, plan, more));
    }
}
