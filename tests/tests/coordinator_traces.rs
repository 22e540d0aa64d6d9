//! The traces of a shipped coordinator, as a receiver gets them, and receivers that are of no use.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use relation_bus::hook::LifeCycle;
use relation_bus::testing::TestModel;
use tests::in_process::shipped_settings;
use tests::model::part_of;
use tests::trace_store::{Place, Span};

const UNIT: &str = "tally/0";
/// The host in the URL that Tempo hands out.
const RECEIVER: &str = "tempo.cos.svc.cluster.local";

async fn tally() -> TestModel {
    let applications = ["tally", "tally-front", "tally-back", "s3", "tempo"];
    let mut model = part_of("everything.yaml", &applications, shipped_settings()).await;
    model.assert_active();
    // Only the unit that is watched: the other one's traces are no different.
    model.remove_unit("tally");
    model.settle_within(60).await;
    model
}

fn root(model: &TestModel) -> PathBuf {
    let unit = UNIT.parse().expect("a unit");
    model.bus().root(&unit).expect("a unit has a root").to_owned()
}

fn lead_to(place: &Place, model: &TestModel) {
    let hosts = OpenOptions::new().append(true).open(root(model).join("etc/hosts"));
    let mut hosts = hosts.expect("every unit has one");
    hosts.write_all(place.hosts_line(RECEIVER).as_bytes()).expect("writable");
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// The one span of a name.
fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = named(spans, name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0]
}

/// Whether a span is inside another one, at any depth.
fn is_inside(spans: &[Span], span: &Span, outer: &Span) -> bool {
    let parent = spans.iter().find(|candidate| candidate.id == span.parent);
    span.parent == outer.id || parent.is_some_and(|parent| is_inside(spans, parent, outer))
}

#[tokio::test]
async fn a_receiver_gets_every_dispatch_with_all_that_it_did() {
    let mut model = tally().await;
    let place = Place::find();
    let store = place.receive();
    lead_to(&place, &model);

    // What was done before the receiver could be found has waited; the newest goes first.
    let journal = model.dispatch(UNIT, LifeCycle::UpdateStatus).await;
    assert!(journal.succeeded);
    let batches = store.take();
    assert!(batches.len() > 5, "{}", batches.len());
    let traces: BTreeSet<_> = batches.iter().map(|batch| &batch[0].trace).collect();
    assert_eq!(traces.len(), batches.len(), "one dispatch is one trace");
    let event = |spans: &[Span]| only(spans, "dispatch").attributes["event"].clone();
    assert_eq!(event(&batches[0]), "update-status");
    assert!(batches.iter().any(|batch| event(batch) == "s3-relation-changed"));

    let asked = model.bus().cluster().contexts().len();
    model.configure("tally", "cpu_limit", "0.5");
    model.settle_within(20).await;
    let contexts = model.bus().cluster().contexts().split_off(asked);
    let batches = store.take();
    let spans = batches.iter().find(|batch| event(batch) == "config-changed");
    let spans = spans.expect("the hook that was just run");
    the_parts_of_a_dispatch_are_told_apart(spans);
    every_span_says_whose_it_is(spans);
    requests_to_kubernetes_carry_their_span(&batches, &contexts);
}

fn the_parts_of_a_dispatch_are_told_apart(spans: &[Span]) {
    let dispatch = only(spans, "dispatch");
    assert_eq!(dispatch.parent, "");
    for span in spans {
        assert_eq!(span.trace, dispatch.trace);
        assert!(span.id == dispatch.id || is_inside(spans, span, dispatch), "{span:?}");
    }
    let (snapshot, apply) = (only(spans, "snapshot"), only(spans, "apply"));
    for part in [snapshot, only(spans, "reconcile"), apply] {
        assert_eq!(part.parent, dispatch.id, "{part:?}");
    }
    for name in ["relation-get", "/v1/plan", "kubernetes"] {
        let found = named(spans, name);
        assert!(found.iter().any(|span| is_inside(spans, span, snapshot)), "{name}: {found:?}");
    }
    // The limit is written, and nothing else.
    let written = named(spans, "kubernetes");
    let written = written.iter().filter(|span| is_inside(spans, span, apply));
    assert_eq!(written.count(), 1);
}

fn every_span_says_whose_it_is(spans: &[Span]) {
    let topology = [
        ("service.name", "tally-coordinator-k8s-charm"),
        ("juju_model", "cos"),
        ("juju_model_uuid", "6b2f8a1e-3c5d-4e7f-8a9b-0c1d2e3f4a5b"),
        ("juju_application", "tally"),
        ("juju_unit", UNIT),
        ("juju_charm", "tally-coordinator-k8s"),
    ];
    let expected = topology.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    for span in spans {
        assert_eq!(span.resource, expected, "{}", span.name);
    }
}

fn requests_to_kubernetes_carry_their_span(batches: &[Vec<Span>], contexts: &[String]) {
    let spans = batches.iter().flatten().filter(|span| span.name == "kubernetes");
    let sent: BTreeSet<String> =
        spans.map(|span| format!("00-{}-{}-01", span.trace, span.id)).collect();
    let ours: Vec<&String> = contexts.iter().filter(|context| sent.contains(*context)).collect();
    assert_eq!(ours.len(), sent.len(), "{sent:#?}\n{contexts:#?}");
    assert!(!ours.is_empty());
}

#[tokio::test]
async fn receivers_of_no_use_fail_no_hook_and_lose_nothing() {
    let mut model = tally().await;
    let place = Place::find();
    lead_to(&place, &model);
    let file = root(&model).join("var/lib/juju/agents/unit-tally-0/charm/.traces.otlp");

    // A closed port; then one that takes connections and never answers.
    for is_open in [false, true] {
        let listener = is_open.then(|| place.keep_silent());
        let begun = Instant::now();
        let journal = model.dispatch(UNIT, LifeCycle::UpdateStatus).await;
        assert!(journal.succeeded, "open: {is_open}");
        // Far more than it may cost: the machine may be busy with other things.
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        model.assert_active();
        assert!(file.exists(), "open: {is_open}");
        drop(listener);
    }

    let store = place.receive();
    assert!(model.dispatch(UNIT, LifeCycle::UpdateStatus).await.succeeded);
    let batches = store.take();
    let event = |batch: &Vec<Span>| only(batch, "dispatch").attributes["event"].clone();
    let newest: Vec<String> = batches.iter().take(3).map(event).collect();
    assert_eq!(newest, ["update-status"; 3]);
    assert!(!file.exists(), "nothing waits any more");
}
