//! Checks and health.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::changes::{ChangeId, Changes, NewTask, Status, TaskId};
use super::envelope::{Answer, ApiError, Reply, first, list as query_list, read_body};
use super::layer::text;
use super::plan::{Plan, threshold};
use super::probe;
use super::schema::Entry;
use super::setup::{CheckSetup, CheckStatus, ServiceMode};
use super::workload::{Inner, State};

/// A check of the plan that is being performed.
#[derive(Debug, Clone)]
struct Running {
    run: RunId,
    change: ChangeId,
    task: TaskId,
    // The change before this one, after the check went down or came up.
    previous: Option<ChangeId>,
}

/// One stretch in which a check is performed, from its start to its stop: the task that it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunId(TaskId);

/// What is known about one check.
#[derive(Debug, Clone)]
struct Check {
    // None: only the setup knows it.
    config: Option<Entry>,
    // A state that nothing moves.
    forced: Option<CheckSetup>,
    successes: u64,
    failures: u64,
    running: Option<Running>,
}

/// How often a check went well or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) up: bool,
    pub(super) successes: u64,
    pub(super) failures: u64,
}

/// All checks of a container.
#[derive(Debug, Default)]
pub(super) struct Checks {
    checks: BTreeMap<String, Check>,
}

impl Checks {
    /// The checks whose state is fixed from outside.
    pub(super) fn new(forced: Vec<CheckSetup>) -> Self {
        let check = |forced: CheckSetup| Check {
            config: None,
            forced: Some(forced),
            successes: 0,
            failures: 0,
            running: None,
        };
        Self {
            checks: forced.into_iter().map(|forced| (forced.name.clone(), check(forced))).collect(),
        }
    }

    /// Takes over the checks of a plan: a new or altered one begins anew, an unchanged one goes on.
    pub(super) fn follow(&mut self, plan: &Plan, changes: &mut Changes) {
        for (name, config) in plan.checks() {
            let known = self.checks.get(name);
            if known.is_some_and(|check| check.config.as_ref() == Some(config)) {
                continue;
            }
            let forced = known.and_then(|check| check.forced.clone());
            if let Some(running) = known.and_then(|check| check.running.clone()) {
                finish(changes, &running);
            }
            let running =
                (forced.is_none() && is_enabled(config)).then(|| perform(changes, name, config));
            let check =
                Check { config: Some(config.clone()), forced, successes: 0, failures: 0, running };
            self.checks.insert(name.clone(), check);
        }
    }

    /// Starts all stopped checks but those that are disabled.
    pub(super) fn start_enabled(&mut self, plan: &Plan, changes: &mut Changes) {
        let names = plan
            .checks()
            .iter()
            .filter(|(_, config)| is_enabled(config))
            .map(|(name, _)| name.clone());
        self.start(&names.collect::<Vec<_>>(), changes);
    }

    // Gives those that were not running.
    fn start(&mut self, names: &[String], changes: &mut Changes) -> Vec<String> {
        let mut changed = Vec::new();
        for name in names {
            let Some(check) = self.checks.get_mut(name) else { continue };
            if let (None, None, Some(config)) = (&check.running, &check.forced, &check.config) {
                check.running = Some(perform(changes, name, config));
                (check.successes, check.failures) = (0, 0);
                changed.push(name.clone());
            }
        }
        changed.sort();
        changed
    }

    fn stop(&mut self, names: &[String], changes: &mut Changes) -> Vec<String> {
        let mut changed = Vec::new();
        for name in names {
            let Some(check) = self.checks.get_mut(name) else { continue };
            if let Some(running) = check.running.take() {
                finish(changes, &running);
                changed.push(name.clone());
            }
        }
        changed.sort();
        changed
    }

    /// The checks that are being performed.
    pub(super) fn runs(&self) -> impl Iterator<Item = (String, Entry, RunId)> {
        let run = |(name, check): (&String, &Check)| {
            Some((name.clone(), check.config.clone()?, check.running.as_ref()?.run))
        };
        self.checks.iter().filter_map(run)
    }

    /// Whether that run of a check was stopped.
    pub(super) fn is_over(&self, name: &str, run: RunId) -> bool {
        let running = self.checks.get(name).and_then(|check| check.running.as_ref());
        running.is_none_or(|running| running.run != run)
    }

