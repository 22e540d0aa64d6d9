//! `relation-bus show-model` and `show-controller`.

use clap::Args;

use super::format::Document;
use super::target::{Target, TargetError};
use super::{Exit, print};
use crate::server::Parts;
use crate::shapes::models::{Models, show};
use crate::shapes::{ControllerFacts, print as printed};

/// Show a model: its UUID, cloud, users, secret backends.
#[derive(Debug, Args)]
pub(super) struct ShowModel {
    /// The model, as `[controller:][owner/]model` [default: the current one].
    #[arg(value_name = "MODEL")]
    name: Option<super::target::ModelName>,
    /// How to print; both have the keys of Juju.
    #[arg(long, value_enum, default_value = "yaml")]
    format: Document,
    #[command(flatten)]
    target: Target,
}

/// Show the controller: what Juju tells of one, and its models.
#[derive(Debug, Args)]
pub(super) struct ShowController {
    /// The controller; there is only one.
    #[arg(value_name = "CONTROLLER")]
    name: Option<String>,
    /// How to print; both have the keys of Juju.
    #[arg(long, value_enum, default_value = "yaml")]
    format: Document,
    #[command(flatten)]
    target: Target,
}

impl ShowModel {
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let view = self.target.view(Parts::model())?;
        let name = self.name.as_ref().map(super::target::ModelName::as_str);
        let shown = view.take(name.or(self.target.model_name()))?;
        print(&printed(&show(&shown.model, &ControllerFacts::default()), self.format.into()));
        Ok(Exit::Done)
    }
}

impl ShowController {
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let view = self.target.view(Parts::model())?;
        let controller = ControllerFacts::default();
        let models: Vec<_> = view.models.values().map(|shown| &shown.model).collect();
        let models =
            Models { controller: &controller, models: &models, current: view.current.as_deref() };
        print(&printed(&models.show_controller(), self.format.into()));
        Ok(Exit::Done)
    }
}
