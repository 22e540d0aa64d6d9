//! The protocol between hook tools and the unit agent.
