//! Changes: what the daemon is doing or has done, in tasks.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::clock::Timestamp;

/// Finished changes beyond this number are forgotten, oldest first.
const KEPT: usize = 1000;

/// Lines that a task log keeps.
const LOG_LINES: usize = 10;

/// Number of a change. They count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangeId(u64);

/// Number of a task, counted apart from changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskId(u64);

impl std::fmt::Display for ChangeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Do,
    Doing,
    Done,
    Abort,
    Hold,
    Error,
}

impl Status {
    // A change has the first of these that one of its tasks has.
    const BY_WEIGHT: [Self; 6] =
        [Self::Abort, Self::Doing, Self::Do, Self::Error, Self::Done, Self::Hold];

    fn as_str(self) -> &'static str {
        match self {
            Self::Do => "Do",
            Self::Doing => "Doing",
            Self::Done => "Done",
            Self::Abort => "Abort",
            Self::Hold => "Hold",
            Self::Error => "Error",
        }
    }

    fn is_ready(self) -> bool {
        matches!(self, Self::Done | Self::Hold | Self::Error)
    }
}

/// Which changes a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Select {
    All,
    InProgress,
    Ready,
}

/// Why a change can't be aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AbortError {
    Unknown,
    NothingPending,
}

#[derive(Debug)]
struct Task {
    kind: &'static str,
    summary: String,
    subject: String,
    status: Status,
    log: Vec<String>,
    data: Map<String, Value>,
    spawned: Timestamp,
    ready: Option<Timestamp>,
}

#[derive(Debug)]
struct Change {
    kind: &'static str,
    summary: String,
    tasks: Vec<TaskId>,
    // What the notice of this change tells besides its kind.
    notice: Map<String, Value>,
    spawned: Timestamp,
    ready: Option<Timestamp>,
}

/// What a new task is about.
#[derive(Debug, Clone)]
pub(super) struct NewTask {
    /// Like `start`.
    pub(super) kind: &'static str,
    /// Like `Start service "web"`.
    pub(super) summary: String,
    /// The service it is for, which lists can ask for; empty for none.
    pub(super) subject: String,
}

/// Something that a notice has to tell: a change came up or its status moved.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) change: ChangeId,
    pub(super) data: Map<String, Value>,
}

/// All changes of one daemon.
#[derive(Debug, Default)]
pub(super) struct Changes {
    changes: BTreeMap<ChangeId, Change>,
    tasks: BTreeMap<TaskId, Task>,
    last_change: u64,
    last_task: u64,
    updates: Vec<Update>,
}

impl Changes {
    /// Begins a change whose tasks all wait to be done. One without tasks is done at once.
    pub(super) fn add(
        &mut self,
        kind: &'static str,
        summary: String,
        tasks: Vec<NewTask>,
        notice: Map<String, Value>,
    ) -> (ChangeId, Vec<TaskId>) {
        let spawned = Timestamp::now();
        let mut ids = Vec::with_capacity(tasks.len());
        for task in tasks {
            self.last_task += 1;
            let id = TaskId(self.last_task);
            let NewTask { kind, summary, subject } = task;
            let task = Task {
                kind,
                summary,
                subject,
                status: Status::Do,
                log: Vec::new(),
                data: Map::new(),
                spawned,
                ready: None,
            };
            self.tasks.insert(id, task);
            ids.push(id);
        }
        self.last_change += 1;
        let id = ChangeId(self.last_change);
        let ready = ids.is_empty().then_some(spawned);
        self.changes
            .insert(id, Change { kind, summary, tasks: ids.clone(), notice, spawned, ready });
        self.note(id);
        self.prune();
        (id, ids)
    }

    /// The change that a text names.
    pub(super) fn find(&self, text: &str) -> Option<ChangeId> {
        let id = ChangeId(text.parse().ok()?);
        (self.changes.contains_key(&id) && id.to_string() == text).then_some(id)
    }

    /// The task that a text names.
    pub(super) fn find_task(&self, text: &str) -> Option<TaskId> {
        let id = TaskId(text.parse().ok()?);
        (self.tasks.contains_key(&id) && id.to_string() == text).then_some(id)
    }

