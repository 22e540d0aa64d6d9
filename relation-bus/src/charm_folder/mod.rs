//! Charms on disk: what they declare, and how they become a unit's charm directory.

mod install;
mod metadata;

pub use install::{Content, InstallError, install};
pub use metadata::{CharmMetadata, ConfigOption, Endpoint, MetadataError};
