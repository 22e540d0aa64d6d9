//! What a unit remembers of a hook, and how it sees its relations while one runs.

use std::collections::{BTreeMap, BTreeSet};

use super::{LocalState, PodEnd, PodLife, RelationState, RemoteState};
use crate::hook::{
    ContextRelation, Detaching, Hook, LifeCycle, RelationEvent, RelationHook, WorkloadEvent,
};
use crate::names::{RelationId, UnitName};

/// The relations as a hook sees them: the local view, with what the hook itself brings.
#[must_use]
pub fn context_relations(
    local: &LocalState,
    remote: &RemoteState,
    hook: &Hook,
) -> BTreeMap<RelationId, ContextRelation> {
    let mut relations = BTreeMap::new();
    let about = hook.relation();
    for (id, relation) in &remote.relations {
        let own = about.filter(|about| about.relation == *id);
        let known = local.relations.get(id);
        if known.is_none() && own.is_none() {
            continue;
        }
        let mut members: BTreeSet<UnitName> =
            known.map(|known| known.members.keys().cloned().collect()).unwrap_or_default();
        if let Some(about) = own
            && let Some(unit) = &about.remote_unit
        {
            if about.event == RelationEvent::Departed {
                members.remove(unit);
            } else {
                members.insert(unit.clone());
            }
        }
        let leaving = relation.is_dying || remote.is_dying;
        let is_listed = relation.is_peer || !(leaving && members.is_empty());
        let seen = ContextRelation {
            endpoint: relation.endpoint.clone(),
            remote_application: relation.remote_application.clone(),
            is_peer: relation.is_peer,
            members,
            is_listed,
        };
        relations.insert(*id, seen);
    }
    relations
}

/// Drops what is remembered of a unit's databag when the hook is about that unit: it is read anew.
pub fn forget_member(local: &mut LocalState, hook: &Hook) {
    if let Some(RelationHook { event, relation, remote_unit: Some(unit), .. }) = hook.relation()
        && *event != RelationEvent::Created
        && let Some(bags) = local.member_cache.get_mut(relation)
    {
        bags.remove(unit);
    }
}

/// What a unit's agent still knows in a new pod: relations and storage are met, the workload and
/// the databags of others are not.
pub fn enter_pod(local: &mut LocalState, end: PodEnd) {
    local.pod = PodLife::Stays;
    local.started = false;
    restart(local);
    if matches!(end, PodEnd::Upgrade | PodEnd::ForcedUpgrade) {
        local.queued = Some(LifeCycle::UpgradeCharm.into());
    }
}

/// What the agent forgets when it restarts: everything that it holds in memory only.
pub fn restart(local: &mut LocalState) {
    local.boot_ids.clear();
    local.ready_retries.clear();
    local.workload_events.clear();
    local.workload_pause = None;
    local.member_cache.clear();
    local.update_status_due = false;
    local.update_status_at = None;
}

/// Remembers a hook that is done. `remote` is what there was to meet when the hook began: what
/// came during the hook, its own writes included, is met later.
pub fn complete(local: &mut LocalState, remote: &RemoteState, hook: &Hook) {
    if local.queued.as_ref() == Some(hook) {
        local.queued = None;
    }
    let failed = local.failed.take_if(|failed| failed.hook == *hook);
    let first_version = failed.and_then(|failed| failed.version);
    match hook {
        Hook::LifeCycle(hook) => life_cycle(local, remote, *hook),
        Hook::Relation(hook) => relation(local, remote, hook, first_version),
        Hook::Workload { container, event: WorkloadEvent::PebbleReady } => {
            local.ready_retries.remove(container);
            if let Some(boot_id) = remote.containers.get(container) {
                local.boot_ids.insert(container.clone(), boot_id.clone());
            }
        }
        Hook::Workload { .. } => {
            if local.workload_events.front() == Some(hook) {
                local.workload_events.pop_front();
            }
        }
        Hook::Storage { id, detaching: Detaching::No, .. } => {
            local.attached.insert(id.clone());
        }
        Hook::Storage { id, detaching: Detaching::Yes, .. } => {
            local.attached.remove(id);
        }
        Hook::Action { .. } | Hook::Commands { .. } => {
            if local.actions.front() == Some(hook) {
                local.actions.pop_front();
            }
        }
        Hook::Secret { .. } | Hook::Other(_) => {}
    }
}

fn life_cycle(local: &mut LocalState, remote: &RemoteState, hook: LifeCycle) {
    match hook {
        LifeCycle::Install => local.installed = true,
        LifeCycle::LeaderElected => local.leads = true,
        LifeCycle::LeaderSettingsChanged => {
            local.leader_settings_seen = remote.leader_settings.unwrap_or(0);
        }
        LifeCycle::ConfigChanged => {
            local.config_seen = Some(remote.config);
            if !local.started {
                local.queued = Some(LifeCycle::Start.into());
            }
        }
        LifeCycle::UpgradeCharm => local.queued = Some(LifeCycle::ConfigChanged.into()),
        LifeCycle::Start => local.started = true,
        LifeCycle::Stop => match local.pod {
            PodLife::Ending(end) => local.pod = PodLife::Over(end),
            PodLife::Stays | PodLife::Over(_) => local.stopped = true,
        },
        LifeCycle::Remove => local.removed = true,
        LifeCycle::UpdateStatus => local.update_status_due = false,
    }
}

/// The version of the databag that a relation hook is about.
#[must_use]
pub fn version_met(remote: &RemoteState, hook: &Hook) -> Option<u64> {
    let hook = hook.relation()?;
    let there = remote.relations.get(&hook.relation)?;
    match (hook.event, &hook.remote_unit) {
        (RelationEvent::Joined | RelationEvent::Changed, Some(unit)) => {
            there.members.get(unit).copied()
        }
        (RelationEvent::Changed, None) => Some(there.application_version),
        _ => None,
    }
}

/// `first_version` is what a retried hook was about when it came first.
fn relation(
    local: &mut LocalState,
    remote: &RemoteState,
    hook: &RelationHook,
    first_version: Option<u64>,
) {
    let id = hook.relation;
    if hook.event == RelationEvent::Broken {
        local.relations.remove(&id);
        local.member_cache.remove(&id);
        return;
    }
    let there = remote.relations.get(&id);
    let known: &mut RelationState = local.relations.entry(id).or_default();
    let version = |unit: &UnitName| {
        first_version.or_else(|| there.and_then(|there| there.members.get(unit)).copied())
    };
    match (hook.event, &hook.remote_unit) {
        (RelationEvent::Joined, Some(unit)) => {
            known.members.insert(unit.clone(), version(unit).unwrap_or(0));
            known.just_joined = Some(unit.clone());
        }
        (RelationEvent::Changed, Some(unit)) => {
            if known.just_joined.as_ref() == Some(unit) {
                known.just_joined = None;
            }
            // A unit that left before its first changed stays known, so that it departs.
            if let Some(seen) = known.members.get_mut(unit) {
                *seen = version(unit).unwrap_or(*seen);
            }
        }
        (RelationEvent::Changed, None) => {
            if let Some(there) = there {
                let name = there.remote_application.clone();
                known.applications.insert(name, first_version.unwrap_or(there.application_version));
            }
        }
        (RelationEvent::Departed, Some(unit)) => {
            known.members.remove(unit);
            if let Some(bags) = local.member_cache.get_mut(&id) {
                bags.remove(unit);
            }
        }
        _ => {}
    }
}
