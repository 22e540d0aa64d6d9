//! The runtime of a Juju charm.
//!
//! A dispatch is one pass: read everything the charm asks for into a [`snapshot`], let the charm's
//! pure function turn it into a [`desired`] state, write what differs.

pub mod event;
pub mod names;
pub mod status;
