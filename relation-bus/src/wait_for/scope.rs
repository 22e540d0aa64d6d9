//! What a query can name: properties of a model, an application or a unit.

use std::fmt;

use serde_json::Value;

use super::evaluate::Held;
use crate::model::{AgentStatus, Application, Life, Model, Unit};
use crate::names::UnitName;
use crate::shapes::config::model_default;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeKind {
    /// `wait-for model`.
    Model,
    /// `wait-for application`.
    Application,
    /// `wait-for unit`.
    Unit,
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "Model",
            Self::Application => "Application",
            Self::Unit => "Unit",
        })
    }
}

/// An entity of a model, as a query sees it.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    model: &'a Model,
    entity: Entity<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Entity<'a> {
    Model,
    Application(&'a Application),
    Unit(&'a Unit),
}

impl<'a> Scope<'a> {
    /// The whole model.
    #[must_use]
    pub fn model(model: &'a Model) -> Self {
        Self { model, entity: Entity::Model }
    }

    /// An application that is there.
    #[must_use]
    pub fn application(model: &'a Model, name: &str) -> Option<Self> {
        let application = model.applications.get(name)?;
        Some(Self { model, entity: Entity::Application(application) })
    }

    /// A unit that is there.
    #[must_use]
    pub fn unit(model: &'a Model, name: &UnitName) -> Option<Self> {
        Some(Self { model, entity: Entity::Unit(model.unit(name)?) })
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> ScopeKind {
        match self.entity {
            Entity::Model => ScopeKind::Model,
            Entity::Application(_) => ScopeKind::Application,
            Entity::Unit(_) => ScopeKind::Unit,
        }
    }

    /// Its name, as the summary shows it.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match self.entity {
            Entity::Model => &self.model.name,
            Entity::Application(application) => &application.name,
            Entity::Unit(unit) => unit.name.as_str(),
        }
    }

    /// What it can be asked for.
    pub(super) fn known(&self) -> &'static [&'static str] {
        match self.entity {
            Entity::Model => &[
                "applications",
                "config",
                "is-controller",
                "life",
                "machines",
                "name",
                "status",
                "units",
            ],
            Entity::Application(_) => &[
                "charm-url",
                "exposed",
                "life",
                "machines",
                "min-units",
                "name",
                "status",
                "subordinate",
                "units",
                "workload-version",
            ],
            Entity::Unit(_) => &[
                "agent-status",
                "application",
                "base",
                "charm-url",
                "life",
                "machine-id",
                "machines",
                "name",
                "principal",
                "private-address",
                "public-address",
                "subordinate",
                "workload-message",
                "workload-status",
            ],
        }
    }

    /// The value of a property.
    pub(super) fn get(&self, name: &str) -> Option<Held<'a>> {
        // There are no machines below a model of Kubernetes.
        if name == "machines" {
            return Some(Held::Scopes(Vec::new()));
        }
        match self.entity {
            Entity::Model => self.of_model(name),
            Entity::Application(application) => self.of_application(application, name),
            Entity::Unit(unit) => self.of_unit(unit, name),
        }
    }

    fn of_model(&self, name: &str) -> Option<Held<'a>> {
        let model = self.model;
        Some(match name {
            "name" => Held::text(&model.name),
            "life" => Held::text("alive"),
            "status" => Held::text("available"),
            "is-controller" => Held::Bool(false),
            "config" => Held::Config(model),
            "applications" => {
                let scopes = model.applications.values();
                Held::Scopes(scopes.map(|a| self.at(Entity::Application(a))).collect())
            }
            "units" => Held::Scopes(model.units().map(|(_, u)| self.at(Entity::Unit(u))).collect()),
            _ => return None,
        })
    }

    fn of_application(&self, application: &'a Application, name: &str) -> Option<Held<'a>> {
        Some(match name {
            "name" => Held::text(&application.name),
            "life" => Held::text(life(application.life)),
            "exposed" | "subordinate" => Held::Bool(false),
            "charm-url" => Held::Text(crate::shapes::status::charm_url(application)),
            "min-units" => Held::Integer(0),
            "status" => Held::text(application.shown_status().value.as_str()),
            "workload-version" => Held::text(&application.workload_version),
            "units" => {
                Held::Scopes(application.units.values().map(|u| self.at(Entity::Unit(u))).collect())
            }
            _ => return None,
        })
    }

    fn of_unit(&self, unit: &'a Unit, name: &str) -> Option<Held<'a>> {
        let application = self.model.applications.get(unit.name.application());
        Some(match name {
            "name" => Held::text(unit.name.as_str()),
            "application" => Held::text(unit.name.application()),
            "base" => Held::text("ubuntu@24.04"),
            "charm-url" => {
                Held::Text(application.map_or_else(String::new, crate::shapes::status::charm_url))
            }
            "life" => Held::text(life(unit.life)),
            "public-address" | "machine-id" | "principal" => Held::text(""),
            "private-address" => Held::text(&unit.address),
            "subordinate" => Held::Bool(false),
            "workload-status" => Held::text(unit.shown_status().value.as_str()),
            "workload-message" => Held::Text(unit.shown_status().message),
            "agent-status" => Held::text(match unit.agent {
                AgentStatus::Allocating => "allocating",
                AgentStatus::Executing(_) => "executing",
                AgentStatus::Idle | AgentStatus::Error(_) => "idle",
            }),
            _ => return None,
        })
    }

    fn at(&self, entity: Entity<'a>) -> Self {
        Self { model: self.model, entity }
    }
}

/// A model's option: what was set, or else Juju's default.
pub(super) fn option(model: &Model, name: &str) -> Option<Value> {
    model.config.get(name).cloned().or_else(|| model_default(name))
}

fn life(life: Life) -> &'static str {
    match life {
        Life::Alive => "alive",
        Life::Dying => "dying",
        Life::Dead => "dead",
    }
}
