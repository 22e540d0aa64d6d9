//! Answers requests: one at a time, whatever hooks run meanwhile.

use std::path::Path;
use std::time::Duration;

use super::charms;
use super::keep::{self, KeepError};
use super::listen::Shared;
use super::protocol::{ModelProgress, Progress, Refusal, Reply, Request};
use super::view::View;
use crate::controller::acts::Outcome;
use crate::controller::{Controller, ControllerError};
use crate::engine::PebbleKind;
use crate::model_file::{ModelFileError, ModelPlan, read};

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error(transparent)]
    Controller(#[from] ControllerError),
    #[error(transparent)]
    File(#[from] ModelFileError),
    #[error(transparent)]
    Keep(#[from] KeepError),
}

/// Does what a request asks for.
pub(super) async fn answer(shared: &Shared, request: Request) -> Result<Reply, Refusal> {
    let reply = match request {
        Request::View(parts) => {
            let controller = shared.controller.lock().await;
            let mut view = View::of(&controller, parts);
            view.revision = shared.revision();
            return Ok(Reply::View(Box::new(view)));
        }
        Request::Watch { since, limit } => {
            let limit = Duration::from_millis(limit);
            // In time or not: the revision says it.
            drop(tokio::time::timeout(limit, shared.newer_than(since)).await);
            return Ok(Reply::Progress(progress(shared).await));
        }
        // The server ends when this is answered.
        Request::Stop { .. } => return Ok(Reply::Outcome(Outcome::Done)),
        mut change => {
            charms::keep(&shared.folder, &mut change).map_err(|error| Refusal::of(&error))?;
            let mut controller = shared.controller.lock().await;
            let outcome = apply(&mut controller, change).await;
            // What was answered is kept, whatever becomes of this process.
            match (outcome, keep::write(&shared.folder, controller.save())) {
                (Ok(_), Err(error)) => Err(error.into()),
                (outcome, _) => outcome,
            }
        }
    };
    shared.changed();
    shared.wake.notify_one();
    reply.map(Reply::Outcome).map_err(|error| Refusal::of(&error))
}

async fn progress(shared: &Shared) -> Progress {
    let controller = shared.controller.lock().await;
    let models = controller.models().iter().map(|(name, hosted)| {
        let hooks = hosted.bus.journal().len();
        (name.clone(), ModelProgress { hooks, settled: hosted.is_settled() })
    });
    Progress { revision: shared.revision(), models: models.collect() }
}

async fn apply(controller: &mut Controller, request: Request) -> Result<Outcome, AnswerError> {
    Ok(match request {
        Request::Up { file, pebble } => up(controller, &file, pebble).await?,
        Request::AddModel(add) => controller.make_model(add).await?,
        Request::DestroyModel(destroy) => controller.destroy_model(&destroy)?,
        Request::Switch { model } => {
            let former = controller.switch(&model)?.unwrap_or_default();
            Outcome::Said(vec![former])
        }
        Request::Act { model, act } => controller.act(model.as_deref(), act).await?,
        Request::View(_) | Request::Watch { .. } | Request::Stop { .. } => Outcome::Done,
    })
}

/// Plays a model file anew.
async fn up(
    controller: &mut Controller,
    file: &Path,
    pebble: Option<PebbleKind>,
) -> Result<Outcome, AnswerError> {
    let plan = ModelPlan { pebble, ..read(file)? };
    if controller.models().contains_key(&plan.name) {
        controller.drop_model(&plan.name)?;
    }
    controller.add_plan(&plan).await?;
    Ok(Outcome::Done)
}
