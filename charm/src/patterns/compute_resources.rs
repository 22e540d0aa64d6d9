//! CPU and memory of a workload container: what is asked for, the patch that asks for it, and
//! whether it is in effect.
//!
//! Requests come from the solution, limits from configuration options. The StatefulSet that Juju
//! made is patched by server-side apply of the two fields that we set, on config-changed only:
//! Juju sends it at every start and upgrade, after storage and leadership are settled.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::{Map, Value, json};

use super::quantity::Quantity;
use crate::event::Lifecycle;
use crate::kubernetes::{
    ApplyPatch, Conflicts, KubernetesAnswer, KubernetesQuery, KubernetesRefusal, KubernetesWrite,
    ObjectKind, ObjectRef,
};
use crate::snapshot::Snapshot;
use crate::status::Status;

/// The field manager of the Python library: taking over its fields needs its name.
const FIELD_MANAGER: &str = "ResourcePatcher";
const KINDS: [&str; 2] = ["cpu", "memory"];

/// What a solution says about CPU and memory of one of its containers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// The container, as the StatefulSet calls it. Not the charm's own.
    #[serde(deserialize_with = "workload_container")]
    pub container: String,
    /// What the container is guaranteed.
    #[serde(default)]
    pub requests: Requests,
    /// The configuration options that hold the limits.
    #[serde(default)]
    pub limit_options: LimitOptions,
}

/// Requests in Kubernetes' spelling: `cpu: 50m`, `memory: 100Mi`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// CPU, in cores.
    #[serde(default, deserialize_with = "quantity")]
    pub cpu: Option<String>,
    /// Memory, in bytes.
    #[serde(default, deserialize_with = "quantity")]
    pub memory: Option<String>,
}

/// The configuration options that hold the limits. An option that isn't set limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitOptions {
    /// Option of the CPU limit.
    pub cpu_limit: String,
    /// Option of the memory limit.
    pub memory_limit: String,
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self { cpu_limit: "cpu_limit".to_owned(), memory_limit: "memory_limit".to_owned() }
    }
}

/// Whether what is asked for is in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// The StatefulSet and the unit's own pod have it.
    InEffect,
    /// Not yet, or it can't be told.
    Pending,
}

/// Limits that are no quantities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Failed obtaining resource limit spec: Invalid limits spec: {0}")]
struct InvalidLimits(String);

/// Requests and limits as they go into the patch, resource → quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirements {
    limits: Map<String, Value>,
    requests: Map<String, Value>,
}

impl Resources {
    /// What to ask the Kubernetes API. Called again with the answers, until nothing new is asked:
    /// the patch echoes parts of the live object.
    pub fn queries(&self, seen: &Snapshot) -> Vec<KubernetesQuery> {
        let Ok(wanted) = self.requirements(seen) else { return Vec::new() };
        let live = live_stateful_set(seen);
        let mut queries = vec![KubernetesQuery::Get(stateful_set(seen))];
        if let Some(Ok(live)) = &live
            && !self.is_satisfied(pod_spec(live), &wanted)
        {
            queries.push(KubernetesQuery::DryRunApply(self.patch(seen, live, &wanted)));
        }
        queries
    }

    /// The question that [`Resources::readiness`] needs besides [`Resources::queries`].
    pub fn pod_query(&self, seen: &Snapshot) -> KubernetesQuery {
        KubernetesQuery::Get(ObjectRef {
            kind: ObjectKind::Pod,
            name: seen.identity.unit.with_hyphen(),
        })
    }

