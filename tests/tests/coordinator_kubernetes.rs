//! A Kubernetes API that refuses, is slow or breaks off, and what a coordinator makes of it: its
//! hooks end well, its status says what is wrong, and what was refused, with all that waits for it,
//! is done when it can be.

use std::time::Duration;

use relation_bus::hook::LifeCycle;
use relation_bus::kubernetes::{Fault, PatchError};
use relation_bus::testing::TestModel;
use serde_json::{Value, json};
use tests::in_process::quick_settings;
use tests::model::part_of;

const FAILED: &str = "blocked: Kubernetes resources patch failed: ";

async fn tally() -> TestModel {
    let model =
        part_of("everything.yaml", &["tally", "tally-front", "tally-back", "s3"], quick_settings());
    let model = model.await;
    model.assert_active();
    model
}

fn stateful_set(model: &TestModel) -> Value {
    let objects = model.bus().cluster().objects();
    let found = objects
        .into_iter()
        .find(|object| object["kind"] == "StatefulSet" && object["metadata"]["name"] == "tally");
    found.expect("every application has one")
}

/// The limit of the web server's CPU that the cluster has.
fn limit(model: &TestModel) -> Value {
    let set = stateful_set(model);
    let containers = set["spec"]["template"]["spec"]["containers"].clone();
    let nginx = containers.as_array().into_iter().flatten().find(|c| c["name"] == "nginx").cloned();
    nginx.expect("the web server's container")["resources"]["limits"]["cpu"].clone()
}

/// Changes two options under a fault: one that the cluster has to take, and one that it has nothing
/// to do with.
async fn change(model: &mut TestModel, cpu: &str, bucket: &str) {
    model.configure("tally", "cpu_limit", cpu);
    model.settle_within(60).await;
    model.configure("s3", "bucket", bucket);
    model.settle_within(60).await;
    for journal in model.last_run() {
        assert!(journal.succeeded, "{}", journal.title());
    }
}

/// The fault is over: the next look does what was refused.
async fn recover(model: &mut TestModel, cpu: &str, bucket: &str) {
    model.bus().cluster().set_fault(None);
    model.bus().cluster().set_patch_error(None);
    model.bus_mut().update_status();
    model.settle_within(60).await;
    model.bus_mut().update_status();
    model.settle_within(60).await;
    model.assert_active();
    assert_eq!(limit(model), cpu);
    let config = model.app_databag("tally:tally-cluster", "tally-front").json("worker_config");
    assert!(config.as_str().is_some_and(|config| config.contains(bucket)), "{config}");
    model.assert_steady().await;
}

#[tokio::test]
async fn refusals_block_and_are_tried_again() {
    let mut model = tally().await;
    for (at, fault) in
        [Fault::TooManyRequests(1), Fault::Unavailable, Fault::CutOff].into_iter().enumerate()
    {
        let (cpu, bucket) = (format!("0.{}", at + 1), format!("bucket-{at}"));
        model.bus().cluster().set_fault(Some(fault));
        change(&mut model, &cpu, &bucket).await;
        let status = model.status("tally/0");
        assert!(status.starts_with(FAILED), "{fault:?}: {status}");
        recover(&mut model, &cpu, &bucket).await;
    }
}

#[tokio::test]
async fn without_trust_the_status_names_the_remedy() {
    let mut model = tally().await;
    let message = "statefulsets.apps is forbidden".to_owned();
    let refusal = PatchError { kind: "StatefulSet".to_owned(), code: 403, message };
    model.bus().cluster().set_patch_error(Some(refusal));
    change(&mut model, "0.5", "other").await;
    let expected = format!("{FAILED}`juju trust` this application. statefulsets.apps is forbidden");
    assert_eq!(model.status("tally/0"), expected);
    recover(&mut model, "0.5", "other").await;
}

#[tokio::test]
async fn a_stateful_set_that_is_gone_is_named_and_looked_for_again() {
    let mut model = tally().await;
    let gone = model.bus().cluster().remove("StatefulSet", "tally").expect("it was there");
    change(&mut model, "0.5", "other").await;
    let expected = format!("{FAILED}statefulsets.apps \"tally\" not found");
    model.assert_status("tally/0", &expected);
    // Workers are told nothing while the resources are not in effect, as with every refusal.
    let config = model.app_databag("tally:tally-cluster", "tally-front").json("worker_config");
    assert!(config.as_str().is_some_and(|config| !config.contains("other")), "{config}");
    // An apply would have made one, and without anything that a pod needs.
    let known = model.bus().cluster().objects();
    let is_ours =
        |object: &Value| object["kind"] == "StatefulSet" && object["metadata"]["name"] == "tally";
    assert!(!known.iter().any(is_ours));
    model.bus().cluster().insert(gone);
    recover(&mut model, "0.5", "other").await;
}

#[tokio::test]
async fn a_conflict_is_shown_and_stops_nothing() {
    let mut model = tally().await;
    let message = "conflict with \"kubectl\"".to_owned();
    let refusal = PatchError { kind: "StatefulSet".to_owned(), code: 409, message };
    model.bus().cluster().set_patch_error(Some(refusal));
    change(&mut model, "0.5", "other").await;
    let expected =
        "active: [resources] someone else manages the same fields: conflict with \"kubectl\"";
    assert_eq!(model.status("tally/0"), expected);
    let config = model.app_databag("tally:tally-cluster", "tally-front").json("worker_config");
    assert!(config.as_str().is_some_and(|config| config.contains("other")), "{config}");
    recover(&mut model, "0.5", "other").await;
}

#[tokio::test]
async fn a_slow_cluster_holds_a_hook_for_a_bounded_time() {
    let mut model = tally().await;
    model.bus().cluster().set_fault(Some(Fault::Slow(Duration::from_secs(60))));
    let begun = std::time::Instant::now();
    let journal = model.dispatch("tally/0", LifeCycle::UpdateStatus).await;
    assert!(journal.succeeded);
    assert!(begun.elapsed() < Duration::from_secs(45), "{:?}", begun.elapsed());
    let status = model.status("tally/0");
    assert!(status.starts_with(FAILED) && status.contains("no answer within"), "{status}");
}

#[tokio::test]
async fn pods_on_their_way_are_waited_for() {
    let mut model = tally().await;
    let settled = stateful_set(&model);
    let mut moving = settled.clone();
    moving["status"]["updateRevision"] = json!("tally-2");
    moving["status"]["currentRevision"] = json!("tally-1");
    model.bus().cluster().insert(moving);
    model.dispatch("tally/0", LifeCycle::UpdateStatus).await;
    model.assert_status("tally/0", "waiting: waiting for resources patch to apply");
    model.bus().cluster().insert(settled);
    model.dispatch("tally/0", LifeCycle::UpdateStatus).await;
    model.assert_active();
}
