//! Runs hooks until every unit is idle.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Bus, EngineError, Noise, PeerEcho, StaleReads};
use crate::dispatch::{HookEnd, lock, run_hook};
use crate::hook::{
    ActionState, Hook, HookContext, Journal, LifeCycle, Places, RelationEvent, SecretEvent,
};
use crate::model::{AgentStatus, Level, Life, Model, StatusEntry, StatusValue};
use crate::names::UnitName;
use crate::uniter::{
    FailedHook, Operation, Order, RemoteState, complete, context_relations, forget_member,
    next_operation,
};

/// What settling took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Hooks that ran, failed ones and retries included.
    pub hooks: usize,
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionResult {
    /// Its number.
    pub id: u32,
    /// `None` when it completed, else why it failed.
    pub failure: Option<String>,
    /// What it set, and `return-code`.
    pub results: Map<String, Value>,
    /// Lines of `action-log`.
    pub log: Vec<String>,
}

impl Bus {
    /// Runs hooks until every unit is idle, or in error for good.
    ///
    /// # Errors
    ///
    /// When the model does not come to rest within the limit, or a hook could not be tried.
    pub async fn settle(&mut self) -> Result<Settled, EngineError> {
        let first = self.journals.len();
        let mut retries: BTreeMap<UnitName, u32> = BTreeMap::new();
        loop {
            let mut progressed = false;
            for unit in self.units.keys().cloned().collect::<Vec<_>>() {
                if self.step(&unit).await? {
                    progressed = true;
                }
                if self.journals.len() - first > self.settings.hook_limit {
                    return Err(EngineError::Restless {
                        limit: self.settings.hook_limit,
                        noise: self.noise(first),
                    });
                }
            }
            if !progressed && !self.retry(&mut retries).await? {
                return Ok(Settled { hooks: self.journals.len() - first });
            }
        }
    }

    /// Runs the next operation of a unit, if there is one.
    async fn step(&mut self, unit: &UnitName) -> Result<bool, EngineError> {
        let remote = self.remote(unit);
        let Some(runtime) = self.units.get_mut(unit) else { return Ok(false) };
        let order = match self.settings.order {
            Order::Sorted => Order::Sorted,
            Order::Shuffled { seed, .. } => Order::Shuffled { seed, pass: self.pass },
        };
        self.pass += 1;
        let operation = match runtime.local.removed {
            true => Some(Operation::Die),
            false => next_operation(unit, &runtime.local, &remote, order),
        };
        match operation {
            None => return Ok(false),
            Some(Operation::Run(hook)) => {
                self.run(unit, hook).await?;
            }
            Some(Operation::LeavePeers(id)) => {
                runtime.local.relations.remove(&id);
                if let Some(relation) = lock(&self.model).relations.get_mut(&id) {
                    relation.leave_scope(unit);
                }
            }
            Some(Operation::Die) => self.bury(unit),
        }
        Ok(true)
    }

    /// Runs the failed hooks again that may be. Tells whether there was one.
    async fn retry(&mut self, tries: &mut BTreeMap<UnitName, u32>) -> Result<bool, EngineError> {
        let limit = self.settings.retries;
        let failed = self.units.iter().find_map(|(unit, runtime)| {
            let failed = runtime.local.failed.as_ref()?;
            let open = tries.get(unit).copied().unwrap_or(0) < limit;
            open.then(|| (unit.clone(), failed.hook.clone()))
        });
        let Some((unit, hook)) = failed else { return Ok(false) };
        *tries.entry(unit.clone()).or_default() += 1;
        self.run(&unit, hook).await?;
        Ok(true)
    }

    /// Runs one event on a unit now, whatever Juju would do: to see that nothing is written when
    /// nothing changed.
    ///
    /// # Errors
    ///
    /// When there is no such unit, or the hook could not be tried.
    pub async fn redispatch(
        &mut self,
        unit: &UnitName,
        hook: Hook,
    ) -> Result<Journal, EngineError> {
        if !self.units.contains_key(unit) {
            return Err(EngineError::NoUnit(unit.clone()));
        }
        self.run(unit, hook).await
    }

