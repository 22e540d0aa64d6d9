//! The charm's own metadata: what `metadata.yaml` and `config.yaml` declare.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::{ContainerName, EndpointName};

mod read;

pub use read::MetadataError;

/// What the charm declares of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The charm's name, such as `tempo-coordinator-k8s`. Not the application's.
    pub name: String,
    /// Endpoints, whatever their role.
    pub endpoints: BTreeMap<EndpointName, Endpoint>,
    /// Workload containers.
    pub containers: BTreeSet<ContainerName>,
    /// Configuration options.
    pub options: BTreeMap<String, OptionType>,
    /// Options in the order in which `config.yaml` declares them.
    pub option_order: Vec<String>,
}

/// An endpoint of the charm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its role.
    pub role: EndpointRole,
    /// Its interface.
    pub interface: String,
    /// How many relations it takes; `None`: any number.
    pub limit: Option<u32>,
}

/// The role of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointRole {
    /// Provides the interface.
    Provider,
    /// Requires the interface.
    Requirer,
    /// Relates an application to itself.
    Peer,
}

/// The type of a configuration option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionType {
    /// Text.
    String,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// The id of a secret.
    Secret,
}
