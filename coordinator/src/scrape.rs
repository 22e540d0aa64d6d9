//! Metrics: what scrapers are told.

use charm::desired::Desired;
use charm::event::{Event, Lifecycle, RelationEventKind, WorkloadEventKind};
use relation_lib::peers::PeerUnitData;
use relation_lib::prometheus_scrape::{
    ScrapeJob, ScrapeProviderAppData, ScrapeProviderUnitData, WorkerTarget,
};

use crate::coherence::Deployment;
use crate::facts::Facts;
use crate::rules;

/// Tells scrapers where this unit is, and, by the leader, what to scrape and the rules on it.
pub(crate) fn publish(facts: &Facts<'_>, deployment: Deployment, desired: &mut Desired) {
    let Some(endpoint) = &facts.solution.endpoints.metrics else {
        return;
    };
    let what = match deployment {
        Deployment::Working => What::All,
        Deployment::Blocked => match of_event(facts) {
            Some(what) => what,
            None => return,
        },
    };
    let mut relations = facts.snapshot.relations_of(endpoint).peekable();
    if relations.peek().is_none() {
        return;
    }
    let proof = facts.snapshot.leadership.proof().filter(|_| what == What::All);
    let app_data = proof.map(|proof| {
        let rules = rules::metrics(facts, deployment, desired);
        (proof, ScrapeProviderAppData::new(facts.topology(), jobs(facts), rules).encode())
    });
    for relation in relations {
        desired.unit_databag(relation.id, unit_data(facts).encode());
        let Some((proof, patch)) = &app_data else { continue };
        let mut patch = patch.clone();
        // Rules are not worked out while the deployment is blocked: what was published stays.
        let published = relation.local_app.as_ref().is_some_and(|bag| bag.contains_key(RULES));
        if deployment == Deployment::Blocked && published {
            patch.remove(RULES);
        }
        desired.app_databag(proof, relation.id, patch);
    }
}

const RULES: &str = "alert_rules";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    All,
    UnitData,
}

/// What is refreshed while the deployment is blocked, as the Python library does it: scrapers hear
/// from us when they join and once per period.
fn of_event(facts: &Facts<'_>) -> Option<What> {
    let metadata = &facts.snapshot.metadata;
    match &facts.snapshot.event {
        Event::Lifecycle(Lifecycle::UpdateStatus) if metadata.containers.len() != 1 => {
            Some(What::All)
        }
        Event::Lifecycle(Lifecycle::UpdateStatus) => Some(What::UnitData),
        Event::Workload(event)
            if event.kind == WorkloadEventKind::Ready && metadata.containers.len() == 1 =>
        {
            Some(What::All)
        }
        Event::Relation(event)
            if Some(&event.endpoint) == facts.solution.endpoints.metrics.as_ref() =>
        {
            match event.kind {
                RelationEventKind::Joined => Some(What::All),
                RelationEventKind::Changed => Some(What::UnitData),
                _ => None,
            }
        }
        _ => None,
    }
}

fn unit_data(facts: &Facts<'_>) -> ScrapeProviderUnitData {
    let unit = facts.snapshot.identity.unit.as_str();
    if let Some(url) = &facts.external_url {
        return ScrapeProviderUnitData::from_external_url(unit, url);
    }
    let endpoint = facts.solution.endpoints.metrics.as_ref();
    let address = endpoint.and_then(|endpoint| facts.snapshot.networks.get(endpoint));
    let address = address.map(ToString::to_string).unwrap_or_default();
    ScrapeProviderUnitData::from_bind_address(unit, &address, &facts.snapshot.host.fqdn)
}

