//! What changes in one workload container.

use std::collections::BTreeSet;

use super::{ContainerChange, file_change, layer, layer_difference};
use crate::desired::{
    ContainerGoal, Interrupted, Reaction, Renewal, RunningServices, ServiceGoal, Trigger,
};
use crate::layer::Plan;
use crate::snapshot::{ContainerState, ServiceState};

/// The changes of a container and what brought its reactions about.
pub(super) struct Outcome {
    pub(super) changes: Vec<ContainerChange>,
    pub(super) fired: Interrupted,
}

impl Outcome {
    /// Whether anything runs that would not run again by itself after a dispatch that was cut off.
    pub(super) fn acts(&self) -> bool {
        self.changes.iter().any(|change| {
            matches!(
                change,
                ContainerChange::Run { .. }
                    | ContainerChange::Replan
                    | ContainerChange::Restart { .. }
                    | ContainerChange::Reload { .. }
            )
        })
    }
}

pub(super) fn changes(
    state: &ContainerState,
    goal: &ContainerGoal,
    interrupted: Option<&Interrupted>,
) -> Outcome {
    let mut changes = Vec::new();
    let mut fired = interrupted.cloned().unwrap_or_default();
    for (path, file) in &goal.files {
        if let Some(change) = file_change(path, file, state.files.get(path)) {
            fired.trigger.files.insert(path.clone());
            changes.push(change);
        }
    }
    let mut plan = state.plan.clone();
    let mut entries_changed = !fired.trigger.layers.is_empty();
    for (label, layer) in &goal.layers {
        let difference = layer_difference(&plan, layer);
        if difference.is_empty() {
            continue;
        }
        if !(difference.services.is_empty() && difference.checks.is_empty()) {
            fired.trigger.layers.insert(label.clone());
        }
        entries_changed |= !difference.services.is_empty();
        layer::combine(&mut plan, layer);
        changes.push(ContainerChange::AddLayer { label: label.clone(), layer: layer.clone() });
    }
    if let ServiceGoal::Running(running) = &goal.services {
        add_causes(running, &mut fired);
    }
    changes.extend(runs(&goal.reactions_before_start, &fired.trigger));
    changes.extend(services(state, &plan, &goal.services, &fired, entries_changed));
    changes.extend(runs(&goal.reactions, &fired.trigger));
    Outcome { changes, fired }
}

/// What the charm found to differ, and what fires without a class of its own.
fn add_causes(running: &RunningServices, fired: &mut Interrupted) {
    for (subject, class) in &running.causes {
        let known = fired.causes.entry(subject.clone()).or_insert(*class);
        *known = (*class).max(*known);
    }
    let of_files = running.trigger.files.intersection(&fired.trigger.files);
    let of_files = of_files.map(|path| format!("`{path}`"));
    let of_layers = running.trigger.layers.intersection(&fired.trigger.layers);
    let of_layers = of_layers.map(|label| format!("layer `{label}`"));
    for subject in of_files.chain(of_layers) {
        fired.causes.insert(subject, Renewal::Restart);
    }
}

fn fires(trigger: &Trigger, fired: &Trigger) -> bool {
    !trigger.files.is_disjoint(&fired.files) || !trigger.layers.is_disjoint(&fired.layers)
}

fn runs(reactions: &[Reaction], fired: &Trigger) -> Vec<ContainerChange> {
    reactions
        .iter()
        .filter(|reaction| fires(&reaction.trigger, fired))
        .map(|reaction| ContainerChange::Run { command: reaction.command.clone() })
        .collect()
}

fn services(
    state: &ContainerState,
    plan: &Plan,
    goal: &ServiceGoal,
    fired: &Interrupted,
    entries_changed: bool,
) -> Vec<ContainerChange> {
    let current = |name: &String| state.services.get(name);
    let planned = |services: &BTreeSet<String>| -> BTreeSet<String> {
        services.iter().filter(|name| plan.services.contains_key(*name)).cloned().collect()
    };
    let change = match goal {
        ServiceGoal::Untouched => None,
        ServiceGoal::Replanned(services) => {
            // Pebble is busy with a service in backoff already: another start gains nothing.
            let down = planned(services).into_iter().any(|name| {
                plan.services[&name].get("startup").is_some_and(|startup| startup == "enabled")
                    && !matches!(current(&name), Some(ServiceState::Active | ServiceState::Backoff))
            });
            (down || entries_changed).then_some(ContainerChange::Replan)
        }
        ServiceGoal::Running(running) => {
            let is_up = |name: &String| current(name) == Some(&ServiceState::Active);
            let (up, down) = planned(&running.services).into_iter().partition(is_up);
            return renewal(running, up, down, fired);
        }
        ServiceGoal::Stopped(services) => {
            let running = |name: &String| {
                matches!(current(name), Some(ServiceState::Active | ServiceState::Backoff))
            };
            let services: BTreeSet<_> = planned(services).into_iter().filter(running).collect();
            (!services.is_empty()).then_some(ContainerChange::Stop { services })
        }
    };
    change.into_iter().collect()
}

/// One restart for whatever differs; without a need for it, a reload of what runs. What doesn't run
/// is started, with the newest inputs anyway.
fn renewal(
    running: &RunningServices,
    up: BTreeSet<String>,
    down: BTreeSet<String>,
    fired: &Interrupted,
) -> Vec<ContainerChange> {
    let class = fired.causes.values().max().copied().unwrap_or(Renewal::Nothing);
    let causes = |least: Renewal| -> BTreeSet<String> {
        let counting = fired.causes.iter().filter(|(_, class)| **class >= least);
        counting.map(|(subject, _)| subject.clone()).collect()
    };
    let restart = |services: BTreeSet<String>, causes| {
        let settle = running.settle.clone();
        Some(ContainerChange::Restart { services, causes, retry: running.retry, settle })
    };
    let mut changes = Vec::new();
    if class == Renewal::Restart && !up.is_empty() {
        changes.extend(restart(up.union(&down).cloned().collect(), causes(Renewal::Restart)));
        return changes;
    }
    if !down.is_empty() {
        changes.extend(restart(down, BTreeSet::new()));
    }
    if let (Renewal::Reload, Some(reload)) = (class, &running.reload)
        && !up.is_empty()
    {
        let (services, causes, reload) = (up, causes(Renewal::Reload), reload.clone());
        changes.push(ContainerChange::Reload { services, causes, reload });
    }
    changes
}
