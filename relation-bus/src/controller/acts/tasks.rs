//! Actions, and what becomes of failed hooks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Outcome;
use crate::controller::ControllerError;
use crate::engine::{Bus, EngineError, Resolution};
use crate::names::UnitName;
use crate::shapes::action::validate;

/// `juju run UNIT… ACTION`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunAction {
    /// The units: `app/0`, or `app/leader`.
    pub units: Vec<String>,
    /// The action.
    pub action: String,
    /// Its parameters.
    pub parameters: Map<String, Value>,
}

impl RunAction {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let units: Result<Vec<_>, _> = self.units.iter().map(|unit| unit_of(bus, unit)).collect();
        let units = units?;
        let problems = self.problems(bus, &units);
        if !problems.is_empty() {
            let mut model = bus.model();
            model.next_action += 1;
            return Ok(Outcome::Unscheduled(model.next_action, problems));
        }
        let operation = bus.enqueue_action(&units, &self.action, &self.parameters)?;
        Ok(Outcome::Operation(operation))
    }

    /// Why units can't take the action.
    fn problems(&self, bus: &Bus, units: &[UnitName]) -> Vec<String> {
        let model = bus.model();
        let problem = |unit: &UnitName| {
            let application = model.applications.get(unit.application())?;
            let Some(declared) = application.charm.actions.get(&self.action) else {
                let action = self.action.clone();
                return Some(EngineError::NoAction { unit: unit.clone(), action }.to_string());
            };
            let problems = validate(declared, &self.parameters);
            let given = Value::Object(self.parameters.clone());
            (!problems.is_empty())
                .then(|| format!("validation failed: {}, given {given}", problems.join("; ")))
        };
        units.iter().filter_map(problem).collect()
    }
}

/// A unit by its name, or the leader of an application by `app/leader`.
pub(super) fn unit_of(bus: &Bus, text: &str) -> Result<UnitName, ControllerError> {
    let model = bus.model();
    let unit = match text.strip_suffix("/leader") {
        Some(application) => {
            let entry = model.applications.get(application);
            let missing = || EngineError::NoApplication(application.to_owned());
            let leader = entry.ok_or_else(missing)?.leader.clone();
            leader.ok_or_else(|| ControllerError::NoLeader(application.to_owned()))?
        }
        None => text.parse().map_err(|_| ControllerError::UnitName(text.to_owned()))?,
    };
    match model.unit(&unit) {
        Some(_) => Ok(unit),
        None => Err(EngineError::NoUnit(unit).into()),
    }
}

/// `juju exec`: a script with the tools of a hook.
#[derive(Debug, Serialize, Deserialize)]
pub struct Exec {
    /// Units: `app/0`, or `app/leader`.
    pub units: Vec<String>,
    /// Applications, all units of which run it.
    pub applications: Vec<String>,
    /// Whether all units of the model run it.
    pub all: bool,
    /// The script.
    pub script: String,
}

impl Exec {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let units: Result<Vec<_>, _> = self.units.iter().map(|unit| unit_of(bus, unit)).collect();
        let mut units = units?;
        {
            let model = bus.model();
            for name in &self.applications {
                let missing = || EngineError::NoApplication(name.clone());
                let application = model.applications.get(name).ok_or_else(missing)?;
                units.extend(application.units.keys().cloned());
            }
            if self.all {
                units.extend(model.units().map(|(name, _)| name.clone()));
            }
        }
        units.sort();
        units.dedup();
        Ok(Outcome::Operation(bus.enqueue_exec(&units, &self.script, None)?))
    }
}

/// `juju resolve UNIT…`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resolve {
    /// The units; nobody: all that are in error (`--all`).
    pub units: Vec<String>,
    /// What becomes of their failed hooks.
    pub how: Resolution,
}

impl Resolve {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        if self.units.is_empty() {
            for unit in bus.units() {
                match bus.resolve(&unit, self.how) {
                    Ok(()) | Err(EngineError::NotFailed(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            return Ok(Outcome::Done);
        }
        let units: Result<Vec<_>, _> = self.units.iter().map(|unit| unit_of(bus, unit)).collect();
        for unit in units? {
            bus.resolve(&unit, self.how)?;
        }
        Ok(Outcome::Done)
    }
}
