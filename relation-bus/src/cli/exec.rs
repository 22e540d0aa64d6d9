//! `juju exec`: a script with the tools of a hook.

use clap::Args;

use super::run::{Plain, Waiting};
use super::target::Target;
use super::{CommandError, Exit};
use crate::controller::acts::{Act, Exec as ExecAct, Outcome};
use crate::server::protocol::Refusal;

/// Run a command in the charm container of units, with the environment and the tools of a hook.
#[derive(Debug, Args)]
pub(super) struct Exec {
    /// Units, separated by commas; `app/leader` is a unit, too.
    #[arg(short, long, value_delimiter = ',', value_name = "UNIT")]
    unit: Vec<String>,
    /// All units of applications, separated by commas.
    #[arg(short, long, value_delimiter = ',', value_name = "APP")]
    application: Vec<String>,
    /// All units of the model.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    target: Target,
    /// The command, behind `--`.
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Exec {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        if self.unit.is_empty() && self.application.is_empty() && !self.all {
            let message = "You must specify a target, either through --all, --unit, or \
                           --application"
                .to_owned();
            return Err(Refusal { message }.into());
        }
        let script = match self.command.as_slice() {
            [script] => script.clone(),
            words => shlex::try_join(words.iter().map(String::as_str))
                .map_err(|error| Refusal::of(&error))?,
        };
        let act = ExecAct {
            units: self.unit.clone(),
            applications: self.application.clone(),
            all: self.all,
            script,
        };
        match self.target.act(Act::Exec(act))? {
            Outcome::Operation(operation) => {
                self.waiting.wait(&self.target, operation, Plain::Output)
            }
            _ => Ok(Exit::Done),
        }
    }
}
