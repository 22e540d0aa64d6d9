//! The service mesh: who may talk to us, and which labels put pods into it.

mod authorization;

use std::collections::BTreeMap;

use charm::desired::Desired;
use charm::event::{Event, Lifecycle, RelationEventKind};
use charm::kubernetes::{KubernetesQuery, KubernetesWrite, ObjectKind, ObjectRef};
use charm::names::EndpointName;
use charm::patterns::pod_labels::PodLabels;
use charm::snapshot::{Relation, Snapshot};
use indexmap::IndexMap;
use relation_lib::cross_model_mesh::{CrossModelMeshRequirerAppData, CrossModelParty};
use relation_lib::encoding::python_json;
use relation_lib::prometheus_scrape::NGINX_EXPORTER_PORT;
use relation_lib::service_mesh::{
    MeshEndpoint, MeshParty, MeshPolicy, MeshProviderAppData, MeshRequirerAppData,
};

pub(crate) use authorization::decide as decide_authorization;
pub(crate) use authorization::query as authorization_query;

use crate::coherence::Deployment;
use crate::facts::Facts;
use crate::problem::{Problems, place};
use crate::solution::{self, Solution};

/// What the beacon says; `None` while there is no mesh.
pub(crate) fn read(
    solution: &Solution,
    snapshot: &Snapshot,
    problems: &mut Problems,
) -> Option<MeshProviderAppData> {
    let relation = relation(solution, snapshot)?;
    if relation.remote_app_data.is_empty() {
        return None;
    }
    match MeshProviderAppData::decode(&relation.remote_app_data) {
        Ok(read) => {
            problems.skipped(relation, None, &read.skipped);
            Some(read.value)
        }
        Err(error) => {
            problems.note(place(relation, None, error.key()), error.to_string());
            None
        }
    }
}

fn relation<'a>(solution: &'a Solution, snapshot: &'a Snapshot) -> Option<&'a Relation> {
    snapshot.relations_of(solution.endpoints.service_mesh.as_ref()?).next()
}

/// The labels that put a pod into the mesh.
pub(crate) fn labels(facts: &Facts<'_>) -> IndexMap<String, String> {
    facts.mesh.as_ref().map(|mesh| mesh.labels.clone()).unwrap_or_default()
}

/// The leader tells the beacon who may talk to us, and other models who we are.
pub(crate) fn publish(facts: &Facts<'_>, deployment: Deployment, desired: &mut Desired) {
    let Some(proof) = facts.snapshot.leadership.proof() else {
        return;
    };
    if let Some(relation) = relation(facts.solution, facts.snapshot)
        && (deployment == Deployment::Working || concerns_policies(facts))
    {
        let data = MeshRequirerAppData { policies: policies(facts) };
        desired.app_databag(proof, relation.id, data.encode());
    }
    let Some(endpoint) = &facts.solution.endpoints.service_mesh_require_cmr_mesh else {
        return;
    };
    let due = match &facts.snapshot.event {
        Event::Relation(event) => {
            event.kind == RelationEventKind::Created && event.endpoint == *endpoint
        }
        event => event.is(Lifecycle::LeaderElected),
    };
    if !due {
        return;
    }
    let identity = &facts.snapshot.identity;
    for relation in facts.snapshot.relations_of(endpoint) {
        let party = CrossModelParty {
            app_name: identity.application.as_str().to_owned(),
            juju_model_name: identity.model.as_str().to_owned(),
        };
        let data = CrossModelMeshRequirerAppData { cmr_data: party };
        desired.app_databag(proof, relation.id, data.encode());
    }
}

/// Events on which policies are looked at although the deployment is blocked.
fn concerns_policies(facts: &Facts<'_>) -> bool {
    let Event::Relation(event) = &facts.snapshot.event else {
        return false;
    };
    let endpoints = &facts.solution.endpoints;
    let is = |endpoint: &Option<EndpointName>| endpoint.as_ref() == Some(&event.endpoint);
    let named = definitions(facts).into_iter().any(|policy| *policy.endpoint == event.endpoint);
    match event.kind {
        RelationEventKind::Created => is(&endpoints.service_mesh) || named,
        RelationEventKind::Broken => named,
        RelationEventKind::Changed => is(&endpoints.service_mesh_provide_cmr_mesh),
        _ => false,
    }
}

struct Definition<'a> {
    endpoint: &'a EndpointName,
    target: Target,
}

enum Target {
    Units(Vec<u16>),
    Application(Vec<MeshEndpoint>, Option<String>),
}

