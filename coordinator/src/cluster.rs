//! The workers: what their databags say.

use std::collections::{BTreeMap, BTreeSet};

use charm::names::RelationId;
use charm::snapshot::{Relation, Snapshot};
use relation_lib::cluster::{ClusterRequirerAppData, ClusterRequirerUnitData, WorkerTopology};
use relation_lib::topology::{ApplicationName, NameError, UnitName};

use crate::address::Host;
use crate::problem::{Problems, place};
use crate::solution::Solution;

/// All worker applications, by relation id.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// One for each relation.
    pub apps: Vec<WorkerApp>,
}

/// A worker application.
#[derive(Debug, Clone)]
pub struct WorkerApp {
    /// Its relation.
    pub relation: RelationId,
    /// The application at the other end, if Juju says.
    pub remote_app: Option<String>,
    /// What it runs; `None` while it hasn't said, or not in a way that can be read.
    pub role: Option<AdvertisedRole>,
    /// How many units are related, whether or not they have said anything.
    pub units_related: usize,
    /// The units that have said who and where they are, by unit name as text.
    pub workers: Vec<Worker>,
}

/// What a worker application runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertisedRole {
    /// The text as it was advertised.
    pub text: String,
    /// The roles that it stands for.
    pub roles: BTreeSet<String>,
}

/// A worker unit that has said who and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its application.
    pub application: ApplicationName,
    /// The unit.
    pub unit: UnitName,
    /// Who it is, as it says it.
    pub topology: WorkerTopology,
    /// Where it is reached.
    pub address: Host,
    /// What it understands beyond the Python worker.
    pub features: BTreeSet<String>,
    /// Why it asks for its turn to restart, if it does.
    pub restart_request: Option<String>,
}

impl Cluster {
    /// Reads the databags of all worker relations.
    pub fn read(solution: &Solution, snapshot: &Snapshot, problems: &mut Problems) -> Self {
        let Some(endpoint) = &solution.endpoints.cluster else {
            return Self::default();
        };
        let apps = snapshot
            .relations_of(endpoint)
            .map(|relation| WorkerApp::read(solution, relation, problems))
            .collect();
        Self { apps }
    }

    /// Every worker unit that has spoken, by relation, then unit name.
    pub fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.apps.iter().flat_map(|app| &app.workers)
    }

    /// How many units each role has; roles without unit are absent.
    pub fn role_counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for app in self.apps.iter().filter(|app| app.units_related > 0) {
            for role in app.role.iter().flat_map(|role| &role.roles) {
                *counts.entry(role.as_str()).or_insert(0) += app.units_related;
            }
        }
        counts
    }

    /// Where the workers of each role are reached.
    pub fn addresses_by_role(&self) -> BTreeMap<&str, BTreeSet<&Host>> {
        let mut addresses: BTreeMap<&str, BTreeSet<&Host>> = BTreeMap::new();
        for app in &self.apps {
            for role in app.role.iter().flat_map(|role| &role.roles) {
                for worker in &app.workers {
                    addresses.entry(role).or_default().insert(&worker.address);
                }
            }
        }
        addresses
    }

    /// Where workers with a role are reached.
    pub fn addresses(&self) -> BTreeSet<&Host> {
        self.addresses_by_role().into_values().flatten().collect()
    }

    /// One worker for each application: the first one that has spoken.
    pub fn representatives(&self) -> BTreeMap<&ApplicationName, &Worker> {
        let mut representatives = BTreeMap::new();
        for worker in self.workers() {
            representatives.entry(&worker.application).or_insert(worker);
        }
        representatives
    }
}

impl WorkerApp {
    /// Whether the application gets its configuration: it has units, and all of them and the
    /// application itself have said all that they must.
    pub fn is_ready(&self) -> bool {
        self.role.is_some() && self.units_related > 0 && self.workers.len() == self.units_related
    }

    /// Whether every unit announces a feature.
    pub fn announces(&self, feature: &str) -> bool {
        self.is_ready() && self.workers.iter().all(|worker| worker.features.contains(feature))
    }

