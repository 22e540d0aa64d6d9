//! The worker of a coordinated-workers deployment: runs one workload as its coordinator says.
//!
//! A worker is the shipped binary plus a `solution.yaml` ([`solution::Solution`]). What it sees and
//! what should then be true is decided by pure functions.

pub mod layer;
pub mod solution;
