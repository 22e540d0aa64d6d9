//! `juju actions`: what a charm can be asked to do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::members::Members;
use super::{Column, table};
use crate::model::Application;

/// How much is told of each action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Its description.
    #[default]
    Description,
    /// `--schema`: the JSON Schema of its parameters.
    Schema,
}

/// The document of `juju actions --format json`: actions by name.
#[must_use]
pub fn document(application: &Application, detail: Detail) -> Value {
    let entries = sorted(application).into_iter().map(|(name, declared)| {
        let value = match detail {
            Detail::Description => json!(description(declared)),
            Detail::Schema => schema(name, declared),
        };
        (name.clone(), value)
    });
    Value::Object(entries.collect())
}

/// The table of `juju actions`; nothing when the charm has none.
#[must_use]
pub fn tabular(application: &Application) -> Option<String> {
    let rows = sorted(application).into_iter().map(|(name, declared)| {
        let line = description(declared).lines().next().unwrap_or_default().to_owned();
        vec![name.clone(), line]
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return None;
    }
    Some(table(&[Column::Left("Action"), Column::Left("Description")], &rows))
}

fn sorted(application: &Application) -> Vec<(&String, &Value)> {
    let mut actions: Vec<_> = application.charm.actions.iter().collect();
    actions.sort_by_key(|(name, _)| *name);
    actions
}

fn description(declared: &Value) -> &str {
    declared["description"].as_str().filter(|text| !text.is_empty()).unwrap_or("No description")
}

/// The schema that Juju checks parameters against, made of what the charm declares.
fn schema(name: &str, declared: &Value) -> Value {
    let properties = declared["params"].as_object().cloned().unwrap_or_default();
    let additional = declared["additionalProperties"].as_bool().unwrap_or(true);
    Members::new()
        .with("additionalProperties", additional)
        .with("description", description(declared))
        .filled("execution-group", declared["execution-group"].clone())
        .filled("parallel", declared["parallel"].clone())
        .with("properties", Value::Object(properties))
        .filled("required", declared["required"].clone())
        .with("title", name)
        .with("type", "object")
        .done()
}

/// Why parameters don't fit the schema of an action; the texts are Juju's.
///
/// Checked are what charms declare in practice: required parameters, unknown ones when they are
/// not allowed, types, and enumerations, of the parameters themselves.
#[must_use]
pub fn validate(declared: &Value, parameters: &Map<String, Value>) -> Vec<String> {
    let mut problems = Vec::new();
    // Go writes the keys of an object in order.
    let sorted: BTreeMap<_, _> = parameters.iter().collect();
    let given = json!(sorted);
    let properties = declared["params"].as_object().cloned().unwrap_or_default();
    for required in declared["required"].as_array().into_iter().flatten() {
        let Some(required) = required.as_str() else { continue };
        if !parameters.contains_key(required) {
            problems.push(format!(
                "(root) : \"{required}\" property is missing and required, given {given}"
            ));
        }
    }
    for (name, value) in parameters {
        let Some(property) = properties.get(name) else {
            if declared["additionalProperties"] == json!(false) {
                problems.push(format!(
                    "(root) : additional property \"{name}\" is not allowed, given {given}"
                ));
            }
            continue;
        };
        let kind = property["type"].as_str().unwrap_or_default();
        if !kind.is_empty() && !is_of(kind, value) {
            problems.push(format!("(root).{name} : must be of type {kind}, given {value}"));
        } else if let Some(allowed) = property["enum"].as_array()
            && !allowed.contains(value)
        {
            let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
            problems.push(format!(
                "(root).{name} : must match one of the enum values [{}], given {value}",
                allowed.join(", ")
            ));
        }
    }
    problems
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n % 1.0 == 0.0)
        }
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        // A type that JSON Schema doesn't know is Juju's to refuse, when the charm is deployed.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::samples;

    #[test]
    fn actions_are_listed_with_description_or_schema() {
        let model = samples::model();
        let web = &model.applications["web"];
        assert_eq!(document(web, Detail::Description), json!({"backup": "Save it."}));
        assert_eq!(
            document(web, Detail::Schema)["backup"],
            json!({
                "additionalProperties": true, "description": "Save it.",
                "properties": {"to": {"type": "string"}}, "required": ["to"], "title": "backup",
                "type": "object",
            })
        );
        assert_eq!(tabular(web).unwrap(), "Action  Description\nbackup  Save it.\n");
    }

    #[test]
    fn parameters_are_checked_against_the_declaration() {
        let declared = json!({
            "params": {"to": {"type": "string"}, "level": {"type": "integer", "enum": [1, 2]}},
            "required": ["to"], "additionalProperties": false,
        });
        let check = |parameters: Value| validate(&declared, parameters.as_object().unwrap());
        assert_eq!(check(json!({"to": "x", "level": 2})), Vec::<String>::new());
        assert_eq!(
            check(json!({})),
            ["(root) : \"to\" property is missing and required, given {}"]
        );
        assert_eq!(
            check(json!({"to": 1, "more": 1, "level": 3})),
            [
                "(root).to : must be of type string, given 1",
                "(root) : additional property \"more\" is not allowed, given \
                 {\"level\":3,\"more\":1,\"to\":1}",
                "(root).level : must match one of the enum values [1, 2], given 3",
            ]
        );
    }
}
