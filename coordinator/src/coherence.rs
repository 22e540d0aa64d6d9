//! Whether the deployment can work: roles, object store, and what the statuses say about it.

use std::collections::BTreeSet;

use charm::snapshot::Snapshot;
use charm::status::Status;
use relation_lib::s3::S3Connection;

use crate::cluster::Cluster;
use crate::problem::{Problems, place};
use crate::solution::{Coherence, Solution};

/// Whether the deployment can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    /// It can: everything is decided anew.
    Working,
    /// It can't yet, or no longer: what was published stays, and only what doesn't need a working
    /// deployment goes on.
    Blocked,
}

/// The object store.
#[derive(Debug, Clone, Default)]
pub enum ObjectStore {
    /// The solution needs none.
    #[default]
    NotWanted,
    /// Nobody is related.
    Unrelated,
    /// Somebody is related and hasn't said all that is needed.
    NotReady,
    /// It can be used.
    Ready(Box<S3Connection>),
}

impl ObjectStore {
    /// Reads the databag of the object store: that of the first relation with an application.
    pub fn read(solution: &Solution, snapshot: &Snapshot, problems: &mut Problems) -> Self {
        let Some(endpoint) = &solution.endpoints.s3 else {
            return Self::NotWanted;
        };
        let Some(relation) = snapshot.relations_of(endpoint).find(|r| r.remote_app.is_some())
        else {
            return Self::Unrelated;
        };
        match S3Connection::from_databag(&relation.remote_app_data) {
            Ok(connection) => Self::Ready(Box::new(connection)),
            Err(error) => {
                if relation.remote_app_data.keys().any(|key| key != "data") {
                    problems.note(place(relation, None, "endpoint"), error.to_string());
                }
                Self::NotReady
            }
        }
    }

    /// The connection, if it can be used.
    pub fn connection(&self) -> Option<&S3Connection> {
        match self {
            Self::Ready(connection) => Some(connection),
            _ => None,
        }
    }
}

/// Roles of the minimal deployment that no unit has.
pub fn missing_roles<'a>(solution: &'a Solution, cluster: &Cluster) -> BTreeSet<&'a str> {
    let counts = cluster.role_counts();
    let minimal = solution.roles.minimal.iter().map(String::as_str);
    minimal.filter(|role| !counts.contains_key(role)).collect()
}

/// Whether the workers make up a deployment that works.
pub fn is_coherent(solution: &Solution, cluster: &Cluster) -> bool {
    match solution.coherence {
        Coherence::Always => true,
        Coherence::Never => false,
        Coherence::Roles => missing_roles(solution, cluster).is_empty(),
    }
}

/// What keeps the deployment from working; empty: nothing does.
pub fn obstacles(solution: &Solution, cluster: &Cluster, store: &ObjectStore) -> Vec<Status> {
    let mut statuses = Vec::new();
    if cluster.apps.is_empty() {
        statuses.push(Status::blocked("[consistency] Missing any worker relation."));
    } else if !is_coherent(solution, cluster) {
        statuses.push(Status::blocked("[consistency] Cluster inconsistent."));
    }
    match store {
        ObjectStore::NotWanted | ObjectStore::Ready(_) => {}
        ObjectStore::Unrelated => {
            statuses.push(Status::blocked("[s3] Missing S3 integration."));
        }
        ObjectStore::NotReady => {
            statuses.push(Status::blocked("[s3] S3 not ready (probably misconfigured)."));
        }
    }
    statuses
}

/// What the active status says about a deployment that works but is smaller than recommended.
pub fn remark<'a>(solution: &'a Solution, cluster: &Cluster) -> Option<&'a str> {
    let message = solution.roles.below_recommended_message.as_deref()?;
    let counts = cluster.role_counts();
    let below = solution.roles.recommended.iter().any(|(role, wanted)| {
        // A meta role is there when its members are.
        solution
            .roles
            .expand(role)
            .iter()
            .any(|role| counts.get(role.as_str()).is_none_or(|count| *count < *wanted as usize))
    });
    below.then_some(message)
}
