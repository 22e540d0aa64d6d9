//! More units, fewer units, and none.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::controller::ControllerError;
use crate::engine::{Bus, EngineError};
use crate::model::Life;

/// `juju add-unit APP -n N`.
#[derive(Debug, Serialize, Deserialize)]
pub struct AddUnits {
    /// The application.
    pub application: String,
    /// How many more.
    pub count: u32,
}

impl AddUnits {
    pub(super) async fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        for _ in 0..self.count {
            bus.add_unit(&self.application).await?;
        }
        Ok(Outcome::Done)
    }
}

/// `juju remove-unit APP… --num-units N`: the units with the highest numbers go.
#[derive(Debug, Serialize, Deserialize)]
pub struct RemoveUnits {
    /// The applications.
    pub applications: Vec<String>,
    /// How many fewer.
    pub count: u32,
}

impl RemoveUnits {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let mut said = Vec::new();
        for application in &self.applications {
            let alive = alive(bus, application)?;
            let rest = alive.checked_sub(self.count).ok_or_else(|| {
                ControllerError::TooFewUnits { application: application.clone(), alive }
            })?;
            said.push((application, rest));
        }
        for (application, rest) in &said {
            shrink(bus, application, *rest)?;
        }
        let line = |(_, rest): (&String, u32)| format!("scaling down to {rest} {}", units(rest));
        Ok(Outcome::Said(said.into_iter().map(line).collect()))
    }
}

/// `juju scale-application APP N`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Scale {
    /// The application.
    pub application: String,
    /// How many units there are to be.
    pub scale: u32,
}

impl Scale {
    pub(super) async fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let Self { application, scale } = self;
        let alive = alive(bus, &application)?;
        for _ in alive..scale {
            bus.add_unit(&application).await?;
        }
        shrink(bus, &application, scale)?;
        Ok(Outcome::Said(vec![format!("{application} scaled to {scale} {}", units(scale))]))
    }
}

/// `juju remove-application APP…`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RemoveApplications {
    /// The applications.
    pub applications: Vec<String>,
}

impl RemoveApplications {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        for application in &self.applications {
            alive(bus, application)?;
        }
        for application in &self.applications {
            bus.remove_application(application)?;
        }
        let line = |application| format!("will remove application {application}");
        Ok(Outcome::Said(self.applications.iter().map(line).collect()))
    }
}

fn alive(bus: &Bus, application: &str) -> Result<u32, ControllerError> {
    let model = bus.model();
    let entry = model.applications.get(application);
    let entry = entry.ok_or_else(|| EngineError::NoApplication(application.to_owned()))?;
    let alive = entry.units.values().filter(|unit| unit.life == Life::Alive).count();
    Ok(u32::try_from(alive).unwrap_or(u32::MAX))
}

fn shrink(bus: &mut Bus, application: &str, scale: u32) -> Result<(), ControllerError> {
    for _ in scale..alive(bus, application)? {
        bus.remove_unit(application)?;
    }
    Ok(())
}

fn units(count: u32) -> &'static str {
    if count == 1 { "unit" } else { "units" }
}
