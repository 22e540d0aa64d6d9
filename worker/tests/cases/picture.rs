//! What becomes of a unit when what is desired is done to it.

use std::collections::BTreeSet;

use charm::databag::DatabagPatch;
use charm::desired::{
    Comparison, ContainerGoal, Desired, FileGoal, Reaction, Renewal, RunningServices, ServiceGoal,
    Trigger,
};
use charm::kubernetes::{KubernetesWrite, ObjectKind, ObjectRef};
use charm::layer::Plan;
use charm::names::RelationId;
use charm::status::Status;
use relation_bus::conformance::case::{ContainerInput, Input, ServiceState};
use relation_bus::conformance::outcome::{
    self, Action, ClusterWrite, ContainerOutcome, Outcome, RelationOutcome,
};
use relation_lib::databag::{Databag, patched};
use relation_lib::yaml;
use serde_json::{Map, Value, json};

use crate::view;

/// The unit afterwards.
pub(crate) fn after(input: &Input, desired: &Desired) -> Outcome {
    let status = Status::worst(&desired.unit_statuses);
    let unit_status = status.map(|status| outcome::Status {
        name: status.level.as_str().to_owned(),
        message: status.message.clone(),
    });
    let ports: Vec<String> = match &desired.ports {
        Some(ports) => ports.iter().map(|port| format!("tcp/{}", port.number)).collect(),
        None => input.opened_ports.clone(),
    };
    let containers: Result<Vec<_>, String> =
        input.containers.iter().map(|container| container_after(container, desired)).collect();
    let containers = match containers {
        Ok(containers) => containers,
        Err(kind) => return Outcome::failed(kind),
    };
    let mut host = input.charm_container_files.clone();
    for (path, goal) in &desired.host_files {
        put(&mut host, path.to_str().expect("a path of ours is text"), goal);
    }
    Outcome {
        unit_status,
        app_status: Some(outcome::Status { name: "unknown".to_owned(), message: String::new() }),
        relations: input
            .relations
            .iter()
            .map(|relation| RelationOutcome {
                id: relation.id,
                endpoint: relation.endpoint.clone(),
                local_app_data: bag(&relation.local_app_data, desired.app_databags(), relation.id),
                local_unit_data: bag(
                    &relation.local_unit_data,
                    desired.unit_databags(),
                    relation.id,
                ),
                decoded: None,
            })
            .collect(),
        containers,
        charm_container_files: host,
        charm_tracing: desired
            .charm_tracing
            .as_ref()
            .map(|destination| json!({"url": destination.url, "ca": destination.ca})),
        opened_ports: ports.into_iter().collect::<BTreeSet<_>>().into_iter().collect(),
        workload_version: version(input, desired),
        secrets: input.secrets.clone(),
        k8s: desired.kubernetes.iter().map(|write| cluster_write(input, write)).collect(),
        ..Outcome::default()
    }
}

fn version(input: &Input, desired: &Desired) -> String {
    let told = desired.version_probe.as_ref().and_then(|probe| {
        let container = input.containers.iter().find(|c| c.name == probe.container.as_str())?;
        let answer = container.execs.iter().find(|exec| exec.command == probe.command)?;
        (answer.return_code == 0).then(|| (probe.read)(&answer.stdout)).flatten()
    });
    told.unwrap_or_else(|| input.workload_version.clone())
}

/// The same unit as the next event would find it.
pub(crate) fn continued(input: &Input, outcome: &Outcome) -> Input {
    let mut next = input.clone();
    for (relation, after) in next.relations.iter_mut().zip(&outcome.relations) {
        relation.local_app_data.clone_from(&after.local_app_data);
        relation.local_unit_data.clone_from(&after.local_unit_data);
    }
    for (container, after) in next.containers.iter_mut().zip(&outcome.containers) {
        container.files.clone_from(&after.files);
        let plan = serde_json::to_value(&after.plan).expect("a plan is JSON");
        container.layers = [("merged".to_owned(), plan)].into_iter().collect();
        container.services = after
            .services
            .iter()
            .map(|(name, state)| {
                let running = state["current"] == "active";
                let state = if running { ServiceState::Active } else { ServiceState::Inactive };
                (name.clone(), state)
            })
            .collect();
    }
    next.charm_container_files.clone_from(&outcome.charm_container_files);
    next.opened_ports.clone_from(&outcome.opened_ports);
    next
}

