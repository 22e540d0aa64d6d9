//! The whole of one dispatch: arguments, snapshot, decision, difference, writing.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use tracing::Instrument as _;

use crate::apply::{ApplyError, Writer};
use crate::desired::{Desired, TraceDestination};
use crate::difference::{Difference, SecretChange};
use crate::environment::{Dispatch, Environment, EnvironmentError, ProcessEnvironment, variable};
use crate::event::Event;
use crate::metadata::{Metadata, MetadataError};
use crate::program::{ActionCall, Charm};
use crate::reading::{ReadError, Reader};
use crate::snapshot::Snapshot;
use crate::telemetry::Trace;
use crate::tools::{HookTools, ProcessTools, ToolError, Tools};
use crate::workloads::Workloads;

mod arguments;
mod log;

use arguments::{Arguments, Format};

/// How often a charm is asked again because secrets were made that it can speak of now.
const SECRET_ROUNDS: usize = 3;

/// How a dispatch ended. Juju takes every number but 0 as a failure of the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do for this event.
    Done,
    /// 1: something failed that may succeed when Juju tries again.
    Failed,
    /// 2: wrong arguments, or metadata that can't be used.
    Usage,
    /// 3: no hook context.
    NoContext,
    /// 70: a mistake of ours.
    Internal,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoContext => 3,
            Self::Internal => 70,
        }
    }
}

/// Why a dispatch failed.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("cannot find a hook context")]
    Environment(#[from] EnvironmentError),
    #[error("cannot read what the charm declares")]
    Metadata(#[from] MetadataError),
    #[error("cannot take the snapshot")]
    Read(#[from] ReadError),
    #[error("cannot answer the action")]
    Action(#[source] ToolError),
    #[error("cannot write secrets")]
    Secrets(#[source] ToolError),
    #[error("cannot write the difference")]
    Apply(#[from] ApplyError),
    #[error("cannot print the difference")]
    Print(#[source] std::io::Error),
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
}

impl RunError {
    fn exit(&self) -> Exit {
        match self {
            Self::Environment(_) => Exit::NoContext,
            Self::Metadata(_) => Exit::Usage,
            Self::Read(ReadError::Tool(ToolError::Unavailable { .. })) => Exit::NoContext,
            Self::Read(_)
            | Self::Action(_)
            | Self::Secrets(_)
            | Self::Apply(_)
            | Self::Print(_) => Exit::Failed,
            Self::Runtime(_) => Exit::Internal,
        }
    }

    /// What a person can do about it.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Environment(_) => Some(
                "Juju runs this program; by hand, use `juju exec --unit <unit> -- ./dispatch --dry-run`",
            ),
            _ => None,
        }
    }
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// An error as it is shown to people: a cause a line, then the hint.
fn report(error: &RunError) -> String {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = writeln!(text, "  caused by: {error}");
        cause = error.source();
    }
    if let Some(hint) = error.hint() {
        let _ = writeln!(text, "\nhint: {hint}");
    }
    text
}

/// Runs one dispatch of a charm: a binary's `main` is `charm::run(MyCharm)`.
///
/// The process' arguments are `--dry-run [--format text|json]`, `--check`, or none. The exit code is that of
/// [`Exit`].
pub fn run(charm: impl Charm) -> ExitCode {
    let arguments = match arguments::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to stdout, complaints to stderr; a broken pipe is nobody's mistake.
            let _ = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return ExitCode::from(exit.code());
        }
    };
    if arguments.check {
        return ExitCode::from(checked(&charm).code());
    }
    let done = dispatch(&charm, &arguments, &ProcessEnvironment, Arc::new(ProcessTools));
    ExitCode::from(ended(done).code())
}

/// Runs one dispatch of a charm in an environment of the caller's and with hook tools of the
/// caller's: many charms in one process, as tests of whole models do it.
///
/// Blocks until the dispatch is over, and makes a tokio runtime of its own; so not to be called
/// from an async function.
pub fn run_in(
    charm: &impl Charm,
    environment: &dyn Environment,
    tools: Arc<dyn HookTools + Send + Sync>,
) -> Exit {
    let arguments = Arguments { check: false, dry_run: false, format: Format::Text };
    ended(dispatch(charm, &arguments, environment, tools))
}

/// Whether a charm can be used as it is packed; why not is said on stderr.
fn checked(charm: &impl Charm) -> Exit {
    match charm.problem() {
        None => Exit::Done,
        Some(problem) => {
            let _ = writeln!(std::io::stderr(), "error: {problem}");
            Exit::Usage
        }
    }
}

/// How a dispatch ended; what went wrong is said on stderr.
fn ended(outcome: Result<(), RunError>) -> Exit {
    match outcome {
        Ok(()) => Exit::Done,
        Err(RunError::Print(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            let _ = write!(std::io::stderr(), "{}", report(&error));
            error.exit()
        }
    }
}

/// With `juju exec` there is no event. A dry run then shows what the periodic one would do.
struct WithEvent<'a>(&'a dyn Environment);

impl Environment for WithEvent<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let value = self.0.get(name);
        if name == variable::DISPATCH_PATH && value.as_deref().unwrap_or_default().is_empty() {
            return Some("hooks/update-status".to_owned());
        }
        value
    }
}

