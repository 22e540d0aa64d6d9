//! Runs one hook of one unit: the charm's process with Juju's environment, its tools answered over
//! the agent socket, its output in the log, its writes committed at the end.

pub mod container;
mod environment;
mod process;
mod root;
mod runner;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::process::Command;

pub use container::Confinement;
pub use environment::{Surroundings, environment};
pub use process::{Exit, Printed};
pub use root::{RootError, RootSetup, UnitRoot};
pub use runner::{Runner, SharedRunner};

use self::process::{Keep, KillSwitch};
use crate::hook::tools::{self, Answer, Call};
use crate::hook::{Hook, HookContext, Journal, Moment, Strike, commit};
use crate::jujuc::server::{Handler, Server};
use crate::jujuc::wire::{NEEDS_STDIN, Request, Response};
use crate::model::{Level, Model};
use crate::names::UnitName;

/// A model that the tasks of a hook share.
pub type SharedModel = Arc<Mutex<Model>>;

/// Locks something that hook tasks share. A task that panicked has left no half-done write behind
/// that matters more than going on.
pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The agent of one unit: where it lives and how its hooks run.
#[derive(Debug, Clone)]
pub struct Agent {
    /// The unit.
    pub unit: UnitName,
    /// Its file system.
    pub root: UnitRoot,
    /// What the cluster around it looks like.
    pub surroundings: Surroundings,
    /// Whether its charm expects Juju's own paths.
    pub confinement: Confinement,
    /// How long a hook may run. Juju waits for ever; a test should not.
    pub time_limit: Duration,
    /// What runs the charm's program; nothing: a process of its own, as Juju does.
    pub runner: Option<SharedRunner>,
}

impl Agent {
    /// What a command in the charm's container begins with: nothing, or the program that enters it.
    pub(crate) fn entry(&self) -> Vec<OsString> {
        match self.confinement {
            Confinement::None => Vec::new(),
            Confinement::Container => {
                vec![self.root.container_program().into(), self.root.path().into()]
            }
        }
    }
}

/// Why a hook could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The charm directory is absent.
    #[error("cannot run a hook of `{unit}`: charm directory `{}` is absent", path.display())]
    CharmAbsent {
        /// The unit.
        unit: UnitName,
        /// Where the directory should be.
        path: PathBuf,
    },
    /// The agent socket could not be made.
    #[error("cannot listen on agent socket `{}`", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The dispatch program could not be started.
    #[error("cannot start `{}`", path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// How a hook ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookEnd {
    /// The process ended well and its writes are committed.
    Done,
    /// The hook failed: nothing that it buffered was kept.
    Failed(String),
    /// A signal killed it; the hook is to be run again and is no failure.
    Killed,
}

/// A hook that has run.
#[derive(Debug)]
pub struct Finished {
    /// The context as the hook left it: caches, the action's results.
    pub context: HookContext,
    /// How it ended.
    pub end: HookEnd,
    /// What it called and wrote.
    pub journal: Journal,
    /// What the process of an action or a script printed; of hooks it is only logged.
    pub printed: Printed,
}

