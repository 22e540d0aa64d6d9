//! Runs the process of a charm for one hook.
