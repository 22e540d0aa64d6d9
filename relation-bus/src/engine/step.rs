//! One operation of a model at a time, and hooks apart from the bus that they belong to.
//!
//! A hook takes as long as its charm takes. [`Bus::begin`] prepares the next one and hands it out;
//! while it runs, the bus can be read and changed; [`Bus::finish`] takes in what came of it.
//!
//! ```text
//! Bus::begin ──▶ Running ──run().await──▶ Ran ──▶ Bus::finish
//! ```

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::actions::action_result;
use super::clock::{make_due, next_retry, retry_pause};
use super::workload::forget_workload;
use super::{Bus, EngineError, PeerEcho, StaleReads};
use crate::dispatch::{Agent, DispatchError, Finished, HookEnd, SharedModel, lock, run_hook};
use crate::hook::{
    Hook, HookContext, Journal, LifeCycle, Places, RelationEvent, SecretEvent, WorkloadEvent,
};
use crate::model::{
    AgentStatus, Clock, Level, Model, REMINDER, SecretOwner, StatusEntry, StatusValue,
};
use crate::names::UnitName;
use crate::uniter::{
    FailedHook, Operation, RemoteState, complete, context_relations, forget_member, next_operation,
    version_met,
};

/// What a model does next.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Nothing: every unit is idle or waits for a retry, or the one hook that may run is out.
    Idle,
    /// Something was done that needs no process, such as taking a unit away that is gone.
    Done,
    /// A hook is ready to run.
    Run(Box<Running>),
}

/// What becomes of a failed hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolution {
    /// It runs again.
    Retry,
    /// It counts as done.
    Skip,
}

/// A hook on its way, apart from its bus. It must come back through [`Bus::finish`].
#[derive(Debug)]
#[must_use]
pub struct Running {
    agent: Agent,
    model: SharedModel,
    remote: RemoteState,
    context: HookContext,
}

/// A hook that has run, for [`Bus::finish`].
#[derive(Debug)]
#[must_use]
pub struct Ran {
    unit: UnitName,
    hook: Hook,
    remote: RemoteState,
    finished: Result<Finished, DispatchError>,
}

impl Ran {
    /// The unit that ran.
    #[must_use]
    pub fn unit(&self) -> &UnitName {
        &self.unit
    }
}

impl Running {
    /// The unit that runs.
    #[must_use]
    pub fn unit(&self) -> &UnitName {
        &self.agent.unit
    }

    /// The hook that it runs.
    #[must_use]
    pub fn hook(&self) -> &Hook {
        &self.context.hook
    }

    /// Runs the charm's process to its end.
    pub async fn run(self) -> Ran {
        let hook = self.context.hook.clone();
        let finished = run_hook(&self.agent, &self.model, self.context).await;
        Ran { unit: self.agent.unit, hook, remote: self.remote, finished }
    }
}

impl Bus {
    /// Whether a hook is out, between [`Bus::begin`] and [`Bus::finish`].
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Begins the next operation of the next unit that has one. Units get their turn one after
    /// another. One hook of a model runs at a time.
    pub fn begin(&mut self) -> Step {
        if self.running.is_some() {
            return Step::Idle;
        }
        self.roll();
        let turn = self.turn.take();
        let after = turn.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let later = self.units.range((after, Bound::Unbounded));
        let earlier = turn.iter().flat_map(|turn| self.units.range(..=turn.clone()));
        let mut units: Vec<UnitName> = later.chain(earlier).map(|(unit, _)| unit.clone()).collect();
        let order = self.settings.order.in_pass(self.pass);
        units.sort_by_key(|unit| order.draw(unit.as_str()));
        for unit in units {
            let Some(operation) = self.next(&unit) else { continue };
            self.turn = Some(unit.clone());
            return match operation {
                Operation::Run(hook) => match self.begin_hook(&unit, hook) {
                    Ok(running) => Step::Run(Box::new(running)),
                    // The unit was there a moment ago.
                    Err(_) => Step::Done,
                },
                Operation::LeavePeers(id) => {
                    if let Some(runtime) = self.units.get_mut(&unit) {
                        runtime.local.relations.remove(&id);
                    }
                    if let Some(relation) = lock(&self.model).relations.get_mut(&id) {
                        relation.leave_scope(&unit);
                    }
                    Step::Done
                }
                Operation::Retry(hook) => self.begin_again(&unit, hook),
                Operation::NewPod(end) => {
                    self.new_pod(&unit, end);
                    Step::Done
                }
                Operation::Die => {
                    self.bury(&unit);
                    Step::Done
                }
            };
        }
        self.turn = turn;
        Step::Idle
    }

