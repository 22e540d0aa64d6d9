//! `juju offer`, `consume`, `find-offers`, `remove-offer` and `remove-saas`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::status::StatusFormat;
use super::target::{ModelName, Target};
use super::{CommandError, Exit, print};
use crate::controller::CONTROLLER_NAME;
use crate::controller::acts::{
    Act, Consume as ConsumeAct, InUse, Offer as OfferAct, OfferUrl, RemoveOffer as RemoveOfferAct,
    RemoveSaas as RemoveSaasAct,
};
use crate::model::{Model, Offer as OfferEntry, Role};
use crate::server::Parts;
use crate::server::protocol::Refusal;
use crate::shapes::{Column, Format, print as printed, table};

/// Offer endpoints of an application to other models.
#[derive(Debug, Args)]
pub(super) struct Offer {
    /// The application and its endpoints; the model before it, if it is not the current one.
    #[arg(value_name = "[MODEL.]APP:ENDPOINT[,ENDPOINT]")]
    what: String,
    /// The name of the offer.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Taken for Juju's sake; there is one controller.
    #[arg(short = 'c', long)]
    controller: Option<String>,
    #[command(flatten)]
    target: Target,
}

impl Offer {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let refuse = |message: &str| Refusal { message: message.to_owned() };
        let what = self.what.rsplit_once('/').map_or(self.what.as_str(), |(_, what)| what);
        let (place, endpoints) = what.split_once(':').ok_or_else(|| {
            refuse("endpoints must conform to format \"<application-name>:<endpoint-name>[,...]\" ")
        })?;
        let (target, application) = match place.split_once('.') {
            Some((model, application)) => {
                (self.target.with_model(&ModelName::bare(model)), application)
            }
            None => (self.target.clone(), place),
        };
        let act = OfferAct {
            application: application.to_owned(),
            endpoints: endpoints.split(',').map(ToOwned::to_owned).collect(),
            name: self.name.clone(),
        };
        Ok(target.act_aloud(Act::Offer(act))?)
    }
}

/// Add an offer of another model to this one.
#[derive(Debug, Args)]
pub(super) struct Consume {
    /// Where the offer is.
    #[arg(value_name = "[CONTROLLER:][USER/]MODEL.OFFER")]
    url: String,
    /// Its name in this model.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    target: Target,
}

impl Consume {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let url = OfferUrl::parse(&self.url).ok_or_else(|| Refusal {
            message: format!("application offer {:?} is missing model", self.url),
        })?;
        let act = ConsumeAct { url, name: self.name.clone() };
        Ok(self.target.act_aloud(Act::Consume(act))?)
    }
}

/// List offers of all models.
#[derive(Debug, Args)]
pub(super) struct FindOffers {
    /// Only offers of this model, or this one.
    #[arg(value_name = "[CONTROLLER:][USER/]MODEL[.OFFER]")]
    place: Option<String>,
    /// Only offers with an endpoint of this interface.
    #[arg(long)]
    interface: Option<String>,
    /// Only the offer of this name.
    #[arg(long)]
    offer: Option<String>,
    /// The form of the output.
    #[arg(long, value_enum, default_value = "tabular")]
    format: StatusFormat,
    #[command(flatten)]
    target: Target,
}

impl FindOffers {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let view = self.target.view(Parts::model())?;
        let mut found = Vec::new();
        for (name, entry) in &view.models {
            let offers = entry.model.offers.values();
            found.extend(
                offers.filter(|offer| self.takes(name, offer)).map(|offer| (&entry.model, offer)),
            );
        }
        if found.is_empty() {
            let message = "no matching application offers found".to_owned();
            return Err(Refusal { message }.into());
        }
        match self.format {
            StatusFormat::Tabular => print(tabular(&found).trim_end()),
            StatusFormat::Json => print(&printed(&document(&found), Format::Json)),
            StatusFormat::Yaml => print(&printed(&document(&found), Format::Yaml)),
        }
        Ok(Exit::Done)
    }

    fn takes(&self, model: &str, offer: &OfferEntry) -> bool {
        let place = self.place.as_deref().is_none_or(|place| match OfferUrl::parse(place) {
            Some(url) => url.model == model && url.offer == offer.name,
            None => place.rsplit(['/', ':']).next() == Some(model),
        });
        let interface = self.interface.as_ref().is_none_or(|wanted| {
            offer.endpoints.values().any(|endpoint| endpoint.interface == *wanted)
        });
        place && interface && self.offer.as_ref().is_none_or(|wanted| *wanted == offer.name)
    }
}

fn url(model: &Model, offer: &OfferEntry) -> String {
    let url = OfferUrl { model: model.name.clone(), offer: offer.name.clone() };
    format!("{CONTROLLER_NAME}:{url}")
}

fn tabular(found: &[(&Model, &OfferEntry)]) -> String {
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(model, offer)| {
            let endpoints = offer.endpoints.iter();
            let endpoints = endpoints.map(|(name, end)| format!("{}:{name}", end.interface));
            vec![url(model, offer), "admin".to_owned(), endpoints.collect::<Vec<_>>().join(", ")]
        })
        .collect();
    table(&["Store", "Access", "Interfaces"].map(Column::Left), &rows)
}

fn document(found: &[(&Model, &OfferEntry)]) -> Value {
    let describe = |(model, offer): &(&Model, &OfferEntry)| {
        let endpoints: Map<String, Value> = offer
            .endpoints
            .iter()
            .map(|(name, end)| {
                let role = if end.role == Role::Provider { "provider" } else { "requirer" };
                (name.clone(), json!({"interface": end.interface, "role": role}))
            })
            .collect();
        let users = json!({"admin": {"display-name": "admin", "access": "admin"}});
        let entry = json!({"access": "admin", "endpoints": endpoints, "users": users});
        (url(model, offer), entry)
    };
    Value::Object(found.iter().map(describe).collect())
}

/// Take back an offer.
#[derive(Debug, Args)]
pub(super) struct RemoveOffer {
    /// The offers: names in the current model, or URLs.
    #[arg(required = true, value_name = "OFFER")]
    offers: Vec<String>,
    /// Remove the relations of the offer, too.
    #[arg(long)]
    force: bool,
    /// Taken for Juju's sake: nothing is asked here.
    #[arg(short = 'y', long = "yes", visible_alias = "no-prompt")]
    yes: bool,
    #[command(flatten)]
    target: Target,
}

impl RemoveOffer {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let in_use = if self.force { InUse::Remove } else { InUse::Refuse };
        for offer in &self.offers {
            let (model, offer) = match OfferUrl::parse(offer) {
                Some(url) => (Some(url.model), url.offer),
                None => (None, offer.clone()),
            };
            self.target.act_aloud(Act::RemoveOffer(RemoveOfferAct { model, offer, in_use }))?;
        }
        Ok(Exit::Done)
    }
}

/// Remove a consumed offer from this model, with its relations.
#[derive(Debug, Args)]
pub(super) struct RemoveSaas {
    /// Names of SAAS applications.
    #[arg(required = true, value_name = "SAAS")]
    names: Vec<String>,
    /// Taken for Juju's sake, without effect.
    #[arg(long)]
    force: bool,
    /// Taken for Juju's sake: nothing is waited for.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    target: Target,
}

impl RemoveSaas {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        for name in &self.names {
            let act = RemoveSaasAct { name: name.clone() };
            self.target.act_aloud(Act::RemoveSaas(act))?;
        }
        Ok(Exit::Done)
    }
}
