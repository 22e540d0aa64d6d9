//! The coordinator of a coordinated-workers deployment, driven by `solution.yaml`.

pub mod solution;
