//! A charm on ops uses what ops has: secrets, actions, storage, ports, notices, checks, stored
//! state, deferred events.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::collections::BTreeMap;

use relation_bus::engine::{Churn, InError};
use relation_bus::hook::Journal;
use relation_bus::testing::TestModel;
use serde_json::{Value, json};
use tests::model::settled;
use tests::workspace;

/// What a unit shows of itself.
#[track_caller]
fn seen(model: &TestModel, unit: &str, key: &str) -> Value {
    let status = model.status(unit);
    let text = status.strip_prefix("active: ").unwrap_or_else(|| panic!("{unit} is {status}"));
    serde_json::from_str::<Value>(text).unwrap()[key].clone()
}

#[track_caller]
fn assert_seen(model: &TestModel, unit: &str, key: &str, expected: impl Into<Value>) {
    assert_eq!(seen(model, unit, key), expected.into(), "{key} of {unit}");
}

/// Keys that a unit keeps in Juju.
fn charm_state(model: &TestModel, unit: &str) -> usize {
    let unit = unit.parse().unwrap();
    model.bus().model().unit(&unit).unwrap().state.len()
}

fn charm_file(model: &TestModel, unit: &str, name: &str) -> bool {
    let parsed = unit.parse().unwrap();
    let folder = format!("var/lib/juju/agents/unit-{}/charm", unit.replace('/', "-"));
    model.bus().root(&parsed).unwrap().join(folder).join(name).exists()
}

/// No hook has failed but those that were told to.
#[track_caller]
fn assert_failed_as_told(model: &TestModel) {
    let failed = |journal: &&Journal| !journal.succeeded && journal.hook != "config-changed";
    if let Some(journal) = model.bus().journal().iter().find(failed) {
        let log = model.bus().log(&journal.unit).join("\n");
        panic!("{} of {} failed:\n{log}", journal.hook, journal.unit);
    }
}

/// Lets hours pass.
async fn pass(model: &mut TestModel, hours: u64) {
    {
        let mut inner = model.bus().model();
        inner.clock = inner.clock.plus(hours * 3600);
    }
    model.settle_within(40).await;
}

