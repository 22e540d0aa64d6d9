//! The two kinds of `solution.yaml`, with solutions that have every key.

use coordinator::solution::SolutionError;
use serde_json::{Map, Value, json};

/// All of the worker's keys that its page and the shipped solution don't show.
const WORKER_MORE: &str = "
resources:
  container: tally
  requests: {cpu: 50m, memory: 100Mi}
  limit_options: {cpu_limit: cpu, memory_limit: memory}
restart_retry: {attempts: 2, pause_seconds: 1, longest_pause_seconds: 30}
";

/// What a worker says in another way than its page and the shipped solution.
const WORKER_OTHERWISE: &str = "
layer:
  verbatim:
    summary: tally
    description: a layer that is never evaluated
    services: {tally: {override: replace, command: /bin/tally, startup: enabled}}
    checks: {alive: {override: replace, tcp: {port: 9400}}}
    log-targets: {loki: {override: replace, type: loki, location: 'http://loki:3100'}}
readiness_endpoint: {verbatim: 'http://localhost:9400/ready'}
version_probe: []
restart:
  on:
    configuration: reload
    layer: none
    environment: restart
    checks: none
    certificate: none
    trust_store: restart
  paths: {overrides: restart}
  reload: {signal: SIGHUP}
  rolling: true
";

/// A kind of `solution.yaml`: what is said about it, and who reads it.
pub(crate) struct Kind {
    pub(crate) schema: Value,
    /// The page that explains every key.
    pub(crate) page: &'static str,
    /// The solution of the charm folder.
    pub(crate) shipped: Value,
    /// Solutions that have every key, in all forms with keys of their own.
    pub(crate) full: Vec<Value>,
    read: fn(&str) -> Result<(), SolutionError>,
    /// Something wrong at a place of the first full solution, and what the schema says of it.
    pub(crate) wrong: Vec<(&'static str, Value, &'static str)>,
}

impl Kind {
    pub(crate) fn parse(&self, solution: &Value) -> Result<(), SolutionError> {
        (self.read)(&solution.to_string())
    }
}

pub(crate) fn kinds() -> [Kind; 2] {
    [coordinator(), worker()]
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).expect("YAML")
}

/// The keys of several texts in one mapping; later ones count.
fn merged<'a>(texts: impl IntoIterator<Item = &'a str>) -> Value {
    let mut all = Map::new();
    for text in texts {
        let keys: Map<String, Value> = serde_yaml::from_str(text).expect("YAML");
        all.extend(keys);
    }
    Value::Object(all)
}

/// The examples of a page.
fn examples(page: &str) -> impl Iterator<Item = &str> {
    page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().expect("a text"))
}

fn coordinator() -> Kind {
    let page = include_str!("../../../docs/solution.md");
    Kind {
        schema: serde_json::from_str(include_str!("../../../docs/solution.schema.json"))
            .expect("the schema is JSON"),
        page,
        shipped: yaml(include_str!("../../../charmcraft/coordinator/solution.yaml")),
        full: vec![merged(examples(page))],
        read: |text| coordinator::solution::Solution::parse("solution.yaml", text).map(drop),
        wrong: vec![
            ("/worker_metrics_port", json!(0), "/worker_metrics_port: below 1"),
            (
                "/worker_metrics_port",
                json!("many"),
                "/worker_metrics_port: not of type \"integer\"",
            ),
            (
                "/coherence",
                json!("perhaps"),
                "/coherence: not one of [\"roles\",\"always\",\"never\"]",
            ),
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
        ],
    }
}

fn worker() -> Kind {
    let page = include_str!("../../../charmcraft/worker/README.md");
    let shipped = include_str!("../../../charmcraft/worker/solution.yaml");
    let shown = || [shipped, WORKER_MORE].into_iter().chain(examples(page));
    Kind {
        schema: serde_json::from_str(include_str!("../../../docs/worker-solution.schema.json"))
            .expect("the schema is JSON"),
        page,
        shipped: yaml(shipped),
        full: vec![merged(shown()), merged(shown().chain([WORKER_OTHERWISE]))],
        read: |text| worker::solution::Solution::parse("solution.yaml", text).map(drop),
        wrong: vec![
            ("/container", json!(null), "/container: not of type \"string\""),
            ("/layer", json!({}), "/layer: too few keys"),
            ("/layer", json!({"template": "", "verbatim": {}}), "/layer: too many keys"),
            (
                "/layer",
                json!({"verbatim": {"services": {"tally": "tally"}}}),
                "/layer/verbatim/services/tally: not of type \"object\"",
            ),
            ("/readiness_endpoint", json!({"text": "x"}), "/readiness_endpoint: none of the forms"),
            ("/resources", json!({"requests": {}}), "/resources: no `container`"),
            ("/legacy_ports/0", json!(0), "/legacy_ports/0: below 1"),
            ("/legacy_ports/0", json!(65536), "/legacy_ports/0: above 65535"),
            (
                "/restart/on",
                json!({"layer": "reload"}),
                "/restart/on/layer: not one of [\"none\",\"restart\"]",
            ),
            (
                "/restart/paths/overrides",
                json!("never"),
                "/restart/paths/overrides: not one of [\"none\",\"reload\",\"restart\"]",
            ),
            ("/restart", json!({"on": {"trust_store": "reload"}}), "/restart: no `reload`"),
            ("/restart", json!({"paths": {"overrides": "reload"}}), "/restart: no `reload`"),
            (
                "/restart",
                json!({"rolling": "maybe"}),
                "/restart/rolling: not one of [\"off\",\"on\",false,true]",
            ),
            (
                "/restart/reload",
                json!({"post": "x", "signal": "SIGHUP"}),
                "/restart/reload: too many keys",
            ),
            ("/restart/reload", json!({"command": []}), "/restart/reload/command: too few items"),
            ("/restart_retry/attempts", json!(0), "/restart_retry/attempts: below 1"),
            ("/restart_retry/pause_seconds", json!(-1), "/restart_retry/pause_seconds: below 0"),
        ],
    }
}
