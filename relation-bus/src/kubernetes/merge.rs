//! The two ways of merging a patch into an object.

use serde_json::{Map, Value};

/// Lists whose items are told apart by a key, by the name of the list: the first key that an item has counts.
/// From the `patchMergeKey` marks of the Kubernetes API, for the kinds that charms patch.
const KEYED_LISTS: [(&str, &[&str]); 9] = [
    ("containers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("initContainers", &["name"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "port"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("imagePullSecrets", &["name"]),
    ("ownerReferences", &["uid"]),
];

/// The key that tells the items of this list apart, if it is such a list.
pub(super) fn merge_key(list: &str, items: &[Value]) -> Option<&'static str> {
    let (_, keys) = KEYED_LISTS.iter().find(|(name, _)| *name == list)?;
    keys.iter().copied().find(|key| items.iter().all(|item| item.get(*key).is_some()))
}

/// Merges a patch as RFC 7386 says: null deletes, objects merge, all else is replaced.
pub(super) fn json_merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let members = as_object(target);
    for (key, value) in patch {
        if value.is_null() {
            members.remove(key);
        } else {
            json_merge(members.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Merges a patch strategically: as [`json_merge`], but items of keyed lists are merged with those of the same key.
/// `$patch: delete` and `$patch: replace` are understood.
pub(super) fn strategic_merge(target: &mut Value, patch: &Value) {
    merge_named("", target, patch);
}

fn merge_named(name: &str, target: &mut Value, patch: &Value) {
    match patch {
        Value::Object(patch) => {
            if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
                let kept = patch.iter().filter(|(key, _)| *key != "$patch");
                *target =
                    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect());
                return;
            }
            let members = as_object(target);
            for (key, value) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
                if value.is_null() {
                    members.remove(key);
                } else {
                    merge_named(key, members.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        Value::Array(items) => match (merge_key(name, items), target.as_array_mut()) {
            (Some(key), Some(present)) => merge_items(key, present, items),
            _ => {
                *target =
                    Value::Array(items.iter().filter(|item| !is_directive(item)).cloned().collect())
            }
        },
        scalar => *target = scalar.clone(),
    }
}

fn merge_items(key: &str, present: &mut Vec<Value>, items: &[Value]) {
    for item in items {
        let at = present.iter().position(|other| other.get(key) == item.get(key));
        match (item.get("$patch").and_then(Value::as_str), at) {
            (Some("delete"), Some(at)) => {
                present.remove(at);
            }
            (Some("delete"), None) => {}
            (_, Some(at)) => merge_named("", &mut present[at], item),
            (_, None) => {
                let mut new = Value::Null;
                merge_named("", &mut new, item);
                present.push(new);
            }
        }
    }
}

fn is_directive(item: &Value) -> bool {
    item.get("$patch").is_some()
}

// Whatever was there before, it is an object now.
fn as_object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("was made an object above")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(merge: fn(&mut Value, &Value), before: Value, patch: Value, after: Value) {
        let mut target = before;
        merge(&mut target, &patch);
        assert_eq!(target, after);
    }

    #[test]
    fn merge_patch_replaces_lists_and_deletes_nulls() {
        check(
            json_merge,
            json!({"data": {"a": "1", "b": "2"}, "l": [1, 2]}),
            json!({"data": {"a": null, "c": {"x": null, "y": 1}}, "l": [3]}),
            json!({"data": {"b": "2", "c": {"y": 1}}, "l": [3]}),
        );
    }

    #[test]
    fn strategic_patch_merges_containers_by_name() {
        check(
            strategic_merge,
            json!({"containers": [{"name": "a", "image": "i"}, {"name": "b"}], "args": ["x"]}),
            json!({"containers": [{"name": "a", "resources": {"limits": {"cpu": "1"}}}, {"name": "c"},
                                  {"name": "b", "$patch": "delete"}], "args": ["y"]}),
            json!({"containers": [{"name": "a", "image": "i", "resources": {"limits": {"cpu": "1"}}}, {"name": "c"}],
                   "args": ["y"]}),
        );
        check(
            strategic_merge,
            json!({"spec": {"a": 1, "b": 2}}),
            json!({"spec": {"$patch": "replace", "c": 3}}),
            json!({"spec": {"c": 3}}),
        );
    }
}
