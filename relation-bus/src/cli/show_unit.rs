//! `relation-bus show-unit`: a unit with the databags it can see, as `juju show-unit` has them.

use clap::Args;

use super::format::Document;
use super::target::{Target, TargetError};
use super::{Exit, print};
use crate::names::UnitName;
use crate::server::Parts;
use crate::shapes::unit::{Filter, UnitData, document};
use crate::shapes::{ControllerFacts, View, print as printed};

/// Show units with the databags that they can see.
///
/// `application-data` is what the other application wrote. To see what this application wrote,
/// show a unit of the other one: several units may be named.
#[derive(Debug, Args)]
pub(super) struct ShowUnit {
    /// Units, such as `loki/0`.
    #[arg(required = true, value_name = "UNIT")]
    units: Vec<UnitName>,
    /// Only relations of this endpoint, even those whose databags are empty.
    #[arg(long)]
    endpoint: Option<String>,
    /// Only this related unit.
    #[arg(long, value_name = "UNIT")]
    related_unit: Option<UnitName>,
    /// Leave out the data of units.
    #[arg(long)]
    app: bool,
    /// How to print; both have the keys of Juju.
    #[arg(long, value_enum, default_value = "yaml")]
    format: Document,
    #[command(flatten)]
    target: Target,
}

impl ShowUnit {
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let saved = self.target.model(Parts::model())?;
        let filter = Filter {
            endpoint: self.endpoint.clone(),
            related_unit: self.related_unit.clone(),
            units: if self.app { UnitData::Hidden } else { UnitData::Shown },
        };
        let view = View { model: &saved.model, controller: &ControllerFacts::default() };
        let document = document(view, &self.units, &filter);
        let document = document.map_err(|error| TargetError::absent(&error))?;
        print(&printed(&document, self.format.into()));
        Ok(Exit::Done)
    }
}
