//! relation-bus
fn main() {}
