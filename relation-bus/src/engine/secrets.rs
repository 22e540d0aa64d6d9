//! Secrets that an operator owns (`juju add-secret` and its like).

use super::{Bus, EngineError};
use crate::dispatch::lock;
use crate::model::{Grant, Model, Revision, Secret, SecretContent, SecretOwner};
use crate::names::SecretId;

/// What `juju update-secret` changes; what is not given stays.
#[derive(Debug, Clone, Default)]
pub struct SecretChange {
    /// A new revision, unless it says what the newest says.
    pub content: Option<SecretContent>,
    /// Another name.
    pub name: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Whether revisions that nobody tracks are removed by themselves.
    pub auto_prune: Option<bool>,
}

impl Bus {
    /// Adds a secret of the model. Nobody may read it until it is granted.
    ///
    /// # Errors
    ///
    /// When the name is taken, or there is no content.
    pub fn add_secret(
        &mut self,
        name: &str,
        content: SecretContent,
        description: &str,
    ) -> Result<SecretId, EngineError> {
        let mut model = lock(&self.model);
        if content.is_empty() {
            return refuse("missing secret value or filename");
        }
        check_name(&model, name, None)?;
        let id = model.reserve_secret_id();
        let mut secret = Secret::new(id.clone(), SecretOwner::Model, content, model.clock);
        name.clone_into(&mut secret.label);
        description.clone_into(&mut secret.description);
        model.secrets.insert(id.clone(), secret);
        Ok(id)
    }

    /// The secret of the model that an operator means by its name or its URI.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn secret_named(&self, text: &str) -> Result<SecretId, EngineError> {
        let model = lock(&self.model);
        let id = text.parse::<SecretId>().ok();
        let mut owned = model.secrets.values().filter(|secret| secret.owner == SecretOwner::Model);
        let found = owned.find(|secret| secret.label == text || Some(&secret.id) == id.as_ref());
        match found {
            Some(secret) => Ok(secret.id.clone()),
            None => refuse(format!("secret {text:?} not found")),
        }
    }

    /// Changes a secret of the model. Units that read an older revision are told.
    ///
    /// # Errors
    ///
    /// When there is no such secret, or the name is taken.
    pub fn update_secret(
        &mut self,
        id: &SecretId,
        change: SecretChange,
    ) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        let now = model.clock;
        if let Some(name) = &change.name {
            check_name(&model, name, Some(id))?;
        }
        let secret = owned(&mut model, id)?;
        let latest = secret.latest();
        let is_known = |content: &SecretContent| {
            secret.revisions.get(&latest).is_some_and(|newest| newest.content == *content)
        };
        if let Some(content) = change.content.filter(|content| !is_known(content)) {
            secret.revisions.insert(latest + 1, Revision::new(content, now));
        }
        secret.label = change.name.unwrap_or_else(|| secret.label.clone());
        secret.description = change.description.unwrap_or_else(|| secret.description.clone());
        secret.auto_prune = change.auto_prune.unwrap_or(secret.auto_prune);
        drop(model);
        self.sweep();
        Ok(())
    }

    /// Lets the units of an application read a secret of the model.
    ///
    /// # Errors
    ///
    /// When there is no such secret or application.
    pub fn grant_secret(&mut self, id: &SecretId, application: &str) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        if !model.applications.contains_key(application) {
            return Err(EngineError::NoApplication(application.to_owned()));
        }
        let grant = Grant { relation: None, application: application.to_owned(), unit: None };
        owned(&mut model, id)?.grants.insert(grant);
        Ok(())
    }

    /// Takes the right to read a secret of the model back.
    ///
    /// # Errors
    ///
    /// When there is no such secret or application.
    pub fn revoke_secret(&mut self, id: &SecretId, application: &str) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        if !model.applications.contains_key(application) {
            return Err(EngineError::NoApplication(application.to_owned()));
        }
        owned(&mut model, id)?.grants.retain(|grant| grant.application != application);
        Ok(())
    }

    /// Removes a secret of the model, or one of its revisions.
    ///
    /// # Errors
    ///
    /// When there is no such secret or revision.
    pub fn remove_secret(
        &mut self,
        id: &SecretId,
        revision: Option<u32>,
    ) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        let secret = owned(&mut model, id)?;
        let Some(number) = revision else {
            model.secrets.remove(id);
            return Ok(());
        };
        if secret.revisions.remove(&number).is_none() {
            return refuse(format!("secret revision {number} not found"));
        }
        if secret.revisions.is_empty() {
            model.secrets.remove(id);
        }
        Ok(())
    }
}

/// Removes revisions that nobody tracks, where the operator wants it so.
pub(super) fn prune(model: &mut Model) {
    for secret in model.secrets.values_mut().filter(|secret| secret.auto_prune) {
        for number in secret.untracked_revisions().collect::<Vec<_>>() {
            secret.revisions.remove(&number);
        }
    }
}

fn refuse<T>(message: impl Into<String>) -> Result<T, EngineError> {
    Err(EngineError::Secret(message.into()))
}

fn owned<'a>(model: &'a mut Model, id: &SecretId) -> Result<&'a mut Secret, EngineError> {
    let found = model.secrets.get_mut(id).filter(|secret| secret.owner == SecretOwner::Model);
    found.ok_or_else(|| EngineError::Secret(format!("secret {:?} not found", id.as_str())))
}

fn check_name(model: &Model, name: &str, own: Option<&SecretId>) -> Result<(), EngineError> {
    let taken = model.secrets.values().any(|secret| {
        secret.owner == SecretOwner::Model && secret.label == name && Some(&secret.id) != own
    });
    match taken {
        true => refuse(format!("secret with name {name:?} already exists")),
        false => Ok(()),
    }
}
