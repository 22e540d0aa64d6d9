//! Recorded cases: one event in the life of one unit, and what the reference did.
//!
//! A [`case`] says what a unit saw and what the reference implementation then did. Its
//! [`solution`] becomes a `solution.yaml` of ours, our charm runs in a world built from the case,
//! and what it did is an [`outcome`] that [`compare`] judges. [`lists`] has where we differ on
//! purpose, and which cases don't pass yet.

pub mod case;
pub mod collect;
pub mod compare;
pub mod folder;
pub mod lists;
pub mod outcome;
pub mod play;
pub mod requests;
pub mod scene;
pub mod solution;
