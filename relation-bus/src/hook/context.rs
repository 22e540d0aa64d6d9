//! The context of one hook: what the unit sees, and its writes until they are committed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{Hook, RelationEvent, ToolCall, Trap, WriteRecord};
use crate::model::{
    ConfigValue, DataBag, Grant, Model, OpenedPort, RotatePolicy, Secret, SecretContent,
    StatusEntry,
};
use crate::names::{RelationId, SecretId, UnitName};

/// Databags of remote members that a unit's agent remembers across hooks.
pub type MemberCache = BTreeMap<RelationId, BTreeMap<UnitName, DataBag>>;

/// A relation as the agent of one unit sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextRelation {
    /// The own endpoint.
    pub endpoint: String,
    /// The other application; for a peer relation the own one.
    pub remote_application: String,
    /// Whether it is a peer relation.
    pub is_peer: bool,
    /// Units whose joined was delivered or is being, without this unit.
    pub members: BTreeSet<UnitName>,
    /// Whether `relation-ids` lists it: a relation that is breaking is not listed.
    pub is_listed: bool,
}

/// Where the unit's files are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// The charm directory.
    pub charm: PathBuf,
    /// The directory of the unit's resources.
    pub resources: PathBuf,
    /// The root of the unit's file system; nothing when paths are what they say.
    pub root: Option<PathBuf>,
}

impl Places {
    /// An absolute path of the unit as a path of this machine.
    #[must_use]
    pub fn locate(&self, path: &str) -> String {
        match &self.root {
            Some(root) => root.join(path.trim_start_matches('/')).display().to_string(),
            None => path.to_owned(),
        }
    }
}

/// What reads of the other side's databags give while a relation breaks. Juju's answer depends on
/// its version, on the other model and on whether the removal was forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BrokenReads {
    /// What was last there, as within one model of Juju 3.6.
    #[default]
    Kept,
    /// An empty databag.
    Empty,
    /// `permission denied`, as after a forced removal.
    PermissionDenied,
    /// `relation not found`, as Juju 4 says it.
    RelationNotFound,
}

/// An action that is running.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ActionState {
    /// Its parameters.
    pub parameters: Map<String, Value>,
    /// What `action-set` has said so far.
    pub results: Map<String, Value>,
    /// The message of `action-fail`, when it was called.
    pub failure: Option<String>,
    /// Lines of `action-log`.
    pub log: Vec<String>,
}

/// Changes to a secret that wait for the commit.
#[derive(Debug, Clone, Default)]
pub(super) struct SecretUpdate {
    pub(super) content: Option<SecretContent>,
    pub(super) label: Option<String>,
    pub(super) description: Option<String>,
    pub(super) rotate: Option<RotatePolicy>,
    pub(super) expires: Option<String>,
}

/// What a revoke is about.
#[derive(Debug, Clone)]
pub(super) enum Revoked {
    Relation(RelationId),
    Application(String),
    Unit(UnitName),
}

/// Writes that wait for the commit.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Own unit databags that were used, with this hook's writes.
    pub(super) unit_bags: BTreeMap<RelationId, DataBag>,
    /// Own application databags that were used by the leader, with this hook's writes.
    pub(super) application_bags: BTreeMap<RelationId, DataBag>,
    /// Own application databags that were written.
    pub(super) application_writes: BTreeSet<RelationId>,
    pub(super) state: Option<BTreeMap<String, String>>,
    pub(super) ports: Option<BTreeSet<OpenedPort>>,
    /// Storage to be added, by its name in the metadata.
    pub(super) storage: BTreeMap<String, u32>,
    pub(super) created: BTreeMap<SecretId, Secret>,
    pub(super) updated: BTreeMap<SecretId, SecretUpdate>,
    pub(super) removed: Vec<(SecretId, Option<u32>)>,
    pub(super) granted: Vec<(SecretId, Grant)>,
    pub(super) revoked: Vec<(SecretId, Revoked)>,
}

/// The context of one hook of one unit.
#[derive(Debug)]
pub struct HookContext {
    /// The context id, which tools send back.
    pub id: String,
    /// The unit that runs.
    pub unit: UnitName,
    /// The hook.
    pub hook: Hook,
    /// The relations that the agent knows.
    pub relations: BTreeMap<RelationId, ContextRelation>,
    /// Endpoint to address, where a binding has another network than the pod's.
    pub networks: BTreeMap<String, String>,
    /// Where the unit's files are.
    pub places: Places,
    /// Remembered databags of remote members.
    pub member_cache: MemberCache,
    /// What a relation that is breaking gives to read.
    pub broken_reads: BrokenReads,
    /// The action that runs, if this is one.
    pub action: Option<ActionState>,
    /// What lies in wait for the hook.
    pub trap: Option<Trap>,
    /// Calls so far.
    pub calls: Vec<ToolCall>,
    /// Changes so far; those of buffered writes come with the commit.
    pub writes: Vec<WriteRecord>,
    pub(super) pending: Pending,
    pub(super) foreign_cache: BTreeMap<(RelationId, String), DataBag>,
    pub(super) config: Option<BTreeMap<String, ConfigValue>>,
    pub(super) leadership_denied: bool,
    pub(super) status: Option<StatusEntry>,
}

impl HookContext {
    /// A context in which nothing was read or written yet.
    #[must_use]
    pub fn new(unit: UnitName, hook: Hook, number: u64) -> Self {
        let action = match &hook {
            Hook::Action { parameters, .. } => {
                Some(ActionState { parameters: parameters.clone(), ..ActionState::default() })
            }
            _ => None,
        };
        Self {
            id: context_id(&unit, &hook, number),
            unit,
            hook,
            relations: BTreeMap::new(),
            networks: BTreeMap::new(),
            places: Places::default(),
            member_cache: MemberCache::new(),
            broken_reads: BrokenReads::default(),
            action,
            trap: None,
            calls: Vec::new(),
            writes: Vec::new(),
            pending: Pending::default(),
            foreign_cache: BTreeMap::new(),
            config: None,
            leadership_denied: false,
            status: None,
        }
    }

    /// The own application.
    #[must_use]
    pub fn application(&self) -> &str {
        self.unit.application()
    }

    /// Whether the hook is the end of that relation.
    pub(super) fn is_breaking(&self, id: RelationId) -> bool {
        self.hook
            .relation()
            .is_some_and(|hook| hook.relation == id && hook.event == RelationEvent::Broken)
    }

    /// Whether the unit leads. Once the answer was no, it stays no for this hook.
    pub(super) fn is_leader(&mut self, model: &Model) -> bool {
        if !model.is_leader(&self.unit) {
            self.leadership_denied = true;
        }
        !self.leadership_denied
    }
}

/// `<unit>-<event>-<32 hex digits>`, the digits spread from a running number.
fn context_id(unit: &UnitName, hook: &Hook, number: u64) -> String {
    let spread = |seed: u64| {
        let mixed = (number ^ seed).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    format!("{unit}-{}-{:016x}{:016x}", hook.name(), spread(1), spread(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::LifeCycle;

    #[test]
    fn context_ids_name_unit_and_hook_and_differ() {
        let id =
            |number| HookContext::new(UnitName::new("loki", 0), LifeCycle::Start.into(), number).id;
        assert!(id(0).starts_with("loki/0-start-"));
        assert_eq!(id(0).len(), "loki/0-start-".len() + 32);
        assert_ne!(id(0), id(1));
    }
}
