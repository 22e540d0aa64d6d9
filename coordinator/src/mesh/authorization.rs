//! Who may talk to whom inside the deployment: Istio's authorization policies.
//!
//! | who | whom |
//! |---|---|
//! | the coordinator | every unit of the deployment |
//! | each worker application | every unit of the deployment |
//! | each worker application | the coordinator |

use std::collections::{BTreeMap, BTreeSet};

use charm::desired::Desired;
use charm::kubernetes::{
    ApplyPatch, Conflicts, KubernetesAnswer, KubernetesQuery, KubernetesWrite, ObjectKind,
    ObjectRef,
};
use charm::snapshot::Snapshot;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::facts::Facts;
use crate::publish::PART_OF;

const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 253;

/// What to ask the Kubernetes API: the policies that we made.
pub(crate) fn query(seen: &Snapshot) -> KubernetesQuery {
    let labels = labels(seen);
    let selector: Vec<String> =
        labels.into_iter().map(|(label, value)| format!("{label}={value}")).collect();
    KubernetesQuery::List { kind: ObjectKind::AuthorizationPolicy, selector: selector.join(",") }
}

/// Every unit makes the policies while there is a mesh and removes those that nobody wants.
pub(crate) fn decide(facts: &Facts<'_>, desired: &mut Desired) {
    let mut wanted = BTreeSet::new();
    if facts.mesh.is_some() {
        for policy in policies(facts) {
            let write = policy.apply(facts.snapshot);
            wanted.insert(write.object.name.clone());
            desired.kubernetes.push(KubernetesWrite::Apply(write));
        }
    }
    let live = match facts.snapshot.kubernetes_answer(&query(facts.snapshot)) {
        Some(KubernetesAnswer::Found(Value::Array(live))) => live.as_slice(),
        Some(KubernetesAnswer::Refused(refusal)) => {
            desired.problem("authorization policies", refusal.to_string());
            &[]
        }
        _ => &[],
    };
    for name in live.iter().filter_map(|object| object["metadata"]["name"].as_str()) {
        if !wanted.contains(name) {
            desired.kubernetes.push(KubernetesWrite::Delete(ObjectRef {
                kind: ObjectKind::AuthorizationPolicy,
                name: name.to_owned(),
            }));
        }
    }
}

enum Target {
    /// Every unit that is part of the deployment.
    Deployment,
    /// The coordinator's service.
    Coordinator,
}

struct Policy {
    source: String,
    target: Target,
}

fn policies(facts: &Facts<'_>) -> Vec<Policy> {
    let own = facts.snapshot.identity.application.as_str();
    let mut policies = vec![Policy { source: own.to_owned(), target: Target::Deployment }];
    let workers: BTreeSet<&str> =
        facts.cluster.apps.iter().filter_map(|app| app.remote_app.as_deref()).collect();
    for worker in workers {
        for target in [Target::Deployment, Target::Coordinator] {
            policies.push(Policy { source: worker.to_owned(), target });
        }
    }
    policies
}

impl Policy {
    fn apply(&self, snapshot: &Snapshot) -> ApplyPatch {
        let identity = &snapshot.identity;
        let (app, model) = (identity.application.as_str(), identity.model.as_str());
        let principal = format!("cluster.local/ns/{model}/sa/{}", self.source);
        let rules = json!([{"from": [{"source": {"principals": [principal]}}], "to": []}]);
        let spec = match self.target {
            Target::Deployment => {
                json!({"selector": {"matchLabels": {PART_OF: app}}, "rules": rules})
            }
            Target::Coordinator => json!({
                "targetRefs": [{"group": "", "kind": "Service", "name": app}],
                "rules": rules,
            }),
        };
        let name = self.name(app, model);
        ApplyPatch {
            object: ObjectRef { kind: ObjectKind::AuthorizationPolicy, name: name.clone() },
            field_manager: scope(snapshot),
            conflicts: Conflicts::TakeOver,
            body: json!({
                "apiVersion": "security.istio.io/v1",
                "kind": "AuthorizationPolicy",
                "metadata": {"labels": labels(snapshot), "name": name, "namespace": model},
                "spec": spec,
            }),
        }
    }

    /// The hash is the Python library's, over its own text of the policy: units of both kinds then
    /// make one object, not two.
    fn name(&self, app: &str, model: &str) -> String {
        let quoted = |text: &str| format!("'{text}'");
        let (target, target_app, selector, kind) = match self.target {
            Target::Deployment => (
                "custom-selector",
                "None".to_owned(),
                format!("{{'{PART_OF}': '{app}'}}"),
                "<PolicyTargetType.unit: 'unit'>",
            ),
            Target::Coordinator => {
                (app, quoted(app), "None".to_owned(), "<PolicyTargetType.app: 'app'>")
            }
        };
        let text = format!(
            "source_namespace='{model}' source_app_name='{}' target_namespace='{model}' \
             target_app_name={target_app} target_selector_labels={selector} target_service=None \
             target_type={kind} endpoints=[]",
            self.source
        );
        let hash = short_hash(&text);
        let name = format!("{app}-{model}-policy-{}-{model}-{target}-{hash}", self.source);
        if name.len() <= LONGEST_NAME {
            return name;
        }
        let cut = |text: &str| text.chars().take(30).collect::<String>();
        let (source, namespace, target) = (cut(&self.source), cut(model), cut(target));
        format!("{app}-{model}-policy-{source}-{namespace}-{target}-{hash}")
    }
}

fn scope(snapshot: &Snapshot) -> String {
    format!("{}-{}", snapshot.identity.application, snapshot.identity.model)
}

fn labels(snapshot: &Snapshot) -> BTreeMap<&'static str, String> {
    let scope = scope(snapshot);
    let internal = format!("{scope}-cluster-internal");
    [
        ("app.kubernetes.io/instance", label_value(scope)),
        ("kubernetes-resource-handler-scope", label_value(internal)),
    ]
    .into()
}

/// Kubernetes takes no longer values; a hash keeps them apart.
fn label_value(text: String) -> String {
    if text.len() <= LONGEST_LABEL {
        return text;
    }
    let head: String = text.chars().take(54).collect();
    format!("{head}-{}", short_hash(&text))
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_python_library() {
        let policy = |target| Policy { source: "loom-read".to_owned(), target };
        assert_eq!(
            policy(Target::Deployment).name("loom", "stage"),
            "loom-stage-policy-loom-read-stage-custom-selector-9f795fdc"
        );
        assert_eq!(
            policy(Target::Coordinator).name("loom", "stage"),
            "loom-stage-policy-loom-read-stage-loom-92cad026"
        );
    }

    #[test]
    fn long_label_values_end_in_a_hash() {
        let value = label_value("a".repeat(64));
        assert_eq!(value.len(), LONGEST_LABEL);
        assert!(value.starts_with(&"a".repeat(54)));
        assert_eq!(label_value("a".repeat(63)), "a".repeat(63));
    }
}
