//! The charm's process: how it is started, waited for, and its output logged.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::sync::Notify;

use super::{Environment, SharedModel, lock};
use crate::model::Level;
use crate::names::UnitName;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By SIGKILL or SIGTERM: its pod goes away, say.
    Killed,
    /// By another signal, which is a fault of its own.
    Signal(i32),
    /// It ran longer than this run allows, and was killed for it.
    TimedOut,
}

impl Exit {
    /// The exit status, when there is one.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Killed | Self::Signal(_) | Self::TimedOut => None,
        }
    }
}

/// Longer lines are cut into pieces of this many bytes.
const PIECE: usize = 4096;

/// How long the agent waits for pipes that a child of the hook still holds.
const PIPE_GRACE: Duration = Duration::from_millis(100);

/// Puts the lines of a process into the model's log.
#[derive(Clone)]
pub(super) struct Logger {
    model: SharedModel,
    unit: UnitName,
    module: String,
}

impl Logger {
    pub(super) fn new(model: SharedModel, unit: UnitName, hook: String) -> Self {
        let module = format!("unit.{unit}.{hook}");
        Self { model, unit, module }
    }

    fn line(&self, level: Level, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        lock(&self.model).add_log(self.unit.as_str(), &self.module, level, text);
    }
}

/// What a process printed, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Printed {
    /// Its stdout.
    pub stdout: Vec<u8>,
    /// Its stderr.
    pub stderr: Vec<u8>,
}

/// Whether what a process prints is kept, beside the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is logged only, as of hooks.
    Nothing,
    /// It is a result, as of actions.
    Output,
}

/// How a process is ended from outside, before it ends by itself.
#[derive(Debug, Default)]
pub(super) struct KillSwitch {
    kill: Notify,
    terminate: Notify,
}

impl KillSwitch {
    /// Ends the process with SIGKILL.
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    /// Asks the process to end, with SIGTERM.
    pub(super) fn terminate(&self) {
        self.terminate.notify_one();
    }
}

/// Runs a program to its end.
pub(super) async fn run(
    mut command: Command,
    directory: &Path,
    environment: Environment,
    logger: Logger,
    limit: Duration,
    keep: Keep,
    switch: &KillSwitch,
) -> io::Result<(Exit, Printed)> {
    let mut child = command
        .current_dir(directory)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut readers = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        readers.push(tokio::spawn(log_lines(stdout, logger.clone(), Level::Debug, keep)));
    }
    if let Some(stderr) = child.stderr.take() {
        readers.push(tokio::spawn(log_lines(stderr, logger, Level::Warning, keep)));
    }
    let process = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let ended = {
        let waiting = tokio::time::timeout(limit, child.wait());
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                ended = &mut waiting => break ended.ok(),
                () = switch.kill.notified() => signal(process, Signal::KILL),
                () = switch.terminate.notified() => signal(process, Signal::TERM),
            }
        }
    };
    let exit = match ended {
        Some(status) => exit_of(status?),
        None => {
            child.kill().await?;
            Exit::TimedOut
        }
    };
    let grace = tokio::time::Instant::now() + PIPE_GRACE;
    let mut kept = Vec::new();
    for mut reader in readers {
        match tokio::time::timeout_at(grace, &mut reader).await {
            Ok(read) => kept.push(read.unwrap_or_default()),
            Err(_) => {
                reader.abort();
                kept.push(Vec::new());
            }
        }
    }
    let mut kept = kept.into_iter();
    let printed = Printed {
        stdout: kept.next().unwrap_or_default(),
        stderr: kept.next().unwrap_or_default(),
    };
    Ok((exit, printed))
}

fn signal(process: Option<Pid>, signal: Signal) {
    if let Some(process) = process {
        // One that has just ended doesn't mind.
        kill_process(process, signal).ok();
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(9 | 15) | None) => Exit::Killed,
        (None, Some(other)) => Exit::Signal(other),
    }
}

/// A signal in Go's words.
pub(super) fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        other => return format!("signal: signal {other}"),
    };
    format!("signal: {name}")
}

async fn log_lines(
    mut pipe: impl AsyncRead + Unpin,
    logger: Logger,
    level: Level,
    keep: Keep,
) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut pending = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        pending.extend_from_slice(&buffer[..count]);
        if keep == Keep::Output {
            kept.extend_from_slice(&buffer[..count]);
        }
        for line in take_lines(&mut pending) {
            logger.line(level, &line);
        }
    }
    if !pending.is_empty() {
        logger.line(level, &pending);
    }
    kept
}

/// Takes whole lines, and whole pieces of lines that are too long.
fn take_lines(pending: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut start = 0;
    loop {
        let rest = &pending[start..];
        let window = &rest[..rest.len().min(PIECE + 1)];
        match window.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                lines.push(rest[..end].to_vec());
                start += end + 1;
            }
            None if rest.len() > PIECE => {
                lines.push(rest[..PIECE].to_vec());
                start += PIECE;
            }
            None => break,
        }
    }
    pending.drain(..start);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_into_pieces() {
        let mut pending = vec![b'x'; PIECE + 10];
        assert_eq!(take_lines(&mut pending), [vec![b'x'; PIECE]]);
        pending.extend_from_slice(b"\nshort\nrest");
        let lines = take_lines(&mut pending);
        assert_eq!(lines, [vec![b'x'; 10], b"short".to_vec()]);
        assert_eq!(pending, b"rest");
    }

    #[test]
    fn a_line_of_exactly_one_piece_stays_whole() {
        let mut pending = vec![b'x'; PIECE];
        pending.push(b'\n');
        assert_eq!(take_lines(&mut pending), [vec![b'x'; PIECE]]);
        assert!(pending.is_empty());
    }
}