#[tokio::test]
#[ignore = "needs ops"]
async fn a_charm_uses_what_ops_has() {
    let mut model = settled("python-features.yaml").await;
    model.assert_active();

    // A secret, given by its id and taken by a label.
    assert_seen(&model, "taker/0", "password", "first");
    assert_seen(&model, "giver/0", "password", Value::Null);
    model.unit_databag("giver/0:give", "taker").assert_text("from", "giver/0");
    // Storage, ports, statuses of applications, what is planned.
    assert_seen(&model, "giver/0", "marker", "data: giver/0");
    let giver = model.bus().model().unit(&"giver/0".parse().unwrap()).cloned().unwrap();
    let ports: Vec<_> = giver.opened_ports.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["53/udp", "8080/tcp"]);
    assert_seen(&model, "giver/0", "planned", 1);
    // Stored state, in Juju and in a file.
    assert!(charm_state(&model, "giver/0") > 0 && charm_state(&model, "taker/0") == 0);
    assert!(!charm_file(&model, "giver/0", ".unit-state.db"));
    assert!(charm_file(&model, "taker/0", ".unit-state.db"));

    // An event that is deferred comes again in the next hook, before that hook's own.
    for unit in ["giver", "taker"] {
        let name = format!("{unit}/0");
        let handled = seen(&model, &name, "handled").as_u64().unwrap();
        model.configure(unit, "mode", "defer");
        model.settle_within(10).await;
        assert_seen(&model, &name, "deferred", 1);
        assert_seen(&model, &name, "handled", handled);
        model.configure(unit, "mode", "run");
        model.settle_within(10).await;
        assert_seen(&model, &name, "deferred", 1);
        assert_seen(&model, &name, "handled", handled + 2);
    }

    // A hook that fails keeps its status and loses its writes; a later try goes on from there.
    let handled = seen(&model, "giver/0", "handled").as_u64().unwrap();
    model.configure("giver", "mode", "fail");
    model.settle_within(10).await;
    model.assert_status("giver/0", "error: hook failed: \"config-changed\"");
    let kept =
        model.bus().model().unit(&"giver/0".parse().unwrap()).unwrap().status.message.clone();
    assert_eq!(kept, "about to fail");
    model.configure("giver", "mode", "run");
    model.settle_within(10).await;
    assert_seen(&model, "giver/0", "handled", handled + 1);
    model.unit_databag("giver/0:peers", "giver").assert_absent("lost");

    // Actions: parameters with defaults, results below results, a log, a failure that has results.
    let done = model.run_action("giver/0", "divide", json!({"dividend": 7})).await;
    assert_eq!(done.failure, None);
    assert_eq!(done.results["quotient"], "3");
    assert_eq!(done.results["rest"], json!({"of-division": "1"}));
    assert_eq!(done.log, ["dividing 7 by 2"]);
    let failed = model.run_action("giver/0", "divide", json!({"dividend": 7, "divisor": 0})).await;
    assert_eq!(failed.failure.as_deref(), Some("cannot divide by zero"));
    assert_eq!(failed.results["tried"], "yes");

    // A day later the secret is rotated; the taker gets the new revision.
    pass(&mut model, 25).await;
    assert_seen(&model, "giver/0", "rotated", 1);
    assert_seen(&model, "taker/0", "password", "rotated 1");
    // Nobody tracks the first revision any more.
    assert_seen(&model, "giver/0", "removed", json!([1]));

    // What the workload says of itself, and how its check goes.
    let giver = "giver/0".parse().unwrap();
    let data = BTreeMap::from([("path".to_owned(), "/data/dump".to_owned())]);
    model.bus().workload(&giver, "work").unwrap().notify("example.com/done", &data).unwrap();
    model.settle_within(5).await;
    assert_seen(&model, "giver/0", "notice", r#"example.com/done {"path": "/data/dump"} 1"#);
    for outcome in [Err("gone".to_owned()), Ok(())] {
        assert!(model.bus().workload(&giver, "work").unwrap().perform_check("up", outcome));
        model.settle_within(5).await;
    }
    assert_seen(&model, "giver/0", "checks", json!(["up failed", "up recovered"]));

    // A pod that is lost takes the file with the stored state along, not what is kept in Juju.
    for unit in ["giver/0", "taker/0"] {
        model.bus_mut().churn(&unit.parse().unwrap(), Churn::Hard).unwrap();
    }
    model.settle_within(20).await;
    assert_seen(&model, "giver/0", "deferred", 1);
    assert_seen(&model, "giver/0", "pod", 2);
    assert_seen(&model, "taker/0", "deferred", 0);
    assert_seen(&model, "taker/0", "pod", 1);
    // The giver's new address made the taker look again.
    assert_seen(&model, "taker/0", "password", "rotated 1");

    // A new revision of the charm.
    let folder = workspace().join("fixtures/charms/python-features");
    let charm = relation_bus::charm_folder::load(&folder).unwrap();
    model.bus_mut().refresh("giver", &charm, InError::Waits).unwrap();
    model.settle_within(20).await;
    assert_seen(&model, "giver/0", "upgrades", 1);
    assert_seen(&model, "giver/0", "marker", "data: giver/0");

    // A peer comes and goes.
    model.add_unit("giver").await;
    model.settle_within(40).await;
    assert_failed_as_told(&model);
    assert_seen(&model, "giver/1", "peers", 1);
    assert_seen(&model, "giver/0", "planned", 2);
    assert_seen(&model, "giver/1", "marker", "data: giver/1");
    model.remove_unit("giver");
    model.settle_within(20).await;
    assert_seen(&model, "giver/0", "peers", 0);
}
