//! `juju offer`, `consume`, `find-offers`, `remove-offer` and `remove-saas`.

use clap::Args;

use super::status::StatusFormat;
use super::target::{ModelName, Target};
use super::{CommandError, Exit, print, talk};
use crate::controller::acts::{
    Act, Consume as ConsumeAct, InUse, Offer as OfferAct, OfferUrl, RemoveOffer as RemoveOfferAct,
    RemoveSaas as RemoveSaasAct,
};
use crate::model::Offer as OfferEntry;
use crate::server::Parts;
use crate::server::protocol::Refusal;
use crate::shapes::offers::{found, found_tabular, list, list_tabular};
use crate::shapes::{ControllerFacts, Format, View, print as printed};

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
        let controller = ControllerFacts::default();
        let mut offers = Vec::new();
        for (name, entry) in &view.models {
            let all = entry.model.offers.values().filter(|offer| self.takes(name, offer));
            offers.extend(all.map(|offer| (&entry.model, offer)));
        }
        if offers.is_empty() {
            let message = "no matching application offers found".to_owned();
            return Err(Refusal { message }.into());
        }
        match self.format {
            StatusFormat::Tabular => print(found_tabular(&offers, &controller).trim_end()),
            StatusFormat::Json => {
                print(&printed(&found(&offers, &controller), Format::Json));
            }
            StatusFormat::Yaml => {
                print(&printed(&found(&offers, &controller), Format::Yaml));
            }
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

/// List the offers of the model, and who is connected to them.
#[derive(Debug, Args)]
pub(super) struct Offers {
    /// The form of the output.
    #[arg(long, value_enum, default_value = "tabular")]
    format: StatusFormat,
    #[command(flatten)]
    target: Target,
}

impl Offers {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let shown = self.target.model(Parts::model())?;
        let view = View { model: &shown.model, controller: &ControllerFacts::default() };
        match (self.format, list_tabular(view)) {
            (StatusFormat::Tabular, Some(table)) => print(table.trim_end()),
            (StatusFormat::Tabular, None) => talk("no offers in this model"),
            (StatusFormat::Json, _) => print(&printed(&list(view), Format::Json)),
            (StatusFormat::Yaml, _) => print(&printed(&list(view), Format::Yaml)),
        }
        Ok(Exit::Done)
    }
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
