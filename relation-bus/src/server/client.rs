//! The command's end: finds the server, or starts it, and asks it once.
//!
//! Blocking: a command has nothing else to do.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::folder::{FolderError, StateFolder};
use super::protocol::{Answer, Envelope, Fate, Refusal, Reply, Request, VERSION};
use crate::dispatch::{RootError, find_program};

/// How long a server may take until it answers for the first time.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How often a server that is starting is asked whether it answers.
const START_PAUSE: Duration = Duration::from_millis(10);

/// Why a request could not be made, or was refused.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The state folder is of no use.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The program of the server isn't there.
    #[error(transparent)]
    Program(#[from] RootError),
    /// The server could not be started.
    #[error("cannot start the relation bus: {said}")]
    Start {
        /// What it said last.
        said: String,
    },
    /// The connection broke.
    #[error("cannot talk to the relation bus")]
    Talk(#[source] io::Error),
    /// The server answered something else.
    #[error("cannot understand the answer of the relation bus")]
    Form(#[from] serde_json::Error),
}

/// Asks the server of a folder; starts it when it doesn't run.
///
/// # Errors
///
/// When the server cannot be started or asked, or refuses.
pub fn call(folder: &StateFolder, request: &Request) -> Result<Reply, ClientError> {
    let stream = match connect(folder)? {
        Some(stream) => stream,
        None => start(folder)?,
    };
    converse(stream, request)
}

/// Asks the server of a folder if it runs; else there is nothing.
///
/// # Errors
///
/// When the server cannot be asked, or refuses.
pub fn call_running(folder: &StateFolder, request: &Request) -> Result<Option<Reply>, ClientError> {
    connect(folder)?.map(|stream| converse(stream, request)).transpose()
}

/// Ends the server of a folder, and waits until it has. Tells whether one ran.
///
/// # Errors
///
/// When the server cannot be asked.
pub fn stop(folder: &StateFolder, models: Fate) -> Result<bool, ClientError> {
    if call_running(folder, &Request::Stop { models })?.is_none() {
        return Ok(false);
    }
    let deadline = Instant::now() + START_LIMIT;
    while connect(folder)?.is_some() && Instant::now() < deadline {
        std::thread::sleep(START_PAUSE);
    }
    Ok(true)
}

fn connect(folder: &StateFolder) -> Result<Option<UnixStream>, ClientError> {
    match folder.with_socket(|path| UnixStream::connect(path)) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(ClientError::Talk(error)),
        },
    }
}

fn converse(mut stream: UnixStream, request: &Request) -> Result<Reply, ClientError> {
    let request = serde_json::to_value(request)?;
    let envelope = Envelope { version: VERSION.to_owned(), request };
    stream.write_all(&serde_json::to_vec(&envelope)?).map_err(ClientError::Talk)?;
    stream.shutdown(Shutdown::Write).map_err(ClientError::Talk)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(ClientError::Talk)?;
    if answer.is_empty() {
        return Err(ClientError::Talk(io::ErrorKind::UnexpectedEof.into()));
    }
    match serde_json::from_slice(&answer)? {
        Answer::Ok(reply) => Ok(reply),
        Answer::Refused(refusal) => Err(refusal.into()),
    }
}

/// Starts the server and waits until it answers. Of several commands at once one starts it.
fn start(folder: &StateFolder) -> Result<UnixStream, ClientError> {
    folder.make()?;
    let refuse = |source| FolderError { path: folder.path().to_owned(), source };
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    let lock = options.open(folder.lock_file()).map_err(refuse)?;
    // Given back when the file is dropped.
    lock.lock().map_err(refuse)?;
    if let Some(stream) = connect(folder)? {
        return Ok(stream);
    }
    let log = options.open(folder.log()).map_err(refuse)?;
    let mut child = spawn(folder, log).map_err(ClientError::Talk)?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        if let Some(stream) = connect(folder)? {
            return Ok(stream);
        }
        let ended = child.try_wait().map_err(ClientError::Talk)?.is_some();
        if ended || Instant::now() > deadline {
            return Err(ClientError::Start { said: last_words(folder) });
        }
        std::thread::sleep(START_PAUSE);
    }
}

fn spawn(folder: &StateFolder, log: File) -> io::Result<Child> {
    let program = find_program().map_err(io::Error::other)?;
    Command::new(program)
        .args(["serve".as_ref(), "--state".as_ref(), folder.path().as_os_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
}

/// The last error in the server's log, with its causes.
fn last_words(folder: &StateFolder) -> String {
    let log = std::fs::read_to_string(folder.log()).unwrap_or_default();
    match log.rsplit_once("error: ") {
        Some((_, said)) => said.trim().replace("\n  caused by", ""),
        None => "it did not answer in time".to_owned(),
    }
}
