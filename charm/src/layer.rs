//! Pebble layers and plans as values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// One named part of a Pebble plan, as the charm wants it. Each entry says how it overrides lower
/// layers (`override: replace` or `merge`); members are those of Pebble's layer schema.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layer {
    /// For people.
    pub summary: String,
    /// For people.
    pub description: String,
    /// Service name → members.
    pub services: BTreeMap<String, Map<String, Value>>,
    /// Check name → members.
    pub checks: BTreeMap<String, Map<String, Value>>,
    /// Log target name → members.
    pub log_targets: BTreeMap<String, Map<String, Value>>,
}

/// All layers of a container combined, as `GET /v1/plan` shows them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Service name → members.
    pub services: BTreeMap<String, Map<String, Value>>,
    /// Check name → members.
    pub checks: BTreeMap<String, Map<String, Value>>,
    /// Log target name → members.
    pub log_targets: BTreeMap<String, Map<String, Value>>,
}
