//! The plan: all layers combined, checked as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::clock::{format_duration, parse_duration};
use super::layer::{Entries, Layer, LayerError, Section, text, texts};
use super::schema::{Entry, Kind, merge};

/// How a layer joins those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joining {
    /// Its label must be new.
    Append,
    /// It is laid over the layer of the same label, if there is one.
    Combine,
}

/// Where a label of the form `group/name` may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placing {
    /// On top only.
    Top,
    /// Into its group.
    Inner,
}

/// Why a layer could not join the plan.
#[derive(Debug, thiserror::Error)]
pub(super) enum JoinError {
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error("cannot insert sub-directory layer without 'inner' attribute set")]
    NotInner,
}

/// The layers and what they make together. Never holds a plan that can't stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    layers: Vec<Layer>,
    combined: Layer,
}

impl Plan {
    /// The plan with `layer` in it; the old one stands if this fails.
    pub(super) fn with(
        &self,
        layer: Layer,
        joining: Joining,
        placing: Placing,
    ) -> Result<Self, JoinError> {
        let mut layers = self.layers.clone();
        match layers.iter().position(|present| present.label == layer.label) {
            Some(at) if joining == Joining::Combine => {
                let label = layer.label.clone();
                layers[at] = Layer { label, ..combine(&[layers[at].clone(), layer])? };
            }
            Some(_) => {
                return Err(
                    LayerError::new(format!("layer {:?} already exists", layer.label)).into()
                );
            }
            None => {
                let group = layer.label.split_once('/').map(|(group, _)| format!("{group}/"));
                match group.and_then(|group| {
                    layers.iter().rposition(|present| present.label.starts_with(&group))
                }) {
                    Some(_) if placing == Placing::Top => return Err(JoinError::NotInner),
                    Some(last) => layers.insert(last + 1, layer),
                    None => layers.push(layer),
                }
            }
        }
        let combined = combine(&layers)?;
        validate(&combined)?;
        Ok(Self { layers, combined })
    }

    pub(super) fn services(&self) -> &Entries {
        &self.combined.services
    }

    pub(super) fn checks(&self) -> &Entries {
        &self.combined.checks
    }

    pub(super) fn log_targets(&self) -> &Entries {
        &self.combined.log_targets
    }

    /// Services with `startup: enabled`, with what they require, in an order in which they can be started.
    pub(super) fn default_services(&self) -> Vec<String> {
        let enabled =
            self.services().iter().filter(|(_, entry)| text(entry, "startup") == "enabled");
        enabled.map(|(name, _)| name.clone()).collect()
    }

    /// `names` and all that they require, as lanes: services that depend on each other share one, in starting order.
    /// All names must be in the plan.
    pub(super) fn start_lanes(&self, names: &[String]) -> Vec<Vec<String>> {
        let services = self.services();
        let reached = reach(names, |name| {
            services
                .get(name)
                .into_iter()
                .flat_map(|entry| texts(entry, "requires"))
                .map(str::to_owned)
                .collect()
        });
        // A plan is only made if its services can be ordered.
        let ordered = order(services, &reached).unwrap_or_default();
        lanes(services, ordered)
    }

    /// `names` and all that require them, as lanes in stopping order.
    pub(super) fn stop_lanes(&self, names: &[String]) -> Vec<Vec<String>> {
        let services = self.services();
        let reached = reach(names, |name| {
            let needs = |entry: &Entry| texts(entry, "requires").any(|required| required == name);
            services
                .iter()
                .filter(|(_, entry)| needs(entry))
                .map(|(dependant, _)| dependant.clone())
                .collect()
        });
        let mut ordered = order(services, &reached).unwrap_or_default();
        ordered.reverse();
        lanes(services, ordered)
    }

