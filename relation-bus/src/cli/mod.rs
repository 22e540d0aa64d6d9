//! The command line.
//!
//! Each subcommand is a struct in a module of its own. Standard output is data, standard error is
//! talk.

mod case;
mod charms;
mod conform;
mod debug_log;
mod inject;
mod inspect;
mod pack;
mod serve;
mod show_unit;
mod state;
mod status;
mod target;
mod up;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::server::protocol::Refusal;
use crate::server::{ClientError, ServeError};
use target::TargetError;

/// A Juju model on one machine: runs real charms, without Juju.
#[derive(Debug, Parser)]
#[command(name = "relation-bus", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Case(case::Case),
    Conform(conform::Conform),
    DebugLog(debug_log::DebugLog),
    #[command(visible_alias = "kill-controller")]
    DestroyController(serve::DestroyController),
    Inject(inject::Inject),
    Inspect(inspect::Inspect),
    Pack(pack::Pack),
    #[command(hide = true)]
    Serve(serve::Serve),
    ShowUnit(show_unit::ShowUnit),
    Status(status::Status),
    Stop(serve::Stop),
    Up(up::Up),
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// 0: done, or the answer is yes.
    Done,
    /// 1: the answer is an honest no.
    No,
    /// 2: wrong usage, or input that can't be used.
    Input,
    /// 3: the machine lacks something, such as a program.
    Environment,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Input => 2,
            Exit::Environment => 3,
        })
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Case(#[from] case::CaseCommandError),
    #[error(transparent)]
    Conform(#[from] conform::ConformError),
    #[error(transparent)]
    Inject(#[from] inject::InjectError),
    #[error(transparent)]
    Inspect(#[from] inspect::InspectError),
    #[error(transparent)]
    Pack(#[from] pack::PackCommandError),
    #[error(transparent)]
    ShowUnit(#[from] show_unit::ShowUnitError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Up(#[from] up::UpError),
    #[error("cannot start the runtime")]
    Runtime(#[from] io::Error),
}

impl CommandError {
    /// The exit status of each kind of failure.
    fn exit(&self) -> Exit {
        use case::CaseCommandError as Case;
        use conform::ConformError as Conform;
        match self {
            Self::Case(Case::Case(_)) | Self::Inject(_) => Exit::Input,
            Self::Client(_) | Self::Target(_) | Self::Up(up::UpError::Target(_)) => {
                match self.client() {
                    Some(ClientError::Refused(_)) => Exit::No,
                    Some(_) => Exit::Environment,
                    None => Exit::Input,
                }
            }
            Self::Inspect(_) | Self::ShowUnit(_) if self.refusal().is_some() => Exit::No,
            Self::Inspect(_) | Self::ShowUnit(_) | Self::Up(up::UpError::File(_)) => Exit::Input,
            Self::Up(up::UpError::Restless | up::UpError::Gone(_)) => Exit::No,
            Self::Up(up::UpError::Build(_) | up::UpError::Program(_)) | Self::Serve(_) => {
                Exit::Environment
            }
            Self::Pack(error) => error.exit(),
            Self::Conform(Conform::Folder { .. } | Conform::Empty { .. } | Conform::List(_)) => {
                Exit::Input
            }
            Self::Case(Case::Charm(_) | Case::Play { .. })
            | Self::Conform(Conform::Charm(_))
            | Self::Runtime(_) => Exit::Environment,
        }
    }

    /// What kept a command from its model.
    fn target(&self) -> Option<&TargetError> {
        match self {
            Self::Target(error)
            | Self::Inspect(inspect::InspectError::Target(error))
            | Self::ShowUnit(show_unit::ShowUnitError::Target(error))
            | Self::Up(up::UpError::Target(error)) => Some(error),
            _ => None,
        }
    }

    /// What kept a command from the server.
    fn client(&self) -> Option<&ClientError> {
        match (self, self.target()) {
            (Self::Client(error), _) | (_, Some(TargetError::Client(error))) => Some(error),
            _ => None,
        }
    }

    /// What the server refused, in Juju's words.
    fn refusal(&self) -> Option<&Refusal> {
        match self.client() {
            Some(ClientError::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// What to do about it.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Case(case::CaseCommandError::Charm(_))
            | Self::Conform(conform::ConformError::Charm(_)) => {
                Some("build the charms with `cargo build -p coordinator -p worker`")
            }
            _ if matches!(self.target(), Some(TargetError::Nothing { .. })) => {
                Some("bring a model up with `relation-bus up FILE`, or `relation-bus deploy CHARM`")
            }
            _ => None,
        }
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    match run(command) {
        Ok(exit) => exit.into(),
        Err(error) => {
            match error.refusal() {
                Some(refusal) => talk(&format!("ERROR {refusal}")),
                None => talk(&described(&error)),
            }
            if let Some(hint) = error.hint() {
                talk(&format!("\nhint: {hint}"));
            }
            error.exit().into()
        }
    }
}

fn run(command: Command) -> Result<Exit, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        Ok(match command {
            Command::Case(command) => command.run().await?,
            Command::Conform(command) => command.run().await?,
            Command::DebugLog(command) => command.run()?,
            Command::DestroyController(command) => command.run()?,
            Command::Inject(command) => command.run()?,
            Command::Inspect(command) => command.run()?,
            Command::Pack(command) => command.run()?,
            Command::Serve(command) => command.run().await?,
            Command::ShowUnit(command) => command.run()?,
            Command::Status(command) => command.run()?,
            Command::Stop(command) => command.run()?,
            Command::Up(command) => command.run()?,
        })
    })
}

/// An error and its causes, one a line.
fn described(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |error: &&dyn Error| (*error).source());
    let causes = causes.map(|cause| format!("\n  caused by: {cause}"));
    format!("error: {error}{}", causes.collect::<String>())
}

/// Prints data. A reader that has gone away is no failure.
fn print(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Says something to the person at the terminal.
fn talk(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = CommandError::Runtime(io::Error::other("too many"));
        assert_eq!(described(&error), "error: cannot start the runtime\n  caused by: too many");
        assert_eq!(error.exit(), Exit::Environment);
    }
}
