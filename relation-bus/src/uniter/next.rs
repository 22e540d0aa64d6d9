//! The pure choice of what a unit does next.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use super::{
    LocalState, PodEnd, PodLife, RelationState, RemoteRelation, RemoteState, StoragePosition,
};
use crate::hook::{Detaching, Hook, LifeCycle, RelationEvent, RelationHook, WorkloadEvent};
use crate::model::StorageInstance;
use crate::names::{RelationId, UnitName};

/// What a unit does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Run a hook.
    Run(Hook),
    /// Run a failed hook again: its pause is over.
    Retry(Hook),
    /// Give the unit a new pod.
    NewPod(PodEnd),
    /// Leave a peer relation in which every peer has been told of as departed.
    LeavePeers(RelationId),
    /// The unit has run its last hook.
    Die,
}

/// What Juju leaves to chance: the order in which units and relations get their turn, and when a
/// leadership, a container that is up, a secret or a storage instance is heard of. Within one
/// relation Juju's order is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By name and id, and everything at once: reproducible and easy to read.
    #[default]
    Sorted,
    /// By chance, made reproducible by a seed and the number of the pass.
    Shuffled {
        /// The seed.
        seed: u64,
        /// Differs from pass to pass.
        pass: u64,
    },
}

impl Order {
    fn rank(self, id: RelationId) -> u64 {
        match self {
            Self::Sorted => u64::from(id.0),
            Self::Shuffled { .. } => self.draw(id.0),
        }
    }

    /// The same order in that pass.
    #[must_use]
    pub fn in_pass(self, pass: u64) -> Self {
        match self {
            Self::Sorted => Self::Sorted,
            Self::Shuffled { seed, .. } => Self::Shuffled { seed, pass },
        }
    }

    /// A number for something in this pass; always the same one when the order is sorted.
    #[must_use]
    pub fn draw(self, what: impl Hash) -> u64 {
        match self {
            Self::Sorted => 0,
            Self::Shuffled { seed, pass } => {
                let mut hasher = DefaultHasher::new();
                (seed, pass, what).hash(&mut hasher);
                hasher.finish()
            }
        }
    }
}

/// Whether news from outside relations has reached the agent in this pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// Some has, as the order draws.
    Drawn,
    /// All has.
    Here,
}

/// The first operation that applies, or nothing when the unit is idle or waits for a retry.
#[must_use]
pub fn next_operation(
    unit: &UnitName,
    local: &LocalState,
    remote: &RemoteState,
    order: Order,
) -> Option<Operation> {
    // A unit that would rest hears what it has not heard yet.
    choose(unit, local, remote, order, News::Drawn)
        .or_else(|| choose(unit, local, remote, order, News::Here))
}

fn choose(
    unit: &UnitName,
    local: &LocalState,
    remote: &RemoteState,
    order: Order,
    news: News,
) -> Option<Operation> {
    if local.removed {
        return None;
    }
    let heard =
        |what: &str| news == News::Here || order.draw((unit.as_str(), what)).is_multiple_of(3);
    let run = |hook| Some(Operation::Run(hook));
    let active = local.installed && !remote.is_dying;
    let free = local.failed.is_none();
    let mut ids: Vec<RelationId> = remote.relations.keys().copied().collect();
    ids.sort_by_key(|id| order.rank(*id));

    if active && free {
        let fresh =
            |id: &&RelationId| !local.relations.contains_key(id) && !remote.relations[id].is_dying;
        if let Some(id) = ids.iter().find(fresh) {
            return run(relation_hook(*id, &remote.relations[id], RelationEvent::Created, None));
        }
        if remote.is_leader && !local.leads && heard("leadership") {
            return run(LifeCycle::LeaderElected.into());
        }
        let settings = remote.leader_settings.filter(|_| !remote.is_leader);
        if settings.is_some_and(|version| version != local.leader_settings_seen)
            && heard("leadership settings")
        {
            return run(LifeCycle::LeaderSettingsChanged.into());
        }
        if let Some(hook) = workload_hook(local, remote, order).filter(|_| heard("workload")) {
            return run(hook);
        }
        if let Some(hook) = remote.secrets.first().filter(|_| heard("secrets")) {
            return run(hook.clone());
        }
    }
    if local.installed
        && let Some(action) = local.actions.front()
    {
        return run(action.clone());
    }
    let attaches = match remote.storage_position {
        StoragePosition::AfterStart => active && local.started,
        StoragePosition::BeforeInstall => !remote.is_dying,
    };
    if attaches && free && heard("storage") {
        let fresh = remote.storage.iter().find(|storage| !local.attached.contains(&storage.id));
        if let Some(storage) = fresh {
            return run(storage_hook(storage, Detaching::No));
        }
    }
    if let Some(operation) = pod_operation(local) {
        return Some(operation);
    }
    if let Some(failed) = &local.failed {
        let due = failed.retry_at.is_some_and(|moment| moment <= remote.now);
        return due.then(|| Operation::Retry(failed.hook.clone()));
    }
    if let Some(hook) = &local.queued {
        return run(hook.clone());
    }
    if remote.is_dying {
        return Some(dying_operation(unit, local, remote, &ids));
    }
    if !local.installed {
        return run(LifeCycle::Install.into());
    }
    if local.config_seen != Some(remote.config) {
        return run(LifeCycle::ConfigChanged.into());
    }
    // A new pod whose config is the same: the first start of a unit follows config-changed.
    if !local.started {
        return run(LifeCycle::Start.into());
    }
    let related = ids.iter().find_map(|id| relation_operation(unit, *id, local, remote));
    let due = || local.update_status_due.then(|| Operation::Run(LifeCycle::UpdateStatus.into()));
    related.or_else(due)
}