    /// Runs an action and gives its outcome. Parameters that are not given have the default that
    /// `actions.yaml` says.
    ///
    /// # Errors
    ///
    /// When there is no such unit or action, or it could not be tried.
    pub async fn run_action(
        &mut self,
        unit: &UnitName,
        action: &str,
        parameters: Map<String, Value>,
    ) -> Result<ActionResult, EngineError> {
        let hook = {
            let mut model = lock(&self.model);
            let missing = || EngineError::NoUnit(unit.clone());
            let application = model.applications.get(unit.application()).ok_or_else(missing)?;
            let declared = application.charm.actions.get(action).ok_or_else(|| {
                EngineError::NoAction { unit: unit.clone(), action: action.to_owned() }
            })?;
            let mut all: Map<String, Value> = Map::new();
            for (name, schema) in declared["params"].as_object().into_iter().flatten() {
                if let Some(default) = schema.get("default") {
                    all.insert(name.clone(), default.clone());
                }
            }
            all.extend(parameters);
            model.next_action += 1;
            let id = model.next_action;
            Hook::Action { name: action.to_owned(), id, parameters: all }
        };
        let Hook::Action { id, .. } = hook else { return Err(EngineError::NoUnit(unit.clone())) };
        if !self.units.contains_key(unit) {
            return Err(EngineError::NoUnit(unit.clone()));
        }
        self.run(unit, hook).await?;
        self.actions.remove(&id).ok_or_else(|| EngineError::NoUnit(unit.clone()))
    }

    fn remote(&self, unit: &UnitName) -> RemoteState {
        let containers = self.units.get(unit).map(|runtime| {
            let up = runtime.containers.iter().filter(|(_, container)| container.server.is_some());
            up.map(|(name, container)| (name.clone(), container.workload.boot_id().to_owned()))
                .collect()
        });
        RemoteState::read(&lock(&self.model), unit, containers.unwrap_or_default())
    }