    /// Notes how a check went. True if it has just gone down.
    pub(super) fn record(
        &mut self,
        name: &str,
        run: RunId,
        outcome: &Result<(), String>,
        changes: &mut Changes,
    ) -> bool {
        let Some(check) = self.checks.get_mut(name) else { return false };
        let limit = check.threshold();
        let (Some(config), Some(running)) = (check.config.clone(), check.running.clone()) else {
            return false;
        };
        if running.run != run {
            return false;
        }
        let was_down = check.failures >= limit;
        let next = match outcome {
            Ok(()) => {
                check.successes += 1;
                check.failures = 0;
                if was_down {
                    check.successes = 1;
                    changes.set(running.task, Status::Done);
                }
                was_down.then_some(Phase::Perform)
            }
            Err(reason) => {
                check.failures += 1;
                changes.log(running.task, "ERROR", reason);
                if !was_down {
                    check.successes = 0;
                }
                let is_down = check.failures >= limit;
                if is_down && !was_down {
                    changes.set(running.task, Status::Error);
                }
                (is_down && !was_down).then_some(Phase::Recover)
            }
        };
        if let Some(phase) = next {
            let begun = begin(changes, name, &config, phase);
            check.running = Some(Running { run, previous: Some(running.change), ..begun });
        }
        next == Some(Phase::Recover)
    }

    /// What can be counted, by name of the check.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, Counts)> {
        self.checks.iter().map(|(name, check)| {
            let up = check.status() == CheckStatus::Up;
            (name.as_str(), Counts { up, successes: check.successes, failures: check.failures })
        })
    }

    fn show(&self, name: &str, check: &Check) -> Value {
        let status = check.status();
        let level = match (&check.forced, &check.config) {
            (Some(forced), _) if forced.level.is_some() => forced.level.clone().unwrap_or_default(),
            (_, Some(config)) => text(config, "level").to_owned(),
            _ => String::new(),
        };
        let mut shown = json!({"name": name});
        if !level.is_empty() {
            shown["level"] = level.into();
        }
        let enabled = check.config.as_ref().is_none_or(is_enabled);
        shown["startup"] = if enabled { "enabled" } else { "disabled" }.into();
        shown["status"] = status.as_str().into();
        shown["successes"] = check.successes.into();
        let failures = check.forced.as_ref().map_or(check.failures, |forced| forced.failures);
        if failures > 0 {
            shown["failures"] = failures.into();
        }
        shown["threshold"] = check.threshold().into();
        if let Some(running) = &check.running {
            shown["change-id"] = running.change.to_string().into();
            if let Some(previous) = running.previous {
                shown["prev-change-id"] = previous.to_string().into();
            }
        }
        shown
    }

    fn level<'a>(&self, check: &'a Check) -> &'a str {
        let forced = check.forced.as_ref().and_then(|forced| forced.level.as_deref());
        forced.unwrap_or_else(|| check.config.as_ref().map_or("", |config| text(config, "level")))
    }
}

impl Check {
    fn status(&self) -> CheckStatus {
        match (&self.forced, &self.running) {
            (Some(forced), _) => forced.status,
            (None, None) => CheckStatus::Inactive,
            (None, Some(_)) if self.failures >= self.threshold() => CheckStatus::Down,
            (None, Some(_)) => CheckStatus::Up,
        }
    }

    fn threshold(&self) -> u64 {
        match (&self.forced, &self.config) {
            (Some(forced), _) => forced.threshold,
            (None, Some(config)) => threshold(config),
            (None, None) => 3,
        }
    }
}

fn is_enabled(config: &Entry) -> bool {
    text(config, "startup") != "disabled"
}

fn kind_of(config: &Entry) -> &'static str {
    if config.contains_key("http") {
        "HTTP"
    } else if config.contains_key("tcp") {
        "TCP"
    } else {
        "exec"
    }
}

// A check is a change that is in progress for as long as it is up.
fn perform(changes: &mut Changes, name: &str, config: &Entry) -> Running {
    begin(changes, name, config, Phase::Perform)
}

/// What a running check is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is up.
    Perform,
    /// It is down, and performed to see when it recovers.
    Recover,
}

fn begin(changes: &mut Changes, name: &str, config: &Entry, phase: Phase) -> Running {
    let (kind, verb) = match phase {
        Phase::Perform => ("perform-check", "Perform"),
        Phase::Recover => ("recover-check", "Recover"),
    };
    let summary = format!("{verb} {} check {name:?}", kind_of(config));
    let task = NewTask { kind, summary: summary.clone(), subject: String::new() };
    let mut notice = Map::new();
    notice.insert("check-name".to_owned(), name.into());
    let (change, tasks) = changes.add(kind, summary, vec![task], notice);
    // A change that was given one task has it.
    let task = tasks[0];
    changes.set(task, Status::Doing);
    Running { run: RunId(task), change, task, previous: None }
}

