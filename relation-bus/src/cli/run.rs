//! `juju run`: actions.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::duration::JujuDuration;
use super::pairs::{Reading, put_parameter, read_document};
use super::target::Target;
use super::{CommandError, Exit, print, talk};
use crate::controller::acts::{Act, Outcome, RunAction};
use crate::model::Task;
use crate::server::Parts;
use crate::server::protocol::Refusal;
use crate::shapes::{Format, print as printed, task};

/// Juju waits so long for tasks when it isn't told otherwise.
const USUAL_WAIT: Duration = Duration::from_secs(60);

/// Run an action on units.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Units (`app/0`, `app/leader`), the action, and its parameters as `KEY.KEY=VALUE`.
    #[arg(required = true, num_args = 2.., value_name = "UNIT… ACTION KEY=VALUE")]
    words: Vec<String>,
    /// A YAML file of parameters; those of the command line win.
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Take the values of parameters as they are typed, not as YAML.
    #[arg(long)]
    string_args: bool,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    target: Target,
}

/// How long to wait for tasks, and how to print them.
#[derive(Debug, Args)]
pub(super) struct Waiting {
    /// Return at once; see `show-operation`.
    #[arg(long)]
    background: bool,
    /// How long to wait, such as `10s` or `2m` [default: 60s].
    #[arg(long, value_name = "DURATION")]
    wait: Option<JujuDuration>,
    /// How to print.
    #[arg(long, value_enum, default_value = "plain")]
    format: TaskFormat,
    /// Taken for Juju's sake: times are UTC.
    #[arg(long)]
    utc: bool,
    /// Taken for Juju's sake: one hook of a model runs at a time.
    #[arg(long, value_name = "BOOL")]
    parallel: Option<String>,
    /// Taken for Juju's sake: one hook of a model runs at a time.
    #[arg(long, value_name = "GROUP")]
    execution_group: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TaskFormat {
    Plain,
    Json,
    Yaml,
}

/// What is printed in the plain format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// What the action set.
    Results,
    /// What the command printed.
    Output,
}

impl Run {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let is_unit = |word: &&String| word.contains('/') && !word.contains('=');
        let units: Vec<String> = self.words.iter().take_while(is_unit).cloned().collect();
        let (action, arguments) = match (units.as_slice(), &self.words[units.len()..]) {
            ([], _) => return refuse("no unit specified"),
            (_, []) => return refuse("no action specified"),
            (_, [action, arguments @ ..]) => (action, arguments),
        };
        let mut parameters = match &self.params {
            Some(file) => match read_document(file)? {
                Value::Object(map) => map,
                Value::Null => Map::new(),
                _ => return refuse("params must be a YAML map"),
            },
            None => Map::new(),
        };
        let reading = if self.string_args { Reading::Text } else { Reading::Yaml };
        for argument in arguments {
            put_parameter(&mut parameters, argument, reading)?;
        }
        let act = RunAction { units, action: action.clone(), parameters };
        match self.target.act(Act::RunAction(act)) {
            Ok(Outcome::Operation(operation)) => {
                self.waiting.wait(&self.target, operation, Plain::Results)
            }
            Ok(Outcome::Unscheduled(operation, reasons)) => {
                talk(&task::not_scheduled(operation, &reasons));
                Ok(Exit::Done)
            }
            Ok(_) => Ok(Exit::Done),
            Err(error) => Err(error.into()),
        }
    }
}

fn refuse(message: &str) -> Result<Exit, CommandError> {
    Err(Refusal { message: message.to_owned() }.into())
}

impl Waiting {
    /// Waits for the tasks of an operation and prints what came of them.
    pub(super) fn wait(
        &self,
        target: &Target,
        operation: u32,
        plain: Plain,
    ) -> Result<Exit, CommandError> {
        let tasks = tasks_of(target, operation)?;
        talk(task::announcement(operation, &tasks).trim_end());
        if self.background {
            talk(&format!(
                "\nCheck operation status with 'juju show-operation {operation}'\nCheck task \
                 status with 'juju show-task <id>'"
            ));
            return Ok(Exit::Done);
        }
        let limit = self.wait.map_or(USUAL_WAIT, JujuDuration::get);
        let tasks = finished(target, operation, limit)?;
        let Some(tasks) = tasks else {
            return refuse(&format!("timed out waiting for results of operation {operation}"));
        };
        print_tasks(&tasks, self.format, plain);
        match task::failure(&tasks) {
            Some(text) => Err(Refusal { message: text }.into()),
            None => Ok(Exit::Done),
        }
    }
}

/// The tasks of an operation once all are over; nothing when that takes longer than the limit.
fn finished(
    target: &Target,
    operation: u32,
    limit: Duration,
) -> Result<Option<Vec<Task>>, CommandError> {
    let deadline = Instant::now() + limit;
    let mut revision = 0;
    loop {
        let tasks = tasks_of(target, operation)?;
        if tasks.iter().all(|task| task.status.is_over()) {
            return Ok(Some(tasks));
        }
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Ok(None);
        }
        revision = target.progress_within(revision, rest)?.revision;
    }
}

/// The tasks of an operation, in the order of their numbers.
pub(super) fn tasks_of(target: &Target, operation: u32) -> Result<Vec<Task>, CommandError> {
    let tasks = target.model(Parts::model())?.tasks;
    Ok(tasks.into_values().filter(|task| task.operation == operation).collect())
}

fn print_tasks(tasks: &[Task], format: TaskFormat, plain: Plain) {
    let text = match (format, plain) {
        (TaskFormat::Json, _) => printed(&task::document(tasks), Format::Json),
        (TaskFormat::Yaml, _) => printed(&task::document(tasks), Format::Yaml),
        (TaskFormat::Plain, Plain::Results) => task::plain(tasks),
        (TaskFormat::Plain, Plain::Output) => task::printed(tasks),
    };
    let text = text.trim_end_matches('\n');
    if !text.is_empty() {
        print(text);
    }
}

/// Show the tasks of an operation.
#[derive(Debug, Args)]
pub(super) struct ShowOperation {
    /// The operation's number.
    id: u32,
    /// How to print.
    #[arg(long, value_enum, default_value = "yaml")]
    format: DocumentFormat,
    #[command(flatten)]
    target: Target,
}

/// Show one task: an action or command on one unit.
#[derive(Debug, Args)]
pub(super) struct ShowTask {
    /// The task's number.
    id: u32,
    /// How to print.
    #[arg(long, value_enum, default_value = "yaml")]
    format: DocumentFormat,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DocumentFormat {
    Yaml,
    Json,
}

impl From<DocumentFormat> for Format {
    fn from(format: DocumentFormat) -> Self {
        match format {
            DocumentFormat::Yaml => Self::Yaml,
            DocumentFormat::Json => Self::Json,
        }
    }
}

impl ShowOperation {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let tasks = tasks_of(&self.target, self.id)?;
        let missing = || Refusal { message: format!("operation \"{}\" not found", self.id) };
        let document = task::operation(&tasks).ok_or_else(missing)?;
        print(&printed(&document, self.format.into()));
        Ok(Exit::Done)
    }
}

impl ShowTask {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let tasks = self.target.model(Parts::model())?.tasks;
        let missing = || Refusal { message: format!("task \"{}\" not found", self.id) };
        let task = tasks.get(&self.id).ok_or_else(missing)?;
        print(&printed(&task::describe(task), self.format.into()));
        Ok(Exit::Done)
    }
}