    /// What is wrong or not finished; `None` when all is well.
    pub fn status(&self, snapshot: &Snapshot) -> Option<Status> {
        let wanted = match self.requirements(snapshot) {
            Ok(wanted) => wanted,
            Err(error) => return Some(Status::blocked(error.to_string())),
        };
        let live = match live_stateful_set(snapshot)? {
            Ok(live) => live,
            Err(refusal) => return Some(refused(&refusal)),
        };
        let dry_run = KubernetesQuery::DryRunApply(self.patch(snapshot, live, &wanted));
        if let Some(KubernetesAnswer::Refused(refusal)) = snapshot.kubernetes_answer(&dry_run) {
            return Some(refused(refusal));
        }
        is_rolling_out(live).then(|| Status::waiting("waiting for resources patch to apply"))
    }

    /// Whether the unit runs with what is asked for. An API that doesn't answer counts as not yet.
    pub fn readiness(&self, snapshot: &Snapshot) -> Readiness {
        let in_effect = || {
            let wanted = self.requirements(snapshot).ok()?;
            let live = live_stateful_set(snapshot)?.ok()?;
            let KubernetesAnswer::Found(pod) =
                snapshot.kubernetes_answer(&self.pod_query(snapshot))?
            else {
                return None;
            };
            let both = self.is_satisfied(pod_spec(live), &wanted)
                && self.is_satisfied(&pod["spec"], &wanted);
            both.then_some(())
        };
        in_effect().map_or(Readiness::Pending, |()| Readiness::InEffect)
    }

    /// The patch, when the StatefulSet has something else: on config-changed, and in every hook
    /// after one that was refused, as the unit's status tells.
    pub fn writes(&self, snapshot: &Snapshot) -> Vec<KubernetesWrite> {
        let patch = || {
            let wanted = self.requirements(snapshot).ok()?;
            let live = live_stateful_set(snapshot)?.ok()?;
            let refused = snapshot.unit_status.as_ref().is_some_and(|status| {
                status.message.starts_with(FAILED) || status.message.starts_with(CONFLICT)
            });
            let due = (refused || snapshot.event.is(Lifecycle::ConfigChanged))
                && !self.is_satisfied(pod_spec(live), &wanted);
            due.then(|| KubernetesWrite::Apply(self.patch(snapshot, live, &wanted)))
        };
        patch().into_iter().collect()
    }

    /// Limits are raised to the requests: a pod that may not have what it was promised is refused.
    fn requirements(&self, snapshot: &Snapshot) -> Result<Requirements, InvalidLimits> {
        let options = [&self.limit_options.cpu_limit, &self.limit_options.memory_limit];
        let limits = options.map(|option| snapshot.config.get(option).filter(|v| !v.is_null()));
        let mut requirements = Requirements { limits: Map::new(), requests: Map::new() };
        let requests = [&self.requests.cpu, &self.requests.memory];
        for ((kind, limit), request) in KINDS.into_iter().zip(limits).zip(requests) {
            let request = request.as_ref().map(|text| whole_bytes(kind, text));
            if let Some(limit) = limit {
                let text = limit.as_str().filter(|text| is_valid(text));
                let text = text.ok_or_else(|| InvalidLimits(python_dict(limits)))?;
                let text = whole_bytes(kind, text);
                let request = request.clone().unwrap_or_else(|| text.clone());
                let limit = Quantity::parse(&text).max(Quantity::parse(&request));
                let limit = limit.map_or(text, Quantity::to_decimal);
                requirements.limits.insert(kind.to_owned(), limit.into());
                requirements.requests.insert(kind.to_owned(), request.into());
            } else if let Some(request) = request {
                requirements.requests.insert(kind.to_owned(), request.into());
            }
        }
        Ok(requirements)
    }

    fn patch(&self, snapshot: &Snapshot, live: &Value, wanted: &Requirements) -> ApplyPatch {
        let container = json!({
            "name": self.container,
            "resources": {"limits": wanted.limits, "requests": wanted.requests},
        });
        let mut spec = json!({
            "selector": live["spec"]["selector"],
            "template": {"spec": {"containers": [container]}},
        });
        if let Some(service) = live["spec"]["serviceName"].as_str() {
            spec["serviceName"] = service.into();
        }
        ApplyPatch {
            object: stateful_set(snapshot),
            field_manager: FIELD_MANAGER.to_owned(),
            conflicts: Conflicts::Refuse,
            body: json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": spec}),
        }
    }