/// Workers first, by relation id; then the coordinator's other units; this one last.
fn jobs(facts: &Facts<'_>) -> Vec<ScrapeJob> {
    let identity = &facts.snapshot.identity;
    let scheme = facts.scheme();
    let port = facts.solution.worker_metrics_port.get();
    let mut jobs: Vec<ScrapeJob> = facts
        .cluster
        .workers()
        .map(|worker| {
            let target = WorkerTarget {
                model: identity.model.as_str(),
                model_uuid: identity.model_uuid.as_str(),
                worker: &worker.topology,
            };
            match facts.proxy() {
                Some(proxy) => target.proxied(&facts.app_host, proxy.port.get(), scheme),
                None => target.direct(&worker.address.with_brackets(), port, scheme),
            }
        })
        .collect();
    for (unit, hostname) in peer_hostnames(facts) {
        jobs.push(ScrapeJob::of_coordinator_unit(&unit, &hostname, scheme));
    }
    let own = facts.snapshot.host.fqdn.as_str();
    jobs.push(ScrapeJob::of_coordinator_unit(identity.unit.as_str(), own, scheme));
    jobs
}

/// The other coordinator units that have said under which name they are reached.
pub(crate) fn peer_hostnames(facts: &Facts<'_>) -> Vec<(String, String)> {
    facts
        .snapshot
        .relations_of(&facts.solution.peer_endpoint)
        .flat_map(|relation| &relation.remote_units)
        .filter_map(|(unit, bag)| {
            let hostname = PeerUnitData::decode(bag).value.hostname?;
            Some((unit.to_string(), hostname))
        })
        .collect()
}

/// Tells peers under which name this unit is reached.
pub(crate) fn publish_hostname(facts: &Facts<'_>, desired: &mut Desired) {
    let data = PeerUnitData { hostname: Some(facts.snapshot.host.fqdn.clone()) };
    for relation in facts.snapshot.relations_of(&facts.solution.peer_endpoint) {
        desired.unit_databag(relation.id, data.encode());
    }
}

#[cfg(test)]
mod tests {
    use charm::event::RelationEventKind;
    use charm::names::RelationId;
    use charm::testing::RelationBuilder;
    use serde_json::json;

    use crate::fixtures::{alone, app_value, decide, solution, working};
    use crate::reconcile::reconcile;

    fn scraper() -> RelationBuilder {
        RelationBuilder::new("metrics", 4, "press").remote_unit("press/0", [])
    }

    #[test]
    fn workers_come_first_and_this_unit_last() {
        let peers = RelationBuilder::new("peers", 9, "tally")
            .remote_unit("tally/2", [("hostname", "tally-2")])
            .remote_unit("tally/1", [("hostname", "tally-1")])
            .remote_unit("tally/3", []);
        let desired = decide(&working().relation(scraper()).relation(peers).build());
        let jobs = app_value(&desired, 4, "scrape_jobs").expect("jobs");
        let targets = jobs.as_array().expect("a list").iter();
        let targets: Vec<_> =
            targets.map(|job| job["static_configs"][0]["targets"][0].clone()).collect();
        assert_eq!(
            json!(targets),
            json!([
                "counter-0.example:9400",
                "tally-1:9113",
                "tally-2:9113",
                "tally-0.tally-endpoints.stage.svc.cluster.local:9113",
            ])
        );
    }

    #[test]
    fn through_the_proxy_workers_are_scraped_on_our_own_name() {
        let solution = solution("telemetry_proxy: {http_port: 3300, https_port: 3443}\n");
        let desired = reconcile(&solution, &working().relation(scraper()).build());
        let jobs = app_value(&desired, 4, "scrape_jobs").expect("jobs");
        assert_eq!(jobs[0]["metrics_path"], "/proxy/worker/counter-0/metrics");
        assert_eq!(
            jobs[0]["static_configs"][0]["targets"][0],
            "tally.stage.svc.cluster.local:3300"
        );
    }

    #[test]
    fn while_blocked_published_rules_stay_and_other_events_write_nothing() {
        let published = scraper().local_app([("alert_rules", r#"{"groups": []}"#)]);
        let periodic = decide(&alone().relation(published.clone()).build());
        let patch = &periodic.app_databags()[&RelationId(4)];
        assert!(patch.contains_key("scrape_jobs") && !patch.contains_key("alert_rules"));
        let broken = alone()
            .relation(published)
            .relation_event(RelationEventKind::Broken, "cluster", 1)
            .build();
        assert!(decide(&broken).app_databags().is_empty());
    }
}
