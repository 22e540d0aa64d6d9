//! Which changes to the cluster are made.

use serde_json::{Map, Value};

use crate::desired::Desired;
use crate::kubernetes::{
    ApplyPatch, KubernetesAnswer, KubernetesQuery, KubernetesWrite, ObjectRef,
};
use crate::snapshot::Snapshot;

/// What the snapshot knows of an object.
enum Live<'a> {
    Object(&'a Value),
    Absent,
    Unknown,
}

/// The writes that change something. Of an object that the snapshot doesn't know all are made.
/// Merge patches are the charm's own decision: one patch may go with another.
pub(super) fn writes(snapshot: &Snapshot, desired: &Desired) -> Vec<KubernetesWrite> {
    let changes = |write: &&KubernetesWrite| match write {
        KubernetesWrite::Merge { .. } => true,
        KubernetesWrite::Create { object, .. } => {
            !matches!(live(snapshot, object), Live::Object(_))
        }
        KubernetesWrite::Delete(object) => !matches!(live(snapshot, object), Live::Absent),
        KubernetesWrite::Apply(patch) => match live(snapshot, &patch.object) {
            Live::Object(object) => !is_applied(object, patch),
            Live::Absent | Live::Unknown => true,
        },
    };
    desired.kubernetes.iter().filter(changes).cloned().collect()
}

fn live<'a>(snapshot: &'a Snapshot, wanted: &ObjectRef) -> Live<'a> {
    for (query, answer) in &snapshot.kubernetes {
        match (query, answer) {
            (KubernetesQuery::Get(object), KubernetesAnswer::Found(found)) if object == wanted => {
                return Live::Object(found);
            }
            (KubernetesQuery::Get(object), KubernetesAnswer::NotFound) if object == wanted => {
                return Live::Absent;
            }
            (KubernetesQuery::List { kind, .. }, KubernetesAnswer::Found(Value::Array(items)))
                if *kind == wanted.kind =>
            {
                let named = |item: &&Value| item["metadata"]["name"] == wanted.name.as_str();
                if let Some(found) = items.iter().find(named) {
                    return Live::Object(found);
                }
            }
            _ => {}
        }
    }
    Live::Unknown
}

/// Whether an apply would change nothing: the object has all that is wanted, and our manager owns
/// nothing that is no longer wanted, which an apply would take away.
fn is_applied(live: &Value, patch: &ApplyPatch) -> bool {
    let owned = live["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| {
            entry["manager"] == patch.field_manager.as_str() && entry["operation"] == "Apply"
        })
        .filter_map(|entry| entry["fieldsV1"].as_object());
    contains(live, &patch.body) && owned.into_iter().all(|fields| covers(&patch.body, fields))
}

/// Whether the object holds all of the body. Items of a list are told by their name where they
/// have one; `null` and an empty map want nothing there.
fn contains(live: &Value, body: &Value) -> bool {
    match (live, body) {
        (_, Value::Null) => live.is_null(),
        (Value::Object(found), Value::Object(wanted)) if wanted.is_empty() => found.is_empty(),
        (Value::Null, Value::Object(wanted)) => wanted.is_empty(),
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| contains(found.get(key).unwrap_or(&Value::Null), value)),
        (Value::Array(found), Value::Array(wanted)) => {
            let named = wanted.iter().all(|item| item["name"].is_string());
            if named && !wanted.is_empty() {
                wanted.iter().all(|item| {
                    let same = |other: &&Value| other["name"] == item["name"];
                    found.iter().find(same).is_some_and(|other| contains(other, item))
                })
            } else {
                found.len() == wanted.len()
                    && found.iter().zip(wanted).all(|(found, wanted)| contains(found, wanted))
            }
        }
        _ => live == body,
    }
}

/// Whether the body has all the fields that a managed-fields entry names (`f:name` for a member,
/// `k:{…}` for a list item by its keys).
fn covers(body: &Value, fields: &Map<String, Value>) -> bool {
    fields.iter().all(|(field, below)| {
        let below = below.as_object();
        let inner = if let Some(name) = field.strip_prefix("f:") {
            body.get(name)
        } else if let Some(keys) = field.strip_prefix("k:") {
            let keys = serde_json::from_str::<Map<String, Value>>(keys).unwrap_or_default();
            let items = body.as_array().into_iter().flatten();
            items.into_iter().find(|item| keys.iter().all(|(key, value)| item[key] == *value))
        } else {
            return true;
        };
        inner.is_some_and(|inner| below.is_none_or(|below| covers(inner, below)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kubernetes::{Conflicts, ObjectKind};

    fn patch(body: Value) -> ApplyPatch {
        ApplyPatch {
            object: ObjectRef { kind: ObjectKind::StatefulSet, name: "loom".to_owned() },
            field_manager: "us".to_owned(),
            conflicts: Conflicts::Refuse,
            body,
        }
    }

    fn resources(resources: Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": [{"name": "nginx", "resources": resources}]}}}})
    }

    #[test]
    fn a_body_that_is_there_is_not_sent() {
        let mut live = resources(json!({"requests": {"cpu": "50m"}, "limits": {"cpu": "1"}}));
        live["spec"]["replicas"] = json!(2);
        assert!(is_applied(&live, &patch(resources(json!({"requests": {"cpu": "50m"}})))));
        assert!(!is_applied(&live, &patch(resources(json!({"requests": {"cpu": "60m"}})))));
        assert!(!is_applied(&live, &patch(resources(json!({"limits": {}})))));
    }

    #[test]
    fn a_field_of_ours_that_is_no_longer_wanted_is_taken_away() {
        let mut live = resources(json!({"requests": {"cpu": "50m", "memory": "1Mi"}}));
        live["metadata"] = json!({"managedFields": [{"manager": "us", "operation": "Apply",
            "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {
                "k:{\"name\":\"nginx\"}": {".": {}, "f:name": {}, "f:resources": {"f:requests":
                    {"f:cpu": {}, "f:memory": {}}}}}}}}}}]});
        let both = resources(json!({"requests": {"cpu": "50m", "memory": "1Mi"}}));
        assert!(is_applied(&live, &patch(both)));
        assert!(!is_applied(&live, &patch(resources(json!({"requests": {"cpu": "50m"}})))));
    }

    #[test]
    fn what_exists_is_not_made_and_what_is_gone_is_not_deleted() {
        let object = |name: &str| ObjectRef { kind: ObjectKind::ConfigMap, name: name.to_owned() };
        let snapshot = Snapshot::for_test("tempo/0")
            .kubernetes(KubernetesQuery::Get(object("a")), KubernetesAnswer::Found(json!({})))
            .kubernetes(KubernetesQuery::Get(object("b")), KubernetesAnswer::NotFound)
            .build();
        let create = |name| KubernetesWrite::Create { object: object(name), body: json!({}) };
        let delete = |name| KubernetesWrite::Delete(object(name));
        let mut desired = Desired::default();
        desired.kubernetes = vec![create("a"), create("b"), delete("a"), delete("b"), delete("c")];
        assert_eq!(writes(&snapshot, &desired), [create("b"), delete("a"), delete("c")]);
    }
}
