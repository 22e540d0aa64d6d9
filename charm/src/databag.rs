//! Databags as Juju has them: text to text.

use std::collections::BTreeMap;

/// The content of one databag.
pub type Databag = BTreeMap<String, String>;

/// What to change in one databag: a value to set, or `None` to delete the key.
///
/// Keys that are not in the patch are left alone: in a unit databag Juju itself keeps
/// `egress-subnets`, `ingress-address` and `private-address`.
pub type DatabagPatch = BTreeMap<String, Option<String>>;
