//! `juju model-config`.

use clap::{Args, ValueEnum};

use super::pairs::options;
use super::target::Target;
use super::{CommandError, Exit, print};
use crate::controller::acts::{Act, SetModelConfig};
use crate::server::Parts;
use crate::server::protocol::Refusal;
use crate::shapes::config::{model_document, model_tabular, model_value};
use crate::shapes::{ControllerFacts, Format, View, print as printed};

/// Show, set or reset the options of a model.
#[derive(Debug, Args)]
pub(super) struct ModelConfig {
    /// An option to show, or options to set as `KEY=VALUE`.
    #[arg(value_name = "KEY[=VALUE]")]
    keys: Vec<String>,
    /// Options that go back to their default, separated by commas.
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    reset: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value = "tabular")]
    format: ModelConfigFormat,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModelConfigFormat {
    Tabular,
    Json,
    Yaml,
}

impl ModelConfig {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let (set, read): (Vec<String>, Vec<String>) =
            self.keys.iter().cloned().partition(|key| key.contains('='));
        if !set.is_empty() || !self.reset.is_empty() {
            return change(&self.target, &set, &self.reset);
        }
        let model = self.target.model(Parts::model())?.model;
        let view = View { model: &model, controller: &ControllerFacts::default() };
        let all = |format| printed(&model_document(view, &model.config, format), format);
        print(&match (read.as_slice(), self.format) {
            ([], ModelConfigFormat::Tabular) => {
                model_tabular(view, &model.config).trim_end().to_owned()
            }
            ([], ModelConfigFormat::Json) => all(Format::Json),
            ([], ModelConfigFormat::Yaml) => all(Format::Yaml),
            ([key], _) => {
                model_value(view, &model.config, key).map_err(|error| Refusal::of(&error))?
            }
            _ => {
                let message = "can only retrieve a single value, or all values".to_owned();
                return Err(Refusal { message }.into());
            }
        });
        Ok(Exit::Done)
    }
}

/// Sets and resets options of a model.
pub(super) fn change(
    target: &Target,
    set: &[String],
    reset: &[String],
) -> Result<Exit, CommandError> {
    let act = SetModelConfig { set: options(set)?, reset: reset.iter().cloned().collect() };
    Ok(target.act_aloud(Act::SetModelConfig(act))?)
}
