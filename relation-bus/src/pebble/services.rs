//! Services: what is running, and the changes that start and stop it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::changes::{NewTask, Status, TaskId};
use super::clock::{Timestamp, format_duration};
use super::envelope::{Answer, ApiError, Reply, read_body};
use super::journal::Action;
use super::layer::text;
use super::plan::Plan;
use super::process::{Process, signal_named};
use super::schema::Entry;
use super::setup::ServiceMode;
use super::supervise;
use super::workload::{Inner, State};

/// How many of its last lines the failure of a start tells.
const RECENT_LINES: usize = 20;

/// What a service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Current {
    /// Stopped, or never started, or impossible to spawn.
    #[default]
    Inactive,
    /// Running or coming up.
    Active,
    /// Ended, and about to be started again.
    Backoff,
    /// Ended, and not to be started again.
    Error,
}

impl Current {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Active => "active",
            Self::Backoff => "backoff",
            Self::Error => "error",
        }
    }
}

/// What is known about a service that was started once.
#[derive(Debug, Clone, Default)]
struct Runtime {
    current: Current,
    since: Option<Timestamp>,
    // The configuration it was started with: replan compares.
    started_with: Entry,
    // Moves with every start and stop: tells an old start that it is over.
    generation: u64,
    starts: u64,
    process: Option<Process>,
    // A check asked for a restart: the coming exit leads to one, whatever the configuration says of exits.
    restart_asked: bool,
}

/// The services of a container that were started once.
#[derive(Debug, Default)]
pub(super) struct Services {
    runtimes: BTreeMap<String, Runtime>,
}

impl Services {
    /// Takes a service for running, with the configuration it has.
    pub(super) fn begin_active(&mut self, name: &str, entry: Option<&Entry>) {
        let runtime = self.runtimes.entry(name.to_owned()).or_default();
        runtime.current = Current::Active;
        runtime.since = Some(Timestamp::now());
        runtime.started_with = entry.cloned().unwrap_or_default();
        runtime.generation += 1;
        runtime.starts += 1;
    }

    pub(super) fn current(&self, name: &str) -> Current {
        self.runtimes.get(name).map_or(Current::Inactive, |runtime| runtime.current)
    }

    /// How often a service was started.
    pub(super) fn starts(&self, name: &str) -> u64 {
        self.runtimes.get(name).map_or(0, |runtime| runtime.starts)
    }

    fn generation(&self, name: &str) -> u64 {
        self.runtimes.get(name).map_or(0, |runtime| runtime.generation)
    }

    /// Notes the process that a service now is.
    pub(super) fn runs(&mut self, name: &str, generation: u64, process: Process) {
        if let Some(runtime) =
            self.runtimes.get_mut(name).filter(|runtime| runtime.generation == generation)
        {
            runtime.process = Some(process);
            runtime.restart_asked = false;
        }
    }

    /// Notes that a process has ended.
    pub(super) fn gone(&mut self, name: &str, process: Process) {
        if let Some(runtime) =
            self.runtimes.get_mut(name).filter(|runtime| runtime.process == Some(process))
        {
            runtime.process = None;
        }
    }

    /// Moves a service to a state, unless it was started or stopped since.
    pub(super) fn settle(&mut self, name: &str, generation: u64, current: Current) {
        if let Some(runtime) =
            self.runtimes.get_mut(name).filter(|runtime| runtime.generation == generation)
        {
            runtime.starts +=
                u64::from(runtime.current == Current::Backoff && current == Current::Active);
            runtime.current = current;
            runtime.since = Some(Timestamp::now());
        }
    }

    /// Whether the start of that generation was followed by a stop or another start.
    pub(super) fn is_over(&self, name: &str, generation: u64) -> bool {
        self.generation(name) != generation
    }

    /// Whether a restart was asked for; it counts once.
    pub(super) fn take_restart(&mut self, name: &str) -> bool {
        self.runtimes
            .get_mut(name)
            .is_some_and(|runtime| std::mem::take(&mut runtime.restart_asked))
    }

    /// Restarts a running service because a check went down.
    pub(super) fn ask_restart(&mut self, name: &str) {
        if let Some(runtime) = self.runtimes.get_mut(name)
            && let Some(process) = runtime.process
        {
            runtime.restart_asked = true;
            process.signal_group(Signal::TERM);
        }
    }

    /// Kills everything at once.
    pub(super) fn kill_all(&mut self) {
        for runtime in self.runtimes.values_mut() {
            runtime.generation += 1;
            runtime.current = Current::Inactive;
            if let Some(process) = runtime.process.take() {
                process.signal_group(Signal::KILL);
            }
        }
    }