fn dispatch(
    charm: &impl Charm,
    arguments: &Arguments,
    environment: &dyn Environment,
    tools: Arc<dyn HookTools + Send + Sync>,
) -> Result<(), RunError> {
    let metadata = Arc::new(Metadata::read(&Dispatch::charm_dir(environment)?)?);
    let dispatch = if arguments.dry_run {
        Dispatch::read(&WithEvent(environment), &metadata)?
    } else {
        Dispatch::read(environment, &metadata)?
    };
    if let Event::Unknown(_) = dispatch.event {
        return Ok(());
    }
    let trace = (!arguments.dry_run).then(|| Trace::begin(&dispatch.identity, &metadata));
    let _logging = log::install(Arc::clone(&tools), trace.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    let workloads = Workloads::new(dispatch.clone());
    let pass =
        Pass { charm, dispatch: &dispatch, tools: Tools::new(&*tools), workloads: &workloads };
    let path = environment.get(variable::DISPATCH_PATH).unwrap_or_default();
    let event = path.rsplit('/').next().unwrap_or_default();
    let span = tracing::info_span!("dispatch", event, otel.status_code = tracing::field::Empty);
    let mut destination = None;
    let outcome = runtime.block_on(
        async {
            let outcome = pass.run(metadata, arguments, &mut destination).await;
            if let Err(error) = &outcome {
                tracing::Span::current().record("otel.status_code", "ERROR");
                tracing::error!("{}", chain(error));
            }
            outcome
        }
        .instrument(span),
    );
    if let Some(trace) = trace {
        let sent = trace.end(destination.as_ref(), &dispatch.root, &dispatch.charm_dir);
        runtime.block_on(sent);
    }
    outcome
}

/// One dispatch of one charm.
struct Pass<'a, C> {
    charm: &'a C,
    dispatch: &'a Dispatch,
    tools: Tools<'a>,
    workloads: &'a Workloads,
}

impl<C: Charm> Pass<'_, C> {
    async fn run(
        &self,
        metadata: Arc<Metadata>,
        arguments: &Arguments,
        destination: &mut Option<TraceDestination>,
    ) -> Result<(), RunError> {
        let mut snapshot =
            Snapshot::start(self.dispatch.event.clone(), self.dispatch.identity.clone(), metadata);
        let mut reader = Reader::new(self.tools, self.dispatch, self.workloads);
        let reading = async {
            reader.facts(&mut snapshot)?;
            reader.satisfy(self.charm, &mut snapshot).await
        };
        reading.instrument(tracing::info_span!("snapshot")).await?;
        if let Event::Action { name } = &snapshot.event {
            return self.action(&snapshot, name, arguments).map_err(RunError::Action);
        }
        let (mut desired, mut difference) = self.decide(&mut reader, &mut snapshot).await?;
        if arguments.dry_run {
            warn(&desired);
            return print(&difference, arguments.format).map_err(RunError::Print);
        }
        let writer =
            Writer { tools: self.tools, dispatch: self.dispatch, workloads: self.workloads };
        // A secret's id is known only once it is made, and a databag may have to tell it: after new
        // secrets the charm decides again.
        for _ in 0..SECRET_ROUNDS {
            writer.secrets(&difference.secrets).map_err(RunError::Secrets)?;
            let made = difference.secrets.iter().any(|c| matches!(c, SecretChange::Add { .. }));
            difference.secrets.clear();
            if !made {
                break;
            }
            reader.forget_secrets();
            snapshot.owned_secrets.clear();
            reader.satisfy(self.charm, &mut snapshot).await?;
            (desired, difference) = self.decide(&mut reader, &mut snapshot).await?;
        }
        warn(&desired);
        destination.clone_from(&desired.charm_tracing);
        let writing = writer.rest(&snapshot, difference, desired.version_probe.as_ref());
        writing.instrument(tracing::info_span!("apply")).await?;
        Ok(())
    }

    async fn decide(
        &self,
        reader: &mut Reader<'_>,
        snapshot: &mut Snapshot,
    ) -> Result<(Desired, Difference), ReadError> {
        let desired = tracing::info_span!("reconcile").in_scope(|| self.charm.reconcile(snapshot));
        reader.complete(&desired, snapshot).await?;
        let difference = Difference::between(snapshot, &desired);
        Ok((desired, difference))
    }

    fn action(
        &self,
        snapshot: &Snapshot,
        name: &str,
        arguments: &Arguments,
    ) -> Result<(), ToolError> {
        let parameters = self.tools.action_parameters()?;
        let call = ActionCall { name: name.to_owned(), parameters };
        let outcome = self.charm.action(snapshot, &call);
        if arguments.dry_run {
            return Ok(());
        }
        if !outcome.results.is_empty() {
            self.tools.set_action_results(&outcome.results)?;
        }
        match outcome.failure {
            Some(reason) => self.tools.fail_action(&reason),
            None => Ok(()),
        }
    }
}

/// Logs what was skipped, each thing once.
fn warn(desired: &Desired) {
    let mut told = BTreeSet::new();
    for problem in &desired.problems {
        if told.insert((&problem.place, &problem.reason)) {
            tracing::warn!("{}: {}", problem.place, problem.reason);
        }
    }
}

fn print(difference: &Difference, format: Format) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match format {
        Format::Json => writeln!(stdout, "{}", difference.to_json())?,
        Format::Text => {
            write!(stdout, "{difference}")?;
            if difference.is_empty() {
                writeln!(std::io::stderr(), "nothing to change")?;
            }
        }
    }
    stdout.flush()
}

#[cfg(test)]
mod tests;
