//! The server's end: listens, and answers one request per connection.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Notify, watch};

use super::folder::{FolderError, StateFolder};
use super::keep::{self, KeepError};
use super::protocol::{Answer, Envelope, Fate, Refusal, Request, VERSION};
use super::{answer, charms, runner};
use crate::controller::{Controller, ControllerError};
use crate::engine::Settings;

/// How often the server looks whether its folder is still there.
const WATCH_PAUSE: Duration = Duration::from_secs(2);

/// Why the server could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The state folder is of no use.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The socket could not be made.
    #[error("cannot listen on `{}`", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The saved models are of no use.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The saved models cannot go on.
    #[error("cannot bring back the saved models")]
    Restore(#[from] ControllerError),
    /// Another server is there.
    #[error("cannot listen on `{}`: a relation bus runs there already", path.display())]
    Running {
        /// The path of its socket.
        path: PathBuf,
    },
}

/// What the tasks of the server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: StateFolder,
    pub(super) controller: Mutex<Controller>,
    /// Wakes the runner: there may be something to do.
    pub(super) wake: Notify,
    /// Tells the server to end, and what becomes of the models.
    stop: watch::Sender<Option<Fate>>,
    /// Counts changes.
    revision: watch::Sender<u64>,
}

impl Shared {
    /// Says that something may look different now.
    pub(super) fn changed(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// The newest revision.
    pub(super) fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    /// Waits until the revision is newer.
    pub(super) async fn newer_than(&self, since: u64) {
        // The sender lives as long as `self`.
        drop(self.revision.subscribe().wait_for(|revision| *revision > since).await);
    }
}

/// Serves a state folder until it is told to stop, or the folder is gone.
///
/// # Errors
///
/// When the folder is of no use, or another server is there.
pub async fn serve(folder: &StateFolder) -> Result<(), ServeError> {
    folder.make()?;
    let refuse = |source| ServeError::Socket { path: folder.socket(), source };
    if folder.with_socket(|path| std::os::unix::net::UnixStream::connect(path)).is_ok() {
        return Err(ServeError::Running { path: folder.socket() });
    }
    let left_behind = folder.socket();
    if left_behind.exists() {
        std::fs::remove_file(&left_behind).map_err(refuse)?;
    }
    let units = folder.units()?;
    let settings = Settings { folder: Some(units.clone()), ..Settings::default() };
    let controller = match keep::read(folder)? {
        Some(saved) => Controller::restore(saved, settings).await?,
        None => Controller::new(settings),
    };
    charms::forget_unused(folder, &controller);
    // A session of its own: it outlives the terminal that the first command was typed at. Fails
    // only for one that has its own already.
    rustix::process::setsid().ok();
    let listener = folder.with_socket(|path| UnixListener::bind(path)).map_err(refuse)?;
    let inode = inode(folder);
    std::fs::write(folder.process(), std::process::id().to_string()).map_err(refuse)?;
    let shared = Arc::new(Shared {
        folder: folder.clone(),
        controller: Mutex::new(controller),
        wake: Notify::new(),
        stop: watch::Sender::new(None),
        revision: watch::Sender::new(1),
    });
    let runner = tokio::spawn(runner::run(Arc::clone(&shared)));
    let mut stop = shared.stop.subscribe();
    let mut look = tokio::time::interval(WATCH_PAUSE);
    let fate = loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let shared = Arc::clone(&shared);
                    // A client that goes away in the middle harms nobody.
                    tokio::spawn(async move { drop(converse(stream, &shared).await) });
                }
            }
            told = stop.wait_for(Option::is_some) => {
                break told.ok().and_then(|fate| *fate).unwrap_or(Fate::Saved);
            }
            _ = look.tick() => if self::inode(folder) != inode {
                // The folder was removed, or another server took the place: nobody can come.
                break Fate::Gone;
            },
        }
    };
    runner.abort();
    if fate == Fate::Saved {
        keep::write(folder, shared.controller.lock().await.save())?;
    } else if self::inode(folder) == inode {
        keep::forget(folder);
    } else {
        std::fs::remove_dir_all(units).ok();
    }
    if self::inode(folder) == inode {
        std::fs::remove_file(folder.socket()).ok();
    }
    Ok(())
}

fn inode(folder: &StateFolder) -> Option<u64> {
    std::fs::metadata(folder.socket()).ok().map(|meta| meta.ino())
}

async fn converse(mut stream: UnixStream, shared: &Arc<Shared>) -> io::Result<()> {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await?;
    if text.is_empty() {
        // Somebody looked whether a server is there.
        return Ok(());
    }
    let request = read(&text);
    let fate = match &request {
        Ok(Request::Stop { models }) => Some(*models),
        _ => None,
    };
    let answer = match request {
        Ok(request) => match answer::answer(shared, request).await {
            Ok(reply) => Answer::Ok(reply),
            Err(refusal) => Answer::Refused(refusal),
        },
        Err(refusal) => Answer::Refused(refusal),
    };
    stream.write_all(&serde_json::to_vec(&answer)?).await?;
    stream.shutdown().await?;
    if let Some(fate) = fate {
        shared.stop.send_replace(Some(fate));
    }
    Ok(())
}

/// Reads a request of the own version; of other versions only `stop` is understood.
fn read(text: &[u8]) -> Result<Request, Refusal> {
    let malformed = |error: serde_json::Error| Refusal {
        message: format!("cannot understand the request: {error}"),
    };
    let envelope: Envelope = serde_json::from_slice(text).map_err(malformed)?;
    let is_stop = envelope.request.get("stop").is_some();
    if envelope.version != VERSION && !is_stop {
        return Err(Refusal {
            message: format!(
                "the relation bus that runs is version {VERSION}, this command is version {}: end \
                 it with `relation-bus kill-controller`",
                envelope.version
            ),
        });
    }
    serde_json::from_value(envelope.request).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_refused_with_both_versions() {
        let text = r#"{"version": "9.9.9", "request": {"view": []}}"#;
        let refusal = read(text.as_bytes()).unwrap_err();
        let expected = format!(
            "the relation bus that runs is version {VERSION}, this command is version 9.9.9: end \
             it with `relation-bus kill-controller`"
        );
        assert_eq!(refusal.message, expected);
    }

    #[test]
    fn every_version_may_stop_the_server() {
        let text = r#"{"version": "9.9.9", "request": {"stop": {"models": "gone"}}}"#;
        let request = read(text.as_bytes()).unwrap();
        assert!(matches!(request, Request::Stop { models: Fate::Gone }));
    }

    #[test]
    fn a_request_of_another_form_is_refused() {
        let refusal = read(b"{").unwrap_err();
        assert!(refusal.message.starts_with("cannot understand the request: "), "{refusal}");
    }
}
