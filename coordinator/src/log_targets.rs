//! Where the logs of our own containers go.

use charm::desired::Desired;
use charm::event::{Event, WorkloadEventKind};
use charm::names::ContainerName;
use charm::patterns::log_forwarding::LogForwarding;

use crate::facts::Facts;

/// Every container forwards to every log store that has an endpoint, and to no other.
///
/// Targets are looked at when log stores come, change or go, and when a container comes up. A
/// container that has targets has them looked at on every event: a store may have moved.
pub(crate) fn decide(facts: &Facts<'_>, desired: &mut Desired) {
    let Some(endpoint) = &facts.solution.endpoints.logging else {
        return;
    };
    let endpoints = facts.logs.iter().map(|(unit, url)| (unit.as_str(), url.as_str()));
    let forwarding = LogForwarding::new(facts.snapshot, endpoints);
    let of_stores =
        matches!(&facts.snapshot.event, Event::Relation(event) if event.endpoint == *endpoint);
    for (name, container) in &facts.snapshot.containers {
        let Some(state) = container.state() else { continue };
        let concerned = of_stores || comes_up(facts, name) || !state.plan.log_targets.is_empty();
        if concerned && let Some((label, layer)) = forwarding.layer(name, &state.plan) {
            desired.container(name).layers.push((label, layer));
        }
    }
}

fn comes_up(facts: &Facts<'_>, container: &ContainerName) -> bool {
    matches!(&facts.snapshot.event, Event::Workload(event)
        if event.kind == WorkloadEventKind::Ready && event.container == *container)
}

#[cfg(test)]
mod tests {
    use charm::desired::Desired;
    use charm::event::RelationEventKind;
    use charm::layer::Plan;
    use charm::snapshot::ContainerState;
    use charm::testing::RelationBuilder;
    use serde_json::{Value, json};

    use crate::fixtures::{decide, working};

    fn loki(units: &[(&str, &str)]) -> RelationBuilder {
        let relation = RelationBuilder::new("logging", 5, "attic");
        units.iter().fold(relation, |relation, (unit, endpoint)| {
            relation.remote_unit(unit, [("endpoint", *endpoint)])
        })
    }

    /// Target → what it forwards, and where to.
    fn targets(desired: &Desired, container: &str) -> Value {
        let goal = &desired.containers[&container.parse().expect("a container")];
        let layers = goal.layers.iter().flat_map(|(_, layer)| &layer.log_targets);
        layers
            .map(|(name, target)| {
                (name.clone(), json!([target["services"][0], target["location"]]))
            })
            .collect()
    }

    const READY: &str = r#"{"url": "http://attic-0/push"}"#;

    #[test]
    fn containers_forward_to_the_endpoints_that_there_are() {
        let snapshot = working()
            .relation(loki(&[("attic/0", READY), ("attic/1", "oops")]))
            .relation_event(RelationEventKind::Changed, "logging", 5)
            .build();
        let desired = decide(&snapshot);
        for container in ["nginx", "nginx-prometheus-exporter"] {
            let expected = json!({"attic/0": ["all", "http://attic-0/push"]});
            assert_eq!(targets(&desired, container), expected);
        }
        let place = "relation `logging:5`, unit `attic/1`, key `endpoint`";
        assert_eq!(desired.problems[0].place, place);
    }

    #[test]
    fn a_container_that_comes_up_forwards_at_once() {
        let snapshot = working()
            .relation(loki(&[("attic/0", READY)]))
            .pebble_ready("nginx-prometheus-exporter")
            .build();
        let desired = decide(&snapshot);
        assert_ne!(targets(&desired, "nginx-prometheus-exporter"), json!({}));
    }

    #[test]
    fn when_the_last_log_store_goes_targets_are_switched_off() {
        let target = json!({
            "override": "replace", "type": "loki", "services": ["all"],
            "location": "http://attic-0/push",
        });
        let target = target.as_object().cloned().expect("an object");
        let plan = Plan { log_targets: [("attic/0".to_owned(), target)].into(), ..Plan::default() };
        let state = ContainerState { plan, ..ContainerState::default() };
        let snapshot = working().container("nginx", state).build();
        assert_eq!(targets(&decide(&snapshot), "nginx"), json!({"attic/0": ["-all", "(removed)"]}));
    }
}
