//! What a unit's agent remembers between hooks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::hook::{Hook, MemberCache};
use crate::model::Clock;
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
    /// Containers whose `pebble-ready` failed: the poller sends it again from this moment on.
    pub ready_retries: BTreeMap<String, Clock>,
    /// Nothing of the containers is met before this moment: a failed notice restarts the agent.
    pub workload_pause: Option<Clock>,
    /// Notices and check events, in the order they arrived.
    pub workload_events: VecDeque<Hook>,
    /// Actions that wait.
    pub actions: VecDeque<Hook>,
    /// Storage whose `attached` has run.
    pub attached: BTreeSet<String>,
    /// The timer of `update-status` fired.
    pub update_status_due: bool,
    /// When the timer of `update-status` fires next; nothing before the unit has started.
    pub update_status_at: Option<Clock>,
    /// The version of the leadership settings that the unit was last told of.
    pub leader_settings_seen: u64,
    /// Whether the unit's pod stays.
    pub pod: PodLife,
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
    /// When it is run again; nothing when only an operator can resolve it.
    pub retry_at: Option<Clock>,
    /// The version of the databag that a `changed` or `joined` is about, when it came first: a
    /// retry sees current data, and yet only this counts as met by it.
    #[serde(default)]
    pub version: Option<u64>,
}

/// Whether a unit's pod stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PodLife {
    /// It stays.
    #[default]
    Stays,
    /// The agent was told to shut down and has not run `stop` yet.
    Ending(PodEnd),
    /// The agent is gone: a new pod takes over.
    Over(PodEnd),
}

/// Why a pod ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodEnd {
    /// It was evicted, or its node is drained.
    Churn,
    /// The charm was refreshed. A unit in error finishes its failed hook first.
    Upgrade,
    /// The charm was refreshed by force: a unit in error does not wait.
    ForcedUpgrade,
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
