//! `docs/solution.md` documents every option, with examples that hold.

use std::collections::BTreeSet;

use coordinator::solution::Solution;
use serde_json::{Map, Value, json};

const PAGE: &str = include_str!("../../docs/solution.md");

fn base() -> Map<String, Value> {
    let base = json!({
        "roles": ["read", "write", "backend", "all"],
        "minimal_deployment": ["read"],
        "endpoints": {"cluster": "tally-cluster"},
        "peer_endpoint": "peers",
        "worker_metrics_port": 9400,
        "workers_config": "",
        "nginx": {"server_name": "tally", "servers": [{"port": 8080}]},
    });
    base.as_object().cloned().expect("an object")
}

fn examples() -> Vec<Map<String, Value>> {
    PAGE.split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a text"))
        .map(|yaml| serde_yaml::from_str(yaml).expect("the example is YAML"))
        .collect()
}

/// The keys that the schema knows, as it names them to somebody who wrote another.
fn known_keys() -> BTreeSet<String> {
    let mut solution = base();
    solution.insert("no_such_key".to_owned(), Value::Null);
    let text = Value::Object(solution).to_string();
    let error = Solution::parse("solution.yaml", &text).expect_err("refused").to_string();
    let (_, names) = error.split_once("expected one of ").expect("the keys are named");
    names.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_example_holds() {
    for example in examples() {
        let mut solution = base();
        solution.extend(example.clone());
        let text = Value::Object(solution).to_string();
        let read = Solution::parse("solution.yaml", &text);
        assert!(read.is_ok(), "{example:?}: {read:?}");
    }
}

#[test]
fn every_key_has_an_example() {
    let shown: BTreeSet<String> = examples()
        .into_iter()
        .flat_map(|example| example.into_iter().map(|(key, _)| key))
        .collect();
    let known = known_keys();
    assert!(known.contains("telemetry_proxy"), "the schema names its keys: {known:?}");
    assert_eq!(known.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new());
}
