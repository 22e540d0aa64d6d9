//! What commands and the server say to each other: one [`Envelope`], one [`Answer`], as JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::view::{Parts, View};
use crate::controller::acts::{Act, AddModel, DestroyModel, Outcome};
use crate::engine::PebbleKind;

/// What a client sends: who it is, and what it wants.
///
/// The request is read only after the version was compared, so that versions which don't
/// understand each other can say so.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// The version of the client, [`VERSION`].
    pub version: String,
    /// A [`Request`].
    pub request: Value,
}

/// The version of this program, as both ends compare it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a command wants.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// The models as they are. Answered with [`Reply::View`].
    View(Parts),
    /// Waits until something is newer than a revision, at most so many milliseconds. Answered with
    /// [`Reply::Progress`].
    Watch {
        /// What the client has seen.
        since: u64,
        /// How long to wait, in milliseconds.
        limit: u64,
    },
    /// Plays a model file; a model of that name is replaced. Answered as soon as the model
    /// is deployed.
    Up {
        /// The file, by its absolute path.
        file: PathBuf,
        /// What runs in containers; nothing: the bus's own Pebble.
        #[serde(default)]
        pebble: Option<PebbleKind>,
    },
    /// Adds an empty model.
    AddModel(AddModel),
    /// Makes a model the current one.
    Switch {
        /// The model.
        model: String,
    },
    /// Takes a model away.
    DestroyModel(DestroyModel),
    /// Changes a model.
    Act {
        /// The model; nothing: the current one.
        model: Option<String>,
        /// What to do.
        act: Act,
    },
    /// Ends the server. Of all requests this one is understood by every version.
    Stop {
        /// What becomes of the models.
        models: Fate,
    },
}

/// What becomes of the models when the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// They are saved; the next command brings them back.
    Saved,
    /// They are gone.
    Gone,
}

/// What the server answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is done.
    Ok(Reply),
    /// It is not done.
    Refused(Refusal),
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What Juju would print behind `ERROR `.
    pub message: String,
}

/// What a request gives.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// What a change gives.
    Outcome(Outcome),
    /// The models.
    View(Box<View>),
    /// How far the models are.
    Progress(Progress),
}

/// How far the models are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The newest revision.
    pub revision: u64,
    /// By model.
    pub models: BTreeMap<String, ModelProgress>,
}

/// How far a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelProgress {
    /// How many hooks have run.
    pub hooks: usize,
    /// Whether nothing is left to do.
    pub settled: bool,
}

impl Refusal {
    /// A refusal of an error with its causes.
    #[must_use]
    pub fn of(error: &dyn std::error::Error) -> Self {
        let chain = std::iter::successors(Some(error), |error| error.source());
        Self { message: chain.map(ToString::to_string).collect::<Vec<_>>().join(": ") }
    }
}
