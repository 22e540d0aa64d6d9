//! Clusters as conformance cases describe them.

use serde_json::{Value, json};

/// The objects of a recorded cluster: `configmaps` (name to data), `statefulset` and `pod` of the application (null:
/// not there), `authorization_policies`. The stateful set is named like the application; the pod like the unit, with a
/// dash for the slash.
#[must_use]
pub fn recorded_objects(
    cluster: &Value,
    namespace: &str,
    application: &str,
    unit: &str,
) -> Vec<Value> {
    let mut objects = Vec::new();
    let metadata = |name: &str| json!({"name": name, "namespace": namespace});
    for (name, data) in cluster.get("configmaps").and_then(Value::as_object).into_iter().flatten() {
        objects.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(name), "data": data}));
    }
    if let Some(set) = cluster.get("statefulset").filter(|set| set.is_object()) {
        let mut metadata = metadata(application);
        metadata["generation"] = set["generation"].clone();
        let labels = json!({"app.kubernetes.io/name": application});
        objects.push(json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata,
            "spec": {
                "replicas": set["replicas"],
                "selector": {"matchLabels": labels},
                "serviceName": format!("{application}-endpoints"),
                "template": {"metadata": {"labels": labels}, "spec": {"containers": set["containers"]}},
            },
            "status": {
                "observedGeneration": set["observed_generation"], "replicas": set["replicas"],
                "readyReplicas": set["ready_replicas"], "currentRevision": set["current_revision"],
                "updateRevision": set["update_revision"],
            },
        }));
    }
    if let Some(pod) = cluster.get("pod").filter(|pod| pod.is_object()) {
        let metadata = metadata(&unit.replace('/', "-"));
        let spec = json!({"containers": pod["containers"]});
        objects
            .push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}));
    }
    for policy in
        cluster.get("authorization_policies").and_then(Value::as_array).into_iter().flatten()
    {
        let mut object = match policy {
            Value::String(name) => json!({"metadata": {"name": name}}),
            Value::Object(members) if members.contains_key("metadata") => policy.clone(),
            Value::Object(members) => {
                let inner = ["name", "labels"]
                    .into_iter()
                    .filter_map(|key| Some((key, members.get(key)?.clone())));
                let metadata: serde_json::Map<_, _> =
                    inner.map(|(key, value)| (key.to_owned(), value)).collect();
                json!({"metadata": metadata, "spec": members.get("spec")})
            }
            _ => continue,
        };
        object["apiVersion"] = "security.istio.io/v1".into();
        object["kind"] = "AuthorizationPolicy".into();
        object["metadata"]["namespace"] = namespace.into();
        objects.push(object);
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_cluster_becomes_objects() {
        let cluster = json!({
            "configmaps": {"c": {"k": "v"}},
            "statefulset": {"generation": 4, "observed_generation": 3, "replicas": 2, "ready_replicas": 1,
                            "current_revision": "a", "update_revision": "b",
                            "containers": [{"name": "nginx", "resources": {}}]},
            "pod": null,
            "authorization_policies": ["p"],
        });
        let objects = recorded_objects(&cluster, "ns", "app", "app/0");
        let seen: Vec<_> = objects
            .iter()
            .map(|object| format!("{} {}", object["kind"], object["metadata"]["name"]))
            .collect();
        assert_eq!(
            seen,
            ["\"ConfigMap\" \"c\"", "\"StatefulSet\" \"app\"", "\"AuthorizationPolicy\" \"p\""]
        );
        assert_eq!(objects[1]["status"]["observedGeneration"], 3);
        assert_eq!(objects[1]["spec"]["template"]["spec"]["containers"][0]["name"], "nginx");
    }
}
