//! A Juju model on one machine: runs real charms, without Juju.
//!
//! Data flows in one direction. The [`model`] holds what a controller would hold. For each unit
//! the [`uniter`] decides, as a pure function, which hook comes next. The [`engine`] runs that
//! hook: [`dispatch`] starts the charm's process, [`jujuc`] serves the hook tools it calls,
//! [`hook`] answers them from a context that buffers writes, and the context is committed to the
//! model when the process ends well.
//!
//! The crate plays Juju, so it shares no code with the charm runtime: a misunderstanding must not
//! cancel itself out.

pub mod bundle;
pub mod charm_folder;
pub mod cli;
pub mod conformance;
pub mod controller;
pub mod dispatch;
pub mod engine;
pub mod hook;
pub mod inspect;
pub mod jujuc;
pub mod kubernetes;
pub mod model;
pub mod model_file;
pub mod names;
pub mod one_shot;
pub mod pebble;
pub mod server;
mod serving;
pub mod shapes;
pub mod testing;
pub mod uniter;
pub mod wait_for;
