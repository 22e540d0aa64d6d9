//! Where the bus keeps its state.

use std::path::PathBuf;

use clap::Args;

use crate::server::StateFolder;

/// Where the state of the bus is kept.
#[derive(Debug, Clone, Args)]
pub(super) struct StateOption {
    /// Folder of the bus: its socket and its saved models [default: `relation-bus` in JUJU_DATA, in
    /// XDG_STATE_HOME, or in `.local/state` of the home folder].
    #[arg(long, value_name = "DIR", env = "RELATION_BUS_STATE")]
    state: Option<PathBuf>,
}

impl StateOption {
    /// The folder that is meant.
    pub(super) fn folder(&self) -> StateFolder {
        match &self.state {
            Some(path) => {
                StateFolder::at(&std::path::absolute(path).unwrap_or_else(|_| path.clone()))
            }
            None => StateFolder::usual(),
        }
    }
}
