//! The coordinator of a coordinated-workers deployment, driven by `solution.yaml`.
//!
//! A pure function: [`Coordinator`] looks at a [`charm::snapshot::Snapshot`] and says what should
//! be true. `facts` reads the snapshot once; each other module decides about one topic.

mod actions;
pub mod address;
mod catalogue;
pub mod cluster;
pub mod coherence;
mod context;
mod correlation;
mod dashboards;
mod datasource;
mod exporter;
pub mod facts;
#[cfg(test)]
mod fixtures;
mod host_name;
mod ingress;
mod log_targets;
mod logs;
mod mesh;
mod needs;
pub mod nginx;
pub mod problem;
pub mod proxy;
mod publish;
mod reconcile;
mod remote_write;
mod rules;
mod scrape;
pub mod solution;
pub mod tls;
mod traces;
mod turns;

use std::path::Path;

use charm::desired::Desired;
use charm::needs::Needs;
use charm::snapshot::Snapshot;
use charm::status::Status;
use charm::{ActionCall, ActionOutcome, Charm};

use solution::{Solution, SolutionError};

/// A coordinator charm.
#[derive(Debug)]
pub struct Coordinator {
    /// An unusable solution is no reason to crash: the operator reads in the status what is wrong.
    solution: Result<Solution, SolutionError>,
}

impl Coordinator {
    /// The coordinator of the solution in a charm's root folder.
    pub fn load(charm_root: &Path) -> Self {
        Self { solution: Solution::load(charm_root) }
    }

    /// The coordinator of a solution.
    pub fn new(solution: Solution) -> Self {
        Self { solution: Ok(solution) }
    }
}

impl Charm for Coordinator {
    fn problem(&self) -> Option<String> {
        self.solution.as_ref().err().map(ToString::to_string)
    }

    fn needs(&self, seen: &Snapshot) -> Needs {
        self.solution.as_ref().map_or_else(|_| Needs::default(), |s| needs::needs(s, seen))
    }

    fn action(&self, snapshot: &Snapshot, call: &ActionCall) -> ActionOutcome {
        match &self.solution {
            Ok(solution) => actions::answer(solution, snapshot, call),
            Err(error) => ActionOutcome::failed(error.to_string()),
        }
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        match &self.solution {
            Ok(solution) => reconcile::reconcile(solution, snapshot),
            Err(error) => {
                let mut desired = Desired::default();
                let status = Status::blocked(format!("[solution] {error}"));
                desired.unit_statuses.push(status.clone());
                if let Some(proof) = snapshot.leadership.proof() {
                    desired.app_status(proof, status);
                }
                desired
            }
        }
    }
}
