//! From what is true after an event to the outcome of a case.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::case::Input;
use super::outcome::{
    Action, ClusterWrite, ContainerOutcome, Databag, Outcome, Plan, RelationOutcome, Secret, Status,
};
use super::requests;
use crate::model::{Model, OpenedPort, SecretOwner, StatusEntry};
use crate::names::{RelationId, UnitName};
use crate::pebble::Workload;

/// Everything that there is to look at once the charm has run.
#[derive(Debug)]
pub struct Aftermath<'a> {
    /// The case.
    pub input: &'a Input,
    /// Our unit.
    pub unit: &'a UnitName,
    /// What the controller holds.
    pub model: &'a Model,
    /// Container to what is behind its socket.
    pub workloads: &'a BTreeMap<String, Workload>,
    /// What was written to the cluster.
    pub cluster: Vec<ClusterWrite>,
    /// Files of the charm container outside the charm folder.
    pub files: BTreeMap<String, String>,
    /// Where the charm's own traces go.
    pub charm_tracing: Option<Value>,
}

impl Aftermath<'_> {
    /// The outcome, in the form of a case.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        let application = self.model.applications.get(&self.input.app);
        let unit = self.model.unit(self.unit);
        let relations = self.input.relations.iter().map(|r| (r.id, r.endpoint.as_str()));
        let peers = self.input.peers.iter().map(|p| (p.id, p.endpoint.as_str()));
        Outcome {
            raised: None,
            unit_status: Some(status(unit.map(|unit| &unit.status))),
            app_status: Some(status(application.and_then(|app| app.status.as_ref()))),
            relations: relations.map(|(id, endpoint)| self.relation(id, endpoint)).collect(),
            peers: peers.map(|(id, endpoint)| self.relation(id, endpoint)).collect(),
            containers: self
                .workloads
                .iter()
                .map(|(name, workload)| container(name, workload))
                .collect(),
            opened_ports: unit
                .map_or_else(Vec::new, |unit| unit.opened_ports.iter().map(port).collect()),
            workload_version: application
                .map(|application| application.workload_version.clone())
                .unwrap_or_default(),
            secrets: self.model.secrets.values().map(|secret| self.secret(secret)).collect(),
            charm_container_files: self.files,
            charm_tracing: self.charm_tracing,
            k8s: self.cluster,
            ..Outcome::default()
        }
    }

    fn relation(&self, id: u32, endpoint: &str) -> RelationOutcome {
        let relation = self.model.relations.get(&RelationId(id));
        let local_app_data = relation
            .and_then(|relation| relation.side(&self.input.app))
            .map(|side| side.bag.content.clone())
            .unwrap_or_default();
        let local_unit_data = relation
            .and_then(|relation| relation.unit_bag(self.unit))
            .map(|bag| bag.content.clone())
            .unwrap_or_default();
        let decoded: BTreeMap<_, _> = [
            ("local_app_data".to_owned(), decoded(&local_app_data)),
            ("local_unit_data".to_owned(), decoded(&local_unit_data)),
        ]
        .into_iter()
        .filter(|(_, keys)| !keys.is_empty())
        .collect();
        RelationOutcome {
            id,
            endpoint: endpoint.to_owned(),
            local_app_data,
            local_unit_data,
            decoded: Some(decoded).filter(|decoded| !decoded.is_empty()),
        }
    }

    fn secret(&self, secret: &crate::model::Secret) -> Secret {
        let owner = match &secret.owner {
            SecretOwner::Unit(unit) if unit == self.unit => Some("unit"),
            SecretOwner::Application(name) if *name == self.input.app => Some("app"),
            _ => None,
        };
        let label = match owner {
            Some(_) => Some(secret.label.clone()),
            None => secret.consumers.get(self.unit).and_then(|consumer| consumer.label.clone()),
        };
        let content = secret.revisions.values().next_back().map(|revision| {
            let values = revision.content.reveal().iter();
            values
                .map(|(key, value)| (key.clone(), String::from_utf8_lossy(value).into_owned()))
                .collect()
        });
        let mut grants: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // Who may read another application's secret is that application's affair.
        for grant in secret.grants.iter().filter(|_| owner.is_some()) {
            let relation = grant.relation.map(|id| id.to_string()).unwrap_or_default();
            grants.entry(relation).or_default().push(grant.application.clone());
        }
        Secret {
            id: secret.id.uri(),
            label: label.filter(|label| !label.is_empty()),
            owner: owner.map(str::to_owned),
            content: content.unwrap_or_default(),
            grants,
        }
    }
}

/// The files below a folder by absolute path, but for what lies in `left_out`.
///
/// # Errors
///
/// When a folder can't be read.
pub fn files_below(root: &Path, left_out: &[&Path]) -> io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
            if left_out.contains(&path.as_path()) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
                let name = path.strip_prefix(root).unwrap_or(&path).display();
                files.insert(format!("/{name}"), text);
            }
        }
    }
    Ok(files)
}

fn status(entry: Option<&StatusEntry>) -> Status {
    match entry {
        Some(entry) => {
            Status { name: entry.value.as_str().to_owned(), message: entry.message.clone() }
        }
        None => Status { name: "unknown".to_owned(), message: String::new() },
    }
}

/// What is judged in another form than the raw text.
fn decoded(bag: &Databag) -> BTreeMap<String, Value> {
    let key = "certificate_signing_requests";
    let requests = bag.get(key).and_then(|value| requests::decoded(value));
    requests.map(|requests| (key.to_owned(), requests)).into_iter().collect()
}

fn container(name: &str, workload: &Workload) -> ContainerOutcome {
    let plan: Plan = serde_json::from_value(workload.plan()).unwrap_or_default();
    let services = workload.services().into_iter().map(|(name, service)| {
        (name, json!({"startup": service.startup, "current": service.current}))
    });
    let files = workload.files().into_iter();
    ContainerOutcome {
        name: name.to_owned(),
        plan,
        services: services.collect(),
        files: files
            .map(|(path, content)| (path, String::from_utf8_lossy(&content).into_owned()))
            .collect(),
        actions: workload
            .journal()
            .iter()
            .filter(|action| action.is_run())
            .filter_map(|action| serde_json::from_value::<Action>(action.to_json()).ok())
            .collect(),
    }
}

/// A port as cases spell it, such as `tcp/9400`.
fn port(port: &OpenedPort) -> String {
    match port.to_string().split_once('/') {
        Some((number, protocol)) => format!("{protocol}/{number}"),
        None => port.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_absolute_paths_and_some_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        for path in ["etc/a", "charm/b", "c"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        let files = files_below(root.path(), &[&root.path().join("charm")]).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["/c", "/etc/a"]);
    }

    #[test]
    fn a_status_that_was_never_set_is_unknown() {
        assert_eq!(status(None), Status { name: "unknown".into(), message: String::new() });
        assert_eq!(port(&"9400/tcp".parse().unwrap()), "tcp/9400");
    }
}
