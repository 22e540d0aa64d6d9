//! The state that survives between commands.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::Bus;
use crate::hook::Journal;
use crate::model::Model;
use crate::names::UnitName;

/// Where the state of the bus is kept.
#[derive(Debug, Clone, Args)]
pub(super) struct StateOption {
    /// Folder that keeps the model between commands [default: `relation-bus` in XDG_STATE_HOME,
    /// or in `.local/state` of the home folder].
    #[arg(long, value_name = "DIR", env = "RELATION_BUS_STATE")]
    state: Option<PathBuf>,
}

/// A model that was brought up, as it was when the last hook had run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SavedModel {
    /// The model.
    pub(super) model: Model,
    /// The plan of each container.
    pub(super) plans: BTreeMap<UnitName, BTreeMap<String, Value>>,
    /// The hooks that ran.
    pub(super) journals: Vec<Journal>,
}

/// Why the saved model is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// Nothing was brought up yet.
    #[error("cannot find a model in `{}`", path.display())]
    Nothing {
        /// The file that is absent.
        path: PathBuf,
    },
    /// The file can't be read or written.
    #[error("cannot use the state file `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is of another version or damaged.
    #[error("cannot read the state file `{}`", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl SavedModel {
    /// Takes what a bus holds.
    pub(super) fn of(bus: &Bus) -> Self {
        Self { model: bus.model().clone(), plans: bus.plans(), journals: bus.journal().to_vec() }
    }
}

impl StateOption {
    fn file(&self) -> PathBuf {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let folder = match &self.state {
            Some(folder) => folder.clone(),
            None => match (variable("XDG_STATE_HOME"), variable("HOME")) {
                (Some(state), _) => PathBuf::from(state).join("relation-bus"),
                (None, Some(home)) => PathBuf::from(home).join(".local/state/relation-bus"),
                (None, None) => env::temp_dir().join("relation-bus"),
            },
        };
        folder.join("model.json")
    }

    /// Reads the model that the last `up` left.
    pub(super) fn load(&self) -> Result<SavedModel, StateError> {
        let path = self.file();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StateError::Nothing { path });
            }
            Err(source) => return Err(StateError::File { path, source }),
        };
        serde_json::from_str(&text).map_err(|source| StateError::Form { path, source })
    }

    /// Keeps a model. The file holds secrets, so it is for its owner only.
    pub(super) fn save(&self, saved: &SavedModel) -> Result<(), StateError> {
        let path = self.file();
        let refuse = |source| StateError::File { path: path.clone(), source };
        let text = serde_json::to_vec(saved)
            .map_err(|source| StateError::Form { path: path.clone(), source })?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(refuse)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&path).and_then(|mut file| file.write_all(&text)).map_err(refuse)
    }
}
