//! The protocol between hook tools and the unit agent.

pub mod gob;
pub mod rpc;
