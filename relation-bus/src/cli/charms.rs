//! Where the charms of this project are, as programs.

use std::env;
use std::path::PathBuf;

/// A charm of ours is not where it is expected.
#[derive(Debug, thiserror::Error)]
#[error("cannot find the program `{name}` near `{}`", near.display())]
pub(super) struct CharmsError {
    /// The program.
    pub(super) name: String,
    /// The folder that was searched.
    pub(super) near: PathBuf,
}

/// The program of a charm of ours: it is built into the same folder as this one, or into the one
/// above when this is a test.
///
/// # Errors
///
/// When it isn't there.
pub(super) fn find(name: &str) -> Result<PathBuf, CharmsError> {
    let near = env::current_exe().unwrap_or_default();
    let folders = near.ancestors().skip(1).take(2);
    folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| CharmsError { name: name.to_owned(), near: near.clone() })
}
