//! Another way to run a charm's program than as a process.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Environment, Exit};

/// Runs the program of a charm in this process.
///
/// A test that plays tens of thousands of hooks can't afford a process for each of them and for
/// each of their hook tools. A runner gets what the process would get, its environment, and reaches
/// the hook tools by the socket that the environment names
/// ([`crate::jujuc::client::Connection`]): everything but the start of programs is as ever.
pub trait Runner: fmt::Debug + Send + Sync {
    /// Runs one hook of the charm in a folder, on a thread of its own, and gives the exit status.
    fn run(&self, charm: &Path, environment: &Environment) -> i32;
}

/// A runner that the units of a model share.
pub type SharedRunner = Arc<dyn Runner>;

/// Runs a hook by a runner. One that takes longer than it may is left behind: a thread can't be
/// killed.
pub(super) async fn run(
    runner: &SharedRunner,
    charm: &Path,
    environment: Environment,
    limit: Duration,
) -> io::Result<Exit> {
    let (runner, charm) = (Arc::clone(runner), charm.to_owned());
    let task = tokio::task::spawn_blocking(move || runner.run(&charm, &environment));
    match tokio::time::timeout(limit, task).await {
        Ok(Ok(code)) => Ok(Exit::Code(code)),
        Ok(Err(panicked)) => Err(io::Error::other(panicked)),
        Err(_) => Ok(Exit::TimedOut),
    }
}
