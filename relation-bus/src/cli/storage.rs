//! `relation-bus storage`.

use clap::Args;

use super::format::Listing;
use super::target::{Target, TargetError};
use super::{Exit, print, talk};
use crate::server::Parts;
use crate::shapes::storage::{document, tabular};
use crate::shapes::{ControllerFacts, View, print as printed};

/// List storage instances and the units that they are attached to.
#[derive(Debug, Args)]
pub(super) struct Storage {
    /// How to print; JSON and YAML have the keys of Juju.
    #[arg(long, value_enum, default_value = "tabular")]
    format: Listing,
    #[command(flatten)]
    target: Target,
}

impl Storage {
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let shown = self.target.model(Parts::model())?;
        let view = View { model: &shown.model, controller: &ControllerFacts::default() };
        match (self.format.document(), tabular(view)) {
            (Some(format), _) => print(&printed(&document(view), format)),
            (None, Some(table)) => print(table.trim_end()),
            (None, None) => talk("No storage to display."),
        }
        Ok(Exit::Done)
    }
}
