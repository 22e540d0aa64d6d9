//! A recorded case as a snapshot, and what the decision comes to.

mod judge;
mod solution;

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use charm::Charm as _;
use charm::databag::Databag;
use charm::desired::Desired;
use charm::event::{
    Event, Lifecycle, RelationEvent, RelationEventKind, SecretEvent, SecretEventKind,
    WorkloadEvent, WorkloadEventKind,
};
use charm::kubernetes::{KubernetesAnswer, KubernetesQuery, KubernetesRefusal, ObjectKind};
use charm::layer::Plan;
use charm::leadership::{Leader, Leadership};
use charm::metadata::{Endpoint, EndpointRole, Metadata, OptionType};
use charm::names::RelationId;
use charm::secret::SecretText;
use charm::snapshot::{
    Container, ContainerState, FileRead, Host, Ipv6, OwnedSecret, Relation, Snapshot,
};
use coordinator::Coordinator;
use coordinator::solution::Solution;
use serde_json::{Map, Value, json};

/// A recorded case.
pub(crate) struct Case {
    input: Value,
    expected: Value,
}

fn name<T: FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().expect("a text").parse().expect("a valid name")
}

fn bag(value: &Value) -> Databag {
    let members = value.as_object().cloned().unwrap_or_default();
    members.into_iter().map(|(k, v)| (k, v.as_str().expect("a text").to_owned())).collect()
}

