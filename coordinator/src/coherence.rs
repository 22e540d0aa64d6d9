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

#[cfg(test)]
mod tests {
    use charm::snapshot::Snapshot;
    use charm::status::Status;
    use charm::testing::RelationBuilder;

    use crate::fixtures::{alone, decide, solution, store, worker, working};
    use crate::reconcile::reconcile;

    fn status(snapshot: &Snapshot) -> Option<Status> {
        let desired = decide(snapshot);
        assert_eq!(
            Status::worst(&desired.unit_statuses),
            Status::worst(desired.app_statuses()),
            "the leader shows the same for the application"
        );
        Status::worst(&desired.unit_statuses).cloned()
    }

    #[test]
    fn what_is_missing_first_is_shown() {
        let blocked = |message: &str| Some(Status::blocked(message));
        assert_eq!(status(&alone().build()), blocked("[consistency] Missing any worker relation."));
        assert_eq!(
            status(&alone().relation(worker(1, "w", "read")).relation(store()).build()),
            blocked("[consistency] Cluster inconsistent.")
        );
        assert_eq!(
            status(&alone().relation(worker(1, "w", "all")).build()),
            blocked("[s3] Missing S3 integration.")
        );
        let empty = RelationBuilder::new("s3", 2, "blob");
        assert_eq!(
            status(&alone().relation(worker(1, "w", "all")).relation(empty).build()),
            blocked("[s3] S3 not ready (probably misconfigured).")
        );
        assert_eq!(status(&working().build()), Some(Status::active("")));
    }

    #[test]
    fn blanks_between_roles_do_not_count() {
        let spaced = alone().relation(worker(1, "w", "read, write")).relation(store());
        assert_eq!(status(&spaced.build()), Some(Status::active("")));
    }

    #[test]
    fn a_role_without_a_unit_is_not_there() {
        let empty = RelationBuilder::new("cluster", 1, "w").remote_app([("role", "\"all\"")]);
        assert_eq!(
            status(&alone().relation(empty).relation(store()).build()),
            Some(Status::blocked("[consistency] Cluster inconsistent."))
        );
    }

    #[test]
    fn below_the_recommended_deployment_the_active_status_says_so() {
        let solution = solution(
            "recommended_deployment: {read: 2, write: 1}\nbelow_recommended_message: Degraded.\n",
        );
        let shown = |snapshot: &Snapshot| {
            Status::worst(&reconcile(&solution, snapshot).unit_statuses).cloned()
        };
        assert_eq!(shown(&working().build()), Some(Status::active("Degraded.")));
        let enough = working().relation(worker(3, "more", "read")).build();
        assert_eq!(shown(&enough), Some(Status::active("")));
    }

    #[test]
    fn the_solutions_own_answer_overrules_the_roles() {
        let snapshot = alone().relation(worker(1, "w", "read")).relation(store()).build();
        let always = reconcile(&solution("coherence: always\n"), &snapshot);
        assert_eq!(Status::worst(&always.unit_statuses), Some(&Status::active("")));
        let never = reconcile(&solution("coherence: never\n"), &working().build());
        let message = "[consistency] Cluster inconsistent.";
        assert_eq!(Status::worst(&never.unit_statuses), Some(&Status::blocked(message)));
    }
}
