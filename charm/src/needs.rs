//! What a charm asks to see before it decides.
//!
//! The runtime reads exactly what is named here, each thing once. A charm that has to look at one
//! thing to know what to ask for next (a secret whose id stands in a databag) is asked again with
//! what was read so far, until it asks for nothing new.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::kubernetes::KubernetesQuery;
use crate::names::{ContainerName, EndpointName, SecretId, SecretLabel};

/// Everything that a charm asks for. Leadership, the own status and facts of the host are always read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Needs {
    /// Whether the configuration is read.
    pub config: BTreeSet<ConfigNeed>,
    /// Databags, by endpoint. Relations of an endpoint that is not named are not even listed.
    pub endpoints: BTreeMap<EndpointName, BTreeSet<Bag>>,
    /// Containers, and what is read in each besides plan and services.
    pub containers: BTreeMap<ContainerName, ContainerNeeds>,
    /// Secrets to read.
    pub secrets: BTreeSet<SecretNeed>,
    /// Endpoints whose network binding is read.
    pub networks: BTreeSet<EndpointName>,
    /// Whether the opened ports are read.
    pub ports: BTreeSet<PortsNeed>,
    /// Keys of the unit's state at the controller.
    pub state: BTreeSet<String>,
    /// Folders of the charm, read recursively; paths relative to the charm's root.
    pub charm_folders: BTreeSet<PathBuf>,
    /// Files of the charm container outside the charm folder, absolute.
    pub host_files: BTreeSet<PathBuf>,
    /// Questions to the Kubernetes API.
    pub kubernetes: Vec<KubernetesQuery>,
}

/// The configuration, as a set element so that needs can be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigNeed {
    /// All options that have a value or a default.
    Options,
}

/// The opened ports, as a set element so that needs can be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortsNeed {
    /// Ports that this unit has opened.
    Opened,
}

/// A databag of a relation, seen from this unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bag {
    /// Our application's. Only the leader reads it (on peer relations: everybody).
    LocalApp,
    /// This unit's own.
    LocalUnit,
    /// The remote application's.
    RemoteApp,
    /// Those of all remote units that have joined (on peer relations: of our other units).
    RemoteUnits,
}

/// What is read in a container besides its plan and services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerNeeds {
    /// Files whose content is read, absolute paths. A missing file is a finding, not an error.
    pub files: BTreeSet<String>,
    /// Commands that only look (a version probe), run once.
    pub probes: BTreeSet<Vec<String>>,
    /// Whether the checks' states are read.
    pub checks: BTreeSet<ChecksNeed>,
}

/// The states of checks, as a set element so that needs can be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChecksNeed {
    /// All checks of the plan.
    States,
}

/// A secret to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretNeed {
    /// A secret that this unit or application owns, found by its label. Content, id and grants are read.
    Owned(SecretLabel),
    /// A secret of somebody else, at its newest revision.
    Observed(SecretId),
    /// Ids and labels, without contents, of every secret that this unit may manage.
    Listing,
}