    /// What kind of task this is.
    pub(super) fn task_kind(&self, id: TaskId) -> Option<&'static str> {
        self.tasks.get(&id).map(|task| task.kind)
    }

    pub(super) fn is_ready(&self, id: ChangeId) -> bool {
        self.changes.get(&id).is_none_or(|change| change.ready.is_some())
    }

    /// True once the change of this task was aborted and the task has not ended.
    pub(super) fn is_aborting(&self, id: TaskId) -> bool {
        self.tasks.get(&id).is_some_and(|task| task.status == Status::Abort)
    }

    /// Moves a task on, and its change with it.
    pub(super) fn set(&mut self, id: TaskId, status: Status) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        // What is being aborted ends, but never goes on.
        if task.status.is_ready() || task.status == Status::Abort && !status.is_ready() {
            return;
        }
        task.status = status;
        if status.is_ready() {
            task.ready = Some(Timestamp::now());
        }
        let owner = self
            .changes
            .iter()
            .find(|(_, change)| change.tasks.contains(&id))
            .map(|(change, _)| *change);
        if let Some(owner) = owner {
            self.settle(owner);
        }
    }

    /// Ends a task with an error that its log and its change tell.
    pub(super) fn fail(&mut self, id: TaskId, message: &str) {
        self.log(id, "ERROR", message);
        self.set(id, Status::Error);
    }

    /// Adds a line to the log of a task. Levels are `INFO` and `ERROR`.
    pub(super) fn log(&mut self, id: TaskId, level: &str, message: &str) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.log.push(format!("{} {level} {message}", Timestamp::now().seconds()));
            let extra = task.log.len().saturating_sub(LOG_LINES);
            task.log.drain(..extra);
        }
    }

    /// Attaches a value to a task.
    pub(super) fn set_data(&mut self, id: TaskId, key: &str, value: Value) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.data.insert(key.to_owned(), value);
        }
    }

    /// Asks all unfinished tasks of a change to end. Those that have not begun are held at once.
    pub(super) fn abort(&mut self, id: ChangeId) -> Result<(), AbortError> {
        let change = self.changes.get(&id).ok_or(AbortError::Unknown)?;
        if change.ready.is_some() {
            return Err(AbortError::NothingPending);
        }
        for task_id in change.tasks.clone() {
            let status = self.tasks.get(&task_id).map(|task| task.status);
            match status {
                Some(Status::Do) => self.set(task_id, Status::Hold),
                Some(Status::Doing) => self.set(task_id, Status::Abort),
                _ => {}
            }
        }
        Ok(())
    }

    /// What happened to changes since the last call.
    pub(super) fn take_updates(&mut self) -> Vec<Update> {
        std::mem::take(&mut self.updates)
    }

    /// The changes of a kind, as the API shows them. `subject` keeps those with a task for this service.
    pub(super) fn list(&self, select: Select, subject: &str) -> Vec<Value> {
        let wanted = |change: &Change| match select {
            Select::All => true,
            Select::InProgress => change.ready.is_none(),
            Select::Ready => change.ready.is_some(),
        };
        let concerns = |change: &Change| {
            subject.is_empty()
                || change
                    .tasks
                    .iter()
                    .any(|id| self.tasks.get(id).is_some_and(|task| task.subject == subject))
        };
        (self.changes.iter().filter(|(_, change)| wanted(change) && concerns(change)))
            .map(|(id, change)| self.show(*id, change))
            .collect()
    }

    /// A change as the API shows it; null if there is none.
    pub(super) fn get(&self, id: ChangeId) -> Value {
        self.changes.get(&id).map_or(Value::Null, |change| self.show(id, change))
    }

    fn show(&self, id: ChangeId, change: &Change) -> Value {
        let tasks: Vec<(&TaskId, &Task)> =
            change.tasks.iter().filter_map(|id| self.tasks.get_key_value(id)).collect();
        let status = self.status(change);
        let mut shown = json!({
            "id": id.to_string(), "kind": change.kind, "summary": change.summary, "status": status.as_str(),
        });
        if !tasks.is_empty() {
            shown["tasks"] = tasks.iter().map(|(id, task)| show_task(**id, task)).collect();
        }
        shown["ready"] = change.ready.is_some().into();
        if status == Status::Error {
            shown["err"] = error_text(&tasks).into();
        }
        shown["spawn-time"] = change.spawned.to_string().into();
        if let Some(ready) = change.ready {
            shown["ready-time"] = ready.to_string().into();
        }
        shown
    }

    fn status(&self, change: &Change) -> Status {
        let has = |wanted: &Status| {
            change
                .tasks
                .iter()
                .filter_map(|id| self.tasks.get(id))
                .any(|task| task.status == *wanted)
        };
        Status::BY_WEIGHT.into_iter().find(has).unwrap_or(Status::Done)
    }

    fn settle(&mut self, id: ChangeId) {
        let Some(change) = self.changes.get(&id) else { return };
        let ready = change
            .tasks
            .iter()
            .filter_map(|id| self.tasks.get(id))
            .all(|task| task.status.is_ready());
        if ready && change.ready.is_none() {
            if let Some(change) = self.changes.get_mut(&id) {
                change.ready = Some(Timestamp::now());
            }
            self.note(id);
        } else if self.status(change) == Status::Doing {
            self.note(id);
        }
    }

    fn note(&mut self, id: ChangeId) {
        let Some(change) = self.changes.get(&id) else { return };
        let mut data = Map::new();
        data.insert("kind".to_owned(), change.kind.into());
        data.extend(change.notice.clone());
        self.updates.push(Update { change: id, data });
    }

    fn prune(&mut self) {
        let finished: Vec<ChangeId> = self
            .changes
            .iter()
            .filter(|(_, change)| change.ready.is_some())
            .map(|(id, _)| *id)
            .collect();
        for id in finished.iter().take(finished.len().saturating_sub(KEPT)) {
            for task in self.changes.remove(id).into_iter().flat_map(|change| change.tasks) {
                self.tasks.remove(&task);
            }
        }
    }
}

