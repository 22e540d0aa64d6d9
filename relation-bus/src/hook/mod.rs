//! Hooks: what they are, the context in which their tools run, and how they are committed.

mod event;
mod journal;

pub use event::{
    Detaching, Hook, LifeCycle, RelationEvent, RelationHook, SecretEvent, WorkloadEvent,
};
pub use journal::{Journal, ToolCall, WriteRecord};
