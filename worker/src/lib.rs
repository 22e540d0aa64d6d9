//! The worker of a coordinated-workers deployment: runs one workload as its coordinator says.
//!
//! A worker charm is the shipped binary plus a `solution.yaml` ([`solution::Solution`]). What it
//! looks at and what should then be true is decided in [`Worker`], purely: the `charm` runtime does
//! all reading and writing.

pub mod cluster;
pub mod context;
pub mod layer;
pub mod paths;
pub mod restart;
pub mod roles;
pub mod solution;
pub mod tls;
pub mod turn;
pub mod version;
mod worker;

pub use worker::Worker;