/// What differs between a unit and what became of it, but for the cluster, which a case doesn't
/// show after a write.
pub(crate) fn changes(input: &Input, outcome: &Outcome) -> Vec<String> {
    let mut changes = Vec::new();
    for (relation, after) in input.relations.iter().zip(&outcome.relations) {
        if relation.local_app_data != after.local_app_data
            || relation.local_unit_data != after.local_unit_data
        {
            changes.push(format!("relation {}", relation.id));
        }
    }
    for (container, after) in input.containers.iter().zip(&outcome.containers) {
        let plan = serde_json::to_value(&after.plan).expect("a plan is JSON");
        if container.layers.get("merged") != Some(&plan) {
            changes.push(format!("plan of {}", container.name));
        }
        if container.files != after.files {
            changes.push(format!("files of {}", container.name));
        }
        for action in after.actions.iter().filter(|action| action.verb != "exec") {
            changes.push(format!("{} in {}", action.verb, container.name));
        }
    }
    if input.charm_container_files != outcome.charm_container_files {
        changes.push("files of the charm container".to_owned());
    }
    if input.opened_ports != outcome.opened_ports {
        changes.push("ports".to_owned());
    }
    changes
}

fn bag(
    before: &Databag,
    patches: &std::collections::BTreeMap<RelationId, DatabagPatch>,
    id: u32,
) -> Databag {
    patches.get(&RelationId(id)).map_or_else(|| before.clone(), |patch| patched(before, patch))
}

/// Whether the file is another one now.
fn put(
    files: &mut std::collections::BTreeMap<String, String>,
    path: &str,
    goal: &FileGoal,
) -> bool {
    match goal {
        FileGoal::Absent => files.remove(path).is_some(),
        FileGoal::Present { content, comparison, .. } => {
            let meaning = |text: &str| yaml::parse_with(text, yaml::Aliens::AsText).ok();
            let same = files.get(path).is_some_and(|found| match comparison {
                Comparison::Bytes => found == content.reveal(),
                Comparison::Yaml => meaning(found) == meaning(content.reveal()),
            });
            if !same {
                files.insert(path.to_owned(), content.reveal().to_owned());
            }
            !same
        }
    }
}

fn container_after(before: &ContainerInput, desired: &Desired) -> Result<ContainerOutcome, String> {
    let name = before.name.parse().expect("valid");
    let mut plan = view::plan(&before.layers);
    let mut files = before.files.clone();
    let mut running: BTreeSet<String> = before
        .services
        .iter()
        .filter(|(_, state)| **state == ServiceState::Active)
        .map(|(name, _)| name.clone())
        .collect();
    let mut actions = Vec::new();
    let goal = desired.containers.get(&name).filter(|_| before.can_connect);
    if let Some(goal) = goal {
        let changed = Changed {
            files: goal
                .files
                .iter()
                .filter(|(path, goal)| put(&mut files, path, goal))
                .map(|(path, _)| path.clone())
                .collect(),
            layers: add_layers(&mut plan, goal),
        };
        actions.extend(react(&goal.reactions_before_start, &changed));
        actions.extend(serve(before, &goal.services, &plan, &mut running)?);
        actions.extend(react(&goal.reactions, &changed));
    }
    if let Some(probe) = desired.version_probe.as_ref().filter(|probe| probe.container == name)
        && before.can_connect
    {
        actions.push(Action { verb: "exec".to_owned(), words: probe.command.clone() });
    }
    let services = plan.services.iter().map(|(name, members)| {
        let current = if running.contains(name) { "active" } else { "inactive" };
        (name.clone(), json!({"startup": members.get("startup"), "current": current}))
    });
    Ok(ContainerOutcome {
        name: before.name.clone(),
        services: services.collect(),
        plan: outcome::Plan {
            services: section(plan.services),
            checks: section(plan.checks),
            log_targets: section(plan.log_targets),
        },
        files,
        actions,
    })
}

