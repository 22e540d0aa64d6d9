//! Where the charms of this project are, as programs.

use std::path::{Path, PathBuf};

use crate::charm_folder::{
    BuildError, CharmFolder, CharmMetadata, Program, build_programs, workspace_of,
};
use crate::dispatch::{RootError, find_program};

/// A charm of ours is not to be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum CharmsError {
    /// There is no `relation-bus` to look beside.
    #[error(transparent)]
    Program(#[from] RootError),
    /// It can't be built.
    #[error("cannot build the charms")]
    Build(#[from] BuildError),
    /// It is not where it is expected, and there is no workspace to build it in.
    #[error("cannot find the program `{}`", path.display())]
    Absent {
        /// Where it should be.
        path: PathBuf,
    },
}

/// The program of a charm of ours, which lies beside this one; built when it isn't there yet.
pub(super) fn find(name: &str) -> Result<PathBuf, CharmsError> {
    let path = place_of(name)?;
    if !path.is_file() {
        build(&[name])?;
    }
    present(path)
}

/// The programs of charms of ours, brought up to date if they lie in a workspace.
pub(super) fn find_current<const N: usize>(names: [&str; N]) -> Result<[PathBuf; N], CharmsError> {
    build(&names)?;
    let mut paths = [const { PathBuf::new() }; N];
    for (path, name) in paths.iter_mut().zip(names) {
        *path = present(place_of(name)?)?;
    }
    Ok(paths)
}

fn place_of(name: &str) -> Result<PathBuf, CharmsError> {
    Ok(find_program()?.with_file_name(name))
}

fn present(path: PathBuf) -> Result<PathBuf, CharmsError> {
    if path.is_file() { Ok(path) } else { Err(CharmsError::Absent { path }) }
}

/// Builds programs in the workspace that this program lies in, if it lies in one.
fn build(names: &[&str]) -> Result<(), CharmsError> {
    let program = find_program()?;
    if program.parent().and_then(workspace_of).is_none() {
        return Ok(());
    }
    let charms: Vec<CharmFolder> = names.iter().map(|name| charm(name, &program)).collect();
    Ok(build_programs(&charms.iter().collect::<Vec<_>>(), &program)?)
}

fn charm(name: &str, program: &Path) -> CharmFolder {
    CharmFolder {
        path: program.to_owned(),
        metadata: CharmMetadata::default(),
        program: Program::Binary(name.to_owned()),
    }
}
