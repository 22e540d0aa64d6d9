//! `juju add-model`, `models`, `switch` and `destroy-model`.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::duration::JujuDuration;
use super::model_config::change;
use super::run::DocumentFormat;
use super::state::StateOption;
use super::target::{ModelName, Target, TargetError, say};
use super::{CommandError, Exit, print, talk};
use crate::controller::acts::{AddModel as AddAct, DestroyModel as DestroyAct, Manner, Switching};
use crate::controller::{CONTROLLER_NAME, ControllerError};
use crate::model::Model;
use crate::server::Parts;
use crate::server::protocol::{Refusal, Request};
use crate::shapes::{ControllerFacts, Format, models::Models as Shape, print as printed};

/// Add an empty model, and make it the current one.
#[derive(Debug, Args)]
pub(super) struct AddModel {
    /// Its name.
    name: ModelName,
    /// Taken for Juju's sake: there is one cloud.
    cloud: Option<String>,
    /// Leave the current model as it is.
    #[arg(long)]
    no_switch: bool,
    /// Options of the model, as `KEY=VALUE`.
    #[arg(long, value_name = "KEY=VALUE")]
    config: Vec<String>,
    /// Taken for Juju's sake: there is one controller.
    #[arg(short, long)]
    controller: Option<String>,
    /// Taken for Juju's sake: nothing needs one.
    #[arg(long)]
    credential: Option<String>,
    /// Taken for Juju's sake: there is one user.
    #[arg(long)]
    owner: Option<String>,
    #[command(flatten)]
    state: StateOption,
}

impl AddModel {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let switch = if self.no_switch { Switching::No } else { Switching::Yes };
        let target = Target::of(&self.state, None);
        let add = AddAct { name: self.name.as_str().to_owned(), switch };
        say(target.ask(&Request::AddModel(add))?);
        if !self.config.is_empty() {
            change(&target.with_model(&self.name), &self.config, &[])?;
        }
        Ok(Exit::Done)
    }
}

/// List the models.
#[derive(Debug, Args)]
pub(super) struct Models {
    /// How to print.
    #[arg(long, value_enum, default_value = "tabular")]
    format: ModelsFormat,
    /// Taken for Juju's sake: there is one controller.
    #[arg(short, long)]
    controller: Option<String>,
    #[command(flatten)]
    state: StateOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModelsFormat {
    Tabular,
    Json,
    Yaml,
}

impl Models {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let view = Target::of(&self.state, None).view(Parts::model());
        let view = match view {
            // No bus yet: no models.
            Err(TargetError::Nothing { .. }) => crate::server::View::default(),
            view => view?,
        };
        let models: Vec<&Model> = view.models.values().map(|view| &view.model).collect();
        let controller = ControllerFacts::default();
        let shape =
            Shape { controller: &controller, models: &models, current: view.current.as_deref() };
        print(&match self.format {
            ModelsFormat::Tabular => shape.tabular().trim_end().to_owned(),
            ModelsFormat::Json => printed(&shape.document(), Format::Json),
            ModelsFormat::Yaml => printed(&shape.document(), Format::Yaml),
        });
        Ok(Exit::Done)
    }
}

/// Make a model the current one, or show which is.
#[derive(Debug, Args)]
pub(super) struct Switch {
    /// The model.
    model: Option<ModelName>,
    #[command(flatten)]
    state: StateOption,
}

impl Switch {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let target = Target::of(&self.state, None);
        let current = target.view(Parts::model()).ok().and_then(|view| view.current);
        let spelled = |name: &str| format!("{CONTROLLER_NAME}:admin/{name}");
        let Some(model) = &self.model else {
            let current = current.ok_or_else(|| Refusal::of(&ControllerError::NoCurrent))?;
            print(&spelled(&current));
            return Ok(Exit::Done);
        };
        let name = model.as_str().to_owned();
        if name != CONTROLLER_NAME {
            target.ask(&Request::Switch { model: name.clone() })?;
        }
        match current {
            Some(current) if current == name => talk(&format!("{} (no change)", spelled(&name))),
            Some(current) => talk(&format!("{} -> {}", spelled(&current), spelled(&name))),
            None => talk(&format!("-> {}", spelled(&name))),
        }
        Ok(Exit::Done)
    }
}

