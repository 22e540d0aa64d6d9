//! Builds the programs of charms that are source folders of this workspace.

use std::collections::BTreeSet;
use std::ffi::OsStr;
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

/// How programs are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quickly, for development.
    Debug,
    /// Optimised.
    Release,
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
    // `cargo run` has built the bus alone.
    if tool_program.parent().and_then(workspace_of).is_some_and(|own| own == workspace) {
        binaries.insert("relation-bus-tool");
    }
    let is_release = tool_program.parent().is_some_and(|folder| folder.ends_with("release"));
    let profile = if is_release { Profile::Release } else { Profile::Debug };
    build_binaries(&workspace, &binaries, profile)
}

/// Builds binaries of a workspace and shows cargo's progress on stderr.
///
/// # Errors
///
/// When cargo is absent or fails.
pub fn build_binaries(
    workspace: &Path,
    binaries: &BTreeSet<&str>,
    profile: Profile,
) -> Result<(), BuildError> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace).arg("build");
    // What cargo tells a test of its own package would make it build some crates anew, for nothing.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_package(name)) {
        command.env_remove(name);
    }
    if profile == Profile::Release {
        command.arg("--release");
    }
    for binary in binaries {
        command.args(["--bin", binary]);
    }
    let status = command.status().map_err(BuildError::Cargo)?;
    if status.success() {
        return Ok(());
    }
    let programs: Vec<_> = binaries.iter().map(|name| format!("`{name}`")).collect();
    Err(BuildError::Failed { programs: programs.join(", "), status })
}

/// Whether a variable is one that cargo sets for the package that it runs.
fn is_of_package(name: &OsStr) -> bool {
    const NAMES: [&str; 8] = [
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
    ];
    name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || NAMES.contains(&name))
}
