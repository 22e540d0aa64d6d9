//! What a cluster is when it begins, and what is wrong with it.

use std::time::Duration;

use serde_json::Value;

/// A cluster before the first request. The default is an empty one that works.
#[derive(Debug, Clone, Default)]
pub struct ApiSetup {
    /// Objects that exist, each with `kind` and `metadata.name`; those of unknown kinds are left out.
    pub objects: Vec<Value>,
    /// Refuses every patch of one kind.
    pub patch_error: Option<PatchError>,
    /// What a patch of an object that doesn't exist does.
    pub missing: Missing,
    /// What is wrong with the server itself.
    pub fault: Option<Fault>,
}

/// A refusal of every patch of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchError {
    /// Like `StatefulSet`.
    pub kind: String,
    /// HTTP status, such as 403 or 409.
    pub code: u16,
    /// Why, for people.
    pub message: String,
}

/// What a merge patch of an object that doesn't exist does. (An apply makes the object, always.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// It is refused with 404, as in a cluster. In such a cluster controllers work too, at once: a stateful set whose
    /// spec changed is rolled out, and its pods get the resources that it asks for.
    #[default]
    NotFound,
    /// It is accepted and written down, and nothing is stored: conformance cases were recorded like this. Nothing
    /// moves by itself.
    Accept,
}

/// What is wrong with an API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every answer takes this long.
    Slow(Duration),
    /// Every answer is cut off half-way.
    CutOff,
    /// Every request is refused with 429, and told to come again after this many seconds.
    TooManyRequests(u32),
    /// Every request is refused with 503.
    Unavailable,
}