/// Ours first: the exporter for scrapers, then what they reach through the proxy; then the
/// solution's own.
fn definitions<'a>(facts: &'a Facts<'_>) -> Vec<Definition<'a>> {
    let mut definitions = Vec::new();
    if let Some(endpoint) = &facts.solution.endpoints.metrics {
        definitions.push(Definition { endpoint, target: Target::Units(vec![NGINX_EXPORTER_PORT]) });
        if let Some(proxy) = facts.proxy() {
            let way = MeshEndpoint {
                ports: Some(vec![proxy.port.get()]),
                methods: Some(vec!["GET".to_owned()]),
                paths: Some(vec!["/proxy/worker/{*}/metrics".to_owned()]),
                ..MeshEndpoint::default()
            };
            definitions.push(Definition { endpoint, target: Target::Application(vec![way], None) });
        }
    }
    let numbers = |ports: &[std::num::NonZeroU16]| ports.iter().map(|port| port.get()).collect();
    for policy in &facts.solution.mesh_policies {
        definitions.push(match policy {
            solution::MeshPolicy::Unit { relation, ports } => {
                Definition { endpoint: relation, target: Target::Units(numbers(ports)) }
            }
            solution::MeshPolicy::App { relation, endpoints, service } => {
                let ways = endpoints.iter().map(|way| MeshEndpoint {
                    hosts: way.hosts.clone(),
                    ports: way.ports.as_deref().map(numbers),
                    methods: way.methods.clone(),
                    paths: way.paths.clone(),
                });
                let target = Target::Application(ways.collect(), service.clone());
                Definition { endpoint: relation, target }
            }
        });
    }
    definitions
}

fn policies(facts: &Facts<'_>) -> Vec<MeshPolicy> {
    let identity = &facts.snapshot.identity;
    let ourselves = MeshParty {
        namespace: identity.model.as_str().to_owned(),
        application: identity.application.as_str().to_owned(),
    };
    let at_home = in_other_models(facts);
    let mut policies = Vec::new();
    for definition in definitions(facts) {
        for relation in facts.snapshot.relations_of(definition.endpoint) {
            let Some(app) = &relation.remote_app else { continue };
            let source = at_home.get(app.as_str()).cloned().unwrap_or_else(|| MeshParty {
                namespace: identity.model.as_str().to_owned(),
                application: app.as_str().to_owned(),
            });
            let policy = match &definition.target {
                Target::Units(ports) => MeshPolicy::to_units(&source, &ourselves, ports),
                Target::Application(ways, service) => {
                    let policy = MeshPolicy::to_application(&source, &ourselves, ways.clone());
                    match service {
                        Some(service) => policy.through_service(service),
                        None => policy,
                    }
                }
            };
            policies.push(policy);
        }
    }
    policies
}

/// Applications of other models: the name that they have here → who they are there.
fn in_other_models(facts: &Facts<'_>) -> BTreeMap<String, MeshParty> {
    let Some(endpoint) = &facts.solution.endpoints.service_mesh_provide_cmr_mesh else {
        return BTreeMap::new();
    };
    facts
        .snapshot
        .relations_of(endpoint)
        .filter_map(|relation| {
            let data = CrossModelMeshRequirerAppData::decode(&relation.remote_app_data).ok()?;
            let party = MeshParty {
                namespace: data.value.cmr_data.juju_model_name,
                application: data.value.cmr_data.app_name,
            };
            Some((relation.remote_app.as_ref()?.as_str().to_owned(), party))
        })
        .collect()
}

/// The labels of the mesh on our own pods: set when the beacon speaks, taken away when it goes.
pub(crate) fn label_own_pods(facts: &Facts<'_>, desired: &mut Desired) {
    let Event::Relation(event) = &facts.snapshot.event else { return };
    if Some(&event.endpoint) != facts.solution.endpoints.service_mesh.as_ref() {
        return;
    }
    let memory = own_labels(facts.snapshot);
    match event.kind {
        RelationEventKind::Changed => {
            let labels = labels(facts);
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let changes = memory.changes(facts.snapshot, labels);
            desired.kubernetes.extend(changes.writes);
            desired.problems.extend(changes.problem);
        }
        RelationEventKind::Broken if facts.snapshot.leadership.proof().is_some() => {
            let changes = memory.changes(facts.snapshot, []);
            desired.kubernetes.extend(changes.writes);
            desired.problems.extend(changes.problem);
            let name = memory.config_map;
            desired
                .kubernetes
                .push(KubernetesWrite::Delete(ObjectRef { kind: ObjectKind::ConfigMap, name }));
        }
        _ => {}
    }
}

