//! The protocol between hook tools and the unit agent: Go's `net/rpc` with its `gob` codec.
//!
//! [`gob`] knows how values look on the wire, [`wire`] which values there are, [`server`] and
//! [`client`] are the two ends. Written against the protocol, not against a library, so that the
//! tools of a real Juju and charms that speak it directly are served alike.

pub mod client;
pub mod gob;
pub mod server;
pub mod wire;
