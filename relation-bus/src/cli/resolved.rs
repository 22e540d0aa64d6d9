//! `juju resolved`.

use clap::Args;

use super::target::Target;
use super::{CommandError, Exit};
use crate::controller::acts::{Act, Resolve};
use crate::engine::Resolution;
use crate::server::protocol::Refusal;

/// Have the failed hooks of units run again now, or count them as done.
#[derive(Debug, Args)]
pub(super) struct Resolved {
    /// The units.
    #[arg(value_name = "UNIT")]
    units: Vec<String>,
    /// Every unit that is in error.
    #[arg(long, conflicts_with = "units")]
    all: bool,
    /// Don't run the failed hooks again: count them as done.
    #[arg(long)]
    no_retry: bool,
    #[command(flatten)]
    target: Target,
}

impl Resolved {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        if self.units.is_empty() && !self.all {
            return Err(Refusal { message: "no unit specified".to_owned() }.into());
        }
        let how = if self.no_retry { Resolution::Skip } else { Resolution::Retry };
        let act = Resolve { units: self.units.clone(), how };
        Ok(self.target.act_aloud(Act::Resolve(act))?)
    }
}
