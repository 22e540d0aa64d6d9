//! What can go wrong around a model.

use std::fmt;
use std::io;

use crate::charm_folder::{BuildError, InstallError};
use crate::dispatch::{DispatchError, RootError};
use crate::model::SettingError;
use crate::model_file::Place;
use crate::names::{RelationId, UnitName};

/// Who keeps writing what, in a model that does not come to rest: the last hooks by unit, most
/// active first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noise(pub Vec<String>);

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// Why the bus could not do something. What Juju would refuse is refused in Juju's words.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The folder of the model could not be made.
    #[error("cannot make a folder for the model")]
    Folder(#[source] io::Error),
    /// The Kubernetes API could not be served.
    #[error("cannot serve the Kubernetes API")]
    Cluster(#[source] io::Error),
    /// A container's Pebble could not be served.
    #[error("cannot serve container `{container}` of `{unit}`")]
    Container {
        /// The unit.
        unit: UnitName,
        /// The container.
        container: String,
        /// Why.
        source: io::Error,
    },
    /// A container's real Pebble could not be started.
    #[error("cannot run container `{container}` of `{unit}`")]
    Daemon {
        /// The unit.
        unit: UnitName,
        /// The container.
        container: String,
        /// Why.
        source: crate::pebble::DaemonError,
    },
    /// A container cannot begin as it is set up.
    #[error("cannot set up container `{container}` of `{unit}`: {reason}")]
    Workload {
        /// The unit.
        unit: UnitName,
        /// The container.
        container: String,
        /// Why.
        reason: String,
    },
    /// Something that a model file asks for.
    #[error("cannot make the relation at `{place}`")]
    At {
        /// Where it stands.
        place: Place,
        /// Why.
        source: Box<EngineError>,
    },
    /// A unit's file system.
    #[error("cannot make the file system of a unit")]
    Root(#[from] RootError),
    /// A charm's files.
    #[error("cannot install a charm")]
    Install(#[from] InstallError),
    /// A charm's program.
    #[error("cannot build the charms")]
    Build(#[from] BuildError),
    /// A hook that could not be tried.
    #[error("cannot run a hook")]
    Dispatch(#[from] DispatchError),
    /// No such application.
    #[error("application \"{0}\" not found")]
    NoApplication(String),
    /// An application of that name is there already.
    #[error("cannot add application \"{0}\": application already exists")]
    Exists(String),
    /// No such unit.
    #[error("unit \"{0}\" not found")]
    NoUnit(UnitName),
    /// A unit whose hooks are all well.
    #[error("unit \"{0}\" is not in an error state")]
    NotFailed(UnitName),
    /// No such container.
    #[error("cannot find container `{container}` of `{unit}`")]
    NoContainer {
        /// The unit.
        unit: UnitName,
        /// The container.
        container: String,
    },
    /// No such relation.
    #[error("relation \"{0}\" not found")]
    NoRelation(RelationId),
    /// No such option.
    #[error("unknown option \"{option}\"")]
    NoOption {
        /// The application.
        application: String,
        /// The option.
        option: String,
    },
    /// A value that an option does not take, in Juju's words.
    #[error("{0}")]
    Config(String),
    /// A setting of the model that is not of its type, in Juju's words.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Something about a secret of the model, in Juju's words.
    #[error("{0}")]
    Secret(String),
    /// A charm that lacks the end of a relation, in Juju's words.
    #[error(
        "cannot upgrade application {application:?} to charm {charm:?}: would break relation \
         {relation:?}"
    )]
    Refresh {
        /// The application.
        application: String,
        /// The charm, as Juju names it.
        charm: String,
        /// The relation, as Juju names it.
        relation: String,
    },
    /// Parameters that do not fit the schema of an action, in Juju's words.
    #[error("validation failed: {}", .0.join("; "))]
    Parameters(Vec<String>),
    /// No such action.
    #[error("action \"{action}\" not defined on unit \"{unit}\"")]
    NoAction {
        /// The unit.
        unit: UnitName,
        /// The action.
        action: String,
    },
    /// An endpoint that the charm doesn't declare.
    #[error("application \"{application}\" has no \"{endpoint}\" relation")]
    NoEndpoint {
        /// The application.
        application: String,
        /// The endpoint.
        endpoint: String,
    },
    /// Two ends that do not fit.
    #[error("no relations found")]
    NoFit,
    /// Two ends that fit in more than one way.
    #[error("ambiguous relation: \"{ends}\" could refer to {}", ways.join("; "))]
    Ambiguous {
        /// The ends, as they were named.
        ends: String,
        /// The ways, in quotes.
        ways: Vec<String>,
    },
    /// A relation that is there already.
    #[error("cannot add relation \"{key}\": relation {key} already exists")]
    RelationExists {
        /// Its ends, the requirer first.
        key: String,
    },
    /// The model does not come to rest.
    #[error("cannot settle the model within {limit} hooks: {noise}")]
    Restless {
        /// The limit.
        limit: usize,
        /// Who keeps writing.
        noise: Noise,
    },
}
