//! `juju add-unit`, `remove-unit`, `scale-application` and `remove-application`.

use clap::Args;

use super::target::Target;
use super::{CommandError, Exit};
use crate::controller::acts::{Act, AddUnits, RemoveApplications, RemoveUnits, Scale as ScaleAct};
use crate::server::protocol::Refusal;

/// Add units to an application.
#[derive(Debug, Args)]
pub(super) struct AddUnit {
    /// The application.
    application: String,
    /// How many more.
    #[arg(short = 'n', long, value_name = "N", default_value = "1")]
    num_units: u32,
    /// Taken for Juju's sake, without effect.
    #[arg(long, value_name = "ID")]
    attach_storage: Vec<String>,
    /// Taken for Juju's sake, without effect.
    #[arg(long, value_name = "PLACE")]
    to: Option<String>,
    #[command(flatten)]
    target: Target,
}

impl AddUnit {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let act = AddUnits { application: self.application.clone(), count: self.num_units };
        Ok(self.target.act_aloud(Act::AddUnits(act))?)
    }
}

/// Remove units of applications: those with the highest numbers, as Kubernetes does.
#[derive(Debug, Args)]
pub(super) struct RemoveUnit {
    /// The applications.
    #[arg(required = true, value_name = "APP")]
    applications: Vec<String>,
    /// How many fewer.
    #[arg(long, value_name = "N")]
    num_units: Option<u32>,
    #[command(flatten)]
    ignored: Ignored,
    #[command(flatten)]
    target: Target,
}

/// What Juju takes and what makes no difference here: nothing is asked, nobody has to be waited
/// for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Taken for Juju's sake, without effect")]
struct Ignored {
    #[arg(short = 'y', long)]
    no_prompt: bool,
    #[arg(long)]
    destroy_storage: bool,
    #[arg(long)]
    force: bool,
    #[arg(long)]
    no_wait: bool,
}

impl RemoveUnit {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        if let Some(unit) = self.applications.iter().find(|name| name.contains('/')) {
            return Err(Refusal {
                message: format!(
                    "k8s models only support --num-units: cannot remove unit \"{unit}\" by its name"
                ),
            }
            .into());
        }
        let count = self.num_units.ok_or_else(|| Refusal {
            message: "specify the number of units (> 0) to remove using the --num-units option"
                .to_owned(),
        })?;
        let act = RemoveUnits { applications: self.applications.clone(), count };
        Ok(self.target.act_aloud(Act::RemoveUnits(act))?)
    }
}

/// Set how many units an application has.
#[derive(Debug, Args)]
pub(super) struct ScaleApplication {
    /// The application.
    application: String,
    /// How many units there are to be.
    scale: u32,
    #[command(flatten)]
    target: Target,
}

impl ScaleApplication {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let act = ScaleAct { application: self.application.clone(), scale: self.scale };
        Ok(self.target.act_aloud(Act::Scale(act))?)
    }
}

/// Remove applications: their units run their last hooks, and their relations go with them.
#[derive(Debug, Args)]
pub(super) struct RemoveApplication {
    /// The applications.
    #[arg(required = true, value_name = "APP")]
    applications: Vec<String>,
    #[command(flatten)]
    ignored: Ignored,
    #[command(flatten)]
    target: Target,
}

impl RemoveApplication {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let act = RemoveApplications { applications: self.applications.clone() };
        Ok(self.target.act_aloud(Act::RemoveApplications(act))?)
    }
}