    /// The plan as the layers spell it: `{services, checks, log-targets}`, all three always there.
    pub(super) fn as_written(&self) -> Value {
        let section = |section: Section| {
            let entries = self.combined.section(section).iter();
            Value::Object(
                entries.map(|(name, entry)| (name.clone(), Value::Object(entry.clone()))).collect(),
            )
        };
        let sections = Section::ALL.into_iter().map(|at| (at.key().to_owned(), section(at)));
        Value::Object(sections.collect())
    }

    /// The plan as the daemon shows it: empty sections left out, durations normalised, defaults filled in where it does
    /// so.
    pub(super) fn as_shown(&self) -> Value {
        let mut shown = Map::new();
        for section in Section::ALL {
            let entries: Map<_, _> = (self.combined.section(section).iter())
                .map(|(name, entry)| (name.clone(), Value::Object(shown_entry(section, entry))))
                .collect();
            if !entries.is_empty() {
                shown.insert(section.key().to_owned(), Value::Object(entries));
            }
        }
        Value::Object(shown)
    }
}

/// Whether a service's logs go to a log target: its `services` are read from the end, the first that fits decides.
pub(super) fn forwards(target: &Entry, service: &str) -> bool {
    let rules: Vec<&str> = texts(target, "services").collect();
    rules
        .iter()
        .rev()
        .find_map(|rule| match rule.strip_prefix('-') {
            Some(name) => (name == "all" || name == service).then_some(false),
            None => (*rule == "all" || *rule == service).then_some(true),
        })
        .unwrap_or(false)
}

/// A check's duration at `key`, or the daemon's default.
pub(super) fn check_duration(check: &Entry, key: &str, default: Duration) -> Duration {
    parse_duration(text(check, key)).unwrap_or(default)
}

/// Failures in a row at which a check goes down.
pub(super) fn threshold(check: &Entry) -> u64 {
    check.get("threshold").and_then(Value::as_u64).unwrap_or(3)
}

fn shown_entry(section: Section, entry: &Entry) -> Entry {
    let mut shown = Entry::new();
    for (key, kind) in section.fields() {
        let value = match (entry.get(*key), section, *key) {
            (None, Section::Checks, "threshold") => json!(3),
            (None, Section::LogTargets, "services") => json!([]),
            (Some(_), Section::Checks, "timeout") => {
                let period = check_duration(entry, "period", Duration::from_secs(10));
                json!(format_duration(check_duration(entry, "timeout", period).min(period)))
            }
            (Some(value), _, _) => shown_value(*kind, value),
            (None, _, _) => continue,
        };
        shown.insert((*key).to_owned(), value);
    }
    shown
}

fn shown_value(kind: Kind, value: &Value) -> Value {
    match (kind, value.as_str().map(parse_duration)) {
        (Kind::Duration, Some(Ok(duration))) => json!(format_duration(duration)),
        _ => value.clone(),
    }
}

fn combine(layers: &[Layer]) -> Result<Layer, LayerError> {
    let mut combined = Layer::default();
    for layer in layers {
        for section in Section::ALL {
            let noun = section.noun();
            for (name, entry) in layer.section(section) {
                let below = combined.section_mut(section);
                let placed = match (text(entry, "override"), below.get(name)) {
                    ("replace", _) | ("merge", None) => entry.clone(),
                    ("merge", Some(lower)) => merge(section.fields(), lower, entry),
                    ("", _) => {
                        let label = &layer.label;
                        return Err(LayerError::new(format!(
                            "layer {label:?} must define \"override\" for {noun} {name:?}"
                        )));
                    }
                    _ => {
                        let label = &layer.label;
                        return Err(LayerError::new(format!(
                            "layer {label:?} has invalid \"override\" value for {noun} {name:?}"
                        )));
                    }
                };
                below.insert(name.clone(), placed);
            }
        }
    }
    Ok(combined)
}

