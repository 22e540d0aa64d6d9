//! New applications.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Outcome;
use super::config::typed;
use crate::charm_folder::load;
use crate::controller::ControllerError;
use crate::engine::{Bus, EngineError, InError, Trust};
use crate::names::is_application_name;

/// `juju deploy` of one charm, whose program is built.
#[derive(Debug, Serialize, Deserialize)]
pub struct Deploy {
    /// The charm: a folder or a `.charm` file, by its absolute path.
    pub charm: PathBuf,
    /// The application's name; nothing: the charm's.
    pub application: Option<String>,
    /// How many units.
    pub units: u32,
    /// Values as they were typed, by option.
    pub config: BTreeMap<String, String>,
    /// Whether it may use the cluster.
    pub trust: Trust,
}

impl Deploy {
    pub(super) async fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let charm = load(&self.charm)?;
        let charm_name = charm.metadata.name.clone();
        let name = self.application.unwrap_or_else(|| charm_name.clone());
        if !is_application_name(&name) {
            return Err(ControllerError::ApplicationName(name));
        }
        if bus.model().applications.contains_key(&name) {
            return Err(EngineError::Exists(name).into());
        }
        let config = typed(&charm.metadata, &self.config)?;
        bus.deploy(&name, &charm, 0).await?;
        for (option, value) in config {
            bus.configure(&name, &option, Some(value))?;
        }
        bus.trust(&name, self.trust)?;
        for _ in 0..self.units {
            bus.add_unit(&name).await?;
        }
        Ok(Outcome::Said(vec![
            format!("Located local charm \"{charm_name}\", revision 0"),
            format!(
                "Deploying \"{name}\" from local charm \"{charm_name}\", revision 0 on \
                 ubuntu@24.04/stable"
            ),
        ]))
    }
}

/// `juju refresh`, with a charm whose program is built.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refresh {
    /// The application.
    pub application: String,
    /// The charm: a folder or a `.charm` file, by its absolute path.
    pub charm: PathBuf,
    /// Whether it waits for units in error.
    pub in_error: InError,
    /// Values as they were typed, by option.
    pub config: BTreeMap<String, String>,
    /// Whether it may use the cluster; nothing: as before.
    pub trust: Option<Trust>,
}

impl Refresh {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let charm = load(&self.charm)?;
        let config = typed(&charm.metadata, &self.config)?;
        bus.refresh(&self.application, &charm, self.in_error)?;
        for (option, value) in config {
            bus.configure(&self.application, &option, Some(value))?;
        }
        if let Some(trust) = self.trust {
            bus.trust(&self.application, trust)?;
        }
        let revision = {
            let model = bus.model();
            model.applications.get(&self.application).map_or(0, |entry| entry.charm_revision)
        };
        Ok(Outcome::Said(vec![format!(
            "Added local charm \"{}\", revision {revision}, to the model",
            charm.metadata.name
        )]))
    }
}
