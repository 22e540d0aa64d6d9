use serde_json::Value;

use super::Injection;
use super::group::own_matchers;
use crate::alert_rules::AlertRules;
use crate::injection::{self, Language};

/// Makes rules from a remote application's databag fit for use, as Loki and Prometheus do.
///
/// Each rule is narrowed down once more to what its own labels say, and a topology token that was left in
/// it is removed. A group without rules, or a rule without expression, is left out; it spoils nothing
/// else. The second value says what was left out.
///
/// ```
/// use relation_lib::alert_rules::AlertRules;
/// use relation_lib::injection::Language;
/// use relation_lib::rules::{Injection, received};
/// use serde_json::json;
///
/// let group = json!({"name": "g", "rules": [
///     {"record": "r", "expr": "up", "labels": {"juju_model": "prod"}},
///     {"alert": "Half"},
/// ]});
/// let rules = AlertRules::new(group.as_object().cloned().into_iter().collect());
/// let (rules, skipped) = received(&rules, Language::PromQl, Injection::On);
/// assert_eq!(rules.groups[0]["rules"][0]["expr"], r#"up{juju_model="prod"}"#);
/// assert_eq!(skipped, ["rule 1 of group `g` has no `expr`"]);
/// ```
#[must_use]
pub fn received(
    rules: &AlertRules,
    language: Language,
    injection: Injection,
) -> (AlertRules, Vec<String>) {
    let mut skipped = Vec::new();
    let mut groups = Vec::new();
    for (position, group) in rules.groups.iter().enumerate() {
        let (Some(Value::String(name)), Some(Value::Array(listed))) =
            (group.get("name"), group.get("rules"))
        else {
            skipped.push(format!("group {position} has no `name` or no `rules`"));
            continue;
        };
        let usable = listed.iter().enumerate().filter_map(|(position, rule)| {
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
    (AlertRules::new(groups), skipped)
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
        Injection::On | Injection::Off => expression,
    };
    rule.insert("expr".to_owned(), expression.into());
    Some(Value::Object(rule))
}
