//! Worker units that take turns when they restart, through the shipped charms.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use relation_bus::engine::{Bus, Resolution, Step};
use relation_bus::names::{RelationId, UnitName};
use relation_bus::pebble::Action;
use relation_bus::testing::TestModel;
use serde_json::{Value, json};
use tests::workspace;

const UNITS: [&str; 3] = ["counter/0", "counter/1", "counter/2"];

/// A charm folder of the shipped worker with some more lines in its solution.
fn worker_with(folder: &Path, more: &str) {
    let shipped = workspace().join("charmcraft/worker");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::copy(shipped.join("charmcraft.yaml"), folder.join("charmcraft.yaml")).unwrap();
    let solution = std::fs::read_to_string(shipped.join("solution.yaml")).unwrap();
    let solution = solution.replacen("\nrestart:\n", &format!("\nrestart:\n{more}"), 1);
    assert!(solution.contains(more), "the shipped solution has rules for restarts");
    std::fs::write(folder.join("solution.yaml"), solution).unwrap();
}

/// A coordinator of two units and a worker application of three, all of whose roles are on.
async fn deployed(folder: &Path) -> TestModel {
    worker_with(&folder.join("worker"), "  rolling: on\n");
    let coordinator = workspace().join("charmcraft/coordinator");
    let model = format!(
        "model: rolling\n\
         applications:\n\
         \x20 tally: {{charm: '{}', units: 2, trust: true}}\n\
         \x20 counter:\n\
         \x20   charm: worker\n\
         \x20   units: 3\n\
         \x20   trust: true\n\
         \x20   config: {{role-all: true}}\n\
         \x20   commands: {{tally: [{{command: [/bin/tally, -version], stdout: 'version 1'}}]}}\n\
         \x20 s3:\n\
         \x20   charm: cos:s3-integrator\n\
         \x20   config: {{endpoint: 'http://s3.example', bucket: tally, access-key: a, secret-key: b}}\n\
         relations:\n\
         \x20 - [tally:tally-cluster, counter:tally-cluster]\n\
         \x20 - [tally:s3, s3:s3-credentials]\n",
        coordinator.display()
    );
    let file = folder.join("model.yaml");
    std::fs::write(&file, model).unwrap();
    let mut model = TestModel::from_file(file).await;
    model.settle_within(500).await;
    model.assert_active();
    model
}

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn cluster(bus: &Bus) -> RelationId {
    bus.relation("tally", "tally-cluster", "counter").unwrap()
}

