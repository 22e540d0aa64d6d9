//! Drives the units of a model until nothing is left to do.