struct Changed {
    files: BTreeSet<String>,
    layers: BTreeSet<String>,
}

impl Changed {
    fn fires(&self, trigger: &Trigger) -> bool {
        !self.files.is_disjoint(&trigger.files) || !self.layers.is_disjoint(&trigger.layers)
    }
}

/// The labels of layers that changed services or checks.
fn add_layers(plan: &mut Plan, goal: &ContainerGoal) -> BTreeSet<String> {
    let mut changed = BTreeSet::new();
    for (label, layer) in &goal.layers {
        let before = plan.clone();
        plan.services.extend(layer.services.clone());
        plan.checks.extend(layer.checks.clone());
        plan.log_targets.extend(layer.log_targets.clone());
        if (&before.services, &before.checks) != (&plan.services, &plan.checks) {
            changed.insert(label.clone());
        }
    }
    changed
}

fn react(reactions: &[Reaction], changed: &Changed) -> Vec<Action> {
    let fired = reactions.iter().filter(|reaction| changed.fires(&reaction.trigger));
    fired.map(|r| Action { verb: "exec".to_owned(), words: r.command.clone() }).collect()
}

fn serve(
    before: &ContainerInput,
    goal: &ServiceGoal,
    plan: &Plan,
    running: &mut BTreeSet<String>,
) -> Result<Option<Action>, String> {
    let action = |verb: &str, services: &BTreeSet<String>| Action {
        verb: verb.to_owned(),
        words: services.iter().cloned().collect(),
    };
    match goal {
        ServiceGoal::Untouched => Ok(None),
        ServiceGoal::Replanned(_) => Err("replan is not what a worker asks for".to_owned()),
        ServiceGoal::Running(RunningServices { services, causes, .. }) => {
            let restart = causes.values().any(|class| *class == Renewal::Restart);
            if !restart && services.is_subset(running) {
                return Ok(None);
            }
            if before.restart_error.is_some() {
                return Err("service-start-failed".to_owned());
            }
            running.extend(services.iter().cloned());
            Ok(Some(action("restart", services)))
        }
        ServiceGoal::Stopped(services) => {
            let stopped: BTreeSet<String> = services
                .iter()
                .filter(|name| plan.services.contains_key(*name) && running.contains(*name))
                .cloned()
                .collect();
            running.retain(|name| !stopped.contains(name));
            Ok((!stopped.is_empty()).then(|| action("stop", &stopped)))
        }
    }
}

fn section(entries: std::collections::BTreeMap<String, Map<String, Value>>) -> Map<String, Value> {
    entries.into_iter().map(|(name, members)| (name, Value::Object(members))).collect()
}

fn cluster_write(input: &Input, write: &KubernetesWrite) -> ClusterWrite {
    let made =
        |verb: &str, object: &ObjectRef, patch_type: Option<&str>, body: &Value| ClusterWrite {
            verb: verb.to_owned(),
            kind: kind(object.kind).to_owned(),
            name: object.name.clone(),
            namespace: Some(input.model.name.clone()),
            patch_type: patch_type.map(str::to_owned),
            field_manager: None,
            force: false,
            dry_run: false,
            object: body.clone(),
        };
    match write {
        KubernetesWrite::Create { object, body } => made("create", object, None, body),
        KubernetesWrite::Merge { object, body, .. } => {
            made("patch", object, Some("application/strategic-merge-patch+json"), body)
        }
        KubernetesWrite::Apply(patch) => {
            made("patch", &patch.object, Some("application/apply-patch+yaml"), &patch.body)
        }
        KubernetesWrite::Delete(object) => made("delete", object, None, &Value::Null),
    }
}

fn kind(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::ConfigMap => "ConfigMap",
        ObjectKind::Service => "Service",
        ObjectKind::Pod => "Pod",
        ObjectKind::StatefulSet => "StatefulSet",
        ObjectKind::AuthorizationPolicy => "AuthorizationPolicy",
    }
}
