//! A case as the snapshot that the runtime would take.

use std::sync::Arc;

use charm::Charm;
use charm::event::{
    Event, Lifecycle, RelationEvent, RelationEventKind, WorkloadEvent, WorkloadEventKind,
};
use charm::kubernetes::{KubernetesAnswer, KubernetesQuery, KubernetesRefusal, ObjectKind};
use charm::layer::Plan;
use charm::leadership::{Leader, Leadership};
use charm::metadata::{Metadata, OptionType};
use charm::names::{RelationId, SecretId};
use charm::secret::SecretText;
use charm::snapshot::{
    CheckState, Container, ContainerState, FileRead, Relation, SecretRefusal, ServiceState,
    Snapshot,
};
use relation_bus::conformance::case::{self, ContainerInput, Input};
use serde_json::{Map, Value, json};
use worker::Worker;

/// What the worker sees, asked for as often as it asks for more.
pub(crate) fn snapshot(input: &Input, worker: &Worker) -> Snapshot {
    let mut snapshot = Snapshot::for_test(&input.unit).build();
    snapshot.event = event(input);
    snapshot.identity.model = input.model.name.parse().expect("valid");
    snapshot.identity.model_uuid = input.model.uuid.parse().expect("valid");
    let proxy = |name: &str| input.env.get(&format!("JUJU_CHARM_{name}_PROXY")).cloned();
    snapshot.identity.proxies.http = proxy("HTTP");
    snapshot.identity.proxies.https = proxy("HTTPS");
    snapshot.identity.proxies.no = proxy("NO");
    snapshot.metadata = Arc::new(metadata(input));
    snapshot.host.fqdn.clone_from(&input.fqdn);
    if input.leader {
        snapshot.leadership = Leadership::Leader(Leader::for_test());
    }
    for (option, declared) in &input.charm.config_options {
        if let Some(value) = input.config.get(option).or_else(|| declared.get("default")) {
            snapshot.config.insert(option.clone(), value.clone());
        }
    }
    let broken = snapshot.event.broken_relation();
    snapshot.relations =
        input.relations.iter().map(relation).filter(|r| Some(r.id) != broken).collect();
    for relation in &mut snapshot.relations {
        if !input.leader {
            relation.local_app = None;
        }
    }
    for container in &input.containers {
        let seen = match container.can_connect {
            true => Container::Reachable(state(container)),
            false => Container::Unreachable,
        };
        snapshot.containers.insert(container.name.parse().expect("valid"), seen);
    }
    snapshot.opened_ports = input.opened_ports.iter().map(|text| port(text)).collect();
    while answer(input, worker, &mut snapshot) {}
    snapshot
}

/// Answers what is asked for and not known yet; whether there was anything.
fn answer(input: &Input, worker: &Worker, snapshot: &mut Snapshot) -> bool {
    let needs = worker.needs(snapshot);
    let before = (snapshot.kubernetes.len(), snapshot.observed_secrets.len());
    for query in needs.kubernetes {
        if snapshot.kubernetes_answer(&query).is_none() {
            let answer = cluster(input, &query);
            snapshot.kubernetes.push((query, answer));
        }
    }
    for need in needs.secrets {
        if let charm::needs::SecretNeed::Observed(id) = need {
            let found = secret(input, &id);
            snapshot.observed_secrets.insert(id, found);
        }
    }
    before != (snapshot.kubernetes.len(), snapshot.observed_secrets.len())
}

fn secret(input: &Input, id: &SecretId) -> Result<charm::secret::SecretContent, SecretRefusal> {
    let found = input.secrets.iter().find(|secret| secret.id.ends_with(id.bare()));
    let content = found.map(|secret| secret.content.iter());
    content
        .map(|entries| entries.map(|(k, v)| (k.clone(), SecretText::new(v.clone()))).collect())
        .ok_or_else(|| SecretRefusal { id: id.to_string(), reason: "permission denied".to_owned() })
}

fn cluster(input: &Input, query: &KubernetesQuery) -> KubernetesAnswer {
    let found =
        |value: Option<Value>| value.map_or(KubernetesAnswer::NotFound, KubernetesAnswer::Found);
    match query {
        KubernetesQuery::Get(object) => match object.kind {
            ObjectKind::ConfigMap => {
                found(input.k8s.configmaps.get(&object.name).map(|data| json!({"data": data})))
            }
            ObjectKind::StatefulSet => {
                found(input.k8s.statefulset.as_ref().map(|set| stateful_set(input, set)))
            }
            ObjectKind::Pod => found(
                input.k8s.pod.as_ref().map(|pod| json!({"spec": {"containers": pod.containers}})),
            ),
            _ => KubernetesAnswer::NotFound,
        },
        KubernetesQuery::DryRunApply(_) => match &input.k8s.patch_error {
            Some(error) => KubernetesAnswer::Refused(KubernetesRefusal {
                code: Some(error.code),
                message: error.message.clone(),
            }),
            None => KubernetesAnswer::Found(json!({})),
        },
        KubernetesQuery::List { .. } => KubernetesAnswer::Found(json!([])),
    }
}

