//! `docs/solution.schema.json` says what the reader of `solution.yaml` accepts.

mod validate;

use std::collections::BTreeSet;

use coordinator::solution::{Solution, SolutionError};
use serde_json::{Map, Value, json};

use validate::{findings, target};

const SCHEMA: &str = include_str!("../../../docs/solution.schema.json");
const PAGE: &str = include_str!("../../../docs/solution.md");
const SHIPPED: &str = include_str!("../../../charmcraft/coordinator/solution.yaml");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

/// A solution with every key: all examples of the page in one.
fn full() -> Value {
    let mut all = Map::new();
    for rest in PAGE.split("```yaml\n").skip(1) {
        let yaml = rest.split("```").next().expect("a text");
        let example: Map<String, Value> = serde_yaml::from_str(yaml).expect("YAML");
        all.extend(example);
    }
    Value::Object(all)
}

fn parse(solution: &Value) -> Result<Solution, SolutionError> {
    Solution::parse("solution.yaml", &solution.to_string())
}

/// The keys that the reader knows at a place, as it names them to somebody who wrote another.
fn known_keys(pointer: &str) -> BTreeSet<String> {
    let mut solution = full();
    let place = solution.pointer_mut(pointer).expect("the place exists");
    *place = json!({"no_such_key": null});
    let error = parse(&solution).expect_err("refused").to_string();
    let (_, names) = error.split_once("expected one of ").expect("the keys are named");
    names.split(", ").map(str::to_owned).collect()
}

/// A mapping of the full solution with fixed keys, and the schema of it.
struct Place {
    pointer: String,
    schema: Value,
}

/// All such mappings at and below a place.
fn places(root: &Value, schema: &Value, value: &Value, pointer: &str, found: &mut Vec<Place>) {
    let schema = target(root, schema);
    for branch in schema["anyOf"].as_array().into_iter().flatten() {
        if findings(root, branch, value, pointer).is_empty() {
            places(root, branch, value, pointer, found);
        }
    }
    if schema["additionalProperties"] == json!(false) {
        found.push(Place { pointer: pointer.to_owned(), schema: schema.clone() });
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let own = schema["properties"].get(key);
                let below = own.unwrap_or(&schema["additionalProperties"]);
                places(root, below, member, &format!("{pointer}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(root, &schema["items"], item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn all_places() -> Vec<Place> {
    let (root, full) = (schema(), full());
    let mut found = Vec::new();
    places(&root, &root, &full, "", &mut found);
    found
}

/// How often the schema describes a mapping with fixed keys.
fn described_mappings(schema: &Value) -> usize {
    match schema {
        Value::Object(members) => {
            let own = usize::from(schema["additionalProperties"] == json!(false));
            own + members.values().map(described_mappings).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(described_mappings).sum(),
        _ => 0,
    }
}

#[test]
fn every_mapping_has_the_keys_that_the_reader_knows() {
    let places = all_places();
    for Place { pointer, schema } in &places {
        let keys: BTreeSet<String> =
            schema["properties"].as_object().expect("keys").keys().cloned().collect();
        assert_eq!(keys, known_keys(pointer), "at `{pointer}`");
    }
    let reached: BTreeSet<String> = places.iter().map(|place| place.schema.to_string()).collect();
    assert_eq!(reached.len(), described_mappings(&schema()), "the examples show every mapping");
}

#[test]
fn what_the_schema_requires_the_reader_requires() {
    for Place { pointer, schema } in all_places() {
        let mut solution = full();
        let keys: Vec<String> = solution
            .pointer(&pointer)
            .and_then(Value::as_object)
            .map(|members| members.keys().cloned().collect())
            .expect("a mapping");
        for key in keys {
            let whole = solution.clone();
            let members = solution.pointer_mut(&pointer).and_then(Value::as_object_mut);
            members.expect("a mapping").shift_remove(&key);
            let required = schema["required"].as_array().into_iter().flatten();
            let is_required = required.into_iter().any(|name| *name == json!(key))
                || schema.get("minProperties").is_some();
            let answer = parse(&solution);
            let is_missed = matches!(&answer, Err(SolutionError::Malformed { .. }))
                || answer.as_ref().is_err_and(|error| {
                    let text = error.to_string();
                    text.contains(&format!("`{key}` is missing"))
                        || text.contains(&format!("has no `{key}`"))
                });
            assert_eq!(is_missed, is_required, "`{key}` at `{pointer}`: {answer:?}");
            solution = whole;
        }
    }
}

#[test]
fn every_key_is_explained_to_the_editor_and_on_the_page() {
    let root = schema();
    for Place { pointer, schema } in all_places() {
        for (key, property) in schema["properties"].as_object().expect("keys") {
            let text = property["description"].as_str();
            let text = text.or_else(|| target(&root, property)["description"].as_str());
            assert!(text.is_some_and(|text| text.ends_with('.')), "`{key}` at `{pointer}`");
            assert!(PAGE.contains(key.as_str()), "`{key}` is not on the page");
        }
    }
}

#[test]
fn shipped_and_documented_solutions_are_of_the_schema() {
    let root = schema();
    let shipped: Value = serde_yaml::from_str(SHIPPED).expect("YAML");
    assert_eq!(findings(&root, &root, &shipped, ""), Vec::<String>::new());
    assert_eq!(findings(&root, &root, &full(), ""), Vec::<String>::new());
}

#[test]
fn what_the_reader_refuses_the_schema_refuses() {
    let root = schema();
    for (pointer, wrong, finding) in [
        ("/worker_metrics_port", json!(0), "/worker_metrics_port: below 1"),
        ("/worker_metrics_port", json!("many"), "/worker_metrics_port: not of type \"integer\""),
        ("/coherence", json!("perhaps"), "/coherence: not one of [\"roles\",\"always\",\"never\"]"),
        ("/endpoints", json!({"s3": "s3"}), "/endpoints: no `cluster`"),
        ("/worker_ports", json!({}), "/worker_ports: too few keys"),
        ("/nginx/server_name", json!({"text": "x"}), "/nginx/server_name: none of the forms"),
        (
            "/mesh_policies/0",
            json!({"type": "unit", "relation": "a", "service": "b"}),
            "/mesh_policies/0/service: not allowed",
        ),
        (
            "/mesh_policies/0",
            json!({"type": "app", "relation": "a", "ports": [1]}),
            "/mesh_policies/0/ports: not allowed",
        ),
    ] {
        let mut solution = full();
        *solution.pointer_mut(pointer).expect("the place exists") = wrong;
        assert!(parse(&solution).is_err(), "{pointer}");
        assert_eq!(findings(&root, &root, &solution, ""), [finding]);
    }
}
