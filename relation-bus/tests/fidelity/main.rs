//! The fidelity checklist: what Juju does and charms depend on, one test or several for each
//! number. `docs/fidelity.md` is its table.
//!
//! Charms are shell scripts, one for each event; see [`stage`].

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod access;
mod actions;
mod clock;
mod departing;
mod environment;
mod failing;
mod leadership;
mod order;
mod pods;
mod processes;
mod secrets;
mod shuffle;
mod stage;
mod table;
mod tools_context;
mod tools_relation;
mod tools_secret;
mod tools_unit;
mod transactions;
mod workload;