fn stateful_set(input: &Input, set: &case::StatefulSetInput) -> Value {
    json!({
        "metadata": {"generation": set.generation},
        "spec": {
            "replicas": set.replicas,
            "selector": {"matchLabels": {"app.kubernetes.io/name": input.app}},
            "serviceName": format!("{}-endpoints", input.app),
            "template": {"spec": {"containers": set.containers}},
        },
        "status": {
            "observedGeneration": set.observed_generation, "readyReplicas": set.ready_replicas,
            "currentRevision": set.current_revision, "updateRevision": set.update_revision,
        },
    })
}

fn event(input: &Input) -> Event {
    let event = &input.event;
    let relation = |kind| {
        let id = event.relation_id.expect("a relation event has a relation");
        let endpoint = &input.relations.iter().find(|r| r.id == id).expect("listed").endpoint;
        Event::Relation(RelationEvent {
            kind,
            endpoint: endpoint.parse().expect("valid"),
            relation: RelationId(id),
            remote_app: None,
            remote_unit: None,
            departing_unit: None,
        })
    };
    let workload = |kind| {
        let container = event.container.as_ref().expect("a workload event has a container");
        Event::Workload(WorkloadEvent { container: container.parse().expect("valid"), kind })
    };
    match event.name.as_str() {
        "update-status" => Event::Lifecycle(Lifecycle::UpdateStatus),
        "config-changed" => Event::Lifecycle(Lifecycle::ConfigChanged),
        "relation-created" => relation(RelationEventKind::Created),
        "relation-changed" => relation(RelationEventKind::Changed),
        "relation-broken" => relation(RelationEventKind::Broken),
        "pebble-ready" => workload(WorkloadEventKind::Ready),
        other => Event::Unknown(other.to_owned()),
    }
}

fn metadata(input: &Input) -> Metadata {
    let mut metadata = Metadata { name: input.charm.name.clone(), ..Metadata::default() };
    metadata.containers =
        input.charm.containers.iter().map(|name| name.parse().expect("valid")).collect();
    metadata.options = input
        .charm
        .config_options
        .keys()
        .map(|option| (option.clone(), OptionType::Boolean))
        .collect();
    metadata
}

fn relation(input: &case::RelationInput) -> Relation {
    Relation {
        endpoint: input.endpoint.parse().expect("valid"),
        id: RelationId(input.id),
        remote_app: Some(input.remote_app.parse().expect("valid")),
        local_app: Some(input.local_app_data.clone()),
        local_unit: input.local_unit_data.clone(),
        remote_app_data: input.remote_app_data.clone(),
        remote_units: Default::default(),
    }
}

/// Layers put on top of each other; recorded ones always replace.
pub(crate) fn plan(layers: &Map<String, Value>) -> Plan {
    let mut plan = Plan::default();
    for layer in layers.values() {
        let section = |name: &str| {
            let entries = layer.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
            entries
                .into_iter()
                .map(|(name, value)| (name, value.as_object().cloned().unwrap_or_default()))
        };
        plan.services.extend(section("services"));
        plan.checks.extend(section("checks"));
        plan.log_targets.extend(section("log-targets"));
    }
    plan
}

fn state(container: &ContainerInput) -> ContainerState {
    ContainerState {
        plan: plan(&container.layers),
        services: container
            .services
            .iter()
            .map(|(name, state)| {
                let state = match state {
                    case::ServiceState::Active => ServiceState::Active,
                    case::ServiceState::Inactive => ServiceState::Inactive,
                };
                (name.clone(), state)
            })
            .collect(),
        files: container
            .files
            .iter()
            .map(|(path, text)| (path.clone(), FileRead::Content(text.clone().into_bytes())))
            .collect(),
        checks: container
            .checks
            .iter()
            .map(|check| {
                let state = CheckState {
                    status: check.status.clone(),
                    failures: check.failures.into(),
                    threshold: check.threshold.into(),
                };
                (check.name.clone(), state)
            })
            .collect(),
        ..ContainerState::default()
    }
}

fn port(text: &str) -> charm::ports::Port {
    let (protocol, number) = text.split_once('/').expect("recorded as protocol/number");
    format!("{number}/{protocol}").parse().expect("valid")
}
