//! One event in the life of one unit: a world is built from given state, the charm runs once, and
//! everything is read back.
//!
//! Remote applications exist only as data here. This is what recorded cases are played with.
//! `run(World, Event) -> Result<Outcome, OneShotError>` is async.

mod world;

pub use world::{Charm, Event, Outcome, World, WorldPeer, WorldRelation, WorldSecret};