fn validate(plan: &Layer) -> Result<(), LayerError> {
    for (name, service) in &plan.services {
        if text(service, "command").is_empty() {
            return Err(LayerError::new(format!(
                "plan must define \"command\" for service {name:?}"
            )));
        }
        validate_actions(name, service)?;
    }
    for (name, check) in &plan.checks {
        let kinds =
            ["http", "tcp", "exec"].into_iter().filter(|kind| check.contains_key(*kind)).count();
        if kinds != 1 {
            return Err(LayerError::new(format!(
                "plan must specify one of \"http\", \"tcp\", or \"exec\" for check {name:?}"
            )));
        }
        for (kind, key) in [("http", "url"), ("tcp", "port"), ("exec", "command")] {
            let group = check.get(kind).and_then(Value::as_object);
            if group.is_some_and(|group| !group.contains_key(key)) {
                return Err(LayerError::new(format!(
                    "plan must set {key:?} for {kind} check {name:?}"
                )));
            }
        }
        let context =
            check.get("exec").and_then(|exec| exec.get("service-context")).and_then(Value::as_str);
        if let Some(service) = context.filter(|service| !plan.services.contains_key(*service)) {
            return Err(LayerError::new(format!(
                "plan check {name:?} service context specifies non-existent service {service:?}"
            )));
        }
    }
    for (name, target) in &plan.log_targets {
        if text(target, "type").is_empty() {
            return Err(LayerError::new(format!(
                "plan must define \"type\" (\"loki\", \"opentelemetry\" or \"syslog\") for log target {name:?}"
            )));
        }
        let known = |rule: &str| {
            let service = rule.strip_prefix('-').unwrap_or(rule);
            service == "all" || plan.services.contains_key(service)
        };
        if let Some(rule) = texts(target, "services").find(|rule| !known(rule)) {
            let service = rule.strip_prefix('-').unwrap_or(rule);
            return Err(LayerError::new(format!(
                "log target {name:?} specifies unknown service {service:?}"
            )));
        }
        if text(target, "location").is_empty() {
            return Err(LayerError::new(format!(
                "plan must define \"location\" for log target {name:?}"
            )));
        }
    }
    for service in plan.services.values() {
        if let Some(missing) =
            texts(service, "requires").find(|name| !plan.services.contains_key(*name))
        {
            return Err(LayerError::new(format!("service {missing:?} does not exist")));
        }
    }
    let all = plan.services.keys().cloned().collect();
    order(&plan.services, &all).map(drop)
}

fn validate_actions(name: &str, service: &Entry) -> Result<(), LayerError> {
    let invalid = |key: &str, action: &str| {
        Err(LayerError::new(format!("plan service {name:?} {key} action {action:?} invalid")))
    };
    for (key, own) in [("on-success", "failure-shutdown"), ("on-failure", "success-shutdown")] {
        let action = text(service, key);
        if !["", "restart", "shutdown", "ignore", own].contains(&action) {
            return invalid(key, action);
        }
    }
    for (check, action) in
        service.get("on-check-failure").and_then(Value::as_object).into_iter().flatten()
    {
        let action = action.as_str().unwrap_or_default();
        if !["restart", "shutdown", "ignore", "success-shutdown"].contains(&action) {
            return invalid(&format!("on-check-failure for {check:?}"), action);
        }
    }
    match service.get("backoff-factor").and_then(Value::as_f64) {
        Some(factor) if factor < 1.0 => Err(LayerError::new(format!(
            "plan service {name:?} backoff-factor must be 1.0 or greater, not {factor}"
        ))),
        _ => Ok(()),
    }
}

// All names that `next` leads to from `names`, and these.
fn reach(names: &[String], next: impl Fn(&str) -> Vec<String>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut waiting = names.to_vec();
    while let Some(name) = waiting.pop() {
        if !reached.contains(&name) {
            waiting.extend(next(&name));
            reached.insert(name);
        }
    }
    reached
}

