//! Charms on disk: what they declare, and how they become a unit's charm directory.

mod metadata;

pub use metadata::{CharmMetadata, ConfigOption, Endpoint, MetadataError};
