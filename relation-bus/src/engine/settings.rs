//! How a bus behaves where Juju leaves it open, or where a test wants it otherwise.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Jitter, Leadership};
use crate::dispatch::SharedRunner;
use crate::hook::BrokenReads;
use crate::model_file::CommandAnswer;
use crate::uniter::{Order, StoragePosition};

/// Commands that an application's containers answer, by container.
pub type Answers = BTreeMap<String, Vec<CommandAnswer>>;

/// Whether the leader hears its own write to the application databag of a peer relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeerEcho {
    /// As Juju does.
    #[default]
    Heard,
    /// As other test tools assume.
    Silent,
}

/// Whether the databag of a remote unit may be older than the model when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StaleReads {
    /// As Juju does: remembered until that unit's own event.
    #[default]
    Faithful,
    /// Read anew in every hook, as after a restart of the agent.
    Newest,
}

/// Whether an application may use the cluster (`juju trust`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// It may.
    Granted,
    /// It may not.
    Withheld,
}

/// Whether a container's Pebble answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It answers.
    Up,
    /// Its socket is gone.
    Down,
}

/// What runs in workload containers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PebbleKind {
    /// The bus's own, in its process: files and services are a state.
    #[default]
    Embedded,
    /// A real daemon, of this program, in every container that has an image. The others are the
    /// bus's own.
    Real(PathBuf),
}

/// Files that an application's containers bring along: a folder for each container.
pub type Images = BTreeMap<String, PathBuf>;

/// The settings of a bus.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The order of relations within a unit.
    pub order: Order,
    /// Whether a leader hears itself.
    pub peer_echo: PeerEcho,
    /// Whether reads may be stale.
    pub stale_reads: StaleReads,
    /// What reads give in `broken`.
    pub broken_reads: BrokenReads,
    /// When storage is attached.
    pub storage_position: StoragePosition,
    /// Whether pauses, intervals and leases are spread.
    pub jitter: Jitter,
    /// Whether leadership is lost by itself.
    pub leadership: Leadership,
    /// Hooks that one call of settle may run before it gives up.
    pub hook_limit: usize,
    /// How often a failed hook is tried again before settle leaves it in error.
    pub retries: u32,
    /// How long one hook may take.
    pub time_limit: Duration,
    /// Where units live; nothing: a temporary folder. Keep it short.
    pub folder: Option<PathBuf>,
    /// What runs in containers.
    pub pebble: PebbleKind,
    /// The program that acts as the hook tools; nothing: this one or the one built beside it.
    pub program: Option<PathBuf>,
    /// What runs the programs of charms; nothing: a process for each hook, as Juju does.
    pub runner: Option<SharedRunner>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            order: Order::Sorted,
            peer_echo: PeerEcho::default(),
            stale_reads: StaleReads::default(),
            broken_reads: BrokenReads::default(),
            storage_position: StoragePosition::default(),
            jitter: Jitter::default(),
            leadership: Leadership::default(),
            hook_limit: 2000,
            retries: 2,
            time_limit: Duration::from_secs(120),
            folder: None,
            pebble: PebbleKind::default(),
            program: None,
            runner: None,
        }
    }
}
