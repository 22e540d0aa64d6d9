//! Actions: asked for, waiting, running, done.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::{Bus, EngineError};
use crate::dispatch::{HookEnd, Printed, lock};
use crate::hook::{ActionState, Hook, Journal};
use crate::model::{Task, TaskMessage, TaskStatus};
use crate::names::UnitName;

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
    /// Runs an action now and gives its outcome. Parameters that are not given have the default
    /// that `actions.yaml` says.
    ///
    /// # Errors
    ///
    /// When there is no such unit or action, the parameters do not fit its schema, or it could not
    /// be tried.
    pub async fn run_action(
        &mut self,
        unit: &UnitName,
        action: &str,
        parameters: Map<String, Value>,
    ) -> Result<ActionResult, EngineError> {
        self.check_action(unit, action, &parameters)?;
        let operation = lock(&self.model).next_action + 1;
        let (id, hook) = self.record_action(operation, unit, action, parameters)?;
        let ran = self.begin_hook(unit, hook)?.run().await;
        self.finish(ran)?;
        let task = self.tasks.get(&id).ok_or_else(|| EngineError::NoUnit(unit.clone()))?;
        Ok(ActionResult {
            id,
            failure: (task.status == TaskStatus::Failed).then(|| task.message.clone()),
            results: task.results.clone(),
            log: task.log.iter().map(|line| line.message.clone()).collect(),
        })
    }

    /// Asks units to run an action, as one operation. They run it when their turn comes; see
    /// [`Bus::tasks`] for how it goes. Gives the operation's number; the tasks have the numbers
    /// that follow, in the order of the units.
    ///
    /// # Errors
    ///
    /// When there is no such unit or action, or the parameters do not fit its schema. Nothing is
    /// asked of anyone then.
    pub fn enqueue_action(
        &mut self,
        units: &[UnitName],
        action: &str,
        parameters: &Map<String, Value>,
    ) -> Result<u32, EngineError> {
        for unit in units {
            self.check_action(unit, action, parameters)?;
        }
        let operation = {
            let mut model = lock(&self.model);
            model.next_action += 1;
            model.next_action
        };
        for unit in units {
            let (_, hook) = self.record_action(operation, unit, action, parameters.clone())?;
            if let Some(runtime) = self.units.get_mut(unit) {
                runtime.local.actions.push_back(hook);
            }
        }
        Ok(operation)
    }

    /// Every task that was asked for, by number.
    #[must_use]
    pub fn tasks(&self) -> &BTreeMap<u32, Task> {
        &self.tasks
    }

    fn declared_action(&self, unit: &UnitName, action: &str) -> Result<Value, EngineError> {
        let model = lock(&self.model);
        let missing = || EngineError::NoUnit(unit.clone());
        let application = model.applications.get(unit.application()).ok_or_else(missing)?;
        if !self.units.contains_key(unit) {
            return Err(missing());
        }
        application
            .charm
            .actions
            .get(action)
            .cloned()
            .ok_or_else(|| EngineError::NoAction { unit: unit.clone(), action: action.to_owned() })
    }

    /// Refuses parameters that do not fit what `actions.yaml` declares, before the unit sees them.
    fn check_action(
        &self,
        unit: &UnitName,
        action: &str,
        parameters: &Map<String, Value>,
    ) -> Result<(), EngineError> {
        let declared = self.declared_action(unit, action)?;
        let problems = crate::shapes::action::validate(&declared, parameters);
        match problems.is_empty() {
            true => Ok(()),
            false => Err(EngineError::Parameters(problems)),
        }
    }

    fn record_action(
        &mut self,
        operation: u32,
        unit: &UnitName,
        action: &str,
        parameters: Map<String, Value>,
    ) -> Result<(u32, Hook), EngineError> {
        let declared = self.declared_action(unit, action)?;
        let mut all: Map<String, Value> = Map::new();
        let schemas = declared["params"].as_object();
        for (name, schema) in schemas.into_iter().flatten() {
            if let Some(default) = schema.get("default") {
                all.insert(name.clone(), default.clone());
            }
        }
        all.extend(parameters.clone());
        let mut model = lock(&self.model);
        model.next_action += 1;
        let task = Task {
            id: model.next_action,
            operation,
            unit: unit.clone(),
            action: action.to_owned(),
            parameters,
            status: TaskStatus::Pending,
            message: String::new(),
            results: Map::new(),
            log: Vec::new(),
            enqueued: model.clock,
            started: None,
            completed: None,
        };
        let id = task.id;
        self.tasks.insert(id, task);
        Ok((id, Hook::Action { name: action.to_owned(), id, parameters: all }))
    }

    pub(super) fn record_task(&mut self, task: Task) {
        self.tasks.insert(task.id, task);
    }

    pub(super) fn action_begins(&mut self, id: u32) {
        let now = lock(&self.model).clock;
        if let Some(task) = self.tasks.get_mut(&id) {
            task.status = TaskStatus::Running;
            task.started = Some(now);
        }
    }

    /// Keeps how an action ended; an error text when it could not be tried.
    pub(super) fn action_ends(&mut self, id: u32, ended: Result<ActionResult, String>) {
        let now = lock(&self.model).clock;
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let result = ended.unwrap_or_else(|failure| ActionResult {
            id,
            failure: Some(failure),
            results: Map::new(),
            log: Vec::new(),
        });
        task.status = match result.failure {
            None => TaskStatus::Completed,
            Some(_) => TaskStatus::Failed,
        };
        task.message = result.failure.unwrap_or_default();
        task.results = result.results;
        let line = |message| TaskMessage { time: now, message };
        task.log = result.log.into_iter().map(line).collect();
        task.completed = Some(now);
    }
}

pub(super) fn action_result(
    id: u32,
    name: &str,
    unit: &UnitName,
    end: &HookEnd,
    journal: &Journal,
    printed: &Printed,
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
    for (name, bytes) in [("stdout", &printed.stdout), ("stderr", &printed.stderr)] {
        if bytes.is_empty() {
            continue;
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                results.insert(format!("{name}-encoding"), Value::from("base64"));
                BASE64.encode(bytes)
            }
        };
        results.insert(name.to_owned(), Value::from(text));
    }
    ActionResult { id, failure, results, log: state.log }
}
