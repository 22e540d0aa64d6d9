//! Containers that are not up, and such that go in the middle of a hook: a state, never a failure.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use relation_bus::engine::{Bus, Reach, Step};
use relation_bus::names::UnitName;
use relation_bus::pebble::Action;
use relation_bus::testing::TestModel;
use tests::workspace;

const MODEL: &str = "
model: containers
applications:
  tally: {charm: COORDINATOR, trust: true}
  counter:
    charm: WORKER
    trust: true
    config: {role-all: true}
    commands: {tally: [{command: [/bin/tally, -version], stdout: 'tally, version 1.4.0'}]}
  s3:
    charm: cos:s3-integrator
    config: {endpoint: 'http://s3.example', bucket: tally, access-key: a, secret-key: b}
relations:
  - [tally:tally-cluster, counter:tally-cluster]
  - [tally:s3, s3:s3-credentials]
";

/// The model, deployed; nothing has run.
async fn deployed() -> TestModel {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let charm = |name: &str| workspace().join("charmcraft").join(name).display().to_string();
    let model = MODEL.replace("COORDINATOR", &charm("coordinator"));
    let file = folder.path().join("model.yaml");
    std::fs::write(&file, model.replace("WORKER", &charm("worker"))).unwrap();
    TestModel::from_file(file).await
}

fn counter() -> UnitName {
    "counter/0".parse().unwrap()
}

async fn reach(bus: &mut Bus, reach: Reach) {
    bus.set_reach(&counter(), "tally", reach).await.unwrap();
}

fn is_running(bus: &Bus) -> bool {
    bus.workload(&counter(), "tally").unwrap().is_active("tally")
}

#[tokio::test]
async fn a_container_that_is_not_up_is_waited_for() {
    let mut model = deployed().await;
    reach(model.bus_mut(), Reach::Down).await;
    model.settle_within(300).await;
    assert!(model.bus().journal().iter().all(|hook| hook.succeeded), "no hook failed");
    model.assert_status("counter/0", "waiting: Waiting for `tally` container");
    // What needs no container was done: the coordinator knows who we are, and tells its part.
    model.app_databag("tally:tally-cluster", "counter").assert_has("worker_config");

    reach(model.bus_mut(), Reach::Up).await;
    model.settle_within(100).await;
    model.assert_active();
    assert!(is_running(model.bus()));
    model.assert_steady().await;
}

/// Runs what is left to do, and takes the container away as soon as so many actions of one hook have
/// reached it.
async fn cut_off(bus: &mut Bus, after: usize) {
    loop {
        let running = match bus.begin() {
            Step::Idle => return,
            Step::Done => continue,
            Step::Run(running) => running,
        };
        let workload = bus.workload(&counter(), "tally").unwrap().clone();
        workload.clear_journal();
        let is_ours = *running.unit() == counter();
        let vanish = async {
            while is_ours && workload.journal().len() < after {
                tokio::task::yield_now().await;
            }
            if is_ours {
                bus.set_reach(&counter(), "tally", Reach::Down).await.unwrap();
            }
        };
        let mut hook = std::pin::pin!(running.run());
        let ran = tokio::select! {
            biased;
            () = vanish, if is_ours => hook.await,
            ran = &mut hook => ran,
        };
        let journal = bus.finish(ran).unwrap();
        assert!(journal.succeeded, "after {after} actions the hook failed: {journal:?}");
    }
}

#[tokio::test]
async fn a_container_that_goes_in_the_middle_of_a_hook_fails_nothing() {
    let mut model = deployed().await;
    model.settle_within(300).await;
    model.assert_active();
    let mut cut = 0;
    for after in 1..=3 {
        model.configure("s3", "bucket", format!("bucket-{after}"));
        cut_off(model.bus_mut(), after).await;
        let workload = model.bus().workload(&counter(), "tally").unwrap().clone();
        let restarted =
            |actions: &[Action]| actions.iter().any(|action| matches!(action, Action::Restart(_)));
        cut += usize::from(!restarted(&workload.journal()));

        reach(model.bus_mut(), Reach::Up).await;
        model.bus_mut().update_status();
        model.settle_within(100).await;
        model.assert_active();
        let config =
            String::from_utf8(workload.files()["/etc/worker/config.yaml"].clone()).unwrap();
        assert!(config.contains(&format!("bucket: bucket-{after}")), "{config}");
        assert!(restarted(&workload.journal()), "after {after} actions nothing was restarted");
        assert!(is_running(model.bus()));
    }
    assert!(cut > 0, "the container was never gone before the restart");
}