    /// Runs a failed hook again, unless it is for leaders only and the unit leads no more: then it
    /// counts as done.
    fn begin_again(&mut self, unit: &UnitName, hook: Hook) -> Step {
        let skipped = {
            let model = lock(&self.model);
            is_for_leaders(&model, &hook) && !model.is_leader(unit)
        };
        if skipped {
            // The unit is in error: it was asked a moment ago.
            self.resolve(unit, Resolution::Skip).ok();
            return Step::Done;
        }
        match self.begin_hook(unit, hook) {
            Ok(running) => Step::Run(Box::new(running)),
            Err(_) => Step::Done,
        }
    }

    /// Jumps to the moment at which the next hook that failed is run again, as often for each unit
    /// as the settings allow, and begins it. `tries` counts.
    pub fn begin_retry(&mut self, tries: &mut BTreeMap<UnitName, u32>) -> Step {
        if self.running.is_some() {
            return Step::Idle;
        }
        let limit = self.settings.retries;
        let open = |unit: &UnitName| tries.get(unit).copied().unwrap_or(0) < limit;
        let waiting = self.units.iter().filter(|(unit, _)| open(unit));
        let next = waiting
            .filter_map(|(unit, runtime)| Some((next_retry(&runtime.local)?, unit.clone())))
            .min();
        let Some((moment, unit)) = next else { return Step::Idle };
        *tries.entry(unit.clone()).or_default() += 1;
        // All units get their turn again, from the first.
        self.turn = None;
        {
            let mut model = lock(&self.model);
            model.clock = model.clock.max(moment);
        }
        if let Some(runtime) = self.units.get_mut(&unit) {
            make_due(&mut runtime.local, moment);
        }
        self.begin()
    }

    /// The next operation of a unit, if there is one.
    fn next(&mut self, unit: &UnitName) -> Option<Operation> {
        self.poll(unit);
        let mut remote = self.remote(unit);
        // Pauses of failed hooks are over when begin_retry says so.
        remote.now = Clock::default();
        let runtime = self.units.get_mut(unit)?;
        // Whoever leads no more is elected anew when it leads again.
        runtime.local.leads &= remote.is_leader;
        let order = self.settings.order.in_pass(self.pass);
        self.pass += 1;
        match runtime.local.removed {
            true => Some(Operation::Die),
            false => next_operation(unit, &runtime.local, &remote, order),
        }
    }

    fn remote(&self, unit: &UnitName) -> RemoteState {
        let containers = self.units.get(unit).map(|runtime| {
            let up = runtime.containers.iter().filter(|(_, container)| container.server.is_some());
            up.map(|(name, container)| (name.clone(), container.boot_id().to_owned())).collect()
        });
        let model = lock(&self.model);
        let remote = RemoteState::read(&model, unit, containers.unwrap_or_default());
        RemoteState { storage_position: self.settings.storage_position, ..remote }
    }

