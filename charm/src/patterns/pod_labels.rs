//! Labels on an application's pods and Kubernetes Service.
//!
//! What was set last is remembered in a ConfigMap, so that a label that is no longer wanted is
//! taken away and the labels of others are left alone. Changed labels roll the pods.

use serde_json::{Map, Value, json};

use crate::desired::Problem;
use crate::kubernetes::{
    KubernetesAnswer, KubernetesQuery, KubernetesWrite, ObjectKind, ObjectRef,
};
use crate::snapshot::Snapshot;

/// The labels of one caller on our application.
#[derive(Debug, Clone)]
pub struct PodLabels {
    /// The ConfigMap that remembers them.
    pub config_map: String,
    /// The field manager of the patches, where one is wanted.
    pub field_manager: Option<String>,
    /// How labels are written into the ConfigMap. Python charms compare this text.
    pub encode: fn(&Value) -> String,
}

/// What to do about labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelChanges {
    /// Changes to the cluster, in order. None when everything is as it should be.
    pub writes: Vec<KubernetesWrite>,
    /// Why nothing can be said.
    pub problem: Option<Problem>,
}

impl PodLabels {
    /// The labels that a charm itself sets on its own application.
    pub fn of_application(snapshot: &Snapshot, encode: fn(&Value) -> String) -> Self {
        let config_map = format!("{}-pod-labels", snapshot.identity.application);
        Self { config_map, field_manager: None, encode }
    }

    /// What to ask the Kubernetes API.
    pub fn queries(&self, seen: &Snapshot) -> Vec<KubernetesQuery> {
        [ObjectKind::ConfigMap, ObjectKind::StatefulSet, ObjectKind::Service]
            .map(|kind| KubernetesQuery::Get(self.object(seen, kind)))
            .into()
    }

    /// What makes these labels, and no others that we set before, true.
    ///
    /// All three objects are patched when one of them is not as wanted, the ConfigMap last: if the
    /// dispatch dies in between, the next one starts over.
    pub fn changes<'a>(
        &self,
        snapshot: &Snapshot,
        wanted: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> LabelChanges {
        let wanted: Map<String, Value> =
            wanted.into_iter().map(|(label, value)| (label.to_owned(), value.into())).collect();
        let config_map = self.object(snapshot, ObjectKind::ConfigMap);
        let answer = snapshot.kubernetes_answer(&KubernetesQuery::Get(config_map.clone()));
        let remembered = match answer {
            Some(KubernetesAnswer::Found(live)) => Some(remembered(live)),
            Some(KubernetesAnswer::NotFound) | None => None,
            Some(KubernetesAnswer::Refused(refusal)) => {
                let place = format!("ConfigMap `{}`", self.config_map);
                let problem = Problem { place, reason: refusal.to_string() };
                return LabelChanges { writes: Vec::new(), problem: Some(problem) };
            }
        };
        let stale =
            remembered.iter().flat_map(Map::keys).filter(|label| !wanted.contains_key(*label));
        let mut labels = wanted.clone();
        labels.extend(stale.map(|label| (label.clone(), Value::Null)));
        let stateful_set = self.object(snapshot, ObjectKind::StatefulSet);
        let service = self.object(snapshot, ObjectKind::Service);
        let carries = |object: &ObjectRef, path: &str| {
            let answer = snapshot.kubernetes_answer(&KubernetesQuery::Get(object.clone()));
            matches!(answer, Some(KubernetesAnswer::Found(live)) if agrees(live.pointer(path), &labels))
        };
        if remembered.as_ref() == Some(&wanted)
            && carries(&stateful_set, "/spec/template/metadata/labels")
            && carries(&service, "/metadata/labels")
        {
            return LabelChanges::default();
        }
        let mut writes = Vec::new();
        if remembered.is_none() {
            let body = self.memory(snapshot, &Map::new());
            writes.push(KubernetesWrite::Create { object: config_map.clone(), body });
        }
        let of_pods = json!({"spec": {"template": {"metadata": {"labels": labels}}}});
        writes.push(self.merge(stateful_set, of_pods));
        writes.push(self.merge(service, json!({"metadata": {"labels": labels}})));
        writes.push(self.merge(config_map, self.memory(snapshot, &wanted)));
        LabelChanges { writes, problem: None }
    }

    fn object(&self, snapshot: &Snapshot, kind: ObjectKind) -> ObjectRef {
        let name = match kind {
            ObjectKind::ConfigMap => self.config_map.clone(),
            _ => snapshot.identity.application.as_str().to_owned(),
        };
        ObjectRef { kind, name }
    }

    fn memory(&self, snapshot: &Snapshot, labels: &Map<String, Value>) -> Value {
        json!({
            "apiVersion": "v1",
            "data": {"labels": (self.encode)(&Value::Object(labels.clone()))},
            "kind": "ConfigMap",
            "metadata": {"name": self.config_map, "namespace": snapshot.identity.model.as_str()},
        })
    }

