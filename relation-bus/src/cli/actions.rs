//! `juju actions`: what a charm can be asked to do.

use clap::{Args, ValueEnum};

use super::target::Target;
use super::{CommandError, Exit, print, talk};
use crate::engine::EngineError;
use crate::server::Parts;
use crate::server::protocol::Refusal;
use crate::shapes::action::{Detail, document, tabular};
use crate::shapes::{Format, print as printed};

/// List the actions of an application's charm.
#[derive(Debug, Args)]
pub(super) struct Actions {
    /// The application.
    application: String,
    /// Show the schema of the parameters.
    #[arg(long)]
    schema: bool,
    /// How to print.
    #[arg(long, value_enum, default_value = "default")]
    format: ActionsFormat,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ActionsFormat {
    Default,
    Tabular,
    Json,
    Yaml,
}

impl Actions {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let model = self.target.model(Parts::model())?.model;
        let application = model
            .applications
            .get(&self.application)
            .ok_or_else(|| Refusal::of(&EngineError::NoApplication(self.application.clone())))?;
        let detail = if self.schema { Detail::Schema } else { Detail::Description };
        let format = match (self.format, self.schema) {
            (ActionsFormat::Json, _) => Format::Json,
            (ActionsFormat::Yaml, _) | (ActionsFormat::Default, true) => Format::Yaml,
            (ActionsFormat::Default | ActionsFormat::Tabular, _) => {
                match tabular(application) {
                    Some(text) => print(text.trim_end()),
                    None => talk(&format!("No actions defined for {}.", self.application)),
                }
                return Ok(Exit::Done);
            }
        };
        print(&printed(&document(application, detail), format));
        Ok(Exit::Done)
    }
}