/// A value of the coordinator's databag; `null` where there is none.
fn coordinator_says(bus: &Bus, key: &str) -> Value {
    let bag = bus.application_databag(cluster(bus), "tally");
    bag.get(key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The unit whose turn it is.
fn turn(bus: &Bus) -> Option<String> {
    coordinator_says(bus, "restart_turn")["unit"].as_str().map(str::to_owned)
}

fn restarts(bus: &Bus, name: &str) -> usize {
    let journal = bus.workload(&unit(name), "tally").unwrap().journal();
    journal.iter().filter(|action| matches!(action, Action::Restart(_))).count()
}

fn clear(bus: &Bus) {
    for name in UNITS {
        bus.workload(&unit(name), "tally").unwrap().clear_journal();
    }
}

/// Runs hooks until nothing is left to do, and gives the units that restarted, in order. A unit that
/// restarts out of its turn fails the test.
async fn rolled(bus: &mut Bus) -> Vec<String> {
    let mut order = Vec::new();
    for _ in 0..500 {
        let running = match bus.begin() {
            Step::Idle => return order,
            Step::Done => continue,
            Step::Run(running) => running,
        };
        let before: BTreeMap<_, _> =
            UNITS.iter().map(|name| (*name, restarts(bus, name))).collect();
        let allowed = turn(bus);
        drop(bus.finish(running.run().await).unwrap());
        for name in UNITS {
            if restarts(bus, name) > before[name] {
                assert_eq!(allowed.as_deref(), Some(name), "restarted out of its turn");
                order.push(name.to_owned());
            }
        }
    }
    panic!("the model does not come to rest");
}

fn another_bucket(bus: &mut Bus, name: &str) {
    bus.configure("s3", "bucket", Some(json!(name))).unwrap();
}

fn request(bus: &Bus, name: &str) -> Value {
    let bag = bus.unit_databag(cluster(bus), &unit(name));
    bag.get("restart_request").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

#[tokio::test]
async fn units_restart_one_after_another_and_first_starts_wait_for_nobody() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut model = deployed(folder.path()).await;
    let bus = model.bus_mut();
    // All of them came up without a turn ever being given.
    assert_eq!(turn(bus), None);
    assert_eq!(
        coordinator_says(bus, "features"),
        json!(["restart-turns.v1"]),
        "the coordinator says that it can order its workers"
    );
    clear(bus);
    let hooks = bus.journal().len();

    another_bucket(bus, "other");
    assert_eq!(rolled(bus).await, UNITS);
    assert!(bus.is_active());
    assert_eq!(turn(bus), None);
    assert_eq!(UNITS.map(|name| request(bus, name)), [Value::Null, Value::Null, Value::Null]);
    let files = UNITS.map(|name| bus.workload(&unit(name), "tally").unwrap().files());
    assert!(files.iter().all(|files| {
        String::from_utf8_lossy(&files["/etc/worker/config.yaml"]).contains("bucket: other")
    }));
    // One for the store, two for what it told, three for what the coordinator told; then for each
    // turn: three units hear that it moved, and two coordinators of a request or its end.
    let cost = bus.journal().len() - hooks;
    assert!(cost <= 40, "a roll of three units took {cost} hooks");

    // At rest nobody writes anything.
    model.assert_steady().await;
}

#[tokio::test]
async fn another_leader_goes_on_where_the_last_one_stopped() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut model = deployed(folder.path()).await;
    let bus = model.bus_mut();
    clear(bus);
    another_bucket(bus, "other");
    let mut order = Vec::new();
    // Until the first turn is given.
    while turn(bus).is_none() {
        match bus.begin() {
            Step::Idle => panic!("no turn was given"),
            Step::Done => {}
            Step::Run(running) => drop(bus.finish(running.run().await).unwrap()),
        }
    }
    let before = coordinator_says(bus, "restart_turn");
    bus.set_leader(&unit("tally/1")).unwrap();
    order.extend(rolled(bus).await);
    assert_eq!(before["unit"], order[0]);
    order.sort();
    assert_eq!(order, UNITS, "each unit restarts once, whoever leads");
}

/// Makes every hook of a unit fail, or lets it work again.
fn set_dispatch(bus: &Bus, name: &UnitName, works: bool) {
    let charm =
        bus.root(name).unwrap().join(format!("var/lib/juju/agents/unit-{}/charm", name.dashed()));
    let (dispatch, kept) = (charm.join("dispatch"), charm.join("dispatch.kept"));
    if works {
        std::fs::rename(kept, dispatch).unwrap();
    } else {
        std::fs::rename(&dispatch, kept).unwrap();
        std::fs::write(&dispatch, "#!/bin/sh\nexit 1\n").unwrap();
        std::fs::set_permissions(&dispatch, PermissionsExt::from_mode(0o755)).unwrap();
    }
}

#[tokio::test]
async fn a_unit_that_dies_in_its_turn_keeps_nobody_waiting_for_ever() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut model = deployed(folder.path()).await;
    let bus = model.bus_mut();
    clear(bus);
    another_bucket(bus, "other");
    let dead = loop {
        if let Some(unit) = turn(bus) {
            break unit;
        }
        match bus.begin() {
            Step::Idle => panic!("no turn was given"),
            Step::Done => {}
            Step::Run(running) => drop(bus.finish(running.run().await).unwrap()),
        }
    };
    set_dispatch(bus, &unit(&dead), false);
    assert_eq!(rolled(bus).await, Vec::<String>::new(), "it is nobody else's turn");
    assert_eq!(turn(bus).as_deref(), Some(dead.as_str()));

    // Its time is over.
    let id = cluster(bus);
    {
        let mut model = bus.model();
        let side = model.relations.get_mut(&id).unwrap().side_mut("tally").unwrap();
        let late = json!({"unit": dead, "until": 1}).to_string();
        side.bag.content.insert("restart_turn".to_owned(), late);
    }
    bus.update_status();
    let others: Vec<String> =
        UNITS.iter().filter(|name| **name != dead).map(ToString::to_string).collect();
    assert_eq!(rolled(bus).await, others);
    assert_eq!(turn(bus).as_deref(), Some(dead.as_str()), "it comes last");

    // It comes back, and has its turn.
    set_dispatch(bus, &unit(&dead), true);
    bus.resolve(&unit(&dead), Resolution::Retry).unwrap();
    assert_eq!(rolled(bus).await, [dead]);
    assert_eq!(turn(bus), None);
    assert!(bus.is_active());
}

#[tokio::test]
async fn a_unit_that_does_not_run_starts_at_once() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut model = deployed(folder.path()).await;
    let bus = model.bus_mut();
    clear(bus);
    // A new unit comes up while nobody has a turn.
    let new = bus.add_unit("counter").await.unwrap();
    assert_eq!(rolled(bus).await, Vec::<String>::new(), "a new peer restarts nobody");
    assert!(bus.workload(&new, "tally").unwrap().is_active("tally"));
    assert!(bus.is_active());
}
