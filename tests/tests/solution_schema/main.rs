//! `docs/solution.schema.json` and `docs/worker-solution.schema.json` say what the readers of
//! `solution.yaml` accept.

mod kind;
mod validate;

use std::collections::BTreeSet;

use coordinator::solution::SolutionError;
use serde_json::{Value, json};

use kind::{Kind, kinds};
use validate::{findings, target};

/// A mapping of a full solution with fixed keys, and the schema of it.
struct Place {
    solution: Value,
    pointer: String,
    schema: Value,
}

impl Place {
    /// The keys that the reader knows here, as it names them to somebody who wrote another.
    fn known_keys(&self, kind: &Kind) -> BTreeSet<String> {
        let mut solution = self.solution.clone();
        let place = solution.pointer_mut(&self.pointer).expect("the place exists");
        *place = json!({"no_such_key": null});
        let error = kind.parse(&solution).expect_err("refused").to_string();
        let (_, names) = error.split_once("expected one of ").expect("the keys are named");
        names.split(", ").map(str::to_owned).collect()
    }
}

/// All such mappings at and below a place.
fn places(root: &Value, schema: &Value, value: &Value, pointer: &str) -> Vec<(String, Value)> {
    let schema = target(root, schema);
    let mut found = Vec::new();
    for branch in schema["anyOf"].as_array().into_iter().flatten() {
        if findings(root, branch, value, pointer).is_empty() {
            found.extend(places(root, branch, value, pointer));
        }
    }
    if schema["additionalProperties"] == json!(false) {
        found.push((pointer.to_owned(), schema.clone()));
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let own = schema["properties"].get(key);
                let below = own.unwrap_or(&schema["additionalProperties"]);
                found.extend(places(root, below, member, &format!("{pointer}/{key}")));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                found.extend(places(root, &schema["items"], item, &format!("{pointer}/{index}")));
            }
        }
        _ => {}
    }
    found
}

fn all_places(kind: &Kind) -> Vec<Place> {
    let of = |solution: &Value| {
        let found = places(&kind.schema, &kind.schema, solution, "").into_iter();
        let solution = solution.clone();
        found.map(move |(pointer, schema)| Place { solution: solution.clone(), pointer, schema })
    };
    kind.full.iter().flat_map(of).collect()
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
    for kind in kinds() {
        let places = all_places(&kind);
        for place in &places {
            let keys = place.schema["properties"].as_object().expect("keys").keys();
            let keys: BTreeSet<String> = keys.cloned().collect();
            assert_eq!(keys, place.known_keys(&kind), "at `{}`", place.pointer);
        }
        let reached: BTreeSet<String> =
            places.iter().map(|place| place.schema.to_string()).collect();
        let described = described_mappings(&kind.schema);
        assert_eq!(reached.len(), described, "the examples show every mapping");
    }
}

#[test]
fn what_the_schema_requires_the_reader_requires() {
    for kind in kinds() {
        for Place { solution, pointer, .. } in all_places(&kind) {
            let members = solution.pointer(&pointer).and_then(Value::as_object);
            for key in members.expect("a mapping").keys() {
                let mut solution = solution.clone();
                let members = solution.pointer_mut(&pointer).and_then(Value::as_object_mut);
                members.expect("a mapping").shift_remove(key);
                let findings = findings(&kind.schema, &kind.schema, &solution, "");
                let answer = kind.parse(&solution);
                let is_missed = matches!(&answer, Err(SolutionError::Malformed { .. }))
                    || answer.as_ref().is_err_and(|error| {
                        let text = error.to_string();
                        text.contains(&format!("`{key}` is missing"))
                            || text.contains(&format!("has no `{key}`"))
                    });
                let is_required = !findings.is_empty();
                assert_eq!(is_missed, is_required, "`{key}` at `{pointer}`: {answer:?}");
            }
        }
    }
}

#[test]
fn every_choice_of_the_schema_is_one_of_the_reader() {
    for kind in kinds() {
        for Place { solution, pointer, schema } in all_places(&kind) {
            for (key, property) in schema["properties"].as_object().expect("keys") {
                let choices = target(&kind.schema, property)["enum"].as_array();
                for choice in choices.into_iter().flatten() {
                    let mut solution = solution.clone();
                    solution.pointer_mut(&pointer).expect("the place exists")[key] = choice.clone();
                    if !findings(&kind.schema, &kind.schema, &solution, "").is_empty() {
                        continue;
                    }
                    let answer = kind.parse(&solution);
                    let is_refused = matches!(&answer, Err(SolutionError::Malformed { .. }));
                    assert!(!is_refused, "`{key}: {choice}` at `{pointer}`: {answer:?}");
                }
            }
        }
    }
}

#[test]
fn every_key_is_explained_to_the_editor_and_on_the_page() {
    for kind in kinds() {
        for Place { pointer, schema, .. } in all_places(&kind) {
            for (key, property) in schema["properties"].as_object().expect("keys") {
                let text = property["description"].as_str();
                let text = text.or_else(|| target(&kind.schema, property)["description"].as_str());
                assert!(text.is_some_and(|text| text.ends_with('.')), "`{key}` at `{pointer}`");
                assert!(kind.page.contains(key.as_str()), "`{key}` is not on the page");
            }
        }
    }
}

#[test]
fn shipped_and_documented_solutions_are_of_the_schema() {
    for kind in kinds() {
        for solution in kind.full.iter().chain([&kind.shipped]) {
            let found = findings(&kind.schema, &kind.schema, solution, "");
            assert_eq!(found, Vec::<String>::new());
            let answer = kind.parse(solution);
            assert!(answer.is_ok(), "{answer:?}");
        }
    }
}

#[test]
fn what_the_reader_refuses_the_schema_refuses() {
    for kind in kinds() {
        for (pointer, wrong, finding) in &kind.wrong {
            let mut solution = kind.full[0].clone();
            *solution.pointer_mut(pointer).expect("the place exists") = wrong.clone();
            assert!(kind.parse(&solution).is_err(), "{pointer}: {wrong}");
            assert_eq!(findings(&kind.schema, &kind.schema, &solution, ""), [*finding]);
        }
    }
}
