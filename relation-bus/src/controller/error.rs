//! What can go wrong around a controller.

use crate::engine::EngineError;

/// Why a controller could not do something.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// No model of that name.
    #[error("model relation-bus:admin/{0} not found")]
    NoModel(String),
    /// A command that names no model, and there is no current one.
    #[error("No selected controller.")]
    NoCurrent,
    /// The name is taken.
    #[error("failed to create new model: model \"{0}\" for admin already exists")]
    ModelExists(String),
    /// Not a name of a model.
    #[error(
        "\"{0}\" is not a valid name: model names may only contain lowercase letters, digits and \
         hyphens"
    )]
    ModelName(String),
    /// A model's bus.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The models do not come to rest.
    #[error("cannot settle the models within {limit} hooks")]
    Restless {
        /// The limit.
        limit: usize,
    },
}
