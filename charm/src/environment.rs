//! Juju's environment, read once at the start of a dispatch.
//!
//! [`variable`] lists every variable that the runtime reads; nothing else of the process
//! environment is looked at but `PATH`, through which hook tools are found.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::event::Event;
use crate::host::HostRoot;
use crate::kubernetes::client::ApiServer;
use crate::metadata::Metadata;
use crate::names::{NameError, UnitName};
use crate::snapshot::{Identity, Proxies};

mod parse;

/// Every variable that the runtime reads, as Juju 2.9 to 4.x set them for a dispatch.
pub mod variable {
    /// Absolute path of the unpacked charm, `…/var/lib/juju/agents/unit-<app>-<n>/charm`.
    pub const CHARM_DIR: &str = "JUJU_CHARM_DIR";
    /// `hooks/<event>` or `actions/<action>`; not set when an operator runs a command with `juju exec`.
    pub const DISPATCH_PATH: &str = "JUJU_DISPATCH_PATH";
    /// The unit's name, `app/0`.
    pub const UNIT_NAME: &str = "JUJU_UNIT_NAME";
    /// The model's name without its owner.
    pub const MODEL_NAME: &str = "JUJU_MODEL_NAME";
    /// The model's UUID.
    pub const MODEL_UUID: &str = "JUJU_MODEL_UUID";
    /// The unit agent's version; may carry a tag.
    pub const VERSION: &str = "JUJU_VERSION";
    /// The model's `juju-http-proxy`; often empty.
    pub const HTTP_PROXY: &str = "JUJU_CHARM_HTTP_PROXY";
    /// The model's `juju-https-proxy`; often empty.
    pub const HTTPS_PROXY: &str = "JUJU_CHARM_HTTPS_PROXY";
    /// The model's `juju-no-proxy`.
    pub const NO_PROXY: &str = "JUJU_CHARM_NO_PROXY";
    /// The relation of a relation event, `endpoint:7`.
    pub const RELATION_ID: &str = "JUJU_RELATION_ID";
    /// The application at the other end of the event's relation.
    pub const REMOTE_APP: &str = "JUJU_REMOTE_APP";
    /// The unit that a relation event is about; empty for created, broken and application-level changes.
    pub const REMOTE_UNIT: &str = "JUJU_REMOTE_UNIT";
    /// Who leaves, in departed events only.
    pub const DEPARTING_UNIT: &str = "JUJU_DEPARTING_UNIT";
    /// The key of a custom notice.
    pub const NOTICE_KEY: &str = "JUJU_NOTICE_KEY";
    /// The check of a check event (Juju 3.6 and later).
    pub const CHECK_NAME: &str = "JUJU_PEBBLE_CHECK_NAME";
    /// The secret of a secret event.
    pub const SECRET_ID: &str = "JUJU_SECRET_ID";
    /// The label that this unit gave the event's secret; may be empty.
    pub const SECRET_LABEL: &str = "JUJU_SECRET_LABEL";
    /// The revision of secret-expired and secret-remove.
    pub const SECRET_REVISION: &str = "JUJU_SECRET_REVISION";
    /// The storage instance of a storage event, `data/0`.
    pub const STORAGE_ID: &str = "JUJU_STORAGE_ID";
    /// Host of the Kubernetes API; absent outside Kubernetes.
    pub const KUBERNETES_HOST: &str = "KUBERNETES_SERVICE_HOST";
    /// Port of the Kubernetes API.
    pub const KUBERNETES_PORT: &str = "KUBERNETES_SERVICE_PORT";
}

/// Where variables come from: the process, or a map in tests.
pub trait Environment {
    /// The value of a variable; `None` when it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process. A value that is not UTF-8 counts as not set.
#[derive(Debug, Clone, Copy)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// Why Juju's environment can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable that Juju always sets is not there: this is no hook context.
    #[error("cannot find the environment variable `{0}`")]
    Missing(&'static str),
    /// A variable holds something else than Juju writes.
    #[error("cannot use the environment variable `{variable}`")]
    Malformed {
        /// The variable.
        variable: &'static str,
        /// What is wrong.
        source: NameError,
    },
}

/// What Juju says of this dispatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// What woke the charm.
    pub event: Event,
    /// Who and where we are.
    pub identity: Identity,
    /// The unpacked charm.
    pub charm_dir: PathBuf,
    /// Where the charm container's file system begins.
    pub root: HostRoot,
    /// Where the Kubernetes API is.
    pub kubernetes: Option<ApiServer>,
}

impl Dispatch {
    /// Where the unpacked charm is: what has to be known to read the metadata, which
    /// [`Dispatch::read`] needs.
    ///
    /// # Errors
    ///
    /// Outside a hook context.
    pub fn charm_dir(environment: &dyn Environment) -> Result<PathBuf, EnvironmentError> {
        required(environment, variable::CHARM_DIR).map(PathBuf::from)
    }

    /// Reads the environment. Names of the metadata decide where an event's name could be read
    /// in two ways; an event of no known kind is [`Event::Unknown`].
    ///
    /// # Errors
    ///
    /// When a variable that Juju always sets is missing or malformed.
    pub fn read(
        environment: &dyn Environment,
        metadata: &Metadata,
    ) -> Result<Self, EnvironmentError> {
        let charm_dir = Self::charm_dir(environment)?;
        let unit: UnitName = parsed(environment, variable::UNIT_NAME)?;
        let proxy = |name| environment.get(name).filter(|value| !value.is_empty());
        let port = environment.get(variable::KUBERNETES_PORT).filter(|port| !port.is_empty());
        let host = environment.get(variable::KUBERNETES_HOST).filter(|host| !host.is_empty());
        Ok(Self {
            event: parse::event(environment, metadata)?,
            identity: Identity {
                model: parsed(environment, variable::MODEL_NAME)?,
                model_uuid: parsed(environment, variable::MODEL_UUID)?,
                application: unit.application(),
                unit,
                juju_version: required(environment, variable::VERSION)?,
                proxies: Proxies {
                    http: proxy(variable::HTTP_PROXY),
                    https: proxy(variable::HTTPS_PROXY),
                    no: proxy(variable::NO_PROXY),
                },
            },
            root: HostRoot::of_charm_dir(&charm_dir),
            charm_dir,
            kubernetes: host
                .map(|host| ApiServer { host, port: port.unwrap_or_else(|| "443".to_owned()) }),
        })
    }
}

fn required(environment: &dyn Environment, name: &'static str) -> Result<String, EnvironmentError> {
    environment.get(name).filter(|value| !value.is_empty()).ok_or(EnvironmentError::Missing(name))
}

fn parsed<T: std::str::FromStr<Err = NameError>>(
    environment: &dyn Environment,
    name: &'static str,
) -> Result<T, EnvironmentError> {
    required(environment, name)?
        .parse()
        .map_err(|source| EnvironmentError::Malformed { variable: name, source })
}

fn optional<T: std::str::FromStr<Err = NameError>>(
    environment: &dyn Environment,
    name: &'static str,
) -> Result<Option<T>, EnvironmentError> {
    match environment.get(name) {
        Some(value) if !value.is_empty() => parsed(environment, name).map(Some),
        _ => Ok(None),
    }
}