    fn read(solution: &Solution, relation: &Relation, problems: &mut Problems) -> Self {
        let mut workers = Vec::new();
        for (unit, bag) in &relation.remote_units {
            match Worker::read(bag) {
                Ok(worker) => workers.push(worker),
                // A unit that hasn't spoken yet is nothing to complain about.
                Err(_) if !bag.contains_key("address") && !bag.contains_key("juju_topology") => {}
                Err(Refusal { key, reason }) => {
                    problems.note(place(relation, Some(unit.as_str()), &key), reason);
                }
            }
        }
        Self {
            relation: relation.id,
            remote_app: relation.remote_app.as_ref().map(ToString::to_string),
            role: read_role(solution, relation, problems),
            units_related: relation.remote_units.len(),
            workers,
        }
    }
}

fn read_role(
    solution: &Solution,
    relation: &Relation,
    problems: &mut Problems,
) -> Option<AdvertisedRole> {
    if !relation.remote_app_data.contains_key("role") {
        return None;
    }
    match ClusterRequirerAppData::decode(&relation.remote_app_data) {
        Ok(read) => {
            let roles = solution.roles.expand(&read.value.role);
            Some(AdvertisedRole { roles, text: read.value.role })
        }
        Err(error) => {
            problems.note(place(relation, None, error.key()), error.to_string());
            None
        }
    }
}

struct Refusal {
    key: String,
    reason: String,
}

impl Worker {
    fn read(bag: &relation_lib::Databag) -> Result<Self, Refusal> {
        let data = ClusterRequirerUnitData::decode(bag)
            .map_err(|error| Refusal { key: error.key().to_owned(), reason: error.to_string() })?
            .value;
        let of_topology = |error: NameError| Refusal {
            key: "juju_topology".to_owned(),
            reason: error.to_string(),
        };
        Ok(Self {
            application: data
                .juju_topology
                .application
                .parse::<ApplicationName>()
                .map_err(of_topology)?,
            unit: data.juju_topology.unit.parse::<UnitName>().map_err(of_topology)?,
            topology: data.juju_topology,
            address: data.address.parse().map_err(|error: crate::address::AddressError| {
                Refusal { key: "address".to_owned(), reason: error.to_string() }
            })?,
            features: data.features,
            restart_request: data.restart_request,
        })
    }
}

#[cfg(test)]
mod tests {
    use charm::testing::RelationBuilder;
    use serde_json::json;

    use crate::fixtures::{alone, app_value, decide, store, worker, working};

    #[test]
    fn a_unit_that_has_said_too_little_keeps_its_application_waiting_and_is_named() {
        let halting = worker(3, "late", "read")
            .remote_unit("late/1", [("address", "5"), ("juju_topology", "{}")])
            .remote_unit("late/2", []);
        let desired = decide(&working().relation(halting).build());
        assert_eq!(app_value(&desired, 3, "worker_config"), None);
        assert!(app_value(&desired, 1, "worker_config").is_some());
        let places: Vec<&str> = desired.problems.iter().map(|p| p.place.as_str()).collect();
        assert_eq!(places, ["relation `cluster:3`, unit `late/1`, key `juju_topology`"]);
    }

    #[test]
    fn a_role_that_is_not_json_spoils_its_own_application_only() {
        let odd = RelationBuilder::new("cluster", 3, "odd")
            .remote_app([("role", "read")])
            .remote_unit("odd/0", []);
        let desired = decide(&working().relation(odd).build());
        assert!(app_value(&desired, 1, "worker_config").is_some());
        assert_eq!(desired.problems[0].place, "relation `cluster:3`, application, key `role`");
    }

    #[test]
    fn an_address_that_could_break_a_configuration_is_refused() {
        let unit = r#"{"application": "bad", "unit": "bad/0", "charm_name": "c"}"#;
        let bad = RelationBuilder::new("cluster", 3, "bad")
            .remote_app([("role", "\"read\"")])
            .remote_unit("bad/0", [("juju_topology", unit), ("address", r#""x; } http {""#)]);
        let desired = decide(&working().relation(bad).build());
        assert_eq!(
            desired.problems[0].reason,
            "cannot use the host: expected a host name or an address"
        );
    }

    #[test]
    fn every_worker_application_gets_the_addresses_of_all() {
        let two = alone()
            .relation(worker(1, "reader", "read"))
            .relation(worker(3, "writer", "write"))
            .relation(store());
        let desired = decide(&two.build());
        let expected = json!("join: [\"reader-0.example\",\"writer-0.example\"]");
        for relation in [1, 3] {
            assert_eq!(app_value(&desired, relation, "worker_config"), Some(expected.clone()));
        }
    }
}
