//! One event in the life of one unit: a world is built from given state, the charm runs once, and
//! everything is read back.
//!
//! Remote applications exist only as data here. This is what recorded cases are played with.

mod build;
mod run;
mod world;

pub use run::{OneShotError, run};
pub use world::{Charm, Event, Outcome, World, WorldPeer, WorldRelation, WorldSecret};
