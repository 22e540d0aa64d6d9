//! The command line.
//!
//! Each subcommand is a struct in a module of its own. Standard output is data, standard error is
//! talk.

mod actions;
mod case;
mod charm_source;
mod charms;
mod config;
mod conform;
mod debug_log;
mod deploy;
mod deploy_bundle;
mod duration;
mod exec;
mod export_bundle;
mod format;
mod inject;
mod inspect;
mod model_config;
mod models;
mod offers;
mod own_secrets;
mod pack;
mod pairs;
mod refresh;
mod relations;
mod resolved;
mod run;
mod scp;
mod scp_files;
mod secrets;
mod serve;
mod show_application;
mod show_model;
mod show_status_log;
mod show_unit;
mod ssh;
mod state;
mod status;
mod storage;
mod target;
mod units;
mod up;
mod version;
mod wait_for;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::charm_folder::BuildError;
use crate::dispatch::RootError;
use crate::server::protocol::Refusal;
use crate::server::{ClientError, ServeError};
use target::TargetError;

/// A Juju model on one machine: runs real charms, without Juju.
#[derive(Debug, Parser)]
#[command(name = "relation-bus", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    talk: Talkativeness,
}

/// Juju's options about talk. Every command takes them; they make no difference here.
#[derive(Debug, clap::Args)]
struct Talkativeness {
    #[arg(long, global = true, hide = true)]
    debug: bool,
    #[arg(long, global = true, hide = true, value_name = "CONFIG")]
    logging_config: Option<String>,
    #[arg(short, long, global = true, hide = true)]
    quiet: bool,
    #[arg(long, global = true, hide = true)]
    show_log: bool,
    #[arg(short, long, global = true, hide = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Actions(actions::Actions),
    AddModel(models::AddModel),
    AddSecret(own_secrets::AddSecret),
    AddUnit(units::AddUnit),
    Bootstrap(models::Bootstrap),
    Case(case::Case),
    Config(config::Config),
    Conform(conform::Conform),
    Consume(offers::Consume),
    #[command(visible_alias = "list-controllers")]
    Controllers(models::Controllers),
    DebugLog(debug_log::DebugLog),
    Deploy(deploy::Deploy),
    #[command(visible_alias = "kill-controller")]
    DestroyController(serve::DestroyController),
    DestroyModel(models::DestroyModel),
    Exec(exec::Exec),
    ExportBundle(export_bundle::ExportBundle),
    #[command(visible_alias = "find-endpoints")]
    FindOffers(offers::FindOffers),
    GrantSecret(own_secrets::GrantSecret),
    Inject(inject::Inject),
    Inspect(inspect::Inspect),
    #[command(visible_alias = "relate")]
    Integrate(relations::Integrate),
    ModelConfig(model_config::ModelConfig),
    #[command(visible_alias = "list-models")]
    Models(models::Models),
    Offer(offers::Offer),
    #[command(visible_alias = "list-offers")]
    Offers(offers::Offers),
    Pack(pack::Pack),
    Refresh(refresh::Refresh),
    RemoveApplication(units::RemoveApplication),
    RemoveOffer(offers::RemoveOffer),
    RemoveRelation(relations::RemoveRelation),
    #[command(visible_alias = "remove-consumed-application")]
    RemoveSaas(offers::RemoveSaas),
    RemoveSecret(own_secrets::RemoveSecret),
    RemoveUnit(units::RemoveUnit),
    #[command(visible_alias = "resolve")]
    Resolved(resolved::Resolved),
    RevokeSecret(own_secrets::RevokeSecret),
    Run(run::Run),
    ScaleApplication(units::ScaleApplication),
    Scp(scp::Scp),
    #[command(visible_alias = "list-secrets")]
    Secrets(secrets::Secrets),
    #[command(hide = true)]
    Serve(serve::Serve),
    ShowApplication(show_application::ShowApplication),
    ShowController(show_model::ShowController),
    ShowModel(show_model::ShowModel),
    ShowOperation(run::ShowOperation),
    ShowSecret(secrets::ShowSecret),
    ShowStatusLog(show_status_log::ShowStatusLog),
    ShowTask(run::ShowTask),
    ShowUnit(show_unit::ShowUnit),
    Ssh(ssh::Ssh),
    Status(status::Status),
    Stop(serve::Stop),
    #[command(visible_alias = "list-storage")]
    Storage(storage::Storage),
    Switch(models::Switch),
    Trust(config::Trust),
    Up(up::Up),
    UpdateSecret(own_secrets::UpdateSecret),
    Version(version::Version),
    WaitFor(wait_for::WaitFor),
    Whoami(models::Whoami),
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
    /// What a command that was run for the caller ended with.
    Of(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Input => 2,
            Exit::Environment => 3,
            Exit::Of(code) => code,
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
    ExportBundle(#[from] export_bundle::ExportBundleError),
    #[error("cannot build the charm")]
    Build(#[from] BuildError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Program(#[from] RootError),
    /// What this end refuses, in Juju's words.
    #[error(transparent)]
    Refused(#[from] Refusal),
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
            Self::Refused(_) => Exit::No,
            Self::Build(_) | Self::Program(_) => Exit::Environment,
            Self::Inspect(_) | Self::ExportBundle(_) if self.refusal().is_some() => Exit::No,
            Self::Inspect(_) | Self::ExportBundle(_) | Self::Up(up::UpError::File(_)) => {
                Exit::Input
            }
            Self::Up(up::UpError::Restless | up::UpError::Gone(_)) => Exit::No,
            Self::Up(up::UpError::Build(_) | up::UpError::Program(_) | up::UpError::NoPebble)
            | Self::Serve(_) => Exit::Environment,
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
            | Self::ExportBundle(export_bundle::ExportBundleError::Target(error))
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

    /// What was refused in Juju's words.
    fn refusal(&self) -> Option<&Refusal> {
        match (self, self.client()) {
            (Self::Refused(refusal), _) | (_, Some(ClientError::Refused(refusal))) => Some(refusal),
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
            Command::Actions(command) => command.run()?,
            Command::AddModel(command) => command.run()?,
            Command::AddSecret(command) => command.run()?,
            Command::AddUnit(command) => command.run()?,
            Command::Bootstrap(command) => command.run()?,
            Command::Case(command) => command.run().await?,
            Command::Config(command) => command.run()?,
            Command::Conform(command) => command.run().await?,
            Command::Controllers(command) => command.run()?,
            Command::DebugLog(command) => command.run()?,
            Command::Deploy(command) => command.run()?,
            Command::DestroyController(command) => command.run()?,
            Command::DestroyModel(command) => command.run()?,
            Command::Exec(command) => command.run()?,
            Command::ExportBundle(command) => command.run()?,
            Command::GrantSecret(command) => command.run()?,
            Command::Inject(command) => command.run()?,
            Command::Inspect(command) => command.run()?,
            Command::Integrate(command) => command.run()?,
            Command::Consume(command) => command.run()?,
            Command::FindOffers(command) => command.run()?,
            Command::Offer(command) => command.run()?,
            Command::Offers(command) => command.run()?,
            Command::RemoveOffer(command) => command.run()?,
            Command::RemoveSaas(command) => command.run()?,
            Command::ModelConfig(command) => command.run()?,
            Command::Models(command) => command.run()?,
            Command::Pack(command) => command.run()?,
            Command::Refresh(command) => command.run()?,
            Command::RemoveApplication(command) => command.run()?,
            Command::RemoveRelation(command) => command.run()?,
            Command::RemoveSecret(command) => command.run()?,
            Command::RemoveUnit(command) => command.run()?,
            Command::Resolved(command) => command.run()?,
            Command::RevokeSecret(command) => command.run()?,
            Command::Run(command) => command.run()?,
            Command::ScaleApplication(command) => command.run()?,
            Command::Scp(command) => command.run().await?,
            Command::Secrets(command) => command.run()?,
            Command::Serve(command) => command.run().await?,
            Command::ShowApplication(command) => command.run()?,
            Command::ShowController(command) => command.run()?,
            Command::ShowModel(command) => command.run()?,
            Command::ShowOperation(command) => command.run()?,
            Command::ShowSecret(command) => command.run()?,
            Command::ShowStatusLog(command) => command.run()?,
            Command::ShowTask(command) => command.run()?,
            Command::ShowUnit(command) => command.run()?,
            Command::Ssh(command) => command.run()?,
            Command::Status(command) => command.run()?,
            Command::Stop(command) => command.run()?,
            Command::Storage(command) => command.run()?,
            Command::Switch(command) => command.run()?,
            Command::Trust(command) => command.run()?,
            Command::Up(command) => command.run()?,
            Command::UpdateSecret(command) => command.run()?,
            Command::Version(command) => command.run()?,
            Command::WaitFor(command) => command.run()?,
            Command::Whoami(command) => command.run()?,
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
