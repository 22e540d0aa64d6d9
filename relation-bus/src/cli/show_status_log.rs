//! `relation-bus show-status-log`.

use clap::Args;

use super::format::Listing;
use super::target::{Target, TargetError};
use super::{Exit, print};
use crate::names::UnitName;
use crate::server::Parts;
use crate::shapes::print as printed;
use crate::shapes::status_log::{DEFAULT_LENGTH, document, tabular};
use crate::shapes::unit::NoUnit;

/// Show what a unit's workload has said of itself, oldest first.
#[derive(Debug, Args)]
pub(super) struct ShowStatusLog {
    /// The unit, such as `loki/0`.
    #[arg(value_name = "UNIT")]
    unit: UnitName,
    /// How many entries, the newest.
    #[arg(short, value_name = "NUMBER", default_value_t = DEFAULT_LENGTH)]
    number: usize,
    /// How to print.
    #[arg(long, value_enum, default_value = "tabular")]
    format: Listing,
    #[command(flatten)]
    target: Target,
}

impl ShowStatusLog {
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let shown = self.target.model(Parts::model())?;
        let missing = || TargetError::absent(&NoUnit(self.unit.clone()));
        let unit = shown.model.unit(&self.unit).ok_or_else(missing)?;
        match self.format.document() {
            Some(format) => print(&printed(&document(unit, self.number), format)),
            None => print(tabular(unit, self.number).trim_end()),
        }
        Ok(Exit::Done)
    }
}