    /// Runs one hook of a unit and remembers what came of it.
    async fn run(&mut self, unit: &UnitName, hook: Hook) -> Result<Journal, EngineError> {
        self.prepare(unit, &hook);
        let remote = self.remote(unit);
        self.next_context += 1;
        let Some(runtime) = self.units.get_mut(unit) else {
            return Err(EngineError::NoUnit(unit.clone()));
        };
        forget_member(&mut runtime.local, &hook);
        if self.settings.stale_reads == StaleReads::Newest {
            runtime.local.member_cache.clear();
        }
        let mut context = HookContext::new(unit.clone(), hook.clone(), self.next_context);
        context.relations = context_relations(&runtime.local, &remote, &hook);
        context.member_cache = std::mem::take(&mut runtime.local.member_cache);
        context.places =
            Places { charm: runtime.agent.root.charm(), resources: runtime.agent.root.resources() };
        let finished = run_hook(&runtime.agent, &self.model, context).await?;
        runtime.local.member_cache = finished.context.member_cache;
        self.journals.push(finished.journal.clone());
        let mut model = lock(&self.model);
        model.clock.seconds += 1;
        let idle = AgentStatus::Idle;
        match (&finished.end, &hook) {
            (end, Hook::Action { id, name, .. }) => {
                let state = finished.context.action.unwrap_or_default();
                let result = action_result(*id, name, unit, end, &finished.journal, state);
                self.actions.insert(*id, result);
                complete(&mut runtime.local, &remote, &hook);
                let failed = runtime.local.failed.as_ref().map(|failed| failed.hook.error_name());
                let agent = failed.map_or(idle, |name| AgentStatus::Error(error_message(&name)));
                set_agent(&mut model, unit, agent);
            }
            (HookEnd::Done, _) => {
                complete(&mut runtime.local, &remote, &hook);
                if self.settings.peer_echo == PeerEcho::Silent {
                    hush(runtime, &model, &finished.journal);
                }
                aftermath(&mut model, unit, &hook);
                set_agent(&mut model, unit, idle);
            }
            (HookEnd::Killed, _) => set_agent(&mut model, unit, idle),
            (HookEnd::Failed(_), Hook::Workload { container, .. }) => {
                // Never an error of the unit: dropped, and sent again by the poller.
                *runtime.local.ready_failures.entry(container.clone()).or_default() += 1;
                if runtime.local.workload_events.front() == Some(&hook) {
                    runtime.local.workload_events.pop_front();
                }
                set_agent(&mut model, unit, idle);
            }
            (HookEnd::Failed(_), _) => {
                let tries = runtime.local.failed.as_ref().map_or(0, |failed| failed.tries) + 1;
                let name = hook.error_name();
                runtime.local.failed = Some(FailedHook { hook, tries });
                set_agent(&mut model, unit, AgentStatus::Error(error_message(&name)));
                let text = format!("awaiting error resolution for \"{name}\" hook");
                model.add_log(unit.as_str(), "juju.worker.uniter", Level::Info, text);
            }
        }
        drop(model);
        self.sweep();
        Ok(finished.journal)
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

    /// A unit that has run its last hook goes away.
    fn bury(&mut self, unit: &UnitName) {
        self.units.remove(unit);
        let application = unit.application().to_owned();
        let mut model = lock(&self.model);
        for relation in model.relations.values_mut() {
            relation.leave_scope(unit);
        }
        model
            .secrets
            .retain(|_, secret| secret.owner != crate::model::SecretOwner::Unit(unit.clone()));
        let mut gone = false;
        if let Some(entry) = model.applications.get_mut(&application) {
            entry.units.remove(unit);
            gone = entry.units.is_empty() && entry.life != Life::Alive;
        }
        if gone {
            model.applications.remove(&application);
            model.relations.retain(|_, relation| {
                !(relation.is_peer() && relation.side(&application).is_some())
            });
            model.secrets.retain(|_, secret| secret.owner.application() != application);
            self.charms.remove(&application);
        }
        drop(model);
        self.elect(&application);
        self.sweep();
    }

    /// Which units ran which hooks most, and what they wrote, since the settling began.
    fn noise(&self, first: usize) -> Noise {
        let mut counts: BTreeMap<String, (usize, Option<String>)> = BTreeMap::new();
        for journal in &self.journals[first..] {
            let entry = counts.entry(format!("{} {}", journal.unit, journal.hook)).or_default();
            entry.0 += 1;
            if let Some(write) = journal.databag_writes().last() {
                entry.1 = Some(format!("{write:?}"));
            }
        }
        let mut ranked: Vec<_> = counts.into_iter().collect();
        ranked.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
        let line = |(who, (count, write)): (String, (usize, Option<String>))| match write {
            Some(write) => format!("{who} ran {count} times and wrote {write}"),
            None => format!("{who} ran {count} times"),
        };
        Noise(ranked.into_iter().take(5).map(line).collect())
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
fn aftermath(model: &mut Model, unit: &UnitName, hook: &Hook) {
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
                SecretEvent::Rotate | SecretEvent::Expired { .. } => {}
            }
        }
        Hook::LifeCycle(LifeCycle::Start) => {
            let now = model.clock;
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

fn action_result(
    id: u32,
    name: &str,
    unit: &UnitName,
    end: &HookEnd,
    journal: &Journal,
    state: ActionState,
) -> ActionResult {
    let failure = match end {
        HookEnd::Done => state.failure,
        HookEnd::Failed(reason) if reason.starts_with("committing") => {
            Some("committing requested changes failed".to_owned())
        }
        HookEnd::Failed(reason) => Some(reason.clone()),
        HookEnd::Killed => Some(format!("action {name:?} on unit \"{unit}\" was killed")),
    };
    let mut results = state.results;
    results.insert("return-code".to_owned(), Value::from(journal.exit.unwrap_or(-1)));
    ActionResult { id, failure, results, log: state.log }
}
