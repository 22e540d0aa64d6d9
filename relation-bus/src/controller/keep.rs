//! A controller that outlives its process.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Controller, ControllerError, Hosted};
use crate::engine::{Bus, EngineError, SavedBus, Settings};

/// Everything that a controller needs to go on in another process. It holds secrets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SavedController {
    /// The current model's name.
    pub current: Option<String>,
    /// The models by name.
    pub models: BTreeMap<String, SavedModel>,
}

/// One saved model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedModel {
    /// The model, and what its agents remember.
    pub bus: SavedBus,
    /// Whether the model goes as soon as its applications have.
    pub dying: bool,
}

impl Controller {
    /// Takes what has to be kept.
    #[must_use]
    pub fn save(&self) -> SavedController {
        let models = self.models.iter().map(|(name, hosted)| {
            (name.clone(), SavedModel { bus: hosted.bus.save(), dying: hosted.dying })
        });
        SavedController { current: self.current.clone(), models: models.collect() }
    }

    /// Goes on where a controller was left.
    ///
    /// # Errors
    ///
    /// When a model cannot go on.
    pub async fn restore(
        saved: SavedController,
        settings: Settings,
    ) -> Result<Self, ControllerError> {
        let mut controller = Self::new(settings);
        for (name, model) in saved.models {
            let bus = Bus::restore(model.bus, controller.settings.clone()).await?;
            let hosted = Hosted { dying: model.dying, ..Hosted::new(bus) };
            controller.models.insert(name, hosted);
        }
        controller.current = saved.current;
        Ok(controller)
    }

    /// The settings of a new model. In a controller that has a folder each model gets its own
    /// below it.
    pub(super) fn settings_of_new(&self) -> Result<Settings, EngineError> {
        let Some(folder) = &self.settings.folder else { return Ok(self.settings.clone()) };
        for number in 0_u32.. {
            let place: PathBuf = folder.join(format!("m{number}"));
            match std::fs::DirBuilder::new().mode(0o700).create(&place) {
                Ok(()) => return Ok(Settings { folder: Some(place), ..self.settings.clone() }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(EngineError::Folder(error)),
            }
        }
        Ok(self.settings.clone())
    }
}
