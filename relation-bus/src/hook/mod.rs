//! Hooks: what they are, the context in which their tools run, and how they are committed.

mod commit;
mod context;
mod event;
mod journal;
pub mod tools;
mod trap;

pub use commit::{CommitError, commit};
pub use context::{ActionState, BrokenReads, ContextRelation, HookContext, MemberCache, Places};
pub use event::{
    Detaching, Hook, LifeCycle, RelationEvent, RelationHook, SecretEvent, WorkloadEvent,
};
pub use journal::{Journal, ToolCall, WriteRecord};
pub use trap::{Moment, Strike, Trap};