    fn process(&self, name: &str) -> Option<Process> {
        self.runtimes.get(name)?.process
    }

    fn end(&mut self, name: &str) {
        if let Some(runtime) = self.runtimes.get_mut(name) {
            runtime.current = Current::Inactive;
            runtime.since = Some(Timestamp::now());
            runtime.generation += 1;
        }
    }

    // Services that were started with another configuration than the plan has now.
    fn changed(&self, plan: &Plan) -> Vec<String> {
        let changed = plan.services().iter().filter(|(name, entry)| {
            self.runtimes.get(*name).is_some_and(|runtime| runtime.started_with != **entry)
        });
        changed.map(|(name, _)| name.clone()).collect()
    }
}

/// Lists the services of the plan, or those of `names` that are in it.
pub(super) fn list(state: &State, names: &[String]) -> Value {
    let wanted = |name: &String| names.is_empty() || names.contains(name);
    let services = state.plan.services().iter().filter(|(name, _)| wanted(name));
    let show = |(name, entry): (&String, &Entry)| {
        let startup = if text(entry, "startup") == "enabled" { "enabled" } else { "disabled" };
        let runtime = state.services.runtimes.get(name);
        let current = runtime.map_or(Current::Inactive, |runtime| runtime.current);
        let mut shown = json!({"name": name, "startup": startup, "current": current.as_str()});
        if let Some(since) = runtime.and_then(|runtime| runtime.since) {
            shown["current-since"] = since.to_string().into();
        }
        shown
    };
    services.map(show).collect()
}

#[derive(Debug, Deserialize)]
struct Request {
    #[serde(default)]
    action: String,
    #[serde(default)]
    services: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Start,
    Stop,
    Restart,
    Replan,
    Autostart,
}

impl Operation {
    // The daemon's word, which is also the kind of the change.
    fn kind(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Replan => "replan",
            Self::Autostart => "autostart",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Stop => "Stop",
            Self::Restart => "Restart",
            Self::Replan => "Replan",
            Self::Autostart => "Autostart",
        }
    }
}

/// One service to start or stop, as a task.
#[derive(Debug)]
struct Step {
    service: String,
    task: TaskId,
}

/// The work of a change. Lanes go side by side; all stops come before the first start.
#[derive(Debug, Default)]
struct Work {
    stops: Vec<Vec<Step>>,
    starts: Vec<Vec<Step>>,
    // Fails every start with this text instead of doing anything.
    refusal: Option<String>,
}

/// Begins what a request asks for. Where nothing takes time, it is over when this returns.
pub(super) async fn post(inner: &Arc<Inner>, body: &[u8]) -> Reply {
    let request: Request = read_body(body, "data from request body")?;
    let operation = match request.action.as_str() {
        "replan" => Operation::Replan,
        "autostart" => Operation::Autostart,
        action if request.services.is_empty() => {
            return Err(ApiError::bad_request(format!(
                "must specify services for {action} action"
            )));
        }
        "start" => Operation::Start,
        "stop" => Operation::Stop,
        "restart" => Operation::Restart,
        action => return Err(ApiError::bad_request(format!("invalid action {action:?}"))),
    };
    let (change, work) = inner.update(|state| begin(inner, state, operation, request.services))?;
    if inner.okay_delay.is_zero() && inner.mode == ServiceMode::State {
        work.run(inner).await;
    } else {
        let inner = Arc::clone(inner);
        tokio::spawn(async move { work.run(&inner).await });
    }
    Ok(Answer::Async { change, result: Value::Null })
}

