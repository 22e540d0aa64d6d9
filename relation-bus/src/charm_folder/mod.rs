//! Charms on disk: what they declare, and how they become a unit's charm directory.

mod archive;
mod build;
mod install;
mod load;
mod metadata;
pub mod pack;

pub use archive::{Archive, ArchiveError};
pub use build::{BuildError, Profile, build_binaries, build_programs, workspace_of};
pub use install::{Content, InstallError, install};
pub use load::{CharmFolder, LoadError, Program, load};
pub use metadata::{CharmMetadata, ConfigOption, Endpoint, MetadataError, Mount};