fn show_task(id: TaskId, task: &Task) -> Value {
    let mut shown = json!({
        "id": id.to_string(), "kind": task.kind, "summary": task.summary, "status": task.status.as_str(),
    });
    if !task.log.is_empty() {
        shown["log"] = json!(task.log);
    }
    shown["progress"] = json!({"label": "", "done": u8::from(task.status.is_ready()), "total": 1});
    shown["spawn-time"] = task.spawned.to_string().into();
    if let Some(ready) = task.ready {
        shown["ready-time"] = ready.to_string().into();
    }
    if !task.data.is_empty() {
        shown["data"] = Value::Object(task.data.clone());
    }
    shown
}

fn error_text(tasks: &[(&TaskId, &Task)]) -> String {
    let mut text = "cannot perform the following tasks:".to_owned();
    for (_, task) in tasks.iter().filter(|(_, task)| task.status == Status::Error) {
        for message in task
            .log
            .iter()
            .filter_map(|line| line.split_once(" ERROR ").map(|(_, message)| message))
        {
            text.push_str(&format!("\n- {} ({message})", task.summary));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(service: &str) -> NewTask {
        NewTask {
            kind: "start",
            summary: format!("Start service {service:?}"),
            subject: service.to_owned(),
        }
    }

    #[test]
    fn a_failed_task_makes_the_change_an_error_and_others_keep_their_status() {
        let mut changes = Changes::default();
        let (id, tasks) = changes.add(
            "start",
            "Start".to_owned(),
            vec![start("a"), start("b"), start("c")],
            Map::new(),
        );
        changes.set(tasks[0], Status::Doing);
        assert_eq!(
            (changes.get(id)["status"].clone(), changes.is_ready(id)),
            (json!("Doing"), false)
        );
        changes.fail(tasks[0], "exited");
        changes.set(tasks[1], Status::Hold);
        assert!(!changes.is_ready(id));
        changes.set(tasks[2], Status::Done);
        let shown = changes.get(id);
        assert_eq!(shown["status"], "Error");
        assert_eq!(
            shown["err"],
            "cannot perform the following tasks:\n- Start service \"a\" (exited)"
        );
        let statuses: Vec<_> =
            shown["tasks"].as_array().unwrap().iter().map(|task| task["status"].clone()).collect();
        assert_eq!(statuses, ["Error", "Hold", "Done"]);
        assert_eq!(changes.list(Select::Ready, "b").len(), 1);
        assert_eq!(changes.list(Select::Ready, "x").len(), 0);
        assert_eq!(changes.list(Select::InProgress, "").len(), 0);
    }

    #[test]
    fn abort_holds_what_has_not_begun_and_refuses_what_is_over() {
        let mut changes = Changes::default();
        let (id, tasks) =
            changes.add("start", "Start".to_owned(), vec![start("a"), start("b")], Map::new());
        changes.set(tasks[0], Status::Doing);
        assert_eq!(changes.abort(id), Ok(()));
        assert!(changes.is_aborting(tasks[0]));
        assert_eq!(changes.get(id)["tasks"][1]["status"], "Hold");
        changes.fail(tasks[0], "start aborted");
        assert_eq!(changes.abort(id), Err(AbortError::NothingPending));
        assert_eq!(changes.find("01"), None);
    }

    #[test]
    fn a_change_without_tasks_is_done_and_shows_none() {
        let mut changes = Changes::default();
        let (id, _) =
            changes.add("replan", "Replan - no services".to_owned(), Vec::new(), Map::new());
        let shown = changes.get(id);
        assert_eq!((shown["status"].clone(), shown["ready"].clone()), (json!("Done"), json!(true)));
        assert!(shown.get("tasks").is_none());
    }
}
