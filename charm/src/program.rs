//! What a charm author writes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::desired::Desired;
use crate::needs::Needs;
use crate::snapshot::Snapshot;

/// A charm: what it wants to see, and what should then be true.
///
/// Both functions are pure: the same snapshot gives the same answer. The runtime does all reading
/// and writing.
pub trait Charm {
    /// What to read. Called with what was read so far, until it asks for nothing new; the first
    /// call sees the event, the identity, the metadata and facts of the host only.
    fn needs(&self, seen: &Snapshot) -> Needs;

    /// What should be true now.
    fn reconcile(&self, snapshot: &Snapshot) -> Desired;

    /// Why the charm can't be used as it is packed, such as a mistake in a file that it brings.
    /// Asked by `dispatch --check`, when the charm is packed.
    fn problem(&self) -> Option<String> {
        None
    }

    /// Answers an action. An action reconciles nothing.
    fn action(&self, snapshot: &Snapshot, call: &ActionCall) -> ActionOutcome {
        let _ = snapshot;
        ActionOutcome::failed(format!("action `{}` is not implemented", call.name))
    }
}

/// An action that an operator runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionCall {
    /// Its name.
    pub name: String,
    /// Its parameters, with defaults filled in.
    pub parameters: Map<String, Value>,
}

/// What an action answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionOutcome {
    /// Results; keys are lower-case words with hyphens, dots make nested maps.
    pub results: BTreeMap<String, String>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

impl ActionOutcome {
    /// A failure with its reason.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self { results: BTreeMap::new(), failure: Some(reason.into()) }
    }
}
