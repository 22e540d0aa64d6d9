//! A Pebble-compatible server for the workload containers of a model.