impl Case {
    /// Reads a case file.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("readable");
        let mut case: Value = serde_json::from_str(&text).expect("JSON");
        Self { input: case["input"].take(), expected: case["expected"].take() }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        self.input["name"].as_str().expect("a name")
    }

    /// Whether a coordinator is meant.
    pub(crate) fn is_of_coordinator(&self) -> bool {
        self.input["role"] == "coordinator"
    }

    /// What is decided; `None` where the solution is refused.
    pub(crate) fn decision(&self) -> Option<Desired> {
        let yaml = solution::of_case(&self.input["solution"]).to_string();
        let coordinator = Coordinator::new(Solution::parse("solution.yaml", &yaml).ok()?);
        Some(coordinator.reconcile(&self.snapshot(&coordinator)))
    }

    /// Where the decision differs from what was recorded.
    pub(crate) fn differences(&self) -> Vec<String> {
        let yaml = solution::of_case(&self.input["solution"]).to_string();
        let solution = match Solution::parse("solution.yaml", &yaml) {
            Ok(solution) => solution,
            Err(_) if !self.expected["raised"].is_null() => return Vec::new(),
            Err(error) => return vec![format!("solution: {error}")],
        };
        let coordinator = Coordinator::new(solution);
        let snapshot = self.snapshot(&coordinator);
        let desired = coordinator.reconcile(&snapshot);
        if !self.expected["raised"].is_null() {
            return Vec::new();
        }
        judge::differences(&self.input, &self.expected, &snapshot, &desired)
    }

    fn snapshot(&self, coordinator: &Coordinator) -> Snapshot {
        let input = &self.input;
        let mut snapshot = Snapshot::for_test(input["unit"].as_str().expect("a unit")).build();
        snapshot.identity.model = name(&input["model"]["name"]);
        snapshot.identity.model_uuid = name(&input["model"]["uuid"]);
        snapshot.metadata = Arc::new(self.metadata());
        snapshot.host = Host {
            fqdn: input["fqdn"].as_str().expect("a name").to_owned(),
            nameserver: input["dns_server"].as_str().map(str::to_owned),
            ipv6: if input["ipv6"] == true { Ipv6::Available } else { Ipv6::Absent },
        };
        snapshot.now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        if input["leader"] == true {
            snapshot.leadership = Leadership::Leader(Leader::for_test());
        }
        snapshot.event = self.event();
        for (option, value) in members(&input["config"]) {
            snapshot.config.insert(option.clone(), value.clone());
        }
        for (option, kind) in members(&input["charm"]["config_options"]) {
            if let Some(default) = kind.get("default").filter(|default| !default.is_null()) {
                snapshot.config.entry(option.clone()).or_insert_with(|| default.clone());
            }
        }
        for (endpoint, address) in members(&input["networks"]) {
            snapshot.networks.insert(endpoint.parse().expect("an endpoint"), name(address));
        }
        for (path, content) in members(&input["charm"]["files"]) {
            let content = content.as_str().expect("a text").as_bytes().to_vec();
            snapshot.charm_files.insert(path.into(), content);
        }
        snapshot.relations = self.relations();
        for container in list(&input["containers"]) {
            snapshot.containers.insert(name(&container["name"]), container_of(container));
        }
        let host_file = input["charm_container_files"]["/usr/local/share/ca-certificates/ca.crt"]
            .as_str()
            .map(|text| text.as_bytes().to_vec());
        snapshot.host_files.insert("/usr/local/share/ca-certificates/ca.crt".into(), host_file);
        for secret in list(&input["secrets"]) {
            let Some(label) = secret["label"].as_str() else { continue };
            let content = members(&secret["content"])
                .map(|(k, v)| (k.clone(), SecretText::new(v.as_str().expect("a text"))));
            let grants = members(&secret["grants"]);
            let owned = OwnedSecret {
                id: name(&secret["id"]),
                content: content.collect(),
                grants: grants.map(|(id, _)| id.parse().expect("an id")).collect(),
            };
            let label: charm::names::SecretLabel = label.parse().expect("a label");
            snapshot.secret_listing.insert(owned.id.clone(), Some(label.clone()));
            snapshot.owned_secrets.insert(label, owned);
        }
        loop {
            let queries = coordinator.needs(&snapshot).kubernetes;
            let new: Vec<_> = queries
                .into_iter()
                .filter(|query| snapshot.kubernetes_answer(query).is_none())
                .collect();
            if new.is_empty() {
                return snapshot;
            }
            for query in new {
                let answer = self.answer(&query);
                snapshot.kubernetes.push((query, answer));
            }
        }
    }

    fn metadata(&self) -> Metadata {
        let charm = &self.input["charm"];
        let mut metadata = Metadata {
            name: charm["name"].as_str().expect("a name").to_owned(),
            ..Metadata::default()
        };
        for (part, role) in [
            ("provides", EndpointRole::Provider),
            ("requires", EndpointRole::Requirer),
            ("peers", EndpointRole::Peer),
        ] {
            for (endpoint, facts) in members(&charm[part]) {
                let facts = Endpoint {
                    role,
                    interface: facts["interface"].as_str().expect("a text").to_owned(),
                    limit: facts["limit"].as_u64().map(|limit| limit as u32),
                };
                metadata.endpoints.insert(endpoint.parse().expect("an endpoint"), facts);
            }
        }
        metadata.containers = list(&charm["containers"]).map(name).collect();
        for (option, _) in members(&charm["config_options"]) {
            metadata.options.insert(option.clone(), OptionType::String);
            metadata.option_order.push(option.clone());
        }
        metadata
    }

    fn event(&self) -> Event {
        let event = &self.input["event"];
        let kind = event["name"].as_str().expect("a name");
        let relation = |kind| {
            let id = RelationId(event["relation_id"].as_u64().expect("an id") as u32);
            let found = list(&self.input["relations"])
                .chain(list(&self.input["peers"]))
                .find(|relation| relation["id"] == event["relation_id"])
                .expect("the relation of the event");
            Event::Relation(RelationEvent {
                kind,
                endpoint: name(&found["endpoint"]),
                relation: id,
                remote_app: found["remote_app"].as_str().map(|_| name(&found["remote_app"])),
                remote_unit: event["remote_unit"].as_str().map(|_| name(&event["remote_unit"])),
                departing_unit: event["departing_unit"]
                    .as_str()
                    .map(|_| name(&event["departing_unit"])),
            })
        };
        let workload =
            |kind| Event::Workload(WorkloadEvent { container: name(&event["container"]), kind });
        match kind {
            "relation-created" => relation(RelationEventKind::Created),
            "relation-joined" => relation(RelationEventKind::Joined),
            "relation-changed" => relation(RelationEventKind::Changed),
            "relation-departed" => relation(RelationEventKind::Departed),
            "relation-broken" => relation(RelationEventKind::Broken),
            "pebble-ready" => workload(WorkloadEventKind::Ready),
            "pebble-check-failed" => workload(WorkloadEventKind::CheckFailed(
                event["check"].as_str().expect("a check").to_owned(),
            )),
            "secret-expired" => {
                let secret = list(&self.input["secrets"])
                    .find(|secret| secret["id"] == event["secret_id"])
                    .expect("the secret of the event");
                Event::Secret(SecretEvent {
                    kind: SecretEventKind::Expired,
                    id: name(&event["secret_id"]),
                    label: Some(name(&secret["label"])),
                    revision: Some(1),
                })
            }
            "config-changed" => Event::Lifecycle(Lifecycle::ConfigChanged),
            "start" => Event::Lifecycle(Lifecycle::Start),
            "update-status" => Event::Lifecycle(Lifecycle::UpdateStatus),
            other => unreachable!("event `{other}` is not in any case"),
        }
    }

    fn relations(&self) -> Vec<Relation> {
        let broken = self.event().broken_relation();
        let leads = self.input["leader"] == true;
        let of = |relation: &Value, units: &str| Relation {
            endpoint: name(&relation["endpoint"]),
            id: RelationId(relation["id"].as_u64().expect("an id") as u32),
            remote_app: relation["remote_app"].as_str().map(|_| name(&relation["remote_app"])),
            local_app: leads.then(|| bag(&relation["local_app_data"])),
            local_unit: bag(&relation["local_unit_data"]),
            remote_app_data: bag(&relation["remote_app_data"]),
            remote_units: members(&relation[units])
                .map(|(unit, data)| (unit.parse().expect("a unit"), bag(data)))
                .collect(),
        };
        let mut relations: Vec<Relation> = list(&self.input["relations"])
            .map(|relation| of(relation, "remote_units"))
            .chain(list(&self.input["peers"]).map(|relation| of(relation, "units")))
            .filter(|relation| Some(relation.id) != broken)
            .collect();
        relations.sort_by(|a, b| (&a.endpoint, a.id).cmp(&(&b.endpoint, b.id)));
        relations
    }

    fn answer(&self, query: &KubernetesQuery) -> KubernetesAnswer {
        let k8s = &self.input["k8s"];
        match query {
            KubernetesQuery::Get(object) if object.kind == ObjectKind::ConfigMap => {
                match &k8s["configmaps"][&object.name] {
                    Value::Null => KubernetesAnswer::NotFound,
                    data => KubernetesAnswer::Found(json!({"data": data})),
                }
            }
            KubernetesQuery::Get(object) if object.kind == ObjectKind::StatefulSet => {
                match &k8s["statefulset"] {
                    Value::Null => KubernetesAnswer::NotFound,
                    live => KubernetesAnswer::Found(self.stateful_set(live)),
                }
            }
            KubernetesQuery::Get(_) => KubernetesAnswer::NotFound,
            KubernetesQuery::List { .. } => KubernetesAnswer::Found(json!([])),
            KubernetesQuery::DryRunApply(patch) => match &k8s["patch_error"] {
                Value::Null => KubernetesAnswer::Found(patch.body.clone()),
                error => KubernetesAnswer::Refused(KubernetesRefusal {
                    code: error["code"].as_u64().map(|code| code as u16),
                    message: error["message"].as_str().unwrap_or_default().to_owned(),
                }),
            },
        }
    }

    fn stateful_set(&self, live: &Value) -> Value {
        let app = self.input["app"].as_str().expect("a name");
        json!({
            "metadata": {"generation": live["generation"]},
            "spec": {
                "replicas": live["replicas"],
                "serviceName": format!("{app}-endpoints"),
                "selector": {"matchLabels": {"app.kubernetes.io/name": app}},
                "template": {"spec": {"containers": live["containers"]}},
            },
            "status": {
                "observedGeneration": live["observed_generation"],
                "readyReplicas": live["ready_replicas"],
                "currentRevision": live["current_revision"],
                "updateRevision": live["update_revision"],
            },
        })
    }
}

fn container_of(container: &Value) -> Container {
    if container["can_connect"] != true {
        return Container::Unreachable;
    }
    let mut state = ContainerState { plan: plan_of(&container["layers"]), ..Default::default() };
    for (path, content) in members(&container["files"]) {
        let content = FileRead::Content(content.as_str().expect("a text").as_bytes().to_vec());
        state.files.insert(path.clone(), content);
    }
    Container::Reachable(state)
}

/// Entries of our layers always replace those below.
fn plan_of(layers: &Value) -> Plan {
    let mut plan = Plan::default();
    for (_, layer) in members(layers) {
        let entries = |part: &str| {
            members(&layer[part])
                .map(|(name, entry)| (name.clone(), entry.as_object().cloned().unwrap_or_default()))
                .collect::<BTreeMap<String, Map<String, Value>>>()
        };
        plan.services.extend(entries("services"));
        plan.checks.extend(entries("checks"));
        plan.log_targets.extend(entries("log-targets"));
    }
    plan
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
