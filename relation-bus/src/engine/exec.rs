//! `juju exec`: scripts of an operator in the context of a unit.

use serde_json::{Map, Value, json};

use super::{Bus, EngineError};
use crate::dispatch::lock;
use crate::hook::{Hook, RelationEvent, RelationHook};
use crate::model::{Task, TaskStatus};
use crate::names::{RelationId, UnitName};

/// The name of the task, as Juju shows it.
const TASK: &str = "juju-exec";

/// What a script did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecResult {
    /// Its exit status.
    pub code: i32,
    /// Its stdout; what is no text is replaced.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl Bus {
    /// Runs a shell script now, with the environment and the tools of a hook of the unit; with the
    /// variables of a relation when one is given. What it writes is committed, however it ends.
    ///
    /// # Errors
    ///
    /// When there is no such unit, its application is not in the relation, or the script could not
    /// be tried.
    pub async fn exec(
        &mut self,
        unit: &UnitName,
        script: &str,
        relation: Option<RelationId>,
    ) -> Result<ExecResult, EngineError> {
        let operation = lock(&self.model).next_action + 1;
        let (id, hook) = self.record_script(operation, unit, script, relation)?;
        let ran = self.begin_hook(unit, hook)?.run().await;
        self.finish(ran)?;
        let tasks = self.tasks();
        let task = tasks.get(&id).ok_or_else(|| EngineError::NoUnit(unit.clone()))?;
        let result = |name: &str| task.results.get(name).cloned().unwrap_or_default();
        let text = |name: &str| result(name).as_str().unwrap_or_default().to_owned();
        let code = result("return-code").as_i64().and_then(|code| code.try_into().ok());
        Ok(ExecResult { code: code.unwrap_or(-1), stdout: text("stdout"), stderr: text("stderr") })
    }

    /// Asks units to run a script, as one operation, when their turn comes. Gives its number; the
    /// tasks have the numbers that follow, in the order of the units, see [`Bus::tasks`].
    ///
    /// # Errors
    ///
    /// When there is no such unit, or its application is not in the relation. Nothing is asked of
    /// anyone then.
    pub fn enqueue_exec(
        &mut self,
        units: &[UnitName],
        script: &str,
        relation: Option<RelationId>,
    ) -> Result<u32, EngineError> {
        for unit in units {
            self.related(unit, relation)?;
        }
        let operation = {
            let mut model = lock(&self.model);
            model.next_action += 1;
            model.next_action
        };
        for unit in units {
            let (_, hook) = self.record_script(operation, unit, script, relation)?;
            if let Some(runtime) = self.units.get_mut(unit) {
                runtime.local.actions.push_back(hook);
            }
        }
        Ok(operation)
    }

    fn record_script(
        &mut self,
        operation: u32,
        unit: &UnitName,
        script: &str,
        relation: Option<RelationId>,
    ) -> Result<(u32, Hook), EngineError> {
        let relation = self.related(unit, relation)?;
        let mut model = lock(&self.model);
        model.next_action += 1;
        let id = model.next_action;
        let mut parameters = Map::new();
        parameters.insert("command".to_owned(), json!(script));
        let task = Task {
            id,
            operation,
            unit: unit.clone(),
            action: TASK.to_owned(),
            parameters,
            status: TaskStatus::Pending,
            message: String::new(),
            results: Map::<String, Value>::new(),
            log: Vec::new(),
            enqueued: model.clock,
            started: None,
            completed: None,
        };
        drop(model);
        self.record_task(task);
        Ok((id, Hook::Commands { id, script: script.to_owned(), relation }))
    }

    /// The variables of a relation, for a unit that is in it.
    fn related(
        &self,
        unit: &UnitName,
        relation: Option<RelationId>,
    ) -> Result<Option<RelationHook>, EngineError> {
        if !self.units.contains_key(unit) {
            return Err(EngineError::NoUnit(unit.clone()));
        }
        let Some(id) = relation else { return Ok(None) };
        let model = lock(&self.model);
        let missing = || EngineError::NoRelation(id);
        let found = model.relations.get(&id).ok_or_else(missing)?;
        let own = found.side(unit.application()).ok_or_else(missing)?;
        let remote = found.remote(unit.application()).ok_or_else(missing)?;
        Ok(Some(RelationHook {
            event: RelationEvent::Changed,
            relation: id,
            endpoint: own.endpoint.clone(),
            remote_application: remote.application.clone(),
            remote_unit: None,
            departing_unit: None,
        }))
    }
}
