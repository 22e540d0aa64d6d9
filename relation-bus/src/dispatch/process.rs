//! The charm's process: how it is started, waited for, and its output logged.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::{Environment, SharedModel, lock};
use crate::model::Level;
use crate::names::UnitName;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By a signal.
    Killed,
    /// It ran longer than this run allows, and was killed for it.
    TimedOut,
}

impl Exit {
    /// The exit status, when there is one.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Killed | Self::TimedOut => None,
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

/// Runs a program to its end.
pub(super) async fn run(
    mut command: Command,
    directory: &Path,
    environment: Environment,
    logger: Logger,
    limit: Duration,
) -> io::Result<Exit> {
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
        readers.push(tokio::spawn(log_lines(stdout, logger.clone(), Level::Debug)));
    }
    if let Some(stderr) = child.stderr.take() {
        readers.push(tokio::spawn(log_lines(stderr, logger, Level::Warning)));
    }
    let exit = match tokio::time::timeout(limit, child.wait()).await {
        Ok(status) => status?.code().map_or(Exit::Killed, Exit::Code),
        Err(_) => {
            child.kill().await?;
            Exit::TimedOut
        }
    };
    let grace = tokio::time::Instant::now() + PIPE_GRACE;
    for mut reader in readers {
        if tokio::time::timeout_at(grace, &mut reader).await.is_err() {
            reader.abort();
        }
    }
    Ok(exit)
}

async fn log_lines(mut pipe: impl AsyncRead + Unpin, logger: Logger, level: Level) {
    let mut pending = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        pending.extend_from_slice(&buffer[..count]);
        for line in take_lines(&mut pending) {
            logger.line(level, &line);
        }
    }
    if !pending.is_empty() {
        logger.line(level, &pending);
    }
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
