//! Secrets that an operator owns.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::controller::ControllerError;
use crate::engine::{Bus, SecretChange};
use crate::model::SecretContent;

/// `juju add-secret NAME key=value…`.
#[derive(Debug, Serialize, Deserialize)]
pub struct AddSecret {
    /// Its name.
    pub name: String,
    /// Its content.
    pub content: SecretContent,
    /// Free text.
    pub info: String,
}

impl AddSecret {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let id = bus.add_secret(&self.name, self.content, &self.info)?;
        Ok(Outcome::Printed(id.uri()))
    }
}

/// `juju update-secret`.
#[derive(Debug, Serialize, Deserialize)]
pub struct UpdateSecret {
    /// Its name or id.
    pub secret: String,
    /// New content.
    pub content: Option<SecretContent>,
    /// Another name.
    pub name: Option<String>,
    /// Other free text.
    pub info: Option<String>,
    /// Whether revisions that nobody tracks are removed by themselves.
    pub auto_prune: Option<bool>,
}

impl UpdateSecret {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let id = bus.secret_named(&self.secret)?;
        let change = SecretChange {
            content: self.content,
            name: self.name,
            description: self.info,
            auto_prune: self.auto_prune,
        };
        bus.update_secret(&id, change)?;
        Ok(Outcome::Done)
    }
}

/// `juju remove-secret`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RemoveSecret {
    /// Its name or id.
    pub secret: String,
    /// One revision, or all of them.
    pub revision: Option<u32>,
}

impl RemoveSecret {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let id = bus.secret_named(&self.secret)?;
        bus.remove_secret(&id, self.revision)?;
        Ok(Outcome::Done)
    }
}

/// Whether a secret is granted, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// `juju grant-secret`.
    Granted,
    /// `juju revoke-secret`.
    Revoked,
}

/// `juju grant-secret` and `juju revoke-secret`.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShareSecret {
    /// Its name or id.
    pub secret: String,
    /// The applications.
    pub applications: Vec<String>,
    /// Whether they may read it.
    pub access: Access,
}

impl ShareSecret {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let id = bus.secret_named(&self.secret)?;
        for application in &self.applications {
            match self.access {
                Access::Granted => bus.grant_secret(&id, application)?,
                Access::Revoked => bus.revoke_secret(&id, application)?,
            }
        }
        Ok(Outcome::Done)
    }
}
