//! What reading commands are given: the models as they are, in one piece.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::controller::{Controller, ControllerError, Hosted};
use crate::hook::Journal;
use crate::model::{Model, Task};
use crate::names::UnitName;

/// A part of the models that is large and left out unless it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Wanted {
    #[default]
    No,
    Yes,
}

/// The parts of the models that a command asks for. The models themselves always come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Part>", into = "Vec<Part>")]
pub struct Parts {
    log: Wanted,
    journals: Wanted,
    plans: Wanted,
}

/// The spelling of a part on the wire.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    Log,
    Journals,
    Plans,
}

impl From<Vec<Part>> for Parts {
    fn from(parts: Vec<Part>) -> Self {
        let add = |wanted: Self, part: Part| match part {
            Part::Log => wanted.with_log(),
            Part::Journals => wanted.with_journals(),
            Part::Plans => wanted.with_plans(),
        };
        parts.into_iter().fold(Self::model(), add)
    }
}

impl From<Parts> for Vec<Part> {
    fn from(parts: Parts) -> Self {
        let all =
            [(parts.log, Part::Log), (parts.journals, Part::Journals), (parts.plans, Part::Plans)];
        all.into_iter().filter(|(wanted, _)| *wanted == Wanted::Yes).map(|(_, part)| part).collect()
    }
}

impl Parts {
    /// The models, without their logs.
    #[must_use]
    pub fn model() -> Self {
        Self::default()
    }

    /// The lines of the models' logs, too.
    #[must_use]
    pub fn with_log(self) -> Self {
        Self { log: Wanted::Yes, ..self }
    }

    /// The hooks that ran, too.
    #[must_use]
    pub fn with_journals(self) -> Self {
        Self { journals: Wanted::Yes, ..self }
    }

    /// The plans of the containers, too.
    #[must_use]
    pub fn with_plans(self) -> Self {
        Self { plans: Wanted::Yes, ..self }
    }
}

/// The models of a controller at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct View {
    /// Moves with every change; see [`super::protocol::Request::Watch`].
    pub revision: u64,
    /// The current model's name.
    pub current: Option<String>,
    /// The models by name.
    pub models: BTreeMap<String, ModelView>,
}

/// One model at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelView {
    /// The model. Its log is empty unless it was asked for.
    pub model: Model,
    /// The plan of each container, if it was asked for.
    #[serde(default)]
    pub plans: BTreeMap<UnitName, BTreeMap<String, Value>>,
    /// The hooks that ran, if they were asked for.
    #[serde(default)]
    pub journals: Vec<Journal>,
    /// The tasks that were asked for, by number.
    #[serde(default)]
    pub tasks: BTreeMap<u32, Task>,
    /// How many hooks have run.
    pub hooks: usize,
    /// Whether nothing is left to do.
    pub settled: bool,
}

impl View {
    /// Takes what a controller holds.
    #[must_use]
    pub fn of(controller: &Controller, parts: Parts) -> Self {
        let models = controller.models().iter();
        Self {
            revision: 0,
            current: controller.current().map(ToOwned::to_owned),
            models: models.map(|(name, hosted)| (name.clone(), view(hosted, parts))).collect(),
        }
    }
}

impl View {
    /// The model of that name, or the current one.
    ///
    /// # Errors
    ///
    /// When there is no such model, or no current one.
    pub fn take(mut self, name: Option<&str>) -> Result<ModelView, ControllerError> {
        let name = name.or(self.current.as_deref()).ok_or(ControllerError::NoCurrent)?.to_owned();
        self.models.remove(&name).ok_or(ControllerError::NoModel(name))
    }
}

fn view(hosted: &Hosted, parts: Parts) -> ModelView {
    let bus = &hosted.bus;
    let model = {
        let mut model = bus.model();
        // The log is the largest part by far: it isn't copied for those who don't want it.
        let log = std::mem::take(&mut model.log);
        let mut copy = model.clone();
        if parts.log == Wanted::Yes {
            copy.log.clone_from(&log);
        }
        model.log = log;
        copy
    };
    ModelView {
        model,
        plans: if parts.plans == Wanted::Yes { bus.plans() } else { BTreeMap::new() },
        journals: match parts.journals {
            Wanted::Yes => bus.journal().to_vec(),
            Wanted::No => Vec::new(),
        },
        tasks: bus.tasks().clone(),
        hooks: bus.journal().len(),
        settled: hosted.is_settled(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_travel_as_a_list_of_words() {
        let parts = Parts::model().with_log().with_plans();
        let text = serde_json::to_string(&parts).unwrap();
        assert_eq!(text, r#"["log","plans"]"#);
        assert_eq!(serde_json::from_str::<Parts>(&text).unwrap(), parts);
    }
}
