//! What commands do to a model, in Juju's terms and with Juju's refusals.
//!
//! An act changes the model and returns; hooks run afterwards.

mod config;
mod deploy;
mod models;
mod offers;
mod reach;
mod relations;
mod secrets;
mod tasks;
mod units;

use serde::{Deserialize, Serialize};

pub use config::{SetConfig, SetModelConfig, SetTrust};
pub use deploy::{Deploy, Refresh};
pub use models::{AddModel, DestroyModel, Manner, Switching};
pub use offers::{Consume, InUse, Offer, OfferUrl, RemoveOffer, RemoveSaas};
pub use reach::{Answered, CHARM_CONTAINER, Place, Reach};
pub use relations::{Integrate, RemoveRelation};
pub use secrets::{Access, AddSecret, RemoveSecret, ShareSecret, UpdateSecret};
pub use tasks::{Exec, Resolve, RunAction};
pub use units::{AddUnits, RemoveApplications, RemoveUnits, Scale};

use super::{Controller, ControllerError};

/// A change of one model.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// `juju deploy` of one charm.
    Deploy(Deploy),
    /// `juju add-unit`.
    AddUnits(AddUnits),
    /// `juju remove-unit`.
    RemoveUnits(RemoveUnits),
    /// `juju scale-application`.
    Scale(Scale),
    /// `juju remove-application`.
    RemoveApplications(RemoveApplications),
    /// `juju offer`.
    Offer(Offer),
    /// `juju consume`.
    Consume(Consume),
    /// `juju remove-offer`.
    RemoveOffer(RemoveOffer),
    /// `juju remove-saas`.
    RemoveSaas(RemoveSaas),
    /// `juju integrate`.
    Integrate(Integrate),
    /// `juju remove-relation`.
    RemoveRelation(RemoveRelation),
    /// `juju config` that sets or resets.
    SetConfig(SetConfig),
    /// `juju trust`.
    SetTrust(SetTrust),
    /// `juju run`.
    RunAction(RunAction),
    /// `juju resolve`.
    Resolve(Resolve),
    /// `juju refresh`.
    Refresh(Refresh),
    /// `juju exec`.
    Exec(Exec),
    /// `juju ssh` and `juju scp`: where a container is.
    Reach(Reach),
    /// `juju ssh` into a container that has no processes.
    Answered(Answered),
    /// `juju add-secret`.
    AddSecret(AddSecret),
    /// `juju update-secret`.
    UpdateSecret(UpdateSecret),
    /// `juju remove-secret`.
    RemoveSecret(RemoveSecret),
    /// `juju grant-secret` and `juju revoke-secret`.
    ShareSecret(ShareSecret),
    /// `juju model-config` that sets or resets.
    SetModelConfig(SetModelConfig),
}

/// What an act gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing to say.
    Done,
    /// Lines for the person at the terminal.
    Said(Vec<String>),
    /// Data for standard output.
    Printed(String),
    /// The number of an operation; its tasks are among the model's actions.
    Operation(u32),
    /// Where a container is.
    Place(Place),
    /// What a command did.
    Ran {
        /// Its exit status.
        code: i32,
        /// What it printed.
        stdout: String,
        /// What it printed as errors.
        stderr: String,
    },
    /// The number of an operation that no unit can take, and why.
    Unscheduled(u32, Vec<String>),
}

impl Controller {
    /// Does something to a model: the named one, or the current one.
    ///
    /// # Errors
    ///
    /// When Juju would refuse it. Nothing has changed then.
    pub async fn act(&mut self, model: Option<&str>, act: Act) -> Result<Outcome, ControllerError> {
        if let (Act::Deploy(_), None, true) = (&act, model, self.models().is_empty()) {
            self.add_model(DEFAULT_MODEL).await?;
        }
        let act = match act {
            Act::Consume(consume) => return consume.apply(self, model),
            Act::RemoveOffer(remove) => return remove.apply(self, model),
            Act::Integrate(Integrate { one, other }) => Act::Integrate(Integrate {
                one: self.consumed(one, model)?,
                other: self.consumed(other, model)?,
            }),
            act => act,
        };
        let hosted = self.model_mut(model)?;
        let bus = &mut hosted.bus;
        match act {
            Act::Offer(offer) => offer.apply(bus),
            Act::RemoveSaas(remove) => remove.apply(bus),
            // Both need more than one model: done above.
            Act::Consume(_) | Act::RemoveOffer(_) => Ok(Outcome::Done),
            Act::Deploy(deploy) => deploy.apply(bus).await,
            Act::AddUnits(add) => add.apply(bus).await,
            Act::RemoveUnits(remove) => remove.apply(bus),
            Act::Scale(scale) => scale.apply(bus).await,
            Act::RemoveApplications(remove) => remove.apply(bus),
            Act::Integrate(integrate) => integrate.apply(bus),
            Act::RemoveRelation(remove) => remove.apply(bus),
            Act::SetConfig(set) => set.apply(bus),
            Act::SetTrust(trust) => trust.apply(bus),
            Act::RunAction(run) => run.apply(bus),
            Act::Resolve(resolve) => resolve.apply(bus),
            Act::Refresh(refresh) => refresh.apply(bus),
            Act::Exec(exec) => exec.apply(bus),
            Act::Reach(reach) => reach.apply(bus),
            Act::Answered(answered) => answered.apply(bus),
            Act::AddSecret(add) => add.apply(bus),
            Act::UpdateSecret(update) => update.apply(bus),
            Act::RemoveSecret(remove) => remove.apply(bus),
            Act::ShareSecret(share) => share.apply(bus),
            Act::SetModelConfig(set) => set.apply(bus),
        }
    }
}

/// The model that is made when something is deployed and there is none.
const DEFAULT_MODEL: &str = "default";
