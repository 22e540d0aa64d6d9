//! Which model of which bus a command means, and how it gets there.

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::state::StateOption;
use super::{Exit, print, talk};
use crate::controller::ControllerError;
use crate::controller::acts::{Act, Outcome};
use crate::server::protocol::{Progress, Refusal, Reply, Request};
use crate::server::{
    ClientError, FolderError, KeepError, ModelView, Parts, View, call, call_running, saved_view,
};

/// Which model of which bus a command means.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    #[command(flatten)]
    state: StateOption,
    /// The model, as `[controller:][owner/]model` [default: the current one].
    #[arg(short, long, value_name = "MODEL", env = "JUJU_MODEL")]
    model: Option<ModelName>,
}

/// The name of a model, as clients spell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelName(String);

impl ModelName {
    /// A name without controller and owner.
    pub(super) fn bare(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The bare name.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let text = text.rsplit_once(':').map_or(text, |(_, model)| model);
        Ok(Self(text.rsplit_once('/').map_or(text, |(_, model)| model).to_owned()))
    }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    /// No bus runs, and none was saved.
    #[error("cannot find a model in `{}`", folder.display())]
    Nothing {
        /// The state folder.
        folder: std::path::PathBuf,
    },
    /// What was saved is of no use.
    #[error(transparent)]
    Saved(#[from] KeepError),
    /// The server could not be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl TargetError {
    /// Something that the model doesn't have, said in Juju's words.
    pub(super) fn absent(error: &dyn std::error::Error) -> Self {
        Self::Client(Refusal::of(error).into())
    }
}

impl From<ControllerError> for TargetError {
    fn from(error: ControllerError) -> Self {
        Self::Client(Refusal::of(&error).into())
    }
}

impl From<FolderError> for TargetError {
    fn from(error: FolderError) -> Self {
        Self::Client(error.into())
    }
}

impl Target {
    /// A model of a bus; nothing: its current one.
    pub(super) fn of(state: &StateOption, model: Option<&ModelName>) -> Self {
        Self { state: state.clone(), model: model.cloned() }
    }

    /// Another model of the same bus.
    pub(super) fn with_model(&self, model: &ModelName) -> Self {
        Self::of(&self.state, Some(model))
    }

    /// The name of the model, if one is named.
    pub(super) fn model_name(&self) -> Option<&str> {
        self.model.as_ref().map(ModelName::as_str)
    }

    /// All models as they are: of the bus that runs, else as they were saved. Starts nothing.
    pub(super) fn view(&self, parts: Parts) -> Result<View, TargetError> {
        let folder = self.state.folder();
        if let Some(Reply::View(view)) = call_running(&folder, &Request::View(parts))? {
            return Ok(*view);
        }
        let nothing = || TargetError::Nothing { folder: folder.path().to_owned() };
        saved_view(&folder)?.ok_or_else(nothing)
    }

    /// The model that is meant, as it is.
    pub(super) fn model(&self, parts: Parts) -> Result<ModelView, TargetError> {
        Ok(self.view(parts)?.take(self.model_name())?)
    }

    /// Asks the bus; starts it when it doesn't run.
    pub(super) fn ask(&self, request: &Request) -> Result<Outcome, ClientError> {
        match call(&self.state.folder(), request)? {
            Reply::Outcome(outcome) => Ok(outcome),
            Reply::View(_) | Reply::Progress(_) => Ok(Outcome::Done),
        }
    }

    /// Does something to the model that is meant.
    pub(super) fn act(&self, act: Act) -> Result<Outcome, ClientError> {
        self.ask(&Request::Act { model: self.model_name().map(ToOwned::to_owned), act })
    }

    /// Does something to the model that is meant, and says what there is to say.
    pub(super) fn act_aloud(&self, act: Act) -> Result<Exit, ClientError> {
        say(self.act(act)?);
        Ok(Exit::Done)
    }

    /// Waits until something is newer than a revision, for a few seconds at most.
    pub(super) fn progress(&self, since: u64) -> Result<Progress, ClientError> {
        self.progress_within(since, Duration::from_secs(5))
    }

    /// Waits until something is newer than a revision, so long at most, and a minute at most.
    pub(super) fn progress_within(
        &self,
        since: u64,
        limit: Duration,
    ) -> Result<Progress, ClientError> {
        let limit = limit.min(Duration::from_secs(60)).as_millis();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        match call(&self.state.folder(), &Request::Watch { since, limit })? {
            Reply::Progress(progress) => Ok(progress),
            Reply::Outcome(_) | Reply::View(_) => Ok(Progress::default()),
        }
    }
}

/// Says what an act has to say.
pub(super) fn say(outcome: Outcome) {
    match outcome {
        Outcome::Said(lines) => lines.iter().for_each(|line| talk(line)),
        Outcome::Printed(text) => print(&text),
        Outcome::Done
        | Outcome::Operation(_)
        | Outcome::Unscheduled(..)
        | Outcome::Place(_)
        | Outcome::Ran { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controller_and_owner_of_a_model_are_left_out() {
        for text in ["cos", "admin/cos", "relation-bus:cos", "relation-bus:admin/cos"] {
            assert_eq!(text.parse::<ModelName>().unwrap().as_str(), "cos");
        }
    }
}
