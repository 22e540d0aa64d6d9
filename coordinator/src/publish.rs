//! What workers and log stores are told.

use std::collections::BTreeSet;

use charm::databag::DatabagPatch;
use charm::desired::Desired;
use charm::event::{Event, Lifecycle, RelationEventKind};
use charm::status::Status;
use indexmap::IndexMap;
use relation_lib::cluster::{
    ClusterProviderAppData, RESTART_TURNS, RemoteWriteEndpoint, WorkerConfig,
};
use relation_lib::databag::replacing;
use relation_lib::loki_push_api::LokiRequirerAppData;

use crate::cluster::WorkerApp;
use crate::coherence::Deployment;
use crate::facts::Facts;
use crate::{mesh, rules};

/// The label by which everything that belongs to one coordinator is found.
pub(crate) const PART_OF: &str = "app.kubernetes.io/part-of";

/// The leader tells every worker application that is ready what its workers need.
pub(crate) fn cluster(facts: &Facts<'_>, desired: &mut Desired) {
    let Some(proof) = facts.snapshot.leadership.proof() else {
        return;
    };
    let config = match facts.render("`workers_config`", &facts.solution.workers_config) {
        Ok(config) => config,
        Err(error) => {
            desired.unit_statuses.push(Status::blocked(format!("[solution] {error}")));
            return;
        }
    };
    for app in facts.cluster.apps.iter().filter(|app| app.is_ready()) {
        let patch = cluster_data(facts, app, config.clone()).encode();
        let local = facts.snapshot.relation(app.relation).and_then(|r| r.local_app.as_ref());
        let patch = match local {
            Some(bag) => replacing(bag, patch),
            None => patch,
        };
        desired.app_databag(proof, app.relation, patch);
    }
}

fn cluster_data(facts: &Facts<'_>, app: &WorkerApp, config: String) -> ClusterProviderAppData {
    let (told, remote_write) = facts.told_to_workers();
    let tls = facts.tls.in_hand();
    let application = facts.snapshot.identity.application.as_str();
    let mut labels = IndexMap::from([(PART_OF.to_owned(), application.to_owned())]);
    labels.extend(mesh::labels(facts));
    let role = app.role.as_ref().map_or("", |role| role.text.as_str());
    let ports = facts.solution.worker_ports.as_ref().map(|ports| {
        ports.of(&facts.solution.roles, role).into_iter().map(std::num::NonZeroU16::get).collect()
    });
    ClusterProviderAppData {
        worker_config: WorkerConfig::Text(config),
        loki_endpoints: Some(told.logs),
        charm_tracing_receivers: Some(told.charm),
        workload_tracing_receivers: Some(told.workload),
        remote_write_endpoints: remote_write
            .map(|urls| urls.into_iter().map(|url| RemoteWriteEndpoint { url }).collect()),
        worker_ports: ports,
        ca_cert: tls.map(|tls| tls.ca.clone()),
        server_cert: tls.map(|tls| tls.certificate.clone()),
        privkey_secret_id: tls.map(|tls| tls.key_id.as_str().to_owned()),
        s3_tls_ca_chain: facts.store.connection().and_then(|store| store.tls_ca_text()),
        worker_labels: Some(labels),
        features: features(app),
        // Turns are given to applications that are not ready, too.
        restart_turn: None,
    }
}

/// What we do for workers who announce that they know of it.
fn features(app: &WorkerApp) -> BTreeSet<String> {
    let known = [RESTART_TURNS].into_iter().filter(|feature| app.announces(feature));
    known.map(str::to_owned).collect()
}

/// The leader tells log stores who we are and the rules on our logs.
pub(crate) fn logs(facts: &Facts<'_>, deployment: Deployment, desired: &mut Desired) {
    let Some(endpoint) = &facts.solution.endpoints.logging else {
        return;
    };
    let Some(proof) = facts.snapshot.leadership.proof() else {
        return;
    };
    if deployment == Deployment::Blocked && !log_stores_hear(facts) {
        return;
    }
    let mut relations = facts.snapshot.relations_of(endpoint).peekable();
    if relations.peek().is_none() {
        return;
    }
    let rules = rules::logs(facts, deployment, desired);
    let data = LokiRequirerAppData { metadata: Some(facts.topology()), alert_rules: Some(rules) };
    for relation in relations {
        let mut patch: DatabagPatch = data.encode();
        // Rules are not worked out while the deployment is blocked: what was published stays.
        let published = relation.local_app.as_ref().is_some_and(|bag| bag.contains_key(RULES));
        if deployment == Deployment::Blocked && published {
            patch.remove(RULES);
        }
        desired.app_databag(proof, relation.id, patch);
    }
}

const RULES: &str = "alert_rules";

/// Events on which the Python libraries write to log stores whether or not the deployment works.
fn log_stores_hear(facts: &Facts<'_>) -> bool {
    match &facts.snapshot.event {
        Event::Lifecycle(Lifecycle::UpgradeCharm | Lifecycle::ConfigChanged) => true,
        Event::Relation(event)
            if Some(&event.endpoint) == facts.solution.endpoints.logging.as_ref() =>
        {
            event.kind == RelationEventKind::Joined
                || event.kind != RelationEventKind::Created && !facts.logs.is_empty()
        }
        _ => false,
    }
}

/// The leader asks the object store for a bucket when its first unit joins.
pub(crate) fn bucket(facts: &Facts<'_>, desired: &mut Desired) {
    let Some(proof) = facts.snapshot.leadership.proof() else {
        return;
    };
    if let Event::Relation(event) = &facts.snapshot.event
        && event.kind == RelationEventKind::Joined
        && Some(&event.endpoint) == facts.solution.endpoints.s3.as_ref()
    {
        let data = relation_lib::s3::S3RequirerAppData::of_relation(event.relation.0);
        desired.app_databag(proof, event.relation, data.encode());
    }
}
