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
