//! The relation bus: a Juju model on one machine.

fn main() {}