    /// Prepares one hook of a unit, whatever Juju would do next.
    ///
    /// # Errors
    ///
    /// When there is no such unit.
    pub fn begin_hook(&mut self, unit: &UnitName, hook: Hook) -> Result<Running, EngineError> {
        let missing = || EngineError::NoUnit(unit.clone());
        if !self.units.contains_key(unit) {
            return Err(missing());
        }
        self.prepare(unit, &hook);
        self.make_storage_folders(unit)?;
        let remote = self.remote(unit);
        self.next_context += 1;
        let runtime = self.units.get_mut(unit).ok_or_else(missing)?;
        forget_member(&mut runtime.local, &hook);
        if self.settings.stale_reads == StaleReads::Newest {
            runtime.local.member_cache.clear();
        }
        let mut context = HookContext::new(unit.clone(), hook.clone(), self.next_context);
        context.relations = context_relations(&runtime.local, &remote, &hook);
        context.member_cache = std::mem::take(&mut runtime.local.member_cache);
        context.broken_reads = self.settings.broken_reads;
        context.places = Places {
            charm: runtime.agent.root.charm(),
            resources: runtime.agent.root.resources(),
            root: Some(runtime.agent.root.path().to_owned()),
        };
        let (agent, model) = (runtime.agent.clone(), std::sync::Arc::clone(&self.model));
        if let Hook::Action { id, .. } | Hook::Commands { id, .. } = &hook {
            self.action_begins(*id);
        }
        context.trap = self.trap(unit, &hook);
        self.running = Some(unit.clone());
        Ok(Running { agent, model, remote, context })
    }

