use serde_json::{Map, Value};

use super::Injection;
use super::group::own_matchers;
use crate::injection::{self, Language};

/// The rules of one remote application, as its receiver uses them.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedRules {
    /// Under which name the receiver files them; `None` if nothing in them says whose they are.
    pub identifier: Option<String>,
    /// The groups, each an object with at least `name` and `rules`.
    pub groups: Vec<Map<String, Value>>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

/// Takes the value of `alert_rules` from a remote application's databag, as Loki and Prometheus do.
///
/// Rules are narrowed down once more to what their own labels say, a topology token that was left in them
/// is removed, and the whole gets the identifier of the first labelled rule, else of `metadata` (the value
/// of `metadata` or `scrape_metadata`), else the name of the first group. A rule or group that is none is
/// left out; it spoils nothing else.
#[must_use]
pub fn received(
    value: &Value,
    metadata: Option<&Value>,
    language: Language,
    injection: Injection,
) -> ReceivedRules {
    let mut skipped = Vec::new();
    let mut groups = Vec::new();
    let listed = match value.get("groups") {
        Some(Value::Array(listed)) => listed.as_slice(),
        Some(_) => {
            skipped.push("`groups` is not a list".to_owned());
            &[]
        }
        None => &[],
    };
    for (position, group) in listed.iter().enumerate() {
        match (group, group.get("name"), group.get("rules")) {
            (Value::Object(group), Some(Value::String(name)), Some(Value::Array(rules))) => {
                let usable = rules.iter().enumerate().filter_map(|(position, rule)| {
                    let rule = usable_rule(rule, language, injection);
                    if rule.is_none() {
                        skipped.push(format!("rule {position} of group `{name}` has no `expr`"));
                    }
                    rule
                });
                let usable: Vec<Value> = usable.collect();
                let mut group = group.clone();
                group.insert("rules".to_owned(), usable.into());
                groups.push(group);
            }
            _ => skipped.push(format!("group {position} has no `name` or no `rules`")),
        }
    }
    ReceivedRules { identifier: identifier(&groups, metadata), groups, skipped }
}

fn usable_rule(rule: &Value, language: Language, injection: Injection) -> Option<Value> {
    let mut rule = rule.as_object()?.clone();
    let expression = injection::fill_token(language, rule.get("expr")?.as_str()?);
    let matchers =
        rule.get("labels").and_then(Value::as_object).map(own_matchers).unwrap_or_default();
    let expression = match injection {
        Injection::On if !matchers.is_empty() => {
            injection::inject(language, &expression, &matchers).unwrap_or(expression)
        }
        _ => expression,
    };
    rule.insert("expr".to_owned(), expression.into());
    Some(Value::Object(rule))
}

fn identifier(groups: &[Map<String, Value>], metadata: Option<&Value>) -> Option<String> {
    let rules = groups.iter().filter_map(|group| group.get("rules")?.as_array()).flatten();
    let from_labels = rules.filter_map(|rule| {
        joined(rule.get("labels")?, ["juju_model", "juju_model_uuid", "juju_application"])
    });
    from_labels
        .into_iter()
        .next()
        .or_else(|| joined(metadata?, ["model", "model_uuid", "application"]))
        .or_else(|| groups.first()?.get("name")?.as_str().map(str::to_owned))
}

fn joined(owner: &Value, [model, uuid, application]: [&str; 3]) -> Option<String> {
    let text = |key: &str| owner.get(key)?.as_str();
    let (model, uuid, application) = (text(model)?, text(uuid)?, text(application)?);
    let short: String = uuid.chars().take(8).collect();
    Some(format!("{model}_{short}_{application}").replace('/', "_"))
}
