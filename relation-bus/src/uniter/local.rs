//! What a unit's agent remembers between hooks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::hook::{Hook, MemberCache};
use crate::names::{RelationId, UnitName};

/// The persistent state of a unit's agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LocalState {
    /// `install` is done.
    pub installed: bool,
    /// `start` is done.
    pub started: bool,
    /// `stop` is done.
    pub stopped: bool,
    /// `remove` is done: nothing will run any more.
    pub removed: bool,
    /// `leader-elected` has run for the leadership held now.
    pub leads: bool,
    /// The config that the last `config-changed` saw; nothing before the first.
    pub config_seen: Option<u64>,
    /// A hook that must be the next one: `start` after the first `config-changed`.
    pub queued: Option<Hook>,
    /// A hook that failed and waits for its retry.
    pub failed: Option<FailedHook>,
    /// Relations whose `created` has run.
    pub relations: BTreeMap<RelationId, RelationState>,
    /// Boot id for which each container's `pebble-ready` has run.
    pub boot_ids: BTreeMap<String, String>,
    /// Containers whose `pebble-ready` failed, with how often.
    pub ready_failures: BTreeMap<String, u32>,
    /// Notices and check events, in the order they arrived.
    pub workload_events: VecDeque<Hook>,
    /// Actions that wait.
    pub actions: VecDeque<Hook>,
    /// Storage whose `attached` has run.
    pub attached: BTreeSet<String>,
    /// The timer of `update-status` fired.
    pub update_status_due: bool,
    /// Databags of remote members as they were last read.
    pub member_cache: MemberCache,
}

/// A hook that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedHook {
    /// The very hook, to be run again as it was.
    pub hook: Hook,
    /// How often it has failed.
    pub tries: u32,
}

/// What a unit has met of one relation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationState {
    /// Units that have joined, with the databag version last met.
    pub members: BTreeMap<UnitName, u64>,
    /// Applications, with the databag version last met.
    pub applications: BTreeMap<String, u64>,
    /// A unit that has just joined: its `changed` is the next hook of this relation.
    pub just_joined: Option<UnitName>,
}