    /// Takes in what came of a hook.
    ///
    /// # Errors
    ///
    /// When the hook could not be tried. The unit then counts as failed.
    pub fn finish(&mut self, ran: Ran) -> Result<Journal, EngineError> {
        let Ran { unit, hook, remote, finished } = ran;
        self.running = None;
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => {
                if let Hook::Action { id, .. } | Hook::Commands { id, .. } = &hook {
                    self.action_ends(*id, Err(error.to_string()));
                }
                self.fail(&unit, hook, &remote);
                return Err(error.into());
            }
        };
        self.journals.push(finished.journal.clone());
        let journal = finished.journal.clone();
        self.account(&unit, hook, &remote, finished);
        self.sweep();
        Ok(journal)
    }

    /// Counts a hook as failed: it waits for its retry.
    fn fail(&mut self, unit: &UnitName, hook: Hook, remote: &RemoteState) {
        let Some(runtime) = self.units.get_mut(unit) else { return };
        let mut model = lock(&self.model);
        let tries = runtime.local.failed.as_ref().map_or(0, |failed| failed.tries) + 1;
        let former = runtime.local.failed.as_ref().filter(|failed| failed.hook == hook);
        let version = former.map_or_else(|| version_met(remote, &hook), |former| former.version);
        let name = hook.error_name();
        let pause = retry_pause(tries, self.settings.jitter, unit.as_str());
        let retry_at = model.retries_hooks().then(|| model.clock.plus(pause));
        runtime.local.failed = Some(FailedHook { hook, tries, retry_at, version });
        set_agent(&mut model, unit, AgentStatus::Error(error_message(&name)));
        let text = format!("awaiting error resolution for \"{name}\" hook");
        model.add_log(unit.as_str(), "juju.worker.uniter", Level::Info, text);
    }

    /// What a hook that has run leaves in its unit's agent and at the controller.
    fn account(&mut self, unit: &UnitName, hook: Hook, remote: &RemoteState, finished: Finished) {
        let Finished { mut context, end, journal, printed } = finished;
        self.struck(unit, &hook, context.trap.take());
        let began = lock(&self.model).clock;
        lock(&self.model).clock.seconds += 1;
        if let Hook::Action { id, .. } | Hook::Commands { id, .. } = &hook {
            let (name, state) = (hook.name(), context.action.take().unwrap_or_default());
            let result = action_result(*id, &name, unit, &end, &journal, &printed, state);
            self.action_ends(*id, Ok(result));
        }
        let Some(runtime) = self.units.get_mut(unit) else { return };
        runtime.local.member_cache = context.member_cache;
        if matches!(end, HookEnd::Failed(_))
            && !matches!(hook, Hook::Action { .. } | Hook::Commands { .. } | Hook::Workload { .. })
        {
            return self.fail(unit, hook, remote);
        }
        let mut model = lock(&self.model);
        match (&end, &hook) {
            (_, Hook::Action { .. } | Hook::Commands { .. }) => {
                complete(&mut runtime.local, remote, &hook);
            }
            (HookEnd::Done, _) => {
                complete(&mut runtime.local, remote, &hook);
                if self.settings.peer_echo == PeerEcho::Silent {
                    hush(runtime, &model, &journal);
                }
                aftermath(&mut model, unit, &hook, began);
            }
            // Never an error of the unit: dropped, and sent again by the poller.
            (
                HookEnd::Failed(_),
                Hook::Workload { container, event: WorkloadEvent::PebbleReady },
            ) => {
                let again = model.clock.plus(POLL);
                runtime.local.ready_retries.insert(container.clone(), again);
            }
            // The agent restarts over it, and meets everything that the containers retain again.
            (HookEnd::Failed(_), Hook::Workload { .. }) => {
                forget_workload(runtime);
                runtime.local.workload_pause = Some(model.clock.plus(POLL));
            }
            (HookEnd::Killed | HookEnd::Failed(_), _) => {}
        }
        let failed = runtime.local.failed.as_ref().map(|failed| failed.hook.error_name());
        let agent =
            failed.map_or(AgentStatus::Idle, |name| AgentStatus::Error(error_message(&name)));
        set_agent(&mut model, unit, agent);
    }

    /// Has the failed hook of a unit run again now, or counts it as done (`juju resolved`).
    ///
    /// # Errors
    ///
    /// When there is no such unit, or it isn't in error.
    pub fn resolve(&mut self, unit: &UnitName, how: Resolution) -> Result<(), EngineError> {
        let remote = self.remote(unit);
        let runtime = self.units.get_mut(unit).ok_or_else(|| EngineError::NoUnit(unit.clone()))?;
        let failed =
            runtime.local.failed.clone().ok_or_else(|| EngineError::NotFailed(unit.clone()))?;
        match how {
            Resolution::Retry => {
                if let Some(failed) = &mut runtime.local.failed {
                    failed.retry_at = Some(Clock::default());
                }
            }
            Resolution::Skip => {
                complete(&mut runtime.local, &remote, &failed.hook);
                let mut model = lock(&self.model);
                let now = model.clock;
                aftermath(&mut model, unit, &failed.hook, now);
                set_agent(&mut model, unit, AgentStatus::Idle);
                drop(model);
                self.sweep();
            }
        }
        Ok(())
    }

    /// What Juju does just before a hook: statuses of its own, and entering scope.
    fn prepare(&mut self, unit: &UnitName, hook: &Hook) {
        let mut model = lock(&self.model);
        let now = model.clock;
        if let Some(relation) = hook.relation()
            && relation.event == RelationEvent::Created
        {
            let address = model.unit(unit).map(|unit| unit.address.clone()).unwrap_or_default();
            if let Some(entered) = model.relations.get_mut(&relation.relation) {
                let inside = entered
                    .side(unit.application())
                    .and_then(|side| side.members.get(unit))
                    .is_some_and(|member| member.in_scope);
                if !inside {
                    entered.enter_scope(unit, &address);
                }
            }
        }
        let Some(entry) = model.unit_mut(unit) else { return };
        let note = match hook {
            Hook::LifeCycle(LifeCycle::Install) if entry.status.value == StatusValue::Unknown => {
                Some("installing charm software")
            }
            Hook::LifeCycle(LifeCycle::Stop) => Some("stopping charm software"),
            Hook::LifeCycle(LifeCycle::Remove) => Some("cleaning up prior to charm deletion"),
            _ => None,
        };
        if let Some(note) = note {
            entry.set_status(StatusEntry::new(StatusValue::Maintenance, note, now));
        }
        if *hook != Hook::from(LifeCycle::UpdateStatus) {
            let about = hook.relation().and_then(|hook| hook.remote_unit.as_ref());
            let about = about.map(|unit| format!(" for {unit}")).unwrap_or_default();
            entry.agent = AgentStatus::Executing(format!("running {} hook{about}", hook.name()));
        }
    }
}

