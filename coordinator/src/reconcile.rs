//! From facts to what should be true.
//!
//! Three gates, in this order: the deployment must be able to work, the resources patch must be in
//! effect, and the event must not be that of a failing check. What doesn't need a working
//! deployment goes on before the gates.

use charm::desired::Desired;
use charm::event::{Event, WorkloadEventKind};
use charm::patterns::pod_labels::PodLabels;
use charm::snapshot::Snapshot;
use charm::status::{Status, StatusLevel};
use relation_lib::encoding::python_json;

use crate::coherence::{self, Deployment};
use crate::facts::Facts;
use crate::solution::Solution;
use crate::{
    catalogue, dashboards, datasource, exporter, ingress, log_targets, mesh, nginx, publish,
    scrape, tls, traces, turns,
};

/// What should be true now.
pub(crate) fn reconcile(solution: &Solution, snapshot: &Snapshot) -> Desired {
    let mut desired = Desired::default();
    let mut facts = Facts::read(solution, snapshot);
    let (problems, shown) = std::mem::take(&mut facts.problems).into_parts();
    desired.problems.extend(problems);
    let facts = facts;

    let obstacles = coherence::obstacles(solution, &facts.cluster, &facts.store);
    let resources = solution.resources.as_ref();
    let patching = resources.and_then(|resources| resources.status(snapshot));
    for write in resources.iter().flat_map(|resources| resources.writes(snapshot)) {
        desired.kubernetes.push(write);
    }
    let is_patched = patching.as_ref().is_none_or(|status| status.level == StatusLevel::Active);
    let deployment = if obstacles.is_empty() && is_patched && !is_failed_check(snapshot) {
        Deployment::Working
    } else {
        Deployment::Blocked
    };

    traces::request(solution, snapshot, &mut desired);
    publish::bucket(&facts, &mut desired);
    ingress::publish(&facts, &mut desired);
    tls::decide(&facts, deployment, &mut desired);
    log_targets::decide(&facts, &mut desired);
    mesh::label_own_pods(&facts, &mut desired);
    if deployment == Deployment::Working {
        work(&facts, &mut desired);
    }
    turns::publish(&facts, &mut desired);
    if deployment == Deployment::Working || facts.mesh.is_none() {
        mesh::decide_authorization(&facts, &mut desired);
    }
    scrape::publish(&facts, deployment, &mut desired);
    publish::logs(&facts, deployment, &mut desired);
    dashboards::publish(&facts, &mut desired);
    mesh::publish(&facts, deployment, &mut desired);
    let ca = facts.tls.in_hand().map(|tls| tls.ca.as_str());
    desired.charm_tracing = traces::destination(&facts.charm_receivers, ca);

    let remark = coherence::remark(solution, &facts.cluster).unwrap_or_default();
    let ambiguous = facts.ingress.obstacle();
    let statuses =
        ambiguous.into_iter().chain(obstacles).chain(patching).chain([Status::active(remark)]);
    // The first of the worst is shown: what was left out comes before a mere remark.
    desired.unit_statuses.extend(shown);
    desired.unit_statuses.extend(statuses);
    if let Some(proof) = snapshot.leadership.proof() {
        for status in desired.unit_statuses.clone() {
            desired.app_status(proof, status);
        }
    }
    desired
}

/// What only a deployment that works calls for.
fn work(facts: &Facts<'_>, desired: &mut Desired) {
    nginx::decide(facts, desired);
    exporter::decide(facts, desired);
    scrape::publish_hostname(facts, desired);
    publish::cluster(facts, desired);
    label_pods(facts, desired);
    catalogue::publish(facts, desired);
    datasource::publish(facts, desired);
}

/// The leader marks the application's pods as part of this deployment.
fn label_pods(facts: &Facts<'_>, desired: &mut Desired) {
    if facts.snapshot.leadership.proof().is_none() {
        return;
    }
    let application = facts.snapshot.identity.application.as_str();
    let labels = PodLabels::of_application(facts.snapshot, python_json);
    let changes = labels.changes(facts.snapshot, [(publish::PART_OF, application)]);
    desired.kubernetes.extend(changes.writes);
    desired.problems.extend(changes.problem);
}

/// A failing check says something about the workload, nothing about the model.
fn is_failed_check(snapshot: &Snapshot) -> bool {
    matches!(&snapshot.event, Event::Workload(event)
        if matches!(event.kind, WorkloadEventKind::CheckFailed(_)))
}
