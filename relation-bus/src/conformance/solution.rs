//! From the `solution` of a case to a `solution.yaml` of ours.
//!
//! The keys are the same. What the case has as a constant is a template in a real solution, so it
//! is wrapped: `{verbatim: text}` is never evaluated, whatever stands in the text.

use serde_json::{Map, Value, json};

use super::case::Role;

/// Keys whose text is a template in a real solution.
const TEMPLATES: [&str; 3] = ["workers_config", "external_url", "readiness_endpoint"];

/// Translates the `solution` of a case for the charm of a role.
///
/// What is null in the case is left out. A coordinator injects label matchers or not, as the case
/// says. A worker tries a failed restart again without a pause: a recorded case has no clock.
#[must_use]
pub fn translate(solution: &Map<String, Value>, role: Role, injection: Injection) -> Value {
    let mut out = Map::new();
    for (key, value) in solution.iter().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "coherence_override" => {
                let word = if *value == Value::Bool(true) { "always" } else { "never" };
                out.insert("coherence".to_owned(), json!(word));
            }
            "layer_error" => {
                if *value == Value::Bool(true) {
                    // No snapshot has this name, and an undefined name is an error.
                    let broken = json!({"template": "{{ a_name_that_nothing_has }}"});
                    out.insert("layer".to_owned(), broken);
                }
            }
            "layer" => {
                if solution.get("layer_error") != Some(&Value::Bool(true)) {
                    out.insert(key.clone(), verbatim(value));
                }
            }
            "worker_ports" => {
                out.insert(key.clone(), json!({"by_role_text": value}));
            }
            "remote_write_endpoints" => {
                out.insert(key.clone(), json!({"fixed": value}));
            }
            "catalogue_item" => {
                out.insert(key.clone(), catalogue_item(value));
            }
            "nginx" => {
                out.insert(key.clone(), nginx(value));
            }
            key if TEMPLATES.contains(&key) => {
                out.insert(key.to_owned(), verbatim(value));
            }
            _ => {
                out.insert(key.clone(), without_nulls(value));
            }
        }
    }
    match (role, injection) {
        (Role::Coordinator, Injection::Off) => {
            out.insert("label_matcher_injection".to_owned(), json!("off"));
        }
        (Role::Coordinator, Injection::On) => {}
        (Role::Worker, _) => {
            out.insert("restart_retry".to_owned(), json!({"pause_seconds": 0}));
        }
    }
    Value::Object(out)
}

/// Whether label matchers are injected into rule expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injection {
    /// As always.
    On,
    /// Only the topology token is replaced.
    Off,
}

fn verbatim(value: &Value) -> Value {
    json!({"verbatim": value})
}

fn catalogue_item(item: &Value) -> Value {
    let Value::Object(members) = item else { return item.clone() };
    let wrapped = members.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
        let value = match value {
            Value::Object(entries) => {
                entries.iter().map(|(name, text)| (name.clone(), verbatim(text))).collect()
            }
            value => verbatim(value),
        };
        (key.clone(), value)
    });
    Value::Object(wrapped.collect())
}

fn nginx(nginx: &Value) -> Value {
    let mut nginx = without_nulls(nginx);
    if let Some(name) = nginx.get_mut("server_name") {
        *name = verbatim(name);
    }
    nginx
}

/// The same value without members that are null, at every depth.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(solution: Value, expected: Value) {
        let Value::Object(solution) = solution else { panic!("a solution is an object") };
        assert_eq!(translate(&solution, Role::Coordinator, Injection::On), expected);
    }

    #[test]
    fn what_is_null_is_left_out() {
        check(json!({"telemetry_proxy": null, "roles": ["a"]}), json!({"roles": ["a"]}));
    }

    #[test]
    fn texts_are_never_evaluated() {
        check(
            json!({"workers_config": "a: {{ x }}", "nginx": {"server_name": "{{", "maps": []},
                   "catalogue_item": {"name": "{{", "icon": null, "api_endpoints": {"Find": "/"}}}),
            json!({"workers_config": {"verbatim": "a: {{ x }}"},
                   "nginx": {"server_name": {"verbatim": "{{"}, "maps": []},
                   "catalogue_item": {"name": {"verbatim": "{{"},
                                      "api_endpoints": {"Find": {"verbatim": "/"}}}}),
        );
    }

    #[test]
    fn a_constant_answer_becomes_a_word() {
        check(json!({"coherence_override": true}), json!({"coherence": "always"}));
        check(json!({"coherence_override": false}), json!({"coherence": "never"}));
    }

    #[test]
    fn facts_of_the_moment_are_marked_as_such() {
        check(
            json!({"worker_ports": {"a,b": [1]}, "remote_write_endpoints": [{"url": "u"}]}),
            json!({"worker_ports": {"by_role_text": {"a,b": [1]}},
                   "remote_write_endpoints": {"fixed": [{"url": "u"}]}}),
        );
    }

    #[test]
    fn a_layer_that_fails_to_build_is_a_template_that_fails() {
        check(
            json!({"layer_error": true, "layer": {"services": {}}}),
            json!({"layer": {"template": "{{ a_name_that_nothing_has }}"}}),
        );
        check(
            json!({"layer_error": false, "layer": {"services": {}}}),
            json!({"layer": {"verbatim": {"services": {}}}}),
        );
    }

    #[test]
    fn each_role_gets_what_only_it_knows() {
        let of = |role| translate(&Map::new(), role, Injection::Off);
        assert_eq!(of(Role::Coordinator), json!({"label_matcher_injection": "off"}));
        assert_eq!(of(Role::Worker), json!({"restart_retry": {"pause_seconds": 0}}));
    }
}
