//! `relation-bus status`: the model as `juju status` shows it.

use clap::{Args, ValueEnum};

use super::target::{Target, TargetError};
use super::{Exit, print};
use crate::server::Parts;
use crate::shapes::status::{Section, Sections, Selection, document, tabular};
use crate::shapes::{ControllerFacts, Format, View, offers, print as printed};

/// Show applications and units with their statuses.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Only these applications or units.
    #[arg(value_name = "SELECTOR")]
    selectors: Vec<String>,
    /// How to print; JSON and YAML have the keys of `juju status`.
    #[arg(long, value_enum, default_value = "tabular")]
    format: StatusFormat,
    /// List relations too; JSON and YAML always have them.
    #[arg(long, visible_alias = "integrations")]
    relations: bool,
    /// List storage too; JSON and YAML always have it.
    #[arg(long)]
    storage: bool,
    /// For Juju's users: every moment is UTC here.
    #[arg(long, hide = true)]
    utc: bool,
    /// The same: there is no color.
    #[arg(long, hide = true)]
    color: bool,
    /// The same.
    #[arg(long, hide = true)]
    no_color: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StatusFormat {
    Tabular,
    Json,
    Yaml,
}

impl Status {
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let all = self.target.view(Parts::model())?;
        let mut controller = ControllerFacts::default();
        let models = all.models.values().map(|shown| &shown.model);
        controller.offered = offers::statuses(models, &controller);
        let shown = all.take(self.target.model_name())?;
        let view = View { model: &shown.model, controller: &controller };
        let selection = Selection(self.selectors.clone());
        match self.format {
            StatusFormat::Tabular => {
                let shown = |asked| if asked { Section::Shown } else { Section::Hidden };
                let sections =
                    Sections { relations: shown(self.relations), storage: shown(self.storage) };
                print(tabular(view, &selection, sections).trim_end());
            }
            StatusFormat::Json => print(&printed(&document(view, &selection), Format::Json)),
            StatusFormat::Yaml => print(&printed(&document(view, &selection), Format::Yaml)),
        }
        Ok(Exit::Done)
    }
}
