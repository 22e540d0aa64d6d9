//! Rule sets that we produce, judged by Prometheus itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use relation_lib::injection::Language;
use relation_lib::rules::{
    CharmKind, Consolidation, Files, Folders, Injection, RuleReader, RuleSet,
};
use relation_lib::topology::JujuTopology;
use relation_lib::yaml;
use serde_json::{Value, json};

fn topology(application: &str) -> JujuTopology {
    let uuid = "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse().unwrap();
    JujuTopology::new("stage", uuid, application.parse().unwrap()).with_charm_name("loom-k8s")
}

fn passes(rules: &Value) {
    let mut child = Command::new("promtool")
        .args(["check", "rules", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    child.stdin.take().unwrap().write_all(yaml::dump_sorted(rules).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", yaml::dump_sorted(rules));
}

fn check(set: &RuleSet) {
    assert_eq!(set.problems, []);
    passes(&json!(set.rules));
}

#[test]
#[ignore = "needs promtool"]
fn built_in_rules_pass() {
    let loom = topology("loom");
    for injection in [Injection::On, Injection::Off] {
        let reader =
            RuleReader::new(Language::PromQl).with_topology(&loom).with_injection(injection);
        check(&reader.host_health());
        let units = ["loom/0", "loom/10", "loom/2"].map(|unit| unit.parse().unwrap());
        check(&reader.aggregator_host_health(&units, CharmKind::Principal));
    }
}

#[test]
#[ignore = "needs promtool"]
fn consolidated_rules_pass() {
    let text = "groups:\n- name: queue\n  interval: 1m\n  rules:\n  - alert: Stuck\n    expr: |\n      \
        sum by (job) (rate(stuck{%%juju_topology%%, a=~\"b|c.*\"}[60m])) / on (job) group_left total > 0.5\n    for: 5m\n    \
        labels:\n      severity: critical\n    annotations:\n      summary: \"{{ $labels.juju_unit }} is stuck: really\"\n  \
        - record: a:b:rate5m\n    expr: rate(a{b='c'}[300s] offset 1d) or vector(010)\n";
    let paths = ["workers/q.yaml", "workers/deep/q.rules", "nginx/n.yml"];
    let files: Files = paths
        .map(|path| (format!("src/prometheus_alert_rules/{path}"), text.to_owned()))
        .into_iter()
        .collect();
    let (coordinator, workers) =
        (topology("loom"), [topology("loom-read"), topology("loom-write")]);
    for injection in [Injection::On, Injection::Off] {
        let consolidation = Consolidation {
            files: &files,
            coordinator: &coordinator,
            workers: &workers,
            injection,
        };
        check(&consolidation.metrics(&Folders::metrics()));
    }
}

#[test]
#[ignore = "needs promtool"]
fn recorded_expressions_pass_once_narrowed_down() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/injection/promql.json");
    let entries: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let played = relation_lib::injection::play(Language::PromQl, &entries).unwrap();
    let rules: Vec<Value> = entries
        .as_array()
        .unwrap()
        .iter()
        .zip(played.as_array().unwrap())
        .enumerate()
        .filter_map(|(position, (entry, outcome))| {
            let name = entry["name"].as_str().unwrap();
            // An older promtool knows neither names outside of ASCII nor what is experimental. The rest is no
            // series, so it cannot be recorded.
            let newer = ["utf8", "experimental", "range-top", "scalar-string", "histogram"];
            let plain = !newer.iter().any(|topic| name.starts_with(topic))
                && name != "fn-histogram-fraction";
            let expression = outcome.get("output").filter(|_| plain)?;
            // Durations as numbers came with Prometheus 3.
            let duration = ["num-as-duration", "num-negative-duration"].contains(&name);
            (!duration).then(|| json!({ "record": format!("r{position}"), "expr": expression }))
        })
        .collect();
    assert!(rules.len() > 200);
    passes(&json!({"groups": [{"name": "all", "rules": rules}]}));
}
