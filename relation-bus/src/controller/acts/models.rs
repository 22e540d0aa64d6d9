//! Models: made, and taken away.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::controller::{Controller, ControllerError};

/// `juju add-model`.
#[derive(Debug, Serialize, Deserialize)]
pub struct AddModel {
    /// Its name.
    pub name: String,
    /// Whether it becomes the current one.
    pub switch: Switching,
}

/// Whether a new model becomes the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switching {
    /// It does.
    Yes,
    /// The current one stays (`--no-switch`).
    No,
}

/// How a model goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manner {
    /// Its applications are removed, their units run their last hooks, then it goes.
    Gracefully,
    /// At once (`--force`): no hook runs any more.
    Forced,
}

/// `juju destroy-model`.
#[derive(Debug, Serialize, Deserialize)]
pub struct DestroyModel {
    /// The model.
    pub name: String,
    /// How it goes.
    pub manner: Manner,
}

impl Controller {
    /// Adds an empty model.
    ///
    /// # Errors
    ///
    /// When the name is taken or is none, or the servers around the model cannot be made.
    pub async fn make_model(&mut self, add: AddModel) -> Result<Outcome, ControllerError> {
        let former = self.current().map(ToOwned::to_owned);
        self.add_model(&add.name).await?;
        if add.switch == Switching::No {
            self.current = former;
        }
        Ok(Outcome::Said(vec![format!(
            "Added '{}' model on local/default with credential 'default' for user 'admin'",
            add.name
        )]))
    }

    /// Takes a model away: at once, or as soon as its units have run their last hooks.
    ///
    /// # Errors
    ///
    /// When there is no such model.
    pub fn destroy_model(&mut self, destroy: &DestroyModel) -> Result<Outcome, ControllerError> {
        if destroy.manner == Manner::Forced {
            self.drop_model(&destroy.name)?;
            return Ok(Outcome::Done);
        }
        let hosted = self.model_mut(Some(&destroy.name))?;
        hosted.dying = true;
        let applications: Vec<String> = hosted.bus.model().applications.keys().cloned().collect();
        for application in &applications {
            hosted.bus.remove_application(application)?;
        }
        Ok(Outcome::Done)
    }
}