/// Runs the hook of a context and commits what it wrote.
///
/// # Errors
///
/// When the hook could not be tried at all. A hook that fails is a value.
pub async fn run_hook(
    agent: &Agent,
    model: &SharedModel,
    context: HookContext,
) -> Result<Finished, DispatchError> {
    let charm = agent.root.charm();
    if !charm.is_dir() {
        return Err(DispatchError::CharmAbsent { unit: agent.unit.clone(), path: charm });
    }
    let hook = context.hook.clone();
    let name = hook.name();
    let started = Instant::now();
    let program = match &hook {
        Hook::Commands { script, .. } => Some(write_script(agent, script)?),
        _ => program(&charm, &hook.dispatch_path()),
    };
    let keep = match &hook {
        Hook::Commands { .. } | Hook::Action { .. } => Keep::Output,
        _ => Keep::Nothing,
    };
    let context = Arc::new(Mutex::new(context));
    let (mut exit, printed) = match &program {
        Some(program) => {
            let environment = {
                let (context, model) = (lock(&context), lock(model));
                environment(agent, &model, &context)
            };
            let socket = agent.root.socket();
            let switch = Arc::new(KillSwitch::default());
            let handler =
                handler(Arc::clone(&context), Arc::clone(model), agent, Arc::clone(&switch));
            let _server = Server::start(&socket, handler)
                .map_err(|source| DispatchError::Socket { path: socket, source })?;
            let logger = process::Logger::new(Arc::clone(model), agent.unit.clone(), name.clone());
            let limit = agent.time_limit;
            let run = match (&agent.runner, &hook) {
                (Some(runner), hook) if !matches!(hook, Hook::Commands { .. }) => {
                    let exit = runner::run(runner, &charm, environment, limit).await;
                    exit.map(|exit| (exit, Printed::default()))
                }
                _ => {
                    let command = command(agent, program);
                    process::run(command, &charm, environment, logger, limit, keep, &switch).await
                }
            };
            run.map_err(|source| DispatchError::Start { path: program.clone(), source })?
        }
        // A charm without dispatch and without that hook has nothing to do.
        None => (Exit::Code(0), Printed::default()),
    };
    // The server and its connections are gone, but the handler may still be on its way out.
    let mut context = take_context(context);
    strike_before_commit(&mut context, agent, model, &mut exit);
    let end = match (&program, &context.action) {
        (None, Some(_)) => {
            HookEnd::Failed(format!("action not implemented on unit \"{}\"", agent.unit))
        }
        _ => end(&mut context, model, &exit, &name),
    };
    let journal = Journal {
        unit: agent.unit.clone(),
        hook: name,
        subject: subject(&context),
        exit: exit.code(),
        succeeded: end == HookEnd::Done,
        calls: context.calls.clone(),
        writes: context.writes.clone(),
        micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    Ok(Finished { context, end, journal, printed })
}

/// An operator's script as a program of the unit.
fn write_script(agent: &Agent, script: &str) -> Result<PathBuf, DispatchError> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = agent.root.path().join("run-commands");
    let shell = ["/bin/bash", "/bin/sh"].into_iter().find(|shell| Path::new(shell).exists());
    let text = format!("#!{}\n{script}\n", shell.unwrap_or("/bin/sh"));
    std::fs::write(&path, text)
        .and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)))
        .map_err(|source| DispatchError::Start { path: path.clone(), source })?;
    Ok(path)
}

/// Springs a trap that waits for the end of the process, or makes sure of one that killed it.
fn strike_before_commit(
    context: &mut HookContext,
    agent: &Agent,
    model: &SharedModel,
    exit: &mut Exit,
) {
    let unit = context.unit.clone();
    let Some(trap) = &mut context.trap else { return };
    if trap.moment == Moment::Commit {
        trap.spring(&mut lock(model), &unit);
        drop_socket(agent, &trap.strike);
    }
    // What runs in this process can't be killed by a signal; what it wrote is dropped all the same.
    let kills = trap.strike == Strike::Kill
        || (trap.strike == Strike::Terminate && trap.moment == Moment::Commit);
    if trap.is_sprung && kills {
        *exit = Exit::Killed;
    }
}

fn drop_socket(agent: &Agent, strike: &Strike) {
    if let Strike::DropPebble(container) = strike {
        // It may be gone already.
        std::fs::remove_file(agent.root.container_socket(container)).ok();
    }
}

/// How a charm's program is started.
fn command(agent: &Agent, program: &Path) -> Command {
    match agent.confinement {
        Confinement::None => Command::new(program),
        Confinement::Container => {
            let mut command = Command::new(agent.root.container_program());
            command.arg(agent.root.path()).arg(program);
            command
        }
    }
}

fn take_context(mut shared: Arc<Mutex<HookContext>>) -> HookContext {
    loop {
        match Arc::try_unwrap(shared) {
            Ok(context) => return context.into_inner().unwrap_or_else(PoisonError::into_inner),
            Err(again) => {
                // A late call holds on to the context; swap it for an empty one instead of waiting.
                let mut held = lock(&again);
                let empty = HookContext::new(held.unit.clone(), held.hook.clone(), 0);
                let context = std::mem::replace(&mut *held, empty);
                drop(held);
                shared = Arc::new(Mutex::new(context));
            }
        }
    }
}