fn begin(
    inner: &Inner,
    state: &mut State,
    operation: Operation,
    asked: Vec<String>,
) -> Result<(String, Work), ApiError> {
    let kind = operation.kind();
    if matches!(operation, Operation::Replan | Operation::Autostart) {
        if !asked.is_empty() {
            return Err(ApiError::bad_request(format!("{kind} accepts no service names")));
        }
    } else if let Some(missing) =
        asked.iter().find(|name| !state.plan.services().contains_key(*name))
    {
        return Err(ApiError::bad_request(format!(
            "cannot {kind} services: service {missing:?} does not exist"
        )));
    }
    let plan = &state.plan;
    let (named, stop_lanes, start_lanes) = match operation {
        Operation::Start => (asked.clone(), Vec::new(), plan.start_lanes(&asked)),
        Operation::Stop => (asked.clone(), plan.stop_lanes(&asked), Vec::new()),
        Operation::Restart => {
            let mut stops = plan.stop_lanes(&asked);
            for lane in &mut stops {
                lane.retain(|name| asked.contains(name));
            }
            (asked.clone(), stops, plan.start_lanes(&asked))
        }
        Operation::Autostart => {
            let defaults = plan.default_services();
            if defaults.is_empty() {
                return Err(
                    ApiError::bad_request("no default services").with_kind("no-default-services")
                );
            }
            let lanes = plan.start_lanes(&defaults);
            (defaults, Vec::new(), lanes)
        }
        Operation::Replan => {
            let changed = state.services.changed(plan);
            let stops = plan.stop_lanes(&changed);
            let mut starts = changed;
            starts.extend(plan.default_services());
            let starts = plan.start_lanes(&starts);
            let mut named: Vec<String> = stops.iter().chain(&starts).flatten().cloned().collect();
            named.sort();
            named.dedup();
            (named, stops, starts)
        }
    };
    state.journal.push(match operation {
        Operation::Start => Action::Start(asked),
        Operation::Stop => Action::Stop(asked),
        Operation::Restart => Action::Restart(asked),
        Operation::Replan => Action::Replan,
        Operation::Autostart => Action::Autostart,
    });
    let refusal = inner.restart_error.clone().filter(|_| operation == Operation::Restart);
    let stop_lanes = if refusal.is_some() { Vec::new() } else { stop_lanes };
    let count = match operation {
        Operation::Stop => stop_lanes.iter().flatten().count(),
        Operation::Replan => named.len(),
        _ => start_lanes.iter().flatten().count(),
    };
    let summary = match (named.first(), count) {
        (None, _) | (_, 0) => format!("{} - no services", operation.verb()),
        (Some(first), 1) => format!("{} service {first:?}", operation.verb()),
        (Some(first), _) => {
            format!("{} service {first:?} and {} more", operation.verb(), count - 1)
        }
    };
    let new_task = |kind: &'static str, verb: &str, service: &String| NewTask {
        kind,
        summary: format!("{verb} service {service:?}"),
        subject: service.clone(),
    };
    let tasks: Vec<NewTask> =
        (stop_lanes.iter().flatten().map(|service| new_task("stop", "Stop", service)))
            .chain(start_lanes.iter().flatten().map(|service| new_task("start", "Start", service)))
            .collect();
    let (change, tasks) = state.changes.add(kind, summary, tasks, Map::new());
    let mut tasks = tasks.into_iter();
    let mut steps = |lanes: Vec<Vec<String>>| -> Vec<Vec<Step>> {
        let step = |service| tasks.next().map(|task| Step { service, task });
        let mut step = step;
        lanes.into_iter().map(|lane| lane.into_iter().filter_map(&mut step).collect()).collect()
    };
    let work = Work { stops: steps(stop_lanes), starts: steps(start_lanes), refusal };
    if operation == Operation::Replan {
        state.checks.start_enabled(&state.plan, &mut state.changes);
    }
    Ok((change.to_string(), work))
}

