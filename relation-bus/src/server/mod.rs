//! The bus as a process of its own: it holds the models, runs their hooks, and takes commands.
//!
//! The first command that needs it starts it; it listens on a unix socket in the state folder,
//! which only its owner can enter. One request per connection, in JSON: see [`protocol`].
//!
//! ```text
//! command ──Request──▶ answer ──▶ Controller ◀── runner ──▶ charm processes
//!         ◀──Reply───
//! ```

mod answer;
mod charms;
mod client;
mod folder;
mod keep;
mod listen;
pub mod protocol;
mod runner;
mod view;

pub use client::{ClientError, call, call_running, stop};
pub use folder::{FolderError, StateFolder};
pub use keep::{KeepError, forget, saved_view};
pub use listen::{ServeError, serve};
pub use view::{ModelView, Parts, View};