/// Take a model away: its applications are removed, and it goes with the last of them.
#[derive(Debug, Args)]
pub(super) struct DestroyModel {
    /// The model.
    name: ModelName,
    /// At once: no unit runs a hook any more.
    #[arg(long)]
    force: bool,
    /// How long to wait for the units' last hooks.
    #[arg(short, long, value_name = "DURATION")]
    timeout: Option<JujuDuration>,
    #[command(flatten)]
    ignored: Ignored,
    #[command(flatten)]
    state: StateOption,
}

/// What Juju takes and what makes no difference here: nothing is asked, storage goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Taken for Juju's sake, without effect")]
struct Ignored {
    #[arg(short = 'y', long)]
    no_prompt: bool,
    #[arg(long)]
    destroy_storage: bool,
    #[arg(long)]
    release_storage: bool,
    #[arg(long)]
    no_wait: bool,
}

/// How long units may take to run their last hooks.
const USUAL_LIMIT: Duration = Duration::from_secs(600);

impl DestroyModel {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let target = Target::of(&self.state, None);
        let name = self.name.as_str().to_owned();
        let manner = if self.force { Manner::Forced } else { Manner::Gracefully };
        talk("Destroying model");
        target.ask(&Request::DestroyModel(DestroyAct { name: name.clone(), manner }))?;
        let deadline = Instant::now() + self.timeout.map_or(USUAL_LIMIT, JujuDuration::get);
        let mut revision = 0;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let progress = target.progress_within(revision, rest)?;
            revision = progress.revision;
            if !progress.models.contains_key(&name) {
                talk("Model destroyed.");
                return Ok(Exit::Done);
            }
            if rest.is_zero() {
                let message = format!("timeout reached: model {name} is not empty");
                return Err(Refusal { message }.into());
            }
        }
    }
}

/// Show who is logged in.
#[derive(Debug, Args)]
pub(super) struct Whoami {
    /// How to print.
    #[arg(long, value_enum, default_value = "tabular")]
    format: ModelsFormat,
    #[command(flatten)]
    state: StateOption,
}

impl Whoami {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let view = Target::of(&self.state, None).view(Parts::model());
        let model = view.ok().and_then(|view| view.current).unwrap_or_default();
        let facts = ControllerFacts::default();
        let document = serde_json::json!({
            "controller": facts.name, "model": model, "user": facts.user,
        });
        print(&match self.format {
            ModelsFormat::Tabular => format!(
                "Controller:  {}\nModel:       {model}\nUser:        {}",
                facts.name, facts.user
            ),
            ModelsFormat::Json => printed(&document, Format::Json),
            ModelsFormat::Yaml => printed(&document, Format::Yaml),
        });
        Ok(Exit::Done)
    }
}

/// List the controllers: there is one, this bus.
#[derive(Debug, Args)]
pub(super) struct Controllers {
    /// How to print.
    #[arg(long, value_enum, default_value = "yaml")]
    format: DocumentFormat,
    /// Taken for Juju's sake: nothing is cached.
    #[arg(long)]
    refresh: bool,
    #[command(flatten)]
    state: StateOption,
}

impl Controllers {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let view = Target::of(&self.state, None).view(Parts::model()).unwrap_or_default();
        let models: Vec<&Model> = view.models.values().map(|view| &view.model).collect();
        let controller = ControllerFacts::default();
        let shape =
            Shape { controller: &controller, models: &models, current: view.current.as_deref() };
        print(&printed(&shape.controllers(), self.format.into()));
        Ok(Exit::Done)
    }
}

/// Start the bus. Every command that needs it does so by itself.
#[derive(Debug, Args)]
pub(super) struct Bootstrap {
    /// Taken for Juju's sake: cloud, and name of the controller.
    #[arg(num_args = 0..=2)]
    names: Vec<String>,
    /// Taken for Juju's sake.
    #[arg(long)]
    no_switch: bool,
    /// Taken for Juju's sake.
    #[arg(long, value_name = "KEY=VALUE")]
    config: Vec<String>,
    /// Taken for Juju's sake.
    #[arg(long, value_name = "KEY=VALUE")]
    model_default: Vec<String>,
    /// Taken for Juju's sake.
    #[arg(long, value_name = "VALUE")]
    constraints: Vec<String>,
    #[command(flatten)]
    state: StateOption,
}

impl Bootstrap {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        Target::of(&self.state, None).progress_within(0, Duration::ZERO)?;
        talk(&format!("Bootstrap complete, controller \"{CONTROLLER_NAME}\" is now available"));
        Ok(Exit::Done)
    }
}