fn own_labels(snapshot: &Snapshot) -> PodLabels {
    let application = snapshot.identity.application.as_str();
    PodLabels {
        config_map: format!("juju-service-mesh-{application}-labels"),
        field_manager: Some(application.to_owned()),
        encode: python_json,
    }
}

/// What to ask the Kubernetes API about.
pub(crate) fn queries(solution: &Solution, seen: &Snapshot) -> Vec<KubernetesQuery> {
    let Some(endpoint) = &solution.endpoints.service_mesh else {
        return Vec::new();
    };
    let of_mesh = matches!(&seen.event, Event::Relation(event) if event.endpoint == *endpoint);
    let mut queries = Vec::new();
    if of_mesh {
        queries.extend(own_labels(seen).queries(seen));
    }
    if of_mesh || relation(solution, seen).is_some() {
        queries.push(authorization_query(seen));
    }
    queries
}

#[cfg(test)]
mod tests {
    use charm::kubernetes::{KubernetesAnswer, KubernetesWrite, ObjectKind};
    use charm::leadership::Leadership;
    use charm::testing::{RelationBuilder, SnapshotBuilder};
    use serde_json::json;

    use super::authorization_query;
    use crate::fixtures::{app_value, decide, working};

    fn meshed() -> SnapshotBuilder {
        working().relation(RelationBuilder::new("metrics", 4, "press")).relation(
            RelationBuilder::new("mesh", 8, "beacon").remote_app([
                ("labels", r#"{"istio.io/dataplane-mode": "ambient"}"#),
                ("mesh_type", "\"istio\""),
            ]),
        )
    }

    fn policies(writes: &[KubernetesWrite]) -> Vec<String> {
        let names = writes.iter().filter_map(|write| match write {
            KubernetesWrite::Apply(patch) => Some(format!("apply {}", patch.object.name)),
            KubernetesWrite::Delete(object) if object.kind == ObjectKind::AuthorizationPolicy => {
                Some(format!("delete {}", object.name))
            }
            _ => None,
        });
        names.map(|name| name.rsplit_once('-').expect("a hash").0.to_owned()).collect()
    }

    #[test]
    fn followers_keep_up_the_policies_and_leave_the_databag_alone() {
        let mut snapshot = meshed().build();
        snapshot.leadership = Leadership::Follower;
        let desired = decide(&snapshot);
        assert_eq!(
            policies(&desired.kubernetes),
            [
                "apply tally-stage-policy-tally-stage-custom-selector",
                "apply tally-stage-policy-counter-stage-custom-selector",
                "apply tally-stage-policy-counter-stage-tally",
            ]
        );
        assert!(desired.app_databags().is_empty());
    }

    #[test]
    fn workers_get_the_labels_of_the_mesh_and_the_beacon_our_policies() {
        let desired = decide(&meshed().build());
        assert_eq!(
            app_value(&desired, 1, "worker_labels"),
            Some(json!({
                "app.kubernetes.io/part-of": "tally",
                "istio.io/dataplane-mode": "ambient",
            }))
        );
        let policies = app_value(&desired, 8, "policies").expect("policies");
        assert_eq!(policies[0]["source_app_name"], "press");
        assert_eq!(policies[0]["endpoints"][0]["ports"], json!([9113]));
    }

    #[test]
    fn applications_of_other_models_are_called_as_they_are_at_home() {
        let party = r#"{"app_name": "prometheus", "juju_model_name": "cos"}"#;
        let home =
            RelationBuilder::new("provide-cmr", 9, "press").remote_app([("cmr_data", party)]);
        let desired = decide(&meshed().relation(home).build());
        let policies = app_value(&desired, 8, "policies").expect("policies");
        assert_eq!(policies[0]["source_app_name"], "prometheus");
        assert_eq!(policies[0]["source_namespace"], "cos");
    }

    #[test]
    fn without_a_mesh_policies_of_ours_are_deleted() {
        let snapshot = working().build();
        let live = json!([{"metadata": {"name": "tally-stage-policy-old-0a1b2c3d"}}]);
        let snapshot = working()
            .kubernetes(authorization_query(&snapshot), KubernetesAnswer::Found(live))
            .build();
        assert_eq!(policies(&decide(&snapshot).kubernetes), ["delete tally-stage-policy-old"]);
    }
}
