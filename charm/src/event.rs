//! What woke the charm: one dispatch is one event.

use crate::names::{
    ApplicationName, ContainerName, EndpointName, RelationId, SecretId, SecretLabel, UnitName,
};

/// The event of one dispatch, as Juju's environment tells it.
///
/// A charm's decision hardly depends on it: events matter only where Juju makes them matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A life-cycle event.
    Lifecycle(Lifecycle),
    /// Something happened on a relation.
    Relation(RelationEvent),
    /// Something happened in a workload container.
    Workload(WorkloadEvent),
    /// Something happened to a secret.
    Secret(SecretEvent),
    /// Storage comes or goes; the id is like `data/0`.
    Storage {
        /// Whether it comes or goes.
        kind: StorageEventKind,
        /// The storage instance, such as `data/0`.
        id: String,
    },
    /// An operator runs an action.
    Action {
        /// The action's name in `actions.yaml`.
        name: String,
    },
    /// An event that this version doesn't know: newer Juju versions send new events to old charms.
    Unknown(String),
}

/// Events in the life of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// The unit was created.
    Install,
    /// First start, or start after the pod was replaced.
    Start,
    /// Configuration, trust or address changed.
    ConfigChanged,
    /// The charm was refreshed.
    UpgradeCharm,
    /// The unit is about to stop.
    Stop,
    /// The unit is about to go.
    Remove,
    /// The periodic event.
    UpdateStatus,
    /// This unit became the leader.
    LeaderElected,
    /// Juju up to 3.x tells followers about legacy leadership settings.
    LeaderSettingsChanged,
}

/// An event on a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationEvent {
    /// What happened.
    pub kind: RelationEventKind,
    /// The local endpoint.
    pub endpoint: EndpointName,
    /// The relation.
    pub relation: RelationId,
    /// The application at the other end; absent when an old Juju leaves it empty.
    pub remote_app: Option<ApplicationName>,
    /// The unit that the event is about; absent for created, broken and application-level changes.
    pub remote_unit: Option<UnitName>,
    /// Only for departed: who leaves. The own unit's name means "I am leaving".
    pub departing_unit: Option<UnitName>,
}

/// What happened on a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationEventKind {
    /// The relation exists now.
    Created,
    /// A remote unit joined.
    Joined,
    /// A remote databag changed.
    Changed,
    /// A remote unit left.
    Departed,
    /// The relation is gone.
    Broken,
}

/// An event of a workload container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadEvent {
    /// The container.
    pub container: ContainerName,
    /// What happened.
    pub kind: WorkloadEventKind,
}

/// What happened in a workload container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadEventKind {
    /// Pebble came up.
    Ready,
    /// A custom notice was recorded under this key.
    CustomNotice(String),
    /// The named check went down.
    CheckFailed(String),
    /// The named check came up again.
    CheckRecovered(String),
}

/// An event of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretEvent {
    /// What happened.
    pub kind: SecretEventKind,
    /// The secret.
    pub id: SecretId,
    /// The label that this unit gave it.
    pub label: Option<SecretLabel>,
    /// The revision, for expired and remove.
    pub revision: Option<u32>,
}

/// What happened to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretEventKind {
    /// A newer revision than the one we track exists.
    Changed,
    /// It is time to rotate.
    Rotate,
    /// A revision expired.
    Expired,
    /// Nobody tracks a revision any more.
    Remove,
}

/// Whether storage comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageEventKind {
    /// Storage was attached.
    Attached,
    /// Storage is about to be detached.
    Detaching,
}

impl Event {
    /// The relation that is going away with this event, if it is a broken event.
    pub fn broken_relation(&self) -> Option<RelationId> {
        match self {
            Self::Relation(event) if event.kind == RelationEventKind::Broken => {
                Some(event.relation)
            }
            _ => None,
        }
    }

    /// Whether this is the given life-cycle event.
    pub fn is(&self, lifecycle: Lifecycle) -> bool {
        *self == Self::Lifecycle(lifecycle)
    }
}
