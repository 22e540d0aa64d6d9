//! The server, and its end.

use clap::Args;

use super::Exit;
use super::state::StateOption;
use crate::server::protocol::Fate;
use crate::server::{ClientError, ServeError, forget, serve, stop};

/// Serve the bus of a state folder, in the foreground. The first command that needs it starts it
/// by itself.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    state: StateOption,
}

impl Serve {
    pub(super) async fn run(&self) -> Result<Exit, ServeError> {
        serve(&self.state.folder()).await?;
        Ok(Exit::Done)
    }
}

/// End the bus. Its models are saved, and the next command brings them back.
#[derive(Debug, Args)]
pub(super) struct Stop {
    #[command(flatten)]
    state: StateOption,
}

impl Stop {
    pub(super) fn run(&self) -> Result<Exit, ClientError> {
        stop(&self.state.folder(), Fate::Saved)?;
        Ok(Exit::Done)
    }
}

/// End the bus, with all its models.
#[derive(Debug, Args)]
pub(super) struct DestroyController {
    /// The controller; there is one.
    name: Option<String>,
    /// Taken for Juju's sake: nothing is asked.
    #[arg(short = 'y', long)]
    no_prompt: bool,
    /// Taken for Juju's sake: models go with the bus.
    #[arg(long)]
    destroy_all_models: bool,
    /// Taken for Juju's sake: storage goes with the bus.
    #[arg(long, conflicts_with = "release_storage")]
    destroy_storage: bool,
    /// Taken for Juju's sake: storage goes with the bus.
    #[arg(long)]
    release_storage: bool,
    /// Taken for Juju's sake: it is quick enough.
    #[arg(long)]
    force: bool,
    /// Taken for Juju's sake: it is quick enough.
    #[arg(long)]
    no_wait: bool,
    /// Taken for Juju's sake: it is quick enough.
    #[arg(short, long, value_name = "DURATION")]
    timeout: Option<String>,
    #[command(flatten)]
    state: StateOption,
}

impl DestroyController {
    pub(super) fn run(&self) -> Result<Exit, ClientError> {
        let folder = self.state.folder();
        if !stop(&folder, Fate::Gone)? {
            forget(&folder);
        }
        Ok(Exit::Done)
    }
}