/// The agent looks after containers so often, in seconds.
const POLL: u64 = 5;

/// Whether only a leader runs a hook: a unit that has lost the leadership skips it.
fn is_for_leaders(model: &Model, hook: &Hook) -> bool {
    match hook {
        Hook::LifeCycle(LifeCycle::LeaderElected) => true,
        Hook::Secret { id, event, .. } if *event != SecretEvent::Changed => model
            .secrets
            .get(id)
            .is_some_and(|secret| matches!(secret.owner, SecretOwner::Application(_))),
        _ => false,
    }
}

fn error_message(name: &str) -> String {
    format!("hook failed: \"{name}\"")
}

fn set_agent(model: &mut Model, unit: &UnitName, status: AgentStatus) {
    if let Some(entry) = model.unit_mut(unit) {
        entry.agent = status;
    }
}

/// What a hook that is done changes at the controller beside its own writes.
fn aftermath(model: &mut Model, unit: &UnitName, hook: &Hook, began: Clock) {
    let now = model.clock;
    match hook {
        Hook::Relation(hook) if hook.event == RelationEvent::Broken => {
            if let Some(relation) = model.relations.get_mut(&hook.relation) {
                relation.leave_scope(unit);
            }
        }
        Hook::Secret { id, event, .. } => {
            let Some(secret) = model.secrets.get_mut(id) else { return };
            let latest = secret.latest();
            match event {
                SecretEvent::Changed => {
                    if let Some(consumer) = secret.consumers.get_mut(unit) {
                        consumer.told = latest;
                    }
                }
                SecretEvent::Remove { revision } => {
                    if let Some(revision) = secret.revisions.get_mut(revision) {
                        revision.removal_told = true;
                    }
                }
                SecretEvent::Rotate => {
                    let created = secret.revisions.get(&latest).map(|revision| revision.created);
                    // A rotation that made no revision is asked for again soon.
                    secret.next_rotate = match created.filter(|created| *created >= began) {
                        Some(created) => secret.rotate.next(created),
                        None => Some(now.plus(REMINDER)),
                    };
                }
                SecretEvent::Expired { revision } => {
                    if let Some(revision) = secret.revisions.get_mut(revision) {
                        revision.expiry_told = Some(now);
                    }
                }
            }
        }
        Hook::LifeCycle(LifeCycle::Start) => {
            if let Some(entry) = model.unit_mut(unit)
                && entry.status.message == "installing charm software"
            {
                entry.set_status(StatusEntry::new(StatusValue::Unknown, "", now));
            }
        }
        Hook::LifeCycle(LifeCycle::Remove) => {
            let now = model.clock;
            if let Some(entry) = model.unit_mut(unit) {
                entry.set_status(StatusEntry::new(StatusValue::Terminated, "", now));
            }
        }
        _ => {}
    }
}

/// Takes a peer application databag that the unit wrote itself as met.
fn hush(runtime: &mut super::UnitRuntime, model: &Model, journal: &Journal) {
    for relation in model.relations.values().filter(|relation| relation.is_peer()) {
        let wrote = journal.writes.iter().any(|write| {
            matches!(write, crate::hook::WriteRecord::ApplicationDatabag(id, _) if *id == relation.id)
        });
        if let Some(known) = runtime.local.relations.get_mut(&relation.id).filter(|_| wrote) {
            let side = &relation.sides[0];
            known.applications.insert(side.application.clone(), side.bag.version);
        }
    }
}
