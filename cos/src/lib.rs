//! cos