fn finish(changes: &mut Changes, running: &Running) {
    changes.set(running.task, Status::Done);
}

fn read_level(query: &[(String, String)]) -> Result<&str, ApiError> {
    match first(query, "level") {
        level @ ("" | "alive" | "ready") => Ok(level),
        _ => Err(ApiError::bad_request("level must be \"alive\" or \"ready\"")),
    }
}

/// Lists checks, of one level or some names if the query says so.
pub(super) fn list(state: &State, query: &[(String, String)]) -> Reply {
    let level = read_level(query)?;
    let names = query_list(query, "names");
    let wanted = |name: &String, check: &Check| {
        (level.is_empty() || state.checks.level(check) == level)
            && (names.is_empty() || names.contains(name))
    };
    let checks = state.checks.checks.iter().filter(|(name, check)| wanted(name, check));
    Ok(Answer::Sync(checks.map(|(name, check)| state.checks.show(name, check)).collect()))
}

/// Tells whether no check is down. Level `ready` includes the checks of level `alive`.
pub(super) fn health(state: &State, query: &[(String, String)]) -> Reply {
    let level = read_level(query)?;
    let names = query_list(query, "names");
    let counts = |name: &String, check: &Check| {
        let own = state.checks.level(check);
        let level_fits = match level {
            "alive" => own == "alive",
            "ready" => !own.is_empty(),
            _ => true,
        };
        level_fits && (names.is_empty() || names.contains(name))
    };
    let mut counted = state.checks.checks.iter().filter(|(name, check)| counts(name, check));
    let healthy = !counted.any(|(_, check)| check.status() == CheckStatus::Down);
    Ok(Answer::Health { healthy })
}

/// Starts or stops checks.
pub(super) fn post(inner: &Inner, body: &[u8]) -> Reply {
    #[derive(Deserialize)]
    struct Request {
        #[serde(default)]
        action: String,
        #[serde(default)]
        checks: Vec<String>,
    }
    let Request { action, checks } = read_body(body, "data from request body")?;
    if checks.is_empty() {
        return Err(ApiError::bad_request(format!("must specify checks for {action} action")));
    }
    if !matches!(action.as_str(), "start" | "stop") {
        return Err(ApiError::bad_request(format!("invalid action {action:?}")));
    }
    inner.update(|state| {
        let mut missing: Vec<&String> =
            checks.iter().filter(|name| !state.plan.checks().contains_key(*name)).collect();
        if !missing.is_empty() {
            missing.sort();
            let names = missing.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(ApiError::bad_request(format!(
                "cannot {action} checks: cannot find checks in plan: {names}"
            )));
        }
        let changed = match action.as_str() {
            "start" => state.checks.start(&checks, &mut state.changes),
            _ => state.checks.stop(&checks, &mut state.changes),
        };
        Ok(Answer::Sync(json!({"changed": changed})))
    })
}

/// Performs a check now, where checks are real, and tells what it is.
pub(super) async fn refresh(inner: &Inner, body: &[u8]) -> Reply {
    #[derive(Deserialize)]
    struct Request {
        #[serde(default)]
        name: String,
    }
    let Request { name } = read_body(body, "data from request body")?;
    if name.is_empty() {
        return Err(ApiError::bad_request("must specify check name"));
    }
    let unknown = || ApiError::not_found(format!("cannot find check with name {name:?}"));
    let (config, run) = inner.read(|state| {
        let check = state.checks.checks.get(&name).ok_or_else(unknown)?;
        let config = check.config.clone().filter(|_| check.forced.is_none());
        Ok((config, check.running.as_ref().map(|running| running.run)))
    })?;
    let outcome = match config.filter(|_| inner.mode == ServiceMode::Processes) {
        Some(config) => probe::once(inner, &config).await,
        None => Ok(()),
    };
    inner.update(|state| {
        if let Some(run) = run.filter(|_| inner.mode == ServiceMode::Processes) {
            state.record_check(&name, run, &outcome);
        }
        let check = state.checks.checks.get(&name).ok_or_else(unknown)?;
        let mut result = json!({"info": state.checks.show(&name, check)});
        if let Err(reason) = outcome {
            result["error"] = reason.into();
        }
        Ok(Answer::Sync(result))
    })
}
