//! Processes of this machine, for containers whose services are real.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};

/// Signals by the names that the API takes.
const SIGNALS: [(&str, Signal); 28] = [
    ("SIGABRT", Signal::ABORT),
    ("SIGALRM", Signal::ALARM),
    ("SIGBUS", Signal::BUS),
    ("SIGCHLD", Signal::CHILD),
    ("SIGCONT", Signal::CONT),
    ("SIGFPE", Signal::FPE),
    ("SIGHUP", Signal::HUP),
    ("SIGILL", Signal::ILL),
    ("SIGINT", Signal::INT),
    ("SIGIO", Signal::IO),
    ("SIGKILL", Signal::KILL),
    ("SIGPIPE", Signal::PIPE),
    ("SIGPROF", Signal::PROF),
    ("SIGQUIT", Signal::QUIT),
    ("SIGSEGV", Signal::SEGV),
    ("SIGSTOP", Signal::STOP),
    ("SIGSYS", Signal::SYS),
    ("SIGTERM", Signal::TERM),
    ("SIGTRAP", Signal::TRAP),
    ("SIGTSTP", Signal::TSTP),
    ("SIGTTIN", Signal::TTIN),
    ("SIGTTOU", Signal::TTOU),
    ("SIGURG", Signal::URG),
    ("SIGUSR1", Signal::USR1),
    ("SIGUSR2", Signal::USR2),
    ("SIGVTALRM", Signal::VTALARM),
    ("SIGWINCH", Signal::WINCH),
    ("SIGXCPU", Signal::XCPU),
];

/// The signal of that name.
pub(super) fn signal_named(name: &str) -> Option<Signal> {
    SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, signal)| *signal)
}

/// A process that was begun, by its number. It leads a group of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process(Pid);

impl Process {
    /// The process behind a child that has not been waited for.
    pub(super) fn of(child: &Child) -> Option<Self> {
        Pid::from_raw(child.id()?.try_into().ok()?).map(Self)
    }

    /// Sends a signal to the process alone. One that has just ended doesn't mind.
    pub(super) fn signal(self, signal: Signal) {
        kill_process(self.0, signal).ok();
    }

    /// Sends a signal to the process and all that it started.
    pub(super) fn signal_group(self, signal: Signal) {
        kill_process_group(self.0, signal).ok();
    }
}

/// Splits a service's command into words. The default arguments of a trailing `[ ... ]` are taken as they are.
pub(super) fn split_command(command: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(command).ok_or_else(|| format!("cannot parse command {command:?}"))?;
    let words: Vec<String> = words.into_iter().filter(|word| word != "[" && word != "]").collect();
    if words.is_empty() { Err("cannot run an empty command".to_owned()) } else { Ok(words) }
}

/// A command that leads a group of its own and is killed when nobody holds it any more.
pub(super) fn command(
    words: &[String],
    environment: &BTreeMap<String, String>,
    working_dir: &str,
) -> Command {
    let (program, arguments) =
        words.split_first().map_or(("", [].as_slice()), |(first, rest)| (first.as_str(), rest));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(environment)
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::null());
    if !working_dir.is_empty() {
        command.current_dir(working_dir);
    }
    command
}

/// Sends what a command prints and what it prints as errors into one pipe, so that they stay in order.
pub(super) fn join_outputs(command: &mut Command) -> io::Result<Receiver> {
    let (reader, writer) = io::pipe()?;
    command
        .stdout(Stdio::from(OwnedFd::from(writer.try_clone()?)))
        .stderr(Stdio::from(OwnedFd::from(writer)));
    Receiver::from_owned_fd(OwnedFd::from(reader))
}

/// Begins a command, or says in Go's words why it can't be.
pub(super) fn spawn(mut command: Command) -> Result<Child, String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if !program.contains('/') => {
            format!("exec: {program:?}: executable file not found in $PATH")
        }
        io::ErrorKind::NotFound => format!("fork/exec {program}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("fork/exec {program}: permission denied"),
        _ => format!("fork/exec {program}: {error}"),
    })
}

/// Ends a process and its group: asks, and after `delay` kills.
pub(super) async fn end(child: &mut Child, process: Process, delay: Duration) {
    process.signal_group(Signal::TERM);
    if tokio::time::timeout(delay, child.wait()).await.is_err() {
        process.signal_group(Signal::KILL);
        child.wait().await.ok();
    }
}

/// The exit code as a shell has it: 128 and the signal for a process that was killed.
pub(super) fn exit_code(status: io::Result<ExitStatus>) -> i32 {
    match status {
        Ok(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        Err(_) => -1,
    }
}

/// Whether there is such a program, by its path or on the search path of this process.
pub(super) fn is_executable(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_like_a_shell_does() {
        for (command, wanted) in [
            ("sleep 300", Some("sleep|300")),
            ("sh -c \"echo a; exit 3\" [ -v ]", Some("sh|-c|echo a; exit 3|-v")),
            ("nginx -g 'daemon off;'", Some("nginx|-g|daemon off;")),
            ("sh -c \"", None),
            ("", None),
        ] {
            let words = split_command(command).ok();
            assert_eq!(
                words,
                wanted.map(|words| words.split('|').map(str::to_owned).collect()),
                "{command}"
            );
        }
    }

    #[test]
    fn signals_have_their_full_names() {
        assert_eq!(signal_named("SIGTERM"), Some(Signal::TERM));
        assert_eq!(signal_named("TERM"), None);
    }
}
