//! `juju ssh`: a command in a container of a unit.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use clap::Args;

use super::target::Target;
use super::{CommandError, Exit};
use crate::controller::acts::{Act, Answered, CHARM_CONTAINER, Outcome, Place, Reach};
use crate::server::protocol::Refusal;

/// The options of OpenSSH's client that take a value.
const VALUED: &str = "BbcDEeFIiJLlmOopQRSWw";

/// Run a command in a container of a unit, or a shell.
#[derive(Debug, Args)]
pub(super) struct Ssh {
    /// The container [default: the charm's].
    #[arg(long, value_name = "CONTAINER")]
    container: Option<String>,
    #[command(flatten)]
    ignored: Ignored,
    #[command(flatten)]
    target: Target,
    /// The unit, `app/0` or `app/leader`; a user before `@` makes no difference.
    #[arg(value_name = "UNIT")]
    unit: String,
    /// Options of OpenSSH's client, which make no difference, and the command: a line for a shell.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    rest: Vec<String>,
}

/// What Juju takes and what makes no difference here.
#[derive(Debug, Args)]
#[command(next_help_heading = "Taken for Juju's sake, without effect")]
pub(super) struct Ignored {
    #[arg(long)]
    no_host_key_checks: bool,
    #[arg(long)]
    proxy: bool,
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "true|false")]
    pty: Option<Option<String>>,
    #[arg(long)]
    remote: bool,
}

impl Ssh {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let rest = Rest::read(&self.rest);
        let container = self.container.clone().or(rest.container);
        let unit = without_user(&self.unit);
        match reach(&self.target, unit, container.as_deref())? {
            Place::Charm { root, entry, environment } => {
                let mut words = entry;
                words.extend(shell(&rest.command));
                let mut command = of_words(&words);
                command.current_dir(root).env_clear().envs(environment);
                status_of(command)
            }
            Place::Real { socket, program } => {
                let mut words = vec![program.into(), "exec".into(), "--".into()];
                words.extend(shell(&rest.command));
                let mut command = of_words(&words);
                command.env("PEBBLE_SOCKET", socket);
                status_of(command)
            }
            Place::Embedded { .. } => {
                let line = rest.command.join(" ");
                let command = shlex::split(&line).ok_or_else(|| Refusal {
                    message: format!("cannot split the command `{line}` into words"),
                })?;
                let container = container.unwrap_or_else(|| CHARM_CONTAINER.to_owned());
                let act = Answered { unit: unit.to_owned(), container, command };
                let Outcome::Ran { code, stdout, stderr } = self.target.act(Act::Answered(act))?
                else {
                    return Ok(Exit::Done);
                };
                // A reader that has gone away is no failure.
                let _ = std::io::stdout().lock().write_all(stdout.as_bytes());
                let _ = std::io::stderr().lock().write_all(stderr.as_bytes());
                Ok(passed_on(code))
            }
        }
    }
}

/// Where a container of a unit is.
pub(super) fn reach(
    target: &Target,
    unit: &str,
    container: Option<&str>,
) -> Result<Place, CommandError> {
    if !unit.is_empty() && unit.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal { message: format!("machine {unit} not found") }.into());
    }
    let reach = Reach { unit: unit.to_owned(), container: container.map(ToOwned::to_owned) };
    match target.act(Act::Reach(reach))? {
        Outcome::Place(place) => Ok(place),
        _ => Err(Refusal { message: format!("unit \"{unit}\" not found") }.into()),
    }
}

/// A target without the user that may stand before it.
pub(super) fn without_user(target: &str) -> &str {
    target.rsplit_once('@').map_or(target, |(_, unit)| unit)
}

/// What stands behind the unit.
#[derive(Debug, PartialEq, Eq)]
struct Rest {
    container: Option<String>,
    command: Vec<String>,
}

impl Rest {
    /// Leaves out the options of OpenSSH's client, and understands Juju's own in this place, too.
    fn read(words: &[String]) -> Self {
        let mut container = None;
        let mut words = words.iter();
        let mut command = Vec::new();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            } else if word == "--container" {
                container = words.next().cloned();
            } else if let Some(name) = word.strip_prefix("--container=") {
                container = Some(name.to_owned());
            } else if !word.starts_with('-') {
                command.push(word.clone());
                break;
            } else if takes_next(word, VALUED) {
                words.next();
            }
        }
        command.extend(words.cloned());
        Self { container, command }
    }
}

/// Whether the value of a group of short options is the next word: that of the last letter, unless
/// an earlier one takes what follows it.
pub(super) fn takes_next(word: &str, valued: &str) -> bool {
    let letters = word.trim_start_matches('-');
    letters.find(|letter| valued.contains(letter)).is_some_and(|at| at + 1 == letters.len())
}

/// A shell that runs a command line; without one it reads what is typed.
fn shell(command: &[String]) -> Vec<OsString> {
    match command {
        [] => vec!["/bin/sh".into()],
        words => vec!["/bin/sh".into(), "-c".into(), words.join(" ").into()],
    }
}

fn of_words(words: &[OsString]) -> Command {
    let mut command = Command::new(words.first().map_or_else(OsString::new, OsString::clone));
    command.args(words.get(1..).unwrap_or_default());
    command
}

/// Runs a command to its end, with this process's streams.
fn status_of(mut command: Command) -> Result<Exit, CommandError> {
    let status = command.status().map_err(|error| Refusal {
        message: format!("cannot start `{}`: {error}", command.get_program().display()),
    })?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(passed_on(code.unwrap_or(-1)))
}

/// The exit status of a command as the one of this process.
fn passed_on(code: i32) -> Exit {
    match u8::try_from(code) {
        Ok(0) => Exit::Done,
        Ok(code) => Exit::Of(code),
        Err(_) => Exit::Of(255),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(line: &str) -> (Option<String>, String) {
        let words: Vec<_> = line.split_whitespace().map(ToOwned::to_owned).collect();
        let Rest { container, command } = Rest::read(&words);
        (container, command.join(" "))
    }

    #[test]
    fn options_of_openssh_are_left_out() {
        let none = |line: &str| (None, line.to_owned());
        assert_eq!(rest("-i key -tt -oA=b -vo C=d echo -n hi"), none("echo -n hi"));
        assert_eq!(rest("-- echo -- -i"), none("echo -- -i"));
        assert_eq!(rest("ls -la"), none("ls -la"));
        assert_eq!(rest(""), none(""));
    }

    #[test]
    fn the_container_may_stand_behind_the_unit() {
        let web = |line: &str| (Some("web".to_owned()), line.to_owned());
        assert_eq!(rest("--container web -- nginx -t"), web("nginx -t"));
        assert_eq!(rest("--container=web nginx --container x"), web("nginx --container x"));
    }

    #[test]
    fn users_are_left_out_of_targets() {
        assert_eq!(without_user("ubuntu@web/0"), "web/0");
        assert_eq!(without_user("web/leader"), "web/leader");
    }

    #[test]
    fn exit_codes_are_passed_on() {
        assert_eq!(
            [0, 1, 7, -1].map(passed_on),
            [Exit::Done, Exit::Of(1), Exit::Of(7), Exit::Of(255)]
        );
    }
}
