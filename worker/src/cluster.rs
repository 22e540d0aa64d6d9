//! The relation to the coordinator: what it says, and what we say to it.

use std::collections::BTreeSet;

use charm::databag::DatabagPatch;
use charm::desired::{Desired, Problem};
use charm::snapshot::{Relation, Snapshot};
use relation_lib::cluster::{
    ClusterProviderAppData, ClusterRequirerAppData, ClusterRequirerUnitData, RESTART_TURNS,
    WorkerConfig, WorkerTopology,
};
use relation_lib::databag::{Decoded, replacing, withdrawing};
use relation_lib::yaml;
use serde_json::Value;

use crate::restart::Rolling;
use crate::roles::Roles;
use crate::solution::Solution;

/// What the coordinator says.
#[derive(Debug)]
pub struct Cluster<'a> {
    /// The relation; of several the oldest one.
    pub relation: Option<&'a Relation>,
    /// How many relations there are. Only one can be served.
    pub relations: usize,
    /// The coordinator's databag. What can't be read is left out and listed.
    pub data: Decoded<ClusterProviderAppData>,
    /// The workload's configuration.
    pub config: Config,
}

/// The workload's configuration.
#[derive(Debug, Clone, PartialEq)]
pub enum Config {
    /// There is none, or it was withdrawn: the workload must not run.
    Absent,
    /// There is something that can't be read, and why.
    Unreadable(String),
    /// The configuration.
    Known(Value),
}

impl<'a> Cluster<'a> {
    /// Reads the coordinator's databag.
    pub fn of(solution: &'a Solution, snapshot: &'a Snapshot) -> Self {
        let mut relations = snapshot.relations_of(&solution.cluster_endpoint).peekable();
        let relation = relations.peek().copied();
        let data = relation
            .map(|relation| ClusterProviderAppData::decode(&relation.remote_app_data))
            .unwrap_or_default();
        let config = config(&data);
        Self { relation, relations: relations.count(), data, config }
    }

    /// Whether a key is there but of no use; what it is about is then left as it is.
    pub fn is_unreadable(&self, key: &str) -> bool {
        self.data.is_unreadable(key)
    }

    /// Asks for this unit's turn to restart, with the reason; or takes the request back once services
    /// that were restarted are ready.
    pub fn ask_for_turn(&self, reason: Option<&str>, desired: &mut Desired) {
        let Some(relation) = self.relation else { return };
        let patch = ClusterRequirerUnitData::encode_request(reason);
        match reason {
            Some(_) => desired.unit_databag(relation.id, patch),
            None => desired.settled_databag(relation.id, patch),
        }
    }

    /// Whether this unit has asked for its turn.
    pub fn asks_for_turn(&self) -> bool {
        let patch = ClusterRequirerUnitData::encode_request(None);
        self.relation
            .is_some_and(|relation| patch.keys().any(|key| relation.local_unit.contains_key(key)))
    }

    /// What was left out of the coordinator's databag.
    pub fn problems(&self) -> Vec<Problem> {
        let Some(relation) = self.relation else { return Vec::new() };
        let place = format!("relation `{}:{}`", relation.endpoint, relation.id);
        let place = match &relation.remote_app {
            Some(application) => format!("{place}, application `{application}`"),
            None => place,
        };
        let mut reasons: Vec<String> =
            self.data.skipped.iter().map(|skipped| format!("key {skipped}")).collect();
        if let (Config::Unreadable(reason), WorkerConfig::Text(_)) =
            (&self.config, &self.data.value.worker_config)
        {
            reasons.push(format!("key `worker_config`: {reason}"));
        }
        reasons.into_iter().map(|reason| Problem { place: place.clone(), reason }).collect()
    }

    /// Tells the coordinator who and where this unit is, and, as the leader, what its roles are.
    pub fn publish(
        &self,
        snapshot: &Snapshot,
        roles: &Roles,
        rolling: Rolling,
        desired: &mut Desired,
    ) {
        let Some(relation) = self.relation else { return };
        let identity = &snapshot.identity;
        let unit = ClusterRequirerUnitData {
            juju_topology: WorkerTopology {
                application: identity.application.to_string(),
                unit: identity.unit.to_string(),
                charm_name: snapshot.metadata.name.clone(),
            },
            address: snapshot.host.fqdn.clone(),
            features: match rolling {
                Rolling::On => [RESTART_TURNS.to_owned()].into(),
                Rolling::Off => BTreeSet::new(),
            },
            restart_request: None,
        };
        let mut patch = replacing(&relation.local_unit, unit.encode());
        // A request stays until it is taken back.
        patch.retain(|key, _| !ClusterRequirerUnitData::encode_request(None).contains_key(key));
        desired.unit_databag(relation.id, patch);
        if let Some(leader) = snapshot.leadership.proof() {
            let patch = role_patch(roles);
            let current = relation.local_app.clone().unwrap_or_default();
            desired.app_databag(leader, relation.id, replacing(&current, patch));
        }
    }
}

/// A role that was switched off is taken back: the coordinator must not count on it.
fn role_patch(roles: &Roles) -> DatabagPatch {
    if roles.enabled().is_empty() {
        withdrawing(ClusterRequirerAppData::KEYS)
    } else {
        ClusterRequirerAppData::of_roles(roles.enabled().iter().map(String::as_str)).encode()
    }
}

fn config(data: &Decoded<ClusterProviderAppData>) -> Config {
    match &data.value.worker_config {
        WorkerConfig::Absent => Config::Absent,
        WorkerConfig::Unreadable => {
            let skipped = data.skipped.iter().find(|skipped| skipped.key == "worker_config");
            Config::Unreadable(skipped.map(|s| s.reason.clone()).unwrap_or_default())
        }
        WorkerConfig::Text(text) => match yaml::parse_with(text, yaml::Aliens::AsText) {
            Ok(value) if says_nothing(&value) => Config::Absent,
            Ok(value) => Config::Known(value),
            Err(error) => Config::Unreadable(error.to_string()),
        },
    }
}

/// What Python takes for false: an empty document, and other values that configure nothing.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relation_lib::databag::Databag;

    fn config_of(value: &str) -> Config {
        let bag = Databag::from([("worker_config".to_owned(), value.to_owned())]);
        config(&ClusterProviderAppData::decode(&bag))
    }

    #[test]
    fn configurations_that_say_nothing_are_absent() {
        for text in [r#""""#, r#""{}\n""#, r##""# only\n""##, r#""[]""#, r#""no""#, r#""0""#] {
            assert_eq!(config_of(text), Config::Absent, "{text}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_unreadable_and_says_where() {
        let Config::Unreadable(reason) = config_of(r#""a: {\n""#) else { unreachable!() };
        assert!(reason.starts_with("cannot read YAML at line 1, column 4: "), "{reason}");
        let Config::Unreadable(reason) = config_of("a: 1") else { unreachable!() };
        assert!(!reason.is_empty());
    }

    #[test]
    fn a_date_stays_the_text_that_it_is() {
        let expected = serde_json::json!({"since": "2026-03-01"});
        assert_eq!(config_of(r#""since: 2026-03-01\n""#), Config::Known(expected));
    }
}