impl Work {
    async fn run(self, inner: &Arc<Inner>) {
        let stopped =
            join_all(self.stops.iter().map(|lane| run_lane(inner, lane, Direction::Stop))).await;
        if stopped.contains(&Outcome::Failed) {
            inner.update(|state| {
                self.starts
                    .iter()
                    .flatten()
                    .for_each(|step| state.changes.set(step.task, Status::Hold));
            });
            return;
        }
        if let Some(refusal) = &self.refusal {
            inner.update(|state| {
                self.starts
                    .iter()
                    .flatten()
                    .for_each(|step| state.changes.fail(step.task, refusal));
            });
            return;
        }
        join_all(self.starts.iter().map(|lane| run_lane(inner, lane, Direction::Start))).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Start,
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fine,
    Failed,
}

// The tasks of a lane, one after the other; after one that fails the rest is held.
async fn run_lane(inner: &Arc<Inner>, lane: &[Step], direction: Direction) -> Outcome {
    let mut outcome = Outcome::Fine;
    for step in lane {
        if outcome == Outcome::Failed {
            inner.update(|state| state.changes.set(step.task, Status::Hold));
            continue;
        }
        outcome = match direction {
            Direction::Start => start(inner, step).await,
            Direction::Stop => stop(inner, step).await,
        };
    }
    outcome
}

async fn start(inner: &Arc<Inner>, step: &Step) -> Outcome {
    let Step { service, task } = step;
    let begun = inner.update(|state| {
        state.changes.set(*task, Status::Doing);
        if state.services.current(service) == Current::Active {
            state.changes.log(*task, "INFO", &format!("Service {service:?} already started."));
            state.changes.set(*task, Status::Done);
            return None;
        }
        let config = state.plan.services().get(service).cloned().unwrap_or_default();
        state.services.begin_active(service, Some(&config));
        Some((config, state.services.generation(service), state.logs.last()))
    });
    let Some((config, generation, printed)) = begun else { return Outcome::Fine };
    let (report, reported) = oneshot::channel();
    if inner.mode == ServiceMode::Processes {
        tokio::spawn(supervise::supervise(
            Arc::clone(inner),
            service.clone(),
            config,
            generation,
            report,
        ));
    }
    let over = |state: &State| {
        if state.changes.is_aborting(*task) {
            return Some("start aborted, sent SIGKILL to process".to_owned());
        }
        let delay = format_duration(inner.okay_delay);
        (state.services.is_over(service, generation))
            .then(|| format!("service start attempt: stopped before the {delay} okay delay"))
    };
    let failed = async {
        match reported.await {
            Ok(reason) => reason,
            // Nothing to report: it is running, or only a state.
            Err(_) => std::future::pending().await,
        }
    };
    let failure = match inner.okay_delay {
        Duration::ZERO => None,
        delay => tokio::select! {
            biased;
            reason = failed => Some(reason),
            reason = inner.wait_for(over) => Some(reason),
            () = tokio::time::sleep(delay) => None,
        },
    };
    inner.update(|state| {
        let Some(message) = failure else {
            state.changes.set(*task, Status::Done);
            return Outcome::Fine;
        };
        if state.changes.is_aborting(*task) && !state.services.is_over(service, generation) {
            if let Some(process) = state.services.process(service) {
                process.signal_group(Signal::KILL);
            }
            state.services.end(service);
        }
        let lines = state.logs.since(std::slice::from_ref(service), printed);
        let recent = lines.iter().skip(lines.len().saturating_sub(RECENT_LINES));
        let output: String = recent.map(|(_, line)| format!("\n    {}", line.message)).collect();
        if !output.is_empty() {
            state.changes.log(*task, "INFO", &format!("Most recent service output:{output}"));
        }
        state.changes.fail(*task, &message);
        Outcome::Failed
    })
}

async fn stop(inner: &Inner, step: &Step) -> Outcome {
    let Step { service, task } = step;
    let process = inner.update(|state| {
        state.changes.set(*task, Status::Doing);
        let process = state.services.process(service);
        let mut log =
            |text: &str| state.changes.log(*task, "INFO", &format!("Service {service:?} {text}."));
        match state.services.runtimes.get(service).map(|runtime| runtime.current) {
            None => log("has never been started"),
            Some(Current::Inactive) => log("already stopped"),
            Some(Current::Error) => {
                log("had already exited");
                state.services.end(service);
            }
            Some(Current::Active | Current::Backoff) => state.services.end(service),
        }
        process
    });
    if let Some(process) = process {
        inner
            .wait_for(|state| (state.services.process(service) != Some(process)).then_some(()))
            .await;
    }
    inner.update(|state| state.changes.set(*task, Status::Done));
    Outcome::Fine
}

/// Sends a signal to services; where services are states, only whether they run is seen.
pub(super) fn signal(inner: &Inner, body: &[u8]) -> Reply {
    #[derive(Deserialize)]
    struct SignalRequest {
        #[serde(default)]
        signal: String,
        #[serde(default)]
        services: Vec<String>,
    }
    let SignalRequest { signal, services } = read_body(body, "request body")?;
    if services.is_empty() {
        return Err(ApiError::bad_request("must specify one or more services"));
    }
    let problems: Vec<String> = inner.update(|state| {
        let mut reached = Vec::new();
        let mut problems = Vec::new();
        for service in services {
            if state.services.current(&service) != Current::Active {
                problems.push(format!("cannot send signal to {service:?}: service is not running"));
            } else if let Some(known) = signal_named(&signal) {
                if let Some(process) = state.services.process(&service) {
                    process.signal(known);
                }
                reached.push(service);
            } else {
                problems.push(format!(
                    "cannot send signal to {service:?}: invalid signal name {signal:?}"
                ));
            }
        }
        if !reached.is_empty() {
            state.journal.push(Action::Signal(signal.clone(), reached));
        }
        problems
    });
    if problems.is_empty() {
        Ok(Answer::Sync(true.into()))
    } else {
        Err(ApiError::internal(problems.join("; ")))
    }
}
