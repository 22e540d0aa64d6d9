//! `relation-bus pack`: a `.charm` out of a charm folder.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, print, talk};
use crate::charm_folder::pack::{Order, PackError, pack};
use crate::charm_folder::{BuildError, LoadError, Program, build_programs, load};
use crate::dispatch::{RootError, find_program};

/// Packs a charm folder into a `.charm` that Juju and `deploy` take.
///
/// The folder has a `charmcraft.yaml`, and `dispatch`, `hooks` or `src/charm.py`; the program of a
/// Rust charm is built by cargo. The same folder gives the same bytes. A `solution.yaml` is checked
/// by the charm's own program.
///
/// Prints the path of the archive.
#[derive(Debug, Args)]
pub(super) struct Pack {
    /// The charm's folder.
    folder: PathBuf,

    /// Where the archive goes [default: `<name>_<platform>.charm` in the working directory].
    #[arg(short, long)]
    output: Option<PathBuf>,

    /// The platform of `charmcraft.yaml` to pack for [default: this machine's].
    #[arg(long)]
    platform: Option<String>,

    /// The program that becomes `dispatch`, such as one linked statically for the platform.
    #[arg(long, value_name = "FILE")]
    dispatch: Option<PathBuf>,
}

/// Why a charm could not be packed.
#[derive(Debug, thiserror::Error)]
pub(super) enum PackCommandError {
    /// The folder is no charm.
    #[error("cannot pack `{}`", path.display())]
    Load {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: Box<LoadError>,
    },
    /// Its program can't be had.
    #[error("cannot find the charm's program")]
    Program(#[from] RootError),
    /// Its program can't be built.
    #[error("cannot build the charm's program")]
    Build(#[from] BuildError),
    /// It can't be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
}

impl PackCommandError {
    /// Whether the machine lacks something, or the input is wrong.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Program(_) | Self::Build(_) => Exit::Environment,
            Self::Load { .. } | Self::Pack(_) => Exit::Input,
        }
    }
}

impl Pack {
    pub(super) fn run(self) -> Result<Exit, PackCommandError> {
        let dispatch = match self.dispatch {
            Some(program) => Some(program),
            None => program_of(&self.folder)?,
        };
        let packed = pack(&Order {
            folder: &self.folder,
            dispatch: dispatch.as_deref(),
            platform: self.platform.as_deref(),
            output: self.output.as_deref(),
        })?;
        let has = |name: &str| packed.entries.iter().any(|entry| entry.starts_with(name));
        if has("src/charm.py") && !has("venv/") {
            talk("the charm has no `venv`: it will use the modules of the machine's python3");
        }
        print(&packed.path.display().to_string());
        Ok(Exit::Done)
    }
}

/// The program of a charm whose source is in this workspace.
fn program_of(folder: &Path) -> Result<Option<PathBuf>, PackCommandError> {
    let charm = load(folder).map_err(|source| PackCommandError::Load {
        path: folder.to_owned(),
        source: Box::new(source),
    })?;
    let Program::Binary(name) = &charm.program else { return Ok(None) };
    let tool = find_program()?;
    build_programs(&[&charm], &tool)?;
    Ok(Some(tool.with_file_name(name)))
}
