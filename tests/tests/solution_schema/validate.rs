//! As much of JSON Schema as the schemas of `solution.yaml` use.

use serde_json::{Value, json};

/// The schema that a schema refers to, or itself.
pub(crate) fn target<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a place in the same file");
            root.pointer(pointer).expect("the definition exists")
        }
        None => schema,
    }
}

/// What is wrong with a value, each with its place; empty: nothing.
pub(crate) fn findings(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let schema = target(root, schema);
    if *schema == json!(false) {
        return vec![format!("{place}: not allowed")];
    }
    let mut found = Vec::new();
    let mut add = |what: String| found.push(format!("{place}: {what}"));
    if let Some(types) = schema.get("type")
        && !is_of(types, value)
    {
        add(format!("not of type {types}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        add(format!("not one of {}", schema["enum"]));
    }
    let number = value.as_i64().unwrap_or(1);
    if schema["minimum"].as_i64().is_some_and(|least| number < least) {
        add(format!("below {}", schema["minimum"]));
    }
    if schema["maximum"].as_i64().is_some_and(|most| number > most) {
        add(format!("above {}", schema["maximum"]));
    }
    if let Some(forms) = schema["anyOf"].as_array()
        && !forms.iter().any(|form| findings(root, form, value, place).is_empty())
    {
        add("none of the forms".to_owned());
    }
    if let Some(condition) = schema.get("if") {
        let holds = findings(root, condition, value, place).is_empty();
        let then = &schema[if holds { "then" } else { "else" }];
        found.extend(findings(root, then, value, place));
    }
    found.extend(below(root, schema, value, place));
    found
}

fn below(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    match value {
        Value::Object(members) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                let name = name.as_str().expect("a name");
                if !members.contains_key(name) {
                    found.push(format!("{place}: no `{name}`"));
                }
            }
            let least = schema["minProperties"].as_u64().unwrap_or(0);
            if (members.len() as u64) < least {
                found.push(format!("{place}: too few keys"));
            }
            if schema["maxProperties"].as_u64().is_some_and(|most| members.len() as u64 > most) {
                found.push(format!("{place}: too many keys"));
            }
            for (key, member) in members {
                let own = schema["properties"].get(key);
                let rule = own.unwrap_or(&schema["additionalProperties"]);
                found.extend(findings(root, rule, member, &format!("{place}/{key}")));
            }
        }
        Value::Array(items) => {
            let least = schema["minItems"].as_u64().unwrap_or(0);
            if (items.len() as u64) < least {
                found.push(format!("{place}: too few items"));
            }
            for (index, item) in items.iter().enumerate() {
                found.extend(findings(root, &schema["items"], item, &format!("{place}/{index}")));
            }
        }
        _ => {}
    }
    found
}

fn is_of(types: &Value, value: &Value) -> bool {
    let names = types.as_array().map_or(std::slice::from_ref(types), Vec::as_slice);
    names.iter().filter_map(Value::as_str).any(|name| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    })
}
