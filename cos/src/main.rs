//! cos
fn main() {}