/// What a pod that is to end does: `stop`, and then nothing more.
fn pod_operation(local: &LocalState) -> Option<Operation> {
    match local.pod {
        PodLife::Stays => None,
        PodLife::Ending(PodEnd::Upgrade) if local.failed.is_some() => None,
        PodLife::Ending(_) if local.installed => Some(Operation::Run(LifeCycle::Stop.into())),
        PodLife::Ending(end) | PodLife::Over(end) => Some(Operation::NewPod(end)),
    }
}

fn relation_hook(
    id: RelationId,
    relation: &RemoteRelation,
    event: RelationEvent,
    unit: Option<&UnitName>,
) -> Hook {
    Hook::Relation(RelationHook {
        event,
        relation: id,
        endpoint: relation.endpoint.clone(),
        remote_application: relation.remote_application.clone(),
        remote_unit: unit.cloned(),
        departing_unit: None,
    })
}

fn storage_hook(storage: &StorageInstance, detaching: Detaching) -> Hook {
    Hook::Storage {
        name: storage.name.clone(),
        id: storage.id.clone(),
        location: storage.location.clone(),
        kind: storage.kind,
        detaching,
    }
}

/// `pebble-ready` for a boot id not met yet, as soon as the unit has started: the agent polls
/// every few seconds, and the first hooks are quicker. By chance it comes as soon as the unit is
/// installed, and of several containers any is the first. Then notices and checks.
fn workload_hook(local: &LocalState, remote: &RemoteState, order: Order) -> Option<Hook> {
    let is_paused = local.workload_pause.is_some_and(|moment| moment > remote.now);
    if is_paused || (!local.started && order == Order::Sorted) {
        return None;
    }
    let mut containers: Vec<_> = remote.containers.iter().collect();
    containers.sort_by_key(|(name, _)| order.draw(name.as_str()));
    let ready = containers.into_iter().find(|(name, boot_id)| {
        local.boot_ids.get(*name) != Some(boot_id)
            && local.ready_retries.get(*name).is_none_or(|moment| *moment <= remote.now)
    });
    ready
        .map(|(name, _)| Hook::Workload {
            container: name.clone(),
            event: WorkloadEvent::PebbleReady,
        })
        .or_else(|| local.workload_events.front().cloned())
}

/// The next hook of one relation; Juju's order within it.
fn relation_operation(
    unit: &UnitName,
    id: RelationId,
    local: &LocalState,
    remote: &RemoteState,
) -> Option<Operation> {
    let relation = remote.relations.get(&id)?;
    let leaving = relation.is_dying || remote.is_dying;
    let known = local.relations.get(&id)?;
    let hook = |event, unit| Some(Operation::Run(relation_hook(id, relation, event, unit)));
    if let Some(joined) = &known.just_joined {
        return hook(RelationEvent::Changed, Some(joined));
    }
    if let Some(departed) = gone_member(known, relation, leaving) {
        let who = if remote.is_dying { unit } else { departed };
        return Some(Operation::Run(Hook::Relation(RelationHook {
            event: RelationEvent::Departed,
            relation: id,
            endpoint: relation.endpoint.clone(),
            remote_application: relation.remote_application.clone(),
            remote_unit: Some(departed.clone()),
            departing_unit: Some(who.clone()),
        })));
    }
    if leaving {
        return match relation.is_peer {
            true => Some(Operation::LeavePeers(id)),
            false => hook(RelationEvent::Broken, None),
        };
    }
    let met = known.applications.get(&relation.remote_application).copied().unwrap_or(0);
    if relation.application_version != met {
        return hook(RelationEvent::Changed, None);
    }
    let unknown = relation.members.keys().find(|member| !known.members.contains_key(*member));
    if let Some(member) = unknown {
        return hook(RelationEvent::Joined, Some(member));
    }
    let changed = relation
        .members
        .iter()
        .find(|(member, version)| known.members.get(*member) != Some(version));
    hook(RelationEvent::Changed, Some(changed?.0))
}

fn gone_member<'a>(
    known: &'a RelationState,
    relation: &RemoteRelation,
    leaving: bool,
) -> Option<&'a UnitName> {
    known.members.keys().find(|member| leaving || !relation.members.contains_key(*member))
}

fn dying_operation(
    unit: &UnitName,
    local: &LocalState,
    remote: &RemoteState,
    ids: &[RelationId],
) -> Operation {
    if !local.installed {
        return Operation::Die;
    }
    let attached = remote.storage.iter().find(|storage| local.attached.contains(&storage.id));
    if let Some(storage) = attached {
        return Operation::Run(storage_hook(storage, Detaching::Yes));
    }
    let known = ids.iter().filter(|id| local.relations.contains_key(id));
    if let Some(operation) =
        known.into_iter().find_map(|id| relation_operation(unit, *id, local, remote))
    {
        return operation;
    }
    match (local.stopped, local.removed) {
        (false, _) => Operation::Run(LifeCycle::Stop.into()),
        (true, false) => Operation::Run(LifeCycle::Remove.into()),
        (true, true) => Operation::Die,
    }
}

#[cfg(test)]
#[path = "next_tests.rs"]
mod tests;
