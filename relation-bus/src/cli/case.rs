//! `relation-bus case`: plays one recorded case.

use std::path::PathBuf;

use clap::Args;

use super::charms::{CharmsError, find};
use super::{Exit, print, talk};
use crate::conformance::case::{Case as Recorded, CaseError, Role};
use crate::conformance::play::{PlayError, play};

/// Play one recorded case through the shipped charm, and print what it did.
///
/// The outcome is printed as JSON in the form of the case's `expected`. When the charm's hook
/// fails, the outcome says `raised`, and standard error says why; that is not an error of this
/// command.
#[derive(Debug, Args)]
pub(super) struct Case {
    /// The case file.
    file: PathBuf,
    /// Program to run as the charm [default: the shipped `coordinator` or `worker`].
    #[arg(long, value_name = "PROGRAM")]
    charm: Option<PathBuf>,
}

/// Why a case could not be played.
#[derive(Debug, thiserror::Error)]
pub(super) enum CaseCommandError {
    /// The case file is of no use.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// There is no charm to run.
    #[error(transparent)]
    Charm(#[from] CharmsError),
    /// The case can't be played.
    #[error("cannot play case `{name}`")]
    Play {
        /// The case.
        name: String,
        /// Why.
        source: PlayError,
    },
}

impl Case {
    /// Plays the case and prints the outcome.
    ///
    /// # Errors
    ///
    /// When the case can't be read or played.
    pub(super) async fn run(self) -> Result<Exit, CaseCommandError> {
        let case = Recorded::read(&self.file)?;
        let program = match self.charm {
            Some(program) => program,
            None => find(match case.input.role {
                Role::Coordinator => "coordinator",
                Role::Worker => "worker",
            })?,
        };
        let played = play(&case, &program)
            .await
            .map_err(|source| CaseCommandError::Play { name: case.input.name.clone(), source })?;
        if let Some(failure) = &played.failure {
            talk(&format!("the hook failed: {failure}"));
        }
        print(&format!("{:#}", played.outcome.to_json()));
        Ok(Exit::Done)
    }
}