fn end(context: &mut HookContext, model: &SharedModel, exit: &Exit, name: &str) -> HookEnd {
    let mut model = lock(model);
    let is_script = matches!(context.hook, Hook::Commands { .. });
    let failure = match exit {
        // What a script of the operator has written counts, however it ended.
        Exit::Code(_) if is_script => match commit(context, &mut model) {
            Ok(()) => return HookEnd::Done,
            Err(error) => format!("committing requested changes failed: {error}"),
        },
        Exit::Code(0) => match commit(context, &mut model) {
            Ok(()) => return HookEnd::Done,
            Err(error) => format!("committing requested changes failed: {error}"),
        },
        Exit::Code(code) => format!("exit status {code}"),
        Exit::Killed => return HookEnd::Killed,
        Exit::Signal(signal) => process::signal_name(*signal),
        Exit::TimedOut => "the time limit of this run is over".to_owned(),
    };
    if context.action.is_none() && !is_script {
        let message =
            format!("hook \"{name}\" (via hook dispatching script: dispatch) failed: {failure}");
        model.add_log(context.unit.as_str(), "juju.worker.uniter.operation", Level::Error, message);
    }
    HookEnd::Failed(failure)
}

/// What a relation hook is about, for people.
fn subject(context: &HookContext) -> String {
    let Some(hook) = context.hook.relation() else { return String::new() };
    let relation = hook.relation.with_endpoint(&hook.endpoint);
    match &hook.remote_unit {
        Some(unit) => format!("{unit} on {relation}"),
        None => format!("{} on {relation}", hook.remote_application),
    }
}

/// The program of a hook: `dispatch`, or else a file of the hook's own name.
fn program(charm: &Path, dispatch_path: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let is_executable = |path: &PathBuf| {
        std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let dispatch = charm.join("dispatch");
    if is_executable(&dispatch) {
        return Some(dispatch);
    }
    Some(charm.join(dispatch_path)).filter(is_executable)
}

/// Springs a trap that waits for the call that comes now. A process that is killed gets no answer.
fn strike_at_call(
    context: &mut HookContext,
    agent: &Agent,
    model: &SharedModel,
    switch: &KillSwitch,
) -> Option<String> {
    let (unit, number) = (context.unit.clone(), context.calls.len() + 1);
    let trap = context.trap.as_mut().filter(|trap| !trap.is_sprung)?;
    if !matches!(trap.moment, Moment::Call(call) if call.get() == number) {
        return None;
    }
    trap.spring(&mut lock(model), &unit);
    drop_socket(agent, &trap.strike);
    match trap.strike {
        Strike::Kill => switch.kill(),
        Strike::Terminate => switch.terminate(),
        _ => return None,
    }
    Some("connection is shut down".to_owned())
}

/// Answers the tools of one hook.
fn handler(
    context: Arc<Mutex<HookContext>>,
    model: SharedModel,
    agent: &Agent,
    switch: Arc<KillSwitch>,
) -> Handler {
    let agent = agent.clone();
    Arc::new(move |request: Request| {
        // One after another: the context's lock is held for the whole command.
        let mut context = lock(&context);
        if request.context_id != context.id {
            return Err(format!("bad request: wrong context ID; got {:?}", request.context_id));
        }
        if let Some(refused) = strike_at_call(&mut context, &agent, &model, &switch) {
            return Err(refused);
        }
        let call = Call {
            tool: request.command,
            directory: PathBuf::from(request.directory),
            arguments: request.arguments,
            stdin: request.stdin,
        };
        match tools::run(&mut context, &mut lock(&model), &call) {
            Answer::Done(output) => Ok(Response {
                code: i64::from(output.code),
                stdout: output.stdout,
                stderr: output.stderr,
            }),
            Answer::NeedsStdin => Err(NEEDS_STDIN.to_owned()),
            Answer::Unknown => Err(format!("bad request: unknown command: {}", call.tool)),
        }
    })
}

/// Finds the program that acts as every hook tool: this one, or the one built beside it when this
/// is a test.
///
/// # Errors
///
/// When there is none.
pub fn find_program() -> Result<PathBuf, RootError> {
    const NAME: &str = "relation-bus";
    // A copy or link of it under the name of Juju's client is the same program.
    const NAMES: [&str; 2] = [NAME, "juju"];
    let current = std::env::current_exe().map_err(|source| RootError::Program { source })?;
    if current.file_name().is_some_and(|file| NAMES.iter().any(|name| file == *name)) {
        return Ok(current);
    }
    current
        .ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join(NAME))
        .find(|path| path.is_file())
        .ok_or(RootError::NoProgram { near: current })
}

/// Variables of a hook by name.
pub type Environment = BTreeMap<String, String>;