    fn is_satisfied(&self, pod_spec: &Value, wanted: &Requirements) -> bool {
        let containers = pod_spec["containers"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(ours) = containers.iter().find(|c| c["name"] == self.container.as_str()) else {
            return false;
        };
        let resources = &ours["resources"];
        same_quantities(&resources["limits"], &wanted.limits)
            && same_quantities(&resources["requests"], &wanted.requests)
    }
}

/// How the status of a refused patch begins, in the words of the Python library.
const FAILED: &str = "Kubernetes resources patch failed: ";
/// How the status of a patch begins that somebody else's contradicts.
const CONFLICT: &str = "[resources] someone else manages the same fields: ";

fn stateful_set(snapshot: &Snapshot) -> ObjectRef {
    ObjectRef {
        kind: ObjectKind::StatefulSet,
        name: snapshot.identity.application.as_str().to_owned(),
    }
}

/// The live StatefulSet, or why there is none; `None` while it wasn't asked for.
fn live_stateful_set(snapshot: &Snapshot) -> Option<Result<&Value, KubernetesRefusal>> {
    let object = stateful_set(snapshot);
    match snapshot.kubernetes_answer(&KubernetesQuery::Get(object.clone()))? {
        KubernetesAnswer::Found(live) => Some(Ok(live)),
        KubernetesAnswer::Refused(refusal) => Some(Err(refusal.clone())),
        KubernetesAnswer::NotFound => Some(Err(KubernetesRefusal {
            code: Some(404),
            message: format!("statefulsets.apps \"{}\" not found", object.name),
        })),
    }
}

fn pod_spec(stateful_set: &Value) -> &Value {
    &stateful_set["spec"]["template"]["spec"]
}

/// A conflict is no reason to stop: somebody else has said what the resources are, and the unit
/// works with that.
fn refused(refusal: &KubernetesRefusal) -> Status {
    match refusal.code {
        Some(409) => Status::active(format!("{CONFLICT}{}", refusal.message)),
        Some(403) => {
            Status::blocked(format!("{FAILED}`juju trust` this application. {}", refusal.message))
        }
        _ => Status::blocked(format!("{FAILED}{}", refusal.message)),
    }
}

/// Whether a change of the StatefulSet is still on its way to the pods, as `kubectl rollout
/// status` tells it.
fn is_rolling_out(live: &Value) -> bool {
    let (spec, status) = (&live["spec"], &live["status"]);
    if spec.is_null() || status.is_null() {
        return false;
    }
    let observed = status["observedGeneration"].as_i64();
    let generation = live["metadata"]["generation"].as_i64();
    let behind = observed.zip(generation).is_some_and(|(observed, asked)| asked > observed);
    let ready = status["readyReplicas"].as_i64().zip(spec["replicas"].as_i64());
    observed == Some(0)
        || behind
        || ready.is_some_and(|(ready, wanted)| ready < wanted)
        || status["updateRevision"] != status["currentRevision"]
}

fn is_valid(text: &str) -> bool {
    Quantity::parse(text).is_some_and(|quantity| !quantity.is_negative())
}

/// Kubernetes refuses fractions of a byte.
fn whole_bytes(kind: &str, text: &str) -> String {
    match Quantity::parse(text) {
        Some(bytes) if kind == "memory" && !bytes.is_whole() => bytes.rounded_up().to_decimal(),
        _ => text.to_owned(),
    }
}

fn same_quantities(live: &Value, wanted: &Map<String, Value>) -> bool {
    let empty = Map::new();
    let live = live.as_object().unwrap_or(&empty);
    let number = |value: &Value| value.as_str().and_then(Quantity::parse);
    live.len() == wanted.len()
        && wanted.iter().all(|(kind, quantity)| {
            live.get(kind).is_some_and(|found| {
                found == quantity || number(found).is_some() && number(found) == number(quantity)
            })
        })
}

/// The limits as the Python library prints them in its status, which people match on.
fn python_dict(limits: [Option<&Value>; 2]) -> String {
    let entries = KINDS.into_iter().zip(limits).map(|(kind, limit)| match limit {
        Some(Value::String(text)) => format!("'{kind}': '{text}'"),
        Some(other) => format!("'{kind}': {other}"),
        None => format!("'{kind}': None"),
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    match text {
        Some(text) if !is_valid(&text) => Err(D::Error::custom(format!(
            "expected a Kubernetes quantity such as `50m` or `100Mi`, found `{text}`"
        ))),
        text => Ok(text),
    }
}

fn workload_container<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name == "charm" {
        return Err(D::Error::custom("expected a workload container, found the charm's own"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::Event;
    use crate::leadership::Leadership;

    fn resources(requests: &str) -> Resources {
        serde_yaml::from_str(&format!("container: web\nrequests: {requests}\n")).expect("valid")
    }

    fn snapshot(options: &[(&str, &str)]) -> Snapshot {
        crate::patterns::blank_snapshot("app/0", |snapshot| {
            snapshot.event = Event::Lifecycle(Lifecycle::ConfigChanged);
            snapshot.leadership = Leadership::Follower;
            snapshot.metadata = Arc::default();
            for (option, value) in options {
                snapshot.config.insert((*option).to_owned(), (*value).into());
            }
        })
    }

    fn live(resources: &Value) -> Value {
        json!({
            "metadata": {"generation": 4},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "serviceName": "app-endpoints",
                "template": {"spec": {"containers": [{"name": "web", "resources": resources}]}},
            },
            "status": {
                "observedGeneration": 4, "readyReplicas": 1, "updateRevision": "r", "currentRevision": "r",
            },
        })
    }

    #[test]
    fn limits_are_raised_to_requests() {
        let both = "{cpu: 50m, memory: 100Mi}";
        for (requests, options, limits, wanted) in [
            (both, vec![], json!({}), json!({"cpu": "50m", "memory": "100Mi"})),
            (
                both,
                vec![("cpu_limit", "10m"), ("memory_limit", "50Mi")],
                json!({"cpu": "0.05", "memory": "104857600"}),
                json!({"cpu": "50m", "memory": "100Mi"}),
            ),
            (
                both,
                vec![("memory_limit", "0.8Gi")],
                json!({"memory": "858993460"}),
                json!({"cpu": "50m", "memory": "100Mi"}),
            ),
            (
                "{cpu: '1', memory: 2G}",
                vec![("cpu_limit", "1500m"), ("memory_limit", "1G")],
                json!({"cpu": "1.5", "memory": "2000000000"}),
                json!({"cpu": "1", "memory": "2G"}),
            ),
            ("{}", vec![("cpu_limit", "2")], json!({"cpu": "2"}), json!({"cpu": "2"})),
        ] {
            let found = resources(requests).requirements(&snapshot(&options)).expect("valid");
            assert_eq!(json!(found.limits), limits);
            assert_eq!(json!(found.requests), wanted);
        }
    }

    #[test]
    fn a_limit_that_is_no_quantity_blocks_and_asks_nothing() {
        for text in ["plenty", "", "-1"] {
            let snapshot = snapshot(&[("cpu_limit", text)]);
            let resources = resources("{cpu: 50m}");
            assert_eq!(resources.queries(&snapshot), []);
            let expected = format!(
                "Failed obtaining resource limit spec: Invalid limits spec: {{'cpu': '{text}', 'memory': None}}"
            );
            assert_eq!(resources.status(&snapshot), Some(Status::blocked(expected)));
        }
    }

    #[test]
    fn the_patch_is_tried_first_and_sent_on_config_changed_only() {
        let resources = resources("{cpu: 50m}");
        let mut snapshot = snapshot(&[]);
        let asked = resources.queries(&snapshot);
        assert_eq!(asked.len(), 1);
        snapshot.kubernetes.push((asked[0].clone(), KubernetesAnswer::Found(live(&json!({})))));
        let [_, KubernetesQuery::DryRunApply(patch)] = &resources.queries(&snapshot)[..] else {
            unreachable!("expected a dry run");
        };
        assert_eq!(
            patch.body["spec"]["template"]["spec"]["containers"][0]["resources"],
            json!({"limits": {}, "requests": {"cpu": "50m"}})
        );
        assert_eq!(resources.writes(&snapshot), [KubernetesWrite::Apply(patch.clone())]);
        snapshot.event = Event::Lifecycle(Lifecycle::UpdateStatus);
        assert_eq!(resources.writes(&snapshot), []);
        let refusal = KubernetesRefusal { code: Some(403), message: "forbidden".to_owned() };
        snapshot.kubernetes.push((
            KubernetesQuery::DryRunApply(patch.clone()),
            KubernetesAnswer::Refused(refusal),
        ));
        let expected =
            "Kubernetes resources patch failed: `juju trust` this application. forbidden";
        assert_eq!(resources.status(&snapshot), Some(Status::blocked(expected)));
        // A patch that was refused is sent again by whatever event comes next.
        snapshot.unit_status = resources.status(&snapshot);
        assert_eq!(resources.writes(&snapshot), [KubernetesWrite::Apply(patch.clone())]);
        let conflict = KubernetesRefusal { code: Some(409), message: "conflict".to_owned() };
        snapshot.kubernetes.pop();
        let dry_run = KubernetesQuery::DryRunApply(patch.clone());
        snapshot.kubernetes.push((dry_run, KubernetesAnswer::Refused(conflict)));
        let expected = "[resources] someone else manages the same fields: conflict";
        assert_eq!(resources.status(&snapshot), Some(Status::active(expected)));
    }

    #[test]
    fn ready_means_template_and_pod() {
        let resources = resources("{cpu: 50m}");
        let mut snapshot = snapshot(&[]);
        let has = json!({"requests": {"cpu": "0.05"}});
        snapshot
            .kubernetes
            .push((resources.queries(&snapshot)[0].clone(), KubernetesAnswer::Found(live(&has))));
        assert_eq!(resources.readiness(&snapshot), Readiness::Pending);
        let pod = json!({"spec": {"containers": [{"name": "web", "resources": has}]}});
        snapshot.kubernetes.push((resources.pod_query(&snapshot), KubernetesAnswer::Found(pod)));
        assert_eq!(resources.readiness(&snapshot), Readiness::InEffect);
        assert_eq!(resources.queries(&snapshot).len(), 1);
        assert_eq!(resources.writes(&snapshot), []);
        assert_eq!(resources.status(&snapshot), None);
    }

    #[test]
    fn a_rollout_is_seen() {
        for (path, value) in [
            ("/status/observedGeneration", json!(3)),
            ("/status/observedGeneration", json!(0)),
            ("/status/readyReplicas", json!(0)),
            ("/status/updateRevision", json!("s")),
        ] {
            let mut object = live(&json!({}));
            *object.pointer_mut(path).expect("there") = value;
            assert!(is_rolling_out(&object), "{path}");
        }
        assert!(!is_rolling_out(&live(&json!({}))));
        assert!(!is_rolling_out(&json!({"spec": {}})));
    }

    #[test]
    fn bad_solutions_are_refused() {
        for text in [
            "container: charm\n",
            "container: web\nrequests: {cpu: much}\n",
            "container: web\nrequests: {disk: 1G}\n",
            "container: web\nlimits: {}\n",
        ] {
            assert!(serde_yaml::from_str::<Resources>(text).is_err(), "{text}");
        }
    }
}
