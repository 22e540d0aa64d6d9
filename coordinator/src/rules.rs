//! Alert rules: the charm's files, told apart for each worker application and for ourselves.

use charm::desired::Desired;
use relation_lib::alert_rules::AlertRules;
use relation_lib::rules::{Consolidation, Effect, Files, Folders, Injection, RuleSet};
use relation_lib::topology::JujuTopology;

use crate::coherence::Deployment;
use crate::facts::Facts;
use crate::problem::left_out;
use crate::solution;

/// The rules on metrics, the generic ones last.
pub(crate) fn metrics(
    facts: &Facts<'_>,
    deployment: Deployment,
    desired: &mut Desired,
) -> AlertRules {
    consolidated(facts, deployment, desired, |rules| rules.metrics(&Folders::metrics()))
}

/// The rules on logs.
pub(crate) fn logs(facts: &Facts<'_>, deployment: Deployment, desired: &mut Desired) -> AlertRules {
    consolidated(facts, deployment, desired, |rules| rules.logs(&Folders::logs()))
}

/// Folders of the charm that hold rules.
pub(crate) const FOLDERS: [&str; 2] = ["src/prometheus_alert_rules", "src/loki_alert_rules"];

fn consolidated(
    facts: &Facts<'_>,
    deployment: Deployment,
    desired: &mut Desired,
    read: impl FnOnce(&Consolidation<'_>) -> RuleSet,
) -> AlertRules {
    let mut files = Files::new();
    let mut workers = Vec::new();
    if deployment == Deployment::Working {
        for (path, bytes) in &facts.snapshot.charm_files {
            let path = path.to_string_lossy();
            if !FOLDERS.iter().any(|folder| path.starts_with(&format!("{folder}/"))) {
                continue;
            }
            match String::from_utf8(bytes.clone()) {
                Ok(text) => {
                    files.insert(path.into_owned(), text);
                }
                Err(_) => desired.problem(format!("file `{path}`"), "expected UTF-8"),
            }
        }
        workers = worker_topologies(facts);
    }
    let coordinator = facts.topology();
    let injection = match facts.solution.label_matcher_injection {
        solution::Injection::On => Injection::On,
        solution::Injection::Off => Injection::Off,
    };
    let rules =
        Consolidation { files: &files, coordinator: &coordinator, workers: &workers, injection };
    let set = read(&rules);
    for problem in &set.problems {
        let place = format!("file `{}`, line {}", problem.file, problem.line);
        let fault = problem.fault.to_string();
        if problem.fault.effect() == Effect::RuleLeftOut {
            desired.unit_statuses.push(left_out("rules", &place, &fault));
        }
        desired.problem(place, fault);
    }
    set.rules
}

fn worker_topologies(facts: &Facts<'_>) -> Vec<JujuTopology> {
    let own = facts.topology();
    facts
        .cluster
        .representatives()
        .into_values()
        .map(|worker| {
            let model = own.model.clone();
            JujuTopology::new(model, own.model_uuid.clone(), worker.application.clone())
                .with_unit(worker.unit.clone())
                .with_charm_name(worker.topology.charm_name.as_str())
        })
        .collect()
}
