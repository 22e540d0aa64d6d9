//! Reading and altering the metadata of objects.

use serde_json::{Map, Value, json};

/// A text in the metadata; empty if absent.
pub(super) fn meta<'a>(object: &'a Value, key: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(key))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The labels, if there are any.
pub(super) fn labels(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata")?.get("labels")?.as_object()
}

/// Sets a member of the metadata.
pub(super) fn set_meta(object: &mut Value, key: &str, value: Value) {
    if !object.is_object() {
        *object = json!({});
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = json!({});
    }
    metadata[key] = value;
}

/// What the server alone writes: texts that a client may send, but that change nothing.
pub(super) const SERVER_OWNED: [&str; 5] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"];
