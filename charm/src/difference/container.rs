//! What changes in one workload container.

use std::collections::BTreeSet;

use super::{ContainerChange, file_change, layer};
use crate::desired::{ContainerGoal, Reaction, ServiceGoal, Trigger};
use crate::layer::Plan;
use crate::snapshot::{ContainerState, ServiceState};

/// The changes of a container and what brought its reactions about.
pub(super) struct Outcome {
    pub(super) changes: Vec<ContainerChange>,
    pub(super) fired: Trigger,
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
            )
        })
    }
}

pub(super) fn changes(
    state: &ContainerState,
    goal: &ContainerGoal,
    interrupted: Option<&Trigger>,
) -> Outcome {
    let mut changes = Vec::new();
    let mut fired = interrupted.cloned().unwrap_or_default();
    for (path, file) in &goal.files {
        if let Some(change) = file_change(path, file, state.files.get(path)) {
            fired.files.insert(path.clone());
            changes.push(change);
        }
    }
    let mut plan = state.plan.clone();
    let mut entries_changed = interrupted.is_some_and(|trigger| !trigger.layers.is_empty());
    for (label, layer) in &goal.layers {
        let effect = layer::effect(&plan, layer);
        if effect.is_nothing() {
            continue;
        }
        if effect.services || effect.checks {
            fired.layers.insert(label.clone());
        }
        entries_changed |= effect.services;
        layer::combine(&mut plan, layer);
        changes.push(ContainerChange::AddLayer { label: label.clone(), layer: layer.clone() });
    }
    changes.extend(runs(&goal.reactions_before_start, &fired));
    changes.extend(services(state, &plan, &goal.services, &fired, entries_changed));
    changes.extend(runs(&goal.reactions, &fired));
    Outcome { changes, fired }
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
    fired: &Trigger,
    entries_changed: bool,
) -> Option<ContainerChange> {
    let current = |name: &String| state.services.get(name);
    let planned = |services: &BTreeSet<String>| -> BTreeSet<String> {
        services.iter().filter(|name| plan.services.contains_key(*name)).cloned().collect()
    };
    match goal {
        ServiceGoal::Untouched => None,
        ServiceGoal::Replanned(services) => {
            // Pebble is busy with a service in backoff already: another start gains nothing.
            let down = planned(services).into_iter().any(|name| {
                plan.services[&name].get("startup").is_some_and(|startup| startup == "enabled")
                    && !matches!(current(&name), Some(ServiceState::Active | ServiceState::Backoff))
            });
            (down || entries_changed).then_some(ContainerChange::Replan)
        }
        ServiceGoal::Running { services, trigger, retry } => {
            let services = planned(services);
            let down = services.iter().any(|name| current(name) != Some(&ServiceState::Active));
            let restart = !services.is_empty() && (down || fires(trigger, fired));
            restart.then_some(ContainerChange::Restart { services, retry: *retry })
        }
        ServiceGoal::Stopped(services) => {
            let running = |name: &String| {
                matches!(current(name), Some(ServiceState::Active | ServiceState::Backoff))
            };
            let services: BTreeSet<_> = planned(services).into_iter().filter(running).collect();
            (!services.is_empty()).then_some(ContainerChange::Stop { services })
        }
    }
}
