//! A model that doesn't change is left alone, and looking at it has a known price.

#![allow(clippy::panic, reason = "a test that can't go on says so")]

use relation_bus::hook::LifeCycle;
use relation_bus::testing::TestModel;
use tests::model::settled;

/// Calls that a dispatch of Tally's coordinator makes over an unchanged model.
///
/// Once each: leadership, configuration, the own status (a leader also asks for its application's),
/// the address on the metrics endpoint and on the ingress endpoint, and the ports that are open,
/// which an ingress is told. Then one `relation-ids` for each of the endpoints that
/// the solution wires, one `relation-list` for each relation, and one `relation-get` for each
/// databag that the decision looks at.
fn price(model: &TestModel, is_leader: bool) -> usize {
    const ENDPOINTS: usize = 17;
    let lead = usize::from(is_leader);
    let related = related(model);
    let databags = related.iter().map(|(endpoint, units)| match endpoint.as_str() {
        // Our application's databag is the leader's to read; the remote one is anybody's.
        "tally-cluster" => lead + 1 + units,
        "logging" => lead + units,
        "metrics-endpoint" => lead + 1,
        "peers" => 1 + units,
        "s3" | "charm-tracing" | "workload-tracing" => lead + 1,
        "send-remote-write" => *units,
        other => panic!("no price is known for `{other}`"),
    });
    6 + lead + ENDPOINTS + related.len() + databags.sum::<usize>()
}

/// The relations of Tally's coordinator: endpoint, and how many remote units.
fn related(model: &TestModel) -> Vec<(String, usize)> {
    let model = model.bus().model();
    let related = model.relations_of("tally").map(|(side, relation)| {
        let remote = relation.remote("tally").map_or(0, |remote| remote.in_scope().count());
        (side.endpoint.clone(), remote - usize::from(relation.is_peer()))
    });
    related.collect()
}

#[tokio::test]
async fn a_second_dispatch_writes_nothing_and_costs_what_the_formula_says() {
    let mut model = settled("cos.yaml").await;
    model.assert_active();
    model.assert_steady_under(LifeCycle::ConfigChanged).await;
    model.assert_steady().await;
    for (unit, is_leader) in [("tally/0", true), ("tally/1", false)] {
        let journal = model.dispatch(unit, LifeCycle::UpdateStatus).await;
        assert_eq!(journal.price(), price(&model, is_leader), "{unit}: {:?}", journal.counts());
    }

    let before = price(&model, true);
    model.add_unit("tally-read").await;
    model.settle_within(60).await;
    assert_eq!(price(&model, true), before + 1, "one more unit is one more databag");
    model.dispatch("tally/0", LifeCycle::UpdateStatus).await;
    model.assert_calls_at_most("tally/0", before + 1);
}
