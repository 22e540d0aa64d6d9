//! Pebble log targets: the output of a container's services goes to every Loki endpoint.
//!
//! A target that is no longer wanted stays in the plan, switched off: Pebble can't remove one.
//! Pebble also keeps sending to the place that a target's name *first* pointed to, whatever the
//! plan says later. So a unit whose URL changes gets a target of another name.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::layer::{Layer, Plan};
use crate::names::ContainerName;
use crate::snapshot::Snapshot;

/// Where logs go and what is known about their sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogForwarding {
    /// Loki unit → push URL, in the order in which they were told.
    pub endpoints: Vec<(String, String)>,
    /// Labels of every log line.
    pub labels: Map<String, Value>,
}

impl LogForwarding {
    /// Forwarding to these endpoints, labelled with this unit's topology.
    pub fn new(
        snapshot: &Snapshot,
        endpoints: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let identity = &snapshot.identity;
        let model_uuid = identity.model_uuid.as_str();
        let model_and_application = format!(
            "juju_{}_{}_{}",
            identity.model,
            model_uuid.get(..8).unwrap_or(model_uuid),
            identity.application
        );
        let labels = [
            ("product", "Juju"),
            ("charm", &snapshot.metadata.name),
            ("juju_model", identity.model.as_str()),
            ("juju_model_uuid", model_uuid),
            ("juju_application", identity.application.as_str()),
            ("juju_unit", identity.unit.as_str()),
            ("job", &model_and_application),
        ]
        .map(|(label, value)| (label.to_owned(), Value::from(value)));
        let endpoints =
            endpoints.into_iter().map(|(unit, url)| (unit.into(), url.into())).collect();
        Self { endpoints, labels: labels.into_iter().collect() }
    }

    /// The layer for a container with this plan, and its label. `None`: there is nothing to say.
    ///
    /// Adding it twice changes nothing the second time.
    pub fn layer(&self, container: &ContainerName, plan: &Plan) -> Option<(String, Layer)> {
        let mut layer = Layer::default();
        for (unit, url) in &self.endpoints {
            layer.log_targets.insert(target_name(plan, unit, url), self.enabled(url));
        }
        let kept: BTreeSet<String> = layer.log_targets.keys().cloned().collect();
        for (name, target) in &plan.log_targets {
            if !kept.contains(name) && is_loki(target) && is_enabled(target) {
                layer.log_targets.insert(name.clone(), disabled());
            }
        }
        let label = format!("{container}-log-forwarding");
        (!layer.log_targets.is_empty()).then_some((label, layer))
    }

    fn enabled(&self, url: &str) -> Map<String, Value> {
        let mut enabled = target("all", url);
        enabled.insert("labels".to_owned(), Value::Object(self.labels.clone()));
        enabled
    }
}

/// The unit's name while it can only point to this URL; else with a hash of the URL.
fn target_name(plan: &Plan, unit: &str, url: &str) -> String {
    match plan.log_targets.get(unit) {
        Some(target) if target.get("location").and_then(Value::as_str) != Some(url) => {
            let digest = Sha256::digest(url.as_bytes());
            let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            format!("{unit}-{hash}")
        }
        _ => unit.to_owned(),
    }
}

fn disabled() -> Map<String, Value> {
    target("-all", "(removed)")
}

fn target(services: &str, location: &str) -> Map<String, Value> {
    [
        ("override", json!("replace")),
        ("services", json!([services])),
        ("type", json!("loki")),
        ("location", json!(location)),
    ]
    .map(|(member, value)| (member.to_owned(), value))
    .into_iter()
    .collect()
}

/// Targets of another type were never ours.
fn is_loki(target: &Map<String, Value>) -> bool {
    target.get("type").and_then(Value::as_str) == Some("loki")
}

/// Whether any service's output goes to the target.
fn is_enabled(target: &Map<String, Value>) -> bool {
    let services = target.get("services").and_then(Value::as_array);
    let last = services.and_then(|services| services.last()).and_then(Value::as_str);
    last.is_some_and(|service| service != "-all")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patterns::blank_snapshot;

    const A: &str = "http://a/push";
    const B: &str = "http://b/push";

    fn forwarding(endpoints: &[(&str, &str)]) -> LogForwarding {
        let snapshot = blank_snapshot("app/0", |_| ());
        LogForwarding::new(&snapshot, endpoints.iter().copied())
    }

    fn layer(plan: &Plan, endpoints: &[(&str, &str)]) -> Option<Layer> {
        let container = "web".parse().expect("valid");
        forwarding(endpoints).layer(&container, plan).map(|(label, layer)| {
            assert_eq!(label, "web-log-forwarding");
            layer
        })
    }

    /// The plan after these endpoints were told one after the other.
    fn plan_after(told: &[&[(&str, &str)]]) -> Plan {
        let mut plan = Plan::default();
        for endpoints in told {
            plan.log_targets.extend(layer(&plan, endpoints).unwrap_or_default().log_targets);
        }
        plan
    }

    fn targets(plan: &Plan) -> Vec<(&str, &str, bool)> {
        let location = |target: &'_ Map<String, Value>| -> String {
            target["location"].as_str().unwrap_or_default().to_owned()
        };
        plan.log_targets
            .iter()
            .map(|(name, target)| {
                let place: &'static str = match location(target).as_str() {
                    A => A,
                    B => B,
                    "(removed)" => "(removed)",
                    other => unreachable!("{other}"),
                };
                (name.as_str(), place, is_enabled(target))
            })
            .collect()
    }

    #[test]
    fn a_target_carries_the_topology() {
        let plan = plan_after(&[&[("loki/0", A)]]);
        assert_eq!(
            Value::Object(plan.log_targets["loki/0"].clone()),
            json!({
                "override": "replace", "services": ["all"], "type": "loki", "location": A,
                "labels": {
                    "product": "Juju", "charm": "test-charm-k8s", "juju_model": "stage",
                    "juju_model_uuid": "00000000-0000-4000-8000-000000000000",
                    "juju_application": "app", "juju_unit": "app/0", "job": "juju_stage_00000000_app",
                },
            })
        );
    }

    #[test]
    fn without_endpoints_there_is_no_layer() {
        assert_eq!(layer(&Plan::default(), &[]), None);
        assert_eq!(layer(&plan_after(&[&[("loki/0", A)], &[]]), &[]), None);
    }

    #[test]
    fn an_endpoint_that_goes_is_switched_off() {
        let plan = plan_after(&[&[("loki/0", A), ("loki/1", B)], &[("loki/1", B)]]);
        assert_eq!(targets(&plan), [("loki/0", "(removed)", false), ("loki/1", B, true)]);
    }

    #[test]
    fn an_endpoint_that_moves_gets_a_new_name() {
        let plan = plan_after(&[&[("loki/0", A)], &[("loki/0", B)]]);
        assert_eq!(targets(&plan), [("loki/0", "(removed)", false), ("loki/0-ec28c313", B, true)]);
        // Told once more, nothing moves.
        assert_eq!(plan_after(&[&[("loki/0", A)], &[("loki/0", B)], &[("loki/0", B)]]), plan);
    }

    #[test]
    fn targets_of_another_type_are_left_alone() {
        let mut plan = plan_after(&[&[("loki/0", A)]]);
        plan.log_targets.get_mut("loki/0").expect("there").insert("type".into(), "syslog".into());
        assert_eq!(layer(&plan, &[]), None);
    }
}
