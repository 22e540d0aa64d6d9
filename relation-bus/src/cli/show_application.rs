//! `relation-bus show-application`.

use clap::Args;

use super::format::Document;
use super::target::{Target, TargetError};
use super::{Exit, print};
use crate::server::Parts;
use crate::shapes::application::document;
use crate::shapes::{ControllerFacts, View, print as printed};

/// Show applications: charm, base, constraints, endpoints.
#[derive(Debug, Args)]
pub(super) struct ShowApplication {
    /// Applications, by name.
    #[arg(required = true, value_name = "APPLICATION")]
    applications: Vec<String>,
    /// How to print; both have the keys of Juju.
    #[arg(long, value_enum, default_value = "yaml")]
    format: Document,
    #[command(flatten)]
    target: Target,
}

impl ShowApplication {
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let shown = self.target.model(Parts::model())?;
        let view = View { model: &shown.model, controller: &ControllerFacts::default() };
        let document = document(view, &self.applications);
        let document = document.map_err(|error| TargetError::absent(&error))?;
        print(&printed(&document, self.format.into()));
        Ok(Exit::Done)
    }
}
