//! Applications and units.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AgentStatus, Clock, StatusEntry, StorageInstance};
use crate::charm_folder::CharmMetadata;
use crate::names::UnitName;

/// A config value with its type: string, boolean, integer or float.
pub type ConfigValue = serde_json::Value;

/// Whether an entity is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// Stays.
    Alive,
    /// Removed by the operator; runs its last hooks.
    Dying,
    /// Has run its last hook.
    Dead,
}

/// An application: a charm, its config and its units.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// What its charm declares.
    pub charm: CharmMetadata,
    /// Config values that the operator set; other options have their default.
    pub config: BTreeMap<String, ConfigValue>,
    /// Whether the application may use the cluster (`--trust`).
    pub trusted: bool,
    /// Units by name.
    pub units: BTreeMap<UnitName, Unit>,
    /// The ordinal that the next unit gets.
    pub scale: u32,
    /// Who holds the leadership; nobody between two leaders.
    pub leader: Option<UnitName>,
    /// What the leader set with `leader-set`.
    #[serde(default)]
    pub leader_settings: BTreeMap<String, String>,
    /// Moves with each `leader-set` that changes something, from 1.
    #[serde(default = "first_version")]
    pub leader_settings_version: u64,
    /// What the leader set with `status-set --application`.
    pub status: Option<StatusEntry>,
    /// What `application-version-set` last said.
    pub workload_version: String,
    /// The cluster address of its Service.
    pub service_address: String,
    /// While nobody leads because the last leader's lease runs out: when the next one is elected.
    pub election: Option<Clock>,
    /// Where the charm came from: `local:web`, `cos:prometheus`.
    pub charm_origin: String,
    /// Counts refreshes; the first charm is revision 0, as of local charms.
    pub charm_revision: u32,
    /// What each resource is: an image or a file.
    pub resources: BTreeMap<String, String>,
    /// Whether it is being removed.
    pub life: Life,
}

fn first_version() -> u64 {
    1
}

impl Application {
    /// An application without units.
    #[must_use]
    pub fn new(name: &str, charm: CharmMetadata) -> Self {
        let charm_name = charm.name.clone();
        Self {
            name: name.to_owned(),
            charm,
            config: BTreeMap::new(),
            trusted: false,
            units: BTreeMap::new(),
            scale: 0,
            leader: None,
            leader_settings: BTreeMap::new(),
            leader_settings_version: first_version(),
            status: None,
            workload_version: String::new(),
            service_address: String::new(),
            election: None,
            charm_origin: format!("local:{charm_name}"),
            charm_revision: 0,
            resources: BTreeMap::new(),
            life: Life::Alive,
        }
    }

    /// The config as a charm sees it: what was set over the defaults. Options without either are
    /// absent.
    #[must_use]
    pub fn effective_config(&self) -> BTreeMap<String, ConfigValue> {
        let mut values = BTreeMap::new();
        for (name, option) in &self.charm.config {
            let value = self.config.get(name).or(option.default.as_ref());
            if let Some(value) = value.filter(|value| !value.is_null()) {
                values.insert(name.clone(), value.clone());
            }
        }
        values
    }

    /// Gives the leadership to the lowest unit that stays when nobody has it, unless the lease of
    /// the last leader is still running out.
    pub fn elect(&mut self) {
        let held = self.leader.as_ref().is_some_and(|leader| self.units.contains_key(leader));
        if !held && self.election.is_none() {
            let alive = self.units.values().filter(|unit| unit.life == Life::Alive);
            self.leader = alive.min_by_key(|unit| unit.name.number()).map(|u| u.name.clone());
        }
    }

    /// The status shown for the application: its own, or else the worst of its units'.
    #[must_use]
    pub fn shown_status(&self) -> StatusEntry {
        if let Some(status) = &self.status {
            return status.clone();
        }
        self.units
            .values()
            .map(Unit::shown_status)
            .max_by_key(|status| status.value.severity())
            .unwrap_or_else(StatusEntry::unset)
    }
}

/// One unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unit {
    /// Its name.
    pub name: UnitName,
    /// The address of its pod.
    pub address: String,
    /// What the charm set with `status-set`.
    pub status: StatusEntry,
    /// Statuses before the current one, oldest first.
    pub status_history: Vec<StatusEntry>,
    /// What its agent does.
    pub agent: AgentStatus,
    /// Ports that are open.
    pub opened_ports: BTreeSet<OpenedPort>,
    /// What `state-set` keeps.
    pub state: BTreeMap<String, String>,
    /// Storage instances by id.
    pub storage: BTreeMap<String, StorageInstance>,
    /// Whether it is being removed.
    pub life: Life,
}

