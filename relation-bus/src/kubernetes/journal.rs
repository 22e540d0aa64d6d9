//! What was asked of the cluster.

use serde_json::{Map, Value};

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// POST.
    Create,
    /// PATCH.
    Patch,
    /// PUT.
    Replace,
    /// DELETE.
    Delete,
}

impl Verb {
    /// The word for it in Kubernetes' own access rules (`replace` is `update` there).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// A write that was asked for, whether or not it was granted.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// What was to be done.
    pub verb: Verb,
    /// Like `ConfigMap`.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Media type of a patch.
    pub patch_type: Option<String>,
    /// Who wants to own the fields, if it said so.
    pub field_manager: Option<String>,
    /// Whether it took fields from other owners; none: it didn't say.
    pub force: Option<bool>,
    /// Whether it was only to be tried; none: it didn't say.
    pub dry_run: Option<bool>,
    /// The body as it was sent; none for a delete.
    pub object: Option<Value>,
    /// HTTP status of the answer.
    pub status: u16,
}

impl Write {
    /// In the form of conformance cases: absent members are left out, and so is the answer.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut shown = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                shown.insert(key.to_owned(), value);
            }
        };
        put("verb", Some(self.verb.as_str().into()));
        put("kind", Some(self.kind.clone().into()));
        put("name", Some(self.name.clone().into()));
        put("namespace", Some(self.namespace.clone().into()));
        put("patch_type", self.patch_type.clone().map(Value::from));
        put("field_manager", self.field_manager.clone().map(Value::from));
        put("force", self.force.map(Value::from));
        put("dry_run", self.dry_run.map(Value::from));
        put("object", self.object.clone());
        Value::Object(shown)
    }
}
