//! Writes to the Kubernetes API: only the last object asked for counts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Judge;
use super::values::same;
use crate::conformance::outcome::ClusterWrite;

impl Judge<'_> {
    pub(super) fn cluster_writes(&mut self, expected: &[ClusterWrite], found: &[ClusterWrite]) {
        let (expected, found) = (last_asked(expected), last_asked(found));
        let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        for name in names {
            let path = format!("k8s/{name}");
            match (expected.get(name), found.get(name)) {
                (Some(want), Some(got)) if !same(want, got) => self.differ_in(&path, want, got),
                (Some(want), None) => self.missing(&path, want.to_string()),
                (None, Some(got)) => self.unexpected(&path, got.to_string()),
                _ => {}
            }
        }
    }
}

/// The last object by way of writing, kind and name; null when it was deleted.
fn last_asked(writes: &[ClusterWrite]) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for write in writes.iter().filter(|write| !write.dry_run) {
        let mut object = write.object.clone();
        let mut name = write.name.as_str();
        if write.kind == "AuthorizationPolicy" {
            name = without_hash(name);
            if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
                metadata.shift_remove("name");
            }
        }
        let way = match write.patch_type.as_deref().unwrap_or(&write.verb) {
            how if how.contains("apply") => "apply",
            _ => "set",
        };
        let deleted = Value::from(write.verb == "delete");
        out.insert(format!("{way} {} {name}", write.kind), Value::from(vec![deleted, object]));
    }
    out
}

/// A policy's name without the eight hexadecimal digits that its author's hash ends it with.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((stem, hash))
            if hash.len() == 8 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) =>
        {
            stem
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::paths;
    use super::*;
    use crate::conformance::outcome::Outcome;

    fn write(verb: &str, kind: &str, name: &str, object: Value) -> ClusterWrite {
        serde_json::from_value(json!({"verb": verb, "kind": kind, "name": name, "object": object}))
            .unwrap()
    }

    fn wrote(k8s: Vec<ClusterWrite>) -> Outcome {
        Outcome { k8s, ..Outcome::default() }
    }

    #[test]
    fn the_last_write_counts_and_dry_runs_do_not() {
        let want = wrote(vec![write("patch", "Service", "a", json!({"x": 1}))]);
        let mut dry = write("patch", "Service", "a", json!({"x": 3}));
        dry.dry_run = true;
        let got = wrote(vec![
            write("create", "Service", "a", json!({"x": 2})),
            write("patch", "Service", "a", json!({"x": 1})),
            dry,
        ]);
        assert_eq!(paths(&want, &got), [""; 0]);
        assert_eq!(paths(&want, &wrote(Vec::new())), ["k8s/set Service a"]);
    }

    #[test]
    fn policies_are_matched_without_their_hash() {
        let policy = |hash: &str| {
            let object = json!({"metadata": {"name": format!("p-{hash}")}, "spec": {}});
            write("patch", "AuthorizationPolicy", &format!("p-{hash}"), object)
        };
        let (want, got) = (wrote(vec![policy("d07985ba")]), wrote(vec![policy("00000000")]));
        assert_eq!(paths(&want, &got), [""; 0]);
    }
}
