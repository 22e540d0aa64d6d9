//! Kubernetes objects as a charm asks for them and patches them.

pub mod client;

use serde_json::Value;

/// The kinds of objects that our charms touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `v1` ConfigMap.
    ConfigMap,
    /// `v1` Service.
    Service,
    /// `v1` Pod.
    Pod,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `security.istio.io/v1` AuthorizationPolicy.
    AuthorizationPolicy,
}

/// One object, in the namespace of the model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
}

/// A question to the Kubernetes API, asked while the snapshot is taken.
#[derive(Debug, Clone, PartialEq)]
pub enum KubernetesQuery {
    /// One object.
    Get(ObjectRef),
    /// Objects of a kind that carry all these labels (`key=value`, joined by commas).
    List {
        /// The kind.
        kind: ObjectKind,
        /// The label selector.
        selector: String,
    },
    /// What the API server would say to this server-side apply (`dryRun=All`).
    DryRunApply(ApplyPatch),
}

/// What the Kubernetes API said.
#[derive(Debug, Clone, PartialEq)]
pub enum KubernetesAnswer {
    /// The object; for a list, an array of objects; for a dry run, the object as it would be.
    Found(Value),
    /// There is no such object.
    NotFound,
    /// The API refused or could not be reached.
    Refused(KubernetesRefusal),
}

/// Why the Kubernetes API did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the Kubernetes API: {message}")]
pub struct KubernetesRefusal {
    /// HTTP status; `None` when there was no answer.
    pub code: Option<u16>,
    /// The server's words.
    pub message: String,
}

/// A server-side apply.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplyPatch {
    /// The object.
    pub object: ObjectRef,
    /// Who owns the fields.
    pub field_manager: String,
    /// Whether fields of other managers are taken over.
    pub conflicts: Conflicts,
    /// The fields, with `apiVersion` and `kind`.
    pub body: Value,
}

/// What a server-side apply does about fields that another manager owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// The patch is refused.
    Refuse,
    /// The fields change hands.
    TakeOver,
}

/// A change to the cluster. A patch that the live object in the snapshot already satisfies is not sent.
#[derive(Debug, Clone, PartialEq)]
pub enum KubernetesWrite {
    /// Creates an object; one that exists already is left as it is.
    Create {
        /// The object.
        object: ObjectRef,
        /// Its content.
        body: Value,
    },
    /// A strategic merge patch; `null` deletes a member.
    Merge {
        /// The object.
        object: ObjectRef,
        /// The field manager, where one is wanted.
        field_manager: Option<String>,
        /// The patch.
        body: Value,
    },
    /// A server-side apply.
    Apply(ApplyPatch),
    /// Deletes an object; one that is gone already is fine.
    Delete(ObjectRef),
}
