//! Builds the programs of charms that are source folders of this workspace.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use super::{CharmFolder, Program};

/// Why programs could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be started.
    #[error("cannot run cargo")]
    Cargo(#[source] io::Error),
    /// Cargo failed; it has said why.
    #[error("cannot build {programs}: cargo ended with {status}")]
    Failed {
        /// What was to be built.
        programs: String,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// A charm that needs a binary lies in no workspace.
    #[error("cannot build the program of `{}`: no cargo workspace above it", path.display())]
    NoWorkspace {
        /// The charm.
        path: PathBuf,
    },
}

/// The cargo workspace that a path lies in.
#[must_use]
pub fn workspace_of(path: &Path) -> Option<PathBuf> {
    let is_workspace = |folder: &&Path| {
        std::fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
    };
    path.canonicalize().ok()?.ancestors().find(is_workspace).map(ToOwned::to_owned)
}

/// Builds what the charms need, beside the program that acts as the hook tools, and shows cargo's
/// progress on stderr. Does nothing when no charm needs a binary.
///
/// # Errors
///
/// When cargo is absent or fails.
pub fn build_programs(charms: &[&CharmFolder], tool_program: &Path) -> Result<(), BuildError> {
    let mut binaries = BTreeSet::new();
    let mut workspace = None;
    for charm in charms {
        if let Program::Binary(name) = &charm.program {
            binaries.insert(name.as_str());
            let found = workspace_of(&charm.path)
                .ok_or_else(|| BuildError::NoWorkspace { path: charm.path.clone() })?;
            workspace = Some(found);
        }
    }
    let Some(workspace) = workspace else { return Ok(()) };
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace).arg("build");
    if tool_program.parent().is_some_and(|folder| folder.ends_with("release")) {
        command.arg("--release");
    }
    for binary in &binaries {
        command.args(["--bin", binary]);
    }
    let status = command.status().map_err(BuildError::Cargo)?;
    if status.success() {
        return Ok(());
    }
    let programs: Vec<_> = binaries.iter().map(|name| format!("`{name}`")).collect();
    Err(BuildError::Failed { programs: programs.join(", "), status })
}