    fn merge(&self, object: ObjectRef, body: Value) -> KubernetesWrite {
        KubernetesWrite::Merge { object, field_manager: self.field_manager.clone(), body }
    }
}

/// The labels in the ConfigMap. What somebody else broke there is not ours to take away.
fn remembered(config_map: &Value) -> Map<String, Value> {
    let text = config_map["data"]["labels"].as_str().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_default()
}

fn agrees(live: Option<&Value>, labels: &Map<String, Value>) -> bool {
    let live = live.and_then(Value::as_object);
    labels.iter().all(|(label, value)| {
        let found = live.and_then(|live| live.get(label));
        if value.is_null() { found.is_none() } else { found == Some(value) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::KubernetesRefusal;
    use crate::patterns::blank_snapshot;

    fn labels(snapshot: &Snapshot) -> PodLabels {
        PodLabels::of_application(snapshot, Value::to_string)
    }

    fn answered(answers: [KubernetesAnswer; 3]) -> Snapshot {
        blank_snapshot("app/0", |snapshot| {
            snapshot.kubernetes =
                labels(snapshot).queries(snapshot).into_iter().zip(answers).collect();
        })
    }

    fn memory(text: &str) -> KubernetesAnswer {
        KubernetesAnswer::Found(json!({"data": {"labels": text}}))
    }

    fn carrying(labels: &Value) -> [KubernetesAnswer; 2] {
        [
            json!({"spec": {"template": {"metadata": {"labels": labels}}}}),
            json!({"metadata": {"labels": labels}}),
        ]
        .map(KubernetesAnswer::Found)
    }

    fn bodies(changes: &LabelChanges) -> Vec<&Value> {
        changes
            .writes
            .iter()
            .map(|write| match write {
                KubernetesWrite::Merge { body, .. } | KubernetesWrite::Create { body, .. } => body,
                other => unreachable!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn first_labels_make_the_memory_and_fill_it_last() {
        let snapshot = answered([const { KubernetesAnswer::NotFound }; 3]);
        let changes = labels(&snapshot).changes(&snapshot, [("a", "1")]);
        let bodies = bodies(&changes);
        assert_eq!(bodies.len(), 4);
        assert_eq!(bodies[0]["data"]["labels"], "{}");
        assert_eq!(bodies[1]["spec"]["template"]["metadata"]["labels"], json!({"a": "1"}));
        assert_eq!(bodies[2]["metadata"]["labels"], json!({"a": "1"}));
        assert_eq!(bodies[3]["data"]["labels"], r#"{"a":"1"}"#);
        assert_eq!(bodies[3]["metadata"], json!({"name": "app-pod-labels", "namespace": "stage"}));
    }

    #[test]
    fn a_label_of_ours_that_is_not_wanted_is_taken_away() {
        let [pods, service] = carrying(&json!({"a": "1", "stale": "x", "other": "o"}));
        let snapshot = answered([memory(r#"{"a":"1","stale":"x"}"#), pods, service]);
        let changes = labels(&snapshot).changes(&snapshot, [("a", "1")]);
        let expected = json!({"metadata": {"labels": {"a": "1", "stale": null}}});
        assert_eq!(bodies(&changes)[1], &expected);
    }

    #[test]
    fn nothing_is_written_when_all_is_as_wanted() {
        let [pods, service] = carrying(&json!({"a": "1", "other": "o"}));
        let snapshot = answered([memory(r#"{"a":"1"}"#), pods, service]);
        assert_eq!(labels(&snapshot).changes(&snapshot, [("a", "1")]), LabelChanges::default());
    }

    #[test]
    fn labels_that_somebody_removed_are_set_again() {
        let [pods, _] = carrying(&json!({"a": "1"}));
        let [_, service] = carrying(&json!({}));
        let snapshot = answered([memory(r#"{"a":"1"}"#), pods, service]);
        assert_eq!(labels(&snapshot).changes(&snapshot, [("a", "1")]).writes.len(), 3);
    }

    #[test]
    fn a_refusal_is_a_problem_and_nothing_is_written() {
        let refusal = KubernetesRefusal { code: Some(403), message: "forbidden".to_owned() };
        let [pods, service] = carrying(&json!({}));
        let snapshot = answered([KubernetesAnswer::Refused(refusal), pods, service]);
        let changes = labels(&snapshot).changes(&snapshot, [("a", "1")]);
        assert_eq!(changes.writes, []);
        let problem = changes.problem.expect("told");
        assert_eq!(problem.place, "ConfigMap `app-pod-labels`");
        assert_eq!(problem.reason, "cannot use the Kubernetes API: forbidden");
    }
}
