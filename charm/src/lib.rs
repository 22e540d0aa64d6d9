//! The runtime of a Juju charm.
//!
//! A dispatch is one pass: read everything the charm asks for into a [`snapshot::Snapshot`], let
//! the charm's pure function turn it into a [`desired::Desired`] state, write what differs.

pub mod apply;
mod connection;
pub mod databag;
pub mod desired;
pub mod difference;
pub mod environment;
pub mod event;
pub mod host;
mod interrupted;
pub mod kubernetes;
pub mod layer;
pub mod leadership;
pub mod metadata;
pub mod names;
pub mod needs;
pub mod patterns;
pub mod pebble;
pub mod ports;
pub mod program;
pub mod reading;
pub mod run;
pub mod secret;
pub mod snapshot;
pub mod status;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tools;
mod workloads;

pub use program::{ActionCall, ActionOutcome, Charm};
pub use run::run;
