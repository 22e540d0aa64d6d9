//! Overlays: bundles that change others.

use serde_json::{Map, Value};

/// Lays one bundle over another, by Juju's rules: what an overlay says of an application comes
/// over what was said, member by member; an application without any members is removed with its
/// relations; relations are added.
pub fn overlay(bundle: &mut Value, over: Value) {
    let Value::Object(over) = over else { return };
    if !bundle.is_object() {
        *bundle = Value::Object(Map::new());
    }
    for (key, value) in over {
        match key.as_str() {
            "applications" | "services" => applications(bundle, value),
            "relations" => relations(bundle, value),
            "saas" => merge(member(bundle, "saas"), value),
            _ => *member(bundle, &key) = value,
        }
    }
}

fn member<'a>(bundle: &'a mut Value, key: &str) -> &'a mut Value {
    if bundle.as_object().is_none() {
        *bundle = Value::Object(Map::new());
    }
    &mut bundle[key]
}

fn applications(bundle: &mut Value, over: Value) {
    let Value::Object(over) = over else { return };
    for (name, application) in over {
        let is_removed = match &application {
            Value::Null => true,
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        if is_removed {
            if let Some(known) = member(bundle, "applications").as_object_mut() {
                known.remove(&name);
            }
            if let Some(known) = member(bundle, "relations").as_array_mut() {
                known.retain(|relation| !names(relation, &name));
            }
            continue;
        }
        let known = member(bundle, "applications");
        if !known.is_object() {
            *known = Value::Object(Map::new());
        }
        merge(&mut known[name.as_str()], application);
    }
}

/// Whether a relation has the application at one of its ends.
fn names(relation: &Value, application: &str) -> bool {
    match relation {
        Value::String(end) => end.split(':').next() == Some(application),
        Value::Array(ends) => ends.iter().any(|end| names(end, application)),
        _ => false,
    }
}

fn relations(bundle: &mut Value, over: Value) {
    let Value::Array(over) = over else { return };
    let known = member(bundle, "relations");
    match known.as_array_mut() {
        Some(known) => known.extend(over),
        None => *known = Value::Array(over),
    }
}

/// Lays a mapping over another one, two levels deep: options and resources are merged, too.
fn merge(known: &mut Value, over: Value) {
    match (known, over) {
        (Value::Object(known), Value::Object(over)) => {
            for (key, value) in over {
                match (known.get_mut(&key), value) {
                    (Some(Value::Object(inner)), Value::Object(value)) => inner.extend(value),
                    (_, value) => drop(known.insert(key, value)),
                }
            }
        }
        (known, over) => *known = over,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_overlay_changes_adds_and_removes() {
        let mut bundle = json!({
            "applications": {
                "web": {"charm": "web", "options": {"port": 1, "name": "x"}},
                "old": {"charm": "old"},
            },
            "relations": [["web:db", "old:sql"], ["web", "web2"]],
        });
        overlay(
            &mut bundle,
            json!({
                "applications": {
                    "web": {"scale": 2, "options": {"port": 2}}, "old": null,
                    "new": {"charm": "new"},
                },
                "relations": [["web:db", "new:sql"]],
                "saas": {"sql": {"url": "m.sql"}},
            }),
        );
        assert_eq!(
            bundle,
            json!({
                "applications": {
                    "web": {"charm": "web", "options": {"port": 2, "name": "x"}, "scale": 2},
                    "new": {"charm": "new"},
                },
                "relations": [["web", "web2"], ["web:db", "new:sql"]],
                "saas": {"sql": {"url": "m.sql"}},
            })
        );
    }

    #[test]
    fn nothing_lies_over_nothing() {
        let mut bundle = Value::Null;
        overlay(&mut bundle, json!({"relations": [["a", "b"]]}));
        assert_eq!(bundle, json!({"relations": [["a", "b"]]}));
        overlay(&mut bundle, json!("text"));
        assert_eq!(bundle, json!({"relations": [["a", "b"]]}));
    }
}
