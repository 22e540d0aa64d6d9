//! `juju integrate` and `juju remove-relation`.

use clap::Args;

use super::target::Target;
use super::{CommandError, Exit};
use crate::controller::acts::{Act, Integrate as IntegrateAct, RemoveRelation as RemoveAct};
use crate::names::RelationId;
use crate::server::protocol::Refusal;

/// Relate two applications.
#[derive(Debug, Args)]
pub(super) struct Integrate {
    /// One end.
    #[arg(value_name = "APP[:ENDPOINT]")]
    one: String,
    /// The other end.
    #[arg(value_name = "APP[:ENDPOINT]")]
    other: String,
    /// Taken for Juju's sake, without effect.
    #[arg(long, value_name = "CIDR")]
    via: Option<String>,
    #[command(flatten)]
    target: Target,
}

impl Integrate {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let act = IntegrateAct { one: self.one.clone(), other: self.other.clone() };
        Ok(self.target.act_aloud(Act::Integrate(act))?)
    }
}

/// Remove a relation between two applications. Both stay.
#[derive(Debug, Args)]
pub(super) struct RemoveRelation {
    /// Both ends, each `APP[:ENDPOINT]`, or the relation's number.
    #[arg(required = true, num_args = 1..=2, value_name = "APP[:ENDPOINT]")]
    ends: Vec<String>,
    /// Taken for Juju's sake, without effect.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    target: Target,
}

impl RemoveRelation {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let act = match self.ends.as_slice() {
            [one, other] => RemoveAct::Ends(one.clone(), other.clone()),
            [id] => {
                let id: u32 = id.parse().map_err(|_| Refusal {
                    message: "a relation must involve two applications".to_owned(),
                })?;
                RemoveAct::Id(RelationId(id))
            }
            _ => return Ok(Exit::Input),
        };
        Ok(self.target.act_aloud(Act::RemoveRelation(act))?)
    }
}
