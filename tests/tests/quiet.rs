//! A model that doesn't change is left alone, and looking at it has a known price.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use relation_bus::engine::Bus;
use relation_bus::hook::{Journal, LifeCycle};
use tests::model::{dispatch, settled, traces_of, unit};

/// Calls that a dispatch of Tally's coordinator makes over an unchanged model.
///
/// Once each: leadership, configuration, the own status (a leader also asks for its application's),
/// the address on the metrics endpoint and on the ingress endpoint, and the ports that are open,
/// which an ingress is told. Then one `relation-ids` for each of the endpoints that
/// the solution wires, one `relation-list` for each relation, and one `relation-get` for each
/// databag that the decision looks at.
fn price(bus: &Bus, is_leader: bool) -> usize {
    const ENDPOINTS: usize = 15;
    let lead = usize::from(is_leader);
    let (mut relations, mut databags) = (0, 0);
    for (endpoint, remotes) in related(bus) {
        relations += remotes.len();
        databags += remotes
            .iter()
            .map(|units| match endpoint.as_str() {
                // Our application's databag is the leader's to read; the remote one is anybody's.
                "tally-cluster" => lead + 1 + units,
                "logging" => lead + units,
                "metrics-endpoint" => lead + 1,
                "peers" => 1 + units,
                "s3" | "charm-tracing" | "workload-tracing" => lead + 1,
                "send-remote-write" => *units,
                other => panic!("no price is known for `{other}`"),
            })
            .sum::<usize>();
    }
    6 + lead + ENDPOINTS + relations + databags
}

/// The endpoints of Tally's coordinator that are related: for each relation, how many remote units.
fn related(bus: &Bus) -> Vec<(String, Vec<usize>)> {
    let model = bus.model();
    let mut found: Vec<(String, Vec<usize>)> = Vec::new();
    for relation in model.relations.values() {
        let Some(side) = relation.side("tally") else { continue };
        let Some(remote) = relation.remote("tally") else { continue };
        let remotes = model.units().map(|(unit, _)| unit);
        let mut units = remotes.filter(|unit| unit.application() == remote.application).count();
        if remote.application == "tally" {
            units -= 1;
        }
        match found.iter_mut().find(|(endpoint, _)| *endpoint == side.endpoint) {
            Some((_, relations)) => relations.push(units),
            None => found.push((side.endpoint.clone(), vec![units])),
        }
    }
    found
}

/// Calls that read or write the model; what a charm logs is not counted.
fn calls(journal: &Journal) -> usize {
    journal.calls.iter().filter(|call| call.tool != "juju-log").count()
}

#[tokio::test]
async fn a_second_dispatch_writes_nothing_and_costs_what_the_formula_says() {
    let mut bus = settled("cos.yaml").await;
    assert!(bus.is_active());
    for unit in bus.units() {
        for hook in [LifeCycle::UpdateStatus, LifeCycle::ConfigChanged] {
            let traces = traces_of(&mut bus, &unit, hook).await;
            assert_eq!(traces, Vec::<String>::new(), "{unit}, {}", hook.as_str());
        }
    }
    for (name, is_leader) in [("tally/0", true), ("tally/1", false)] {
        let journal = dispatch(&mut bus, &unit(name), LifeCycle::UpdateStatus).await;
        assert_eq!(calls(&journal), price(&bus, is_leader), "{name}: {:?}", journal.counts());
    }

    let before = price(&bus, true);
    bus.add_unit("tally-read").await.unwrap();
    bus.settle().await.unwrap();
    let journal = dispatch(&mut bus, &unit("tally/0"), LifeCycle::UpdateStatus).await;
    assert_eq!(calls(&journal), price(&bus, true), "{:?}", journal.counts());
    assert_eq!(price(&bus, true), before + 1, "one more unit is one more databag");
}
