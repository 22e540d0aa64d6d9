//! Decides, for each unit, which hook comes next.
//!
//! [`LocalState`] is what the unit has met, [`RemoteState`] is what there is to meet, and
//! [`next_operation`] is a pure function of the two. Writes that nobody has met yet coalesce by
//! themselves, since only the difference counts.

mod bookkeeping;
mod local;
mod next;
mod remote;

pub use bookkeeping::{
    complete, context_relations, enter_pod, forget_member, restart, version_met,
};
pub use local::{FailedHook, LocalState, PodEnd, PodLife, RelationState};
pub use next::{Operation, Order, next_operation};
pub use remote::{RemoteRelation, RemoteState, StoragePosition};
