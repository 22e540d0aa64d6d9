//! Relations between models: offered, consumed, and taken away.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::controller::{Controller, ControllerError, OfferError};
use crate::engine::{Bus, EngineError};
use crate::model::{Life, Offer as OfferEntry, OfferedEndpoint, RelationLife, Role, Saas};
use crate::names::RelationId;

/// Who owns every model here.
const OWNER: &str = "admin";

/// Where an offer is: `[controller:][user/]model.offer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferUrl {
    /// The model.
    pub model: String,
    /// The offer.
    pub offer: String,
}

impl OfferUrl {
    /// Reads a URL, if the text is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.rsplit_once(':').map_or(text, |(_, path)| path);
        let path = path.rsplit_once('/').map_or(path, |(_, path)| path);
        let (model, offer) = path.split_once('.')?;
        Some(Self { model: model.to_owned(), offer: offer.to_owned() })
    }
}

impl std::fmt::Display for OfferUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{OWNER}/{}.{}", self.model, self.offer)
    }
}

/// `juju offer APP:ENDPOINT[,ENDPOINT] [NAME]`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Offer {
    /// The application.
    pub application: String,
    /// Its endpoints.
    pub endpoints: Vec<String>,
    /// The offer's name; the application's without one.
    pub name: Option<String>,
}

impl Offer {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let mut model = bus.model();
        let application = model
            .applications
            .get(&self.application)
            .ok_or_else(|| EngineError::NoApplication(self.application.clone()))?;
        let mut endpoints = BTreeMap::new();
        for endpoint in &self.endpoints {
            let declared = application.charm.endpoints.get(endpoint);
            let Some(declared) = declared.filter(|declared| declared.role != Role::Peer) else {
                let (application, endpoint) = (self.application, endpoint.clone());
                return Err(EngineError::NoEndpoint { application, endpoint }.into());
            };
            let offered = OfferedEndpoint {
                endpoint: endpoint.clone(),
                interface: declared.interface.clone(),
                role: declared.role,
            };
            endpoints.insert(endpoint.clone(), offered);
        }
        let name = self.name.unwrap_or_else(|| self.application.clone());
        let url = OfferUrl { model: model.name.clone(), offer: name.clone() };
        let said = format!(
            "Application {:?} endpoints [{}] available at \"{url}\"",
            self.application,
            self.endpoints.join(", ")
        );
        let application = self.application;
        model.offers.insert(name.clone(), OfferEntry { name, application, endpoints });
        Ok(Outcome::Said(vec![said]))
    }
}

/// `juju consume URL [NAME]`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Consume {
    /// Where the offer is.
    pub url: OfferUrl,
    /// The name of the SAAS; the offer's without one.
    pub name: Option<String>,
}

impl Consume {
    pub(super) fn apply(
        self,
        controller: &mut Controller,
        model: Option<&str>,
    ) -> Result<Outcome, ControllerError> {
        let missing = || OfferError::NoOffer(self.url.to_string());
        let offering = controller.models().get(&self.url.model).ok_or_else(missing)?;
        let (model_uuid, offer) = {
            let offering = offering.bus.model();
            let offer = offering.offers.get(&self.url.offer).cloned().ok_or_else(missing)?;
            (offering.uuid.clone(), offer)
        };
        let name = self.name.unwrap_or_else(|| offer.name.clone());
        let url = self.url.to_string();
        let mut own = controller.model_mut(model)?.bus.model();
        if own.uuid == model_uuid {
            return Err(OfferError::OwnModel(url).into());
        }
        let taken = own.applications.contains_key(&name)
            || own.saas.get(&name).is_some_and(|saas| saas.url != url);
        if taken {
            return Err(OfferError::NameTaken(name).into());
        }
        let said = format!("Added {url} as {name}");
        let saas = Saas {
            name: name.clone(),
            url,
            model_uuid,
            offer: offer.name,
            endpoints: offer.endpoints,
            life: Life::Alive,
        };
        own.saas.insert(name, saas);
        Ok(Outcome::Said(vec![said]))
    }
}

/// Whether an offer goes while it is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InUse {
    /// It stays, and the command is refused.
    Refuse,
    /// It goes, and its relations with it (`--force`).
    Remove,
}

/// `juju remove-offer`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RemoveOffer {
    /// The model, if it is not the command's.
    pub model: Option<String>,
    /// The offer.
    pub offer: String,
    /// What happens when it has relations.
    pub in_use: InUse,
}

impl RemoveOffer {
    pub(super) fn apply(
        self,
        controller: &mut Controller,
        model: Option<&str>,
    ) -> Result<Outcome, ControllerError> {
        let bus = &mut controller.model_mut(self.model.as_deref().or(model))?.bus;
        let relations: Vec<RelationId> = {
            let mut model = bus.model();
            if !model.offers.contains_key(&self.offer) {
                return Err(OfferError::NoOffer(self.offer).into());
            }
            let of_offer = model
                .links
                .iter()
                .filter(|(_, link)| link.offer.as_deref() == Some(self.offer.as_str()));
            let relations: Vec<_> = of_offer.map(|(id, _)| *id).collect();
            if self.in_use == InUse::Refuse && !relations.is_empty() {
                let (offer, relations) = (self.offer, relations.len());
                return Err(OfferError::InUse { offer, relations }.into());
            }
            model.offers.remove(&self.offer);
            relations
        };
        for id in relations {
            bus.remove_relation(id)?;
        }
        Ok(Outcome::Done)
    }
}

/// `juju remove-saas`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RemoveSaas {
    /// Its name.
    pub name: String,
}

impl RemoveSaas {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let relations: Vec<RelationId> = {
            let mut model = bus.model();
            let Some(saas) = model.saas.get_mut(&self.name) else {
                return Err(OfferError::NoSaas(self.name).into());
            };
            saas.life = Life::Dying;
            let of_saas = model.relations.values().filter(|relation| {
                relation.life == RelationLife::Alive && relation.side(&self.name).is_some()
            });
            of_saas.map(|relation| relation.id).collect()
        };
        for id in relations {
            bus.remove_relation(id)?;
        }
        Ok(Outcome::Done)
    }
}

impl Controller {
    /// An end of a relation as it is named inside a model: an offer's URL is consumed first, as
    /// `juju integrate` does.
    pub(super) fn consumed(
        &mut self,
        end: String,
        model: Option<&str>,
    ) -> Result<String, ControllerError> {
        if !end.contains('/') && !end.contains('.') {
            return Ok(end);
        }
        let (place, endpoint) = match end.rsplit_once(':') {
            Some((place, endpoint)) if place.contains('.') => (place, Some(endpoint)),
            _ => (end.as_str(), None),
        };
        let Some(url) = OfferUrl::parse(place) else { return Ok(end) };
        let name = url.offer.clone();
        Consume { url, name: None }.apply(self, model)?;
        Ok(endpoint.map_or(name.clone(), |endpoint| format!("{name}:{endpoint}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_model_and_offer() {
        for text in ["cos.loki", "admin/cos.loki", "relation-bus:admin/cos.loki"] {
            assert_eq!(OfferUrl::parse(text).unwrap().to_string(), "admin/cos.loki", "{text}");
        }
        assert_eq!(OfferUrl::parse("loki"), None);
    }
}