// `names` so that each comes after those it must, otherwise by name.
fn order(services: &Entries, names: &BTreeSet<String>) -> Result<Vec<String>, LayerError> {
    let mut before: BTreeMap<&str, BTreeSet<&str>> =
        names.iter().map(|name| (name.as_str(), BTreeSet::new())).collect();
    for name in names {
        let Some(entry) = services.get(name) else { continue };
        for earlier in texts(entry, "after").filter(|earlier| names.contains(*earlier)) {
            before.entry(name).or_default().insert(earlier);
        }
        for later in texts(entry, "before").filter(|later| names.contains(*later)) {
            before.entry(later).or_default().insert(name);
        }
    }
    let mut ordered = Vec::with_capacity(names.len());
    while !before.is_empty() {
        let Some(free) =
            before.iter().find(|(_, earlier)| earlier.is_empty()).map(|(name, _)| *name)
        else {
            let stuck: Vec<&str> = before.keys().copied().collect();
            return Err(LayerError::new(format!(
                "services in before/after loop: {}",
                stuck.join(", ")
            )));
        };
        before.remove(free);
        for earlier in before.values_mut() {
            earlier.remove(free);
        }
        ordered.push(free.to_owned());
    }
    Ok(ordered)
}

// Splits ordered names into groups that `requires` connects.
fn lanes(services: &Entries, ordered: Vec<String>) -> Vec<Vec<String>> {
    let mut lanes: Vec<Vec<String>> = Vec::new();
    let linked = |one: &str, other: &str| {
        let needs = |name: &str, wanted: &str| {
            services
                .get(name)
                .is_some_and(|entry| texts(entry, "requires").any(|required| required == wanted))
        };
        needs(one, other) || needs(other, one)
    };
    for name in &ordered {
        let (joined, apart): (Vec<_>, Vec<_>) =
            lanes.into_iter().partition(|lane| lane.iter().any(|member| linked(member, name)));
        let mut lane: Vec<String> = joined.into_iter().flatten().collect();
        lane.push(name.clone());
        lane.sort_by_key(|member| ordered.iter().position(|other| other == member));
        lanes = apart;
        lanes.push(lane);
    }
    lanes.sort_by_key(|lane| ordered.iter().position(|name| Some(name) == lane.first()));
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(texts: &[&str]) -> Result<Plan, String> {
        let mut plan = Plan::default();
        for (at, text) in texts.iter().enumerate() {
            let layer = Layer::parse(&format!("l{at}"), text).map_err(|error| error.to_string())?;
            plan = plan
                .with(layer, Joining::Append, Placing::Top)
                .map_err(|error| error.to_string())?;
        }
        Ok(plan)
    }

    #[test]
    fn merging_appends_lists_and_joins_maps() {
        let plan = plan(&[
            "services: {w: {override: replace, command: a, after: [x], environment: {A: 1, B: two}}}",
            "services: {w: {override: merge, summary: s, after: [x, y], environment: {B: 1.50}}}",
        ])
        .unwrap();
        assert_eq!(
            plan.as_written()["services"]["w"],
            json!({"summary": "s", "override": "replace", "command": "a", "after": ["x", "x", "y"],
                   "environment": {"A": "1", "B": "1.50"}})
        );
    }

    #[test]
    fn lanes_follow_requirements() {
        let plan = plan(&["services:\n  ok: {override: replace, command: x}\n  \
             dep: {override: replace, command: x, requires: [ok], after: [ok]}\n  \
             zed: {override: replace, command: x}"])
        .unwrap();
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            plan.start_lanes(&names(&["dep", "zed"])),
            [names(&["ok", "dep"]), names(&["zed"])]
        );
        assert_eq!(plan.stop_lanes(&names(&["ok"])), [names(&["dep", "ok"])]);
    }

    #[test]
    fn log_target_rules_are_read_from_the_end() {
        for (rules, wanted) in [
            (json!([]), false),
            (json!(["all"]), true),
            (json!(["all", "-web"]), false),
            (json!(["-all", "web"]), true),
            (json!(["web", "-all"]), false),
            (json!(["other"]), false),
        ] {
            let mut target = Entry::new();
            target.insert("services".to_owned(), rules.clone());
            assert_eq!(forwards(&target, "web"), wanted, "{rules}");
        }
    }
}
