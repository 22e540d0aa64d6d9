//! `relation-bus conform`: plays a folder of recorded cases and judges them.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use super::charms::{CharmsError, find_current};
use super::{Exit, print};
use crate::conformance::compare::Strictness;
use crate::conformance::folder::{Plan, Programs, Report, case_files, play_all};
use crate::conformance::lists::{Decided, ListError, Pending};

/// Play every recorded case of a folder through the shipped charms, and judge what they did.
///
/// Prints a table, and the first difference of each case that doesn't pass. Exit status 1 when a
/// case fails that isn't listed as pending, or when one passes that is: the list only gets
/// shorter.
#[derive(Debug, Args)]
pub(super) struct Conform {
    /// The folder with the case files.
    folder: PathBuf,
    /// JSON file {case: [path, …]} of the differences that were decided on [default:
    /// `decided.json` beside the folder, if it is there].
    #[arg(long, value_name = "FILE")]
    decided: Option<PathBuf>,
    /// File with the names of the cases that don't pass yet, one a line [default: `pending.txt`
    /// beside the folder, if it is there].
    #[arg(long, value_name = "FILE")]
    pending: Option<PathBuf>,
    /// Compare databag values byte for byte, not by meaning.
    #[arg(long)]
    bytes: bool,
    /// How many cases are played at a time.
    #[arg(long, value_name = "NUMBER", default_value = "2")]
    jobs: NonZeroUsize,
    /// Play only cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Why a folder of cases could not be played.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConformError {
    /// The folder can't be read.
    #[error("cannot read the folder `{}`", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to play.
    #[error("cannot find a case in `{}`: expected files that end in `.json`", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// A list is of no use.
    #[error(transparent)]
    List(#[from] ListError),
    /// There is no charm to run.
    #[error(transparent)]
    Charm(#[from] CharmsError),
}

impl Conform {
    /// Plays the cases and prints the verdicts.
    ///
    /// # Errors
    ///
    /// When there is nothing to play, or nothing to play it with.
    pub(super) async fn run(self) -> Result<Exit, ConformError> {
        let folder = self.folder;
        let mut files = case_files(&folder)
            .map_err(|source| ConformError::Folder { folder: folder.clone(), source })?;
        if let Some(only) = &self.only {
            files.retain(|file| {
                file.file_stem().is_some_and(|name| name.to_string_lossy().contains(only))
            });
        }
        if files.is_empty() {
            return Err(ConformError::Empty { folder });
        }
        let decided = self.decided.or_else(|| beside(&folder, "decided.json"));
        let pending = self.pending.or_else(|| beside(&folder, "pending.txt"));
        let [coordinator, worker] = find_current(["coordinator", "worker"])?;
        let plan = Plan {
            programs: Programs { coordinator, worker },
            decided: decided.as_deref().map(Decided::read).transpose()?.unwrap_or_default(),
            strictness: if self.bytes { Strictness::Bytes } else { Strictness::Meaning },
            at_a_time: self.jobs,
        };
        let mut pending = pending.as_deref().map(Pending::read).transpose()?.unwrap_or_default();
        if let Some(only) = &self.only {
            pending = pending.containing(only);
        }
        let played = play_all(&files, &plan).await;
        let report = Report::new(&played, &pending);
        print(&report.to_string());
        Ok(if report.is_as_expected() { Exit::Done } else { Exit::No })
    }
}

/// A file beside a folder, if it is there.
fn beside(folder: &Path, name: &str) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    Some(folder.parent()?.join(name)).filter(|path| path.is_file())
}