impl Unit {
    /// A unit whose agent has not run yet.
    #[must_use]
    pub fn new(name: UnitName, address: &str) -> Self {
        Self {
            name,
            address: address.to_owned(),
            status: StatusEntry::unset(),
            status_history: Vec::new(),
            agent: AgentStatus::Allocating,
            opened_ports: BTreeSet::new(),
            state: BTreeMap::new(),
            storage: BTreeMap::new(),
            life: Life::Alive,
        }
    }

    /// Sets the workload status. The same again leaves no entry in the history.
    pub fn set_status(&mut self, status: StatusEntry) {
        if status.value == self.status.value && status.message == self.status.message {
            return;
        }
        let former = std::mem::replace(&mut self.status, status);
        self.status_history.push(former);
    }

    /// The status that `juju status` shows: a failed hook hides what the charm set.
    #[must_use]
    pub fn shown_status(&self) -> StatusEntry {
        match &self.agent {
            AgentStatus::Error(message) => {
                StatusEntry::new(super::StatusValue::Error, message.clone(), self.status.since)
            }
            _ => self.status.clone(),
        }
    }
}

/// The protocol of an opened port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// The default.
    Tcp,
    /// `/udp`.
    Udp,
    /// Has no port number.
    Icmp,
}

impl Protocol {
    /// The word as Juju prints it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}

/// A port or range of ports that a unit opened, for all its endpoints or for some.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenedPort {
    /// First port; 0 for ICMP.
    pub from: u16,
    /// Last port; the same as the first for a single one.
    pub to: u16,
    /// The protocol.
    pub protocol: Protocol,
    /// The endpoints it is open for; empty means all.
    pub endpoints: BTreeSet<String>,
}

/// A text that is not a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read port `{0}`: expected `<number>[/tcp|/udp]`, `<from>-<to>[/tcp|/udp]` or `icmp`"
)]
pub struct PortError(String);

impl FromStr for OpenedPort {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        let refuse = || PortError(text.to_owned());
        let all = BTreeSet::new();
        if text == "icmp" {
            return Ok(Self { from: 0, to: 0, protocol: Protocol::Icmp, endpoints: all });
        }
        let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Err(refuse()),
        };
        let number = |text: &str| text.parse::<u16>().ok().filter(|n| *n > 0).ok_or_else(refuse);
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return Err(refuse());
        }
        Ok(Self { from, to, protocol, endpoints: all })
    }
}

impl fmt::Display for OpenedPort {
    /// The form of `opened-ports`: `80/tcp`, `8080-8088/udp`, `icmp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Icmp => f.write_str("icmp"),
            protocol if self.from == self.to => write!(f, "{}/{}", self.from, protocol.as_str()),
            protocol => write!(f, "{}-{}/{}", self.from, self.to, protocol.as_str()),
        }
    }
}

impl OpenedPort {
    /// Whether both cover the same ports, whatever their endpoints.
    #[must_use]
    pub fn same_range(&self, other: &Self) -> bool {
        (self.from, self.to, self.protocol) == (other.from, other.to, other.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StatusValue;

    #[test]
    fn ports_print_as_they_were_read() {
        for (text, printed) in
            [("80", "80/tcp"), ("80/udp", "80/udp"), ("1-3/tcp", "1-3/tcp"), ("icmp", "icmp")]
        {
            assert_eq!(text.parse::<OpenedPort>().unwrap().to_string(), printed);
        }
        for text in ["0", "x", "3-1", "80/sctp", "65536", "-1"] {
            assert_eq!(text.parse::<OpenedPort>(), Err(PortError(text.to_owned())));
        }
    }

    #[test]
    fn the_same_status_again_leaves_no_history() {
        let mut unit = Unit::new(UnitName::new("a", 0), "10.1.0.2");
        let active = StatusEntry::new(StatusValue::Active, "", Clock::default());
        unit.set_status(active.clone());
        unit.set_status(active);
        assert_eq!(unit.status_history, [StatusEntry::unset()]);
    }

    #[test]
    fn a_failed_hook_hides_the_status_without_losing_it() {
        let mut unit = Unit::new(UnitName::new("a", 0), "10.1.0.2");
        unit.set_status(StatusEntry::new(StatusValue::Active, "fine", Clock::default()));
        unit.agent = AgentStatus::Error("hook failed: \"start\"".to_owned());
        assert_eq!(unit.shown_status().value, StatusValue::Error);
        assert_eq!(unit.shown_status().message, "hook failed: \"start\"");
        assert_eq!(unit.status.message, "fine");
    }
}
