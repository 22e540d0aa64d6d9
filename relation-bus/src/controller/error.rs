//! What can go wrong around a controller.

use crate::charm_folder::LoadError;
use crate::engine::EngineError;

/// Why a controller could not do something.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// No model of that name.
    #[error("model relation-bus:admin/{0} not found")]
    NoModel(String),
    /// A command that names no model, and there is no current one.
    #[error(
        "No model in focus.\n\nPlease use \"juju models\" to see models available to you.\nYou can \
         set current model by running \"juju switch\"\nor specify any other model on the command \
         line using the \"-m\" option."
    )]
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
    /// Not a name of an application.
    #[error("invalid application name \"{0}\"")]
    ApplicationName(String),
    /// Not a name of a unit.
    #[error("invalid unit name \"{0}\"")]
    UnitName(String),
    /// A unit without a container of that name; the names that there are.
    #[error("container \"{name}\" must be one of {known}")]
    NoContainer {
        /// The name.
        name: String,
        /// The containers, separated by commas.
        known: String,
    },
    /// An application whose units have no leader at the moment.
    #[error("could not determine leader for \"{0}\"")]
    NoLeader(String),
    /// The charm has no such option.
    #[error("unknown option \"{0}\"")]
    UnknownOption(String),
    /// A value that its option doesn't take.
    #[error("{0}")]
    OptionType(String),
    /// More units are to go than there are.
    #[error("cannot remove more units than currently exist: \"{application}\" has {alive}")]
    TooFewUnits {
        /// The application.
        application: String,
        /// How many units it has.
        alive: u32,
    },
    /// No relation between two ends.
    #[error("relation matching \"{0}\" not found")]
    NoRelation(String),
    /// Several relations between two ends.
    #[error("ambiguous relation: \"{ends}\" could refer to {}", ways.join("; "))]
    AmbiguousRelation {
        /// The ends, as they were named.
        ends: String,
        /// The relations, in quotes.
        ways: Vec<String>,
    },
    /// A charm is of no use.
    #[error(transparent)]
    Charm(#[from] LoadError),
    /// A model's bus.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An offer, or what was made of one.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The models do not come to rest.
    #[error("cannot settle the models within {limit} hooks")]
    Restless {
        /// The limit.
        limit: usize,
    },
}

/// Why an offer is not made, consumed or taken back.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// There is no such offer.
    #[error("application offer \"{0}\" not found")]
    NoOffer(String),
    /// The offer is of the model that would consume it.
    #[error("cannot consume \"{0}\" in the model that offers it")]
    OwnModel(String),
    /// The name is taken by an application, or by another offer.
    #[error("saas application \"{0}\" already exists")]
    NameTaken(String),
    /// Relations hang on the offer.
    #[error(
        "cannot delete application offer \"{offer}\": offer has {relations} relation{}",
        if *relations == 1 { "" } else { "s" }
    )]
    InUse {
        /// The offer.
        offer: String,
        /// How many.
        relations: usize,
    },
    /// There is no such SAAS.
    #[error("saas application \"{0}\" not found")]
    NoSaas(String),
}
