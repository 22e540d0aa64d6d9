//! The folder that keeps the state of a bus, and what lies in it.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// The longest path that a unix socket may have on Linux, in bytes.
const SOCKET_PATH_LIMIT: usize = 107;

/// The folder of one bus: its socket, its log, its saved models. Only its owner may enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder {
    path: PathBuf,
}

/// The state folder is of no use.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the state folder `{}`", path.display())]
pub struct FolderError {
    /// The folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl StateFolder {
    /// The folder at a path, whether or not anything is there yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The folder that is meant when none is named: `relation-bus` in `JUJU_DATA`, in
    /// `XDG_STATE_HOME`, or in `.local/state` of the home folder.
    #[must_use]
    pub fn usual() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let path = match (variable("JUJU_DATA").or(variable("XDG_STATE_HOME")), variable("HOME")) {
            (Some(folder), _) => PathBuf::from(folder).join("relation-bus"),
            (None, Some(home)) => PathBuf::from(home).join(".local/state/relation-bus"),
            (None, None) => env::temp_dir().join("relation-bus"),
        };
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the server says of itself.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// The saved models.
    #[must_use]
    pub fn saved(&self) -> PathBuf {
        self.path.join("bus.json")
    }

    /// Copies of the `.charm` files that were deployed.
    #[must_use]
    pub fn charms(&self) -> PathBuf {
        self.path.join("charms")
    }

    /// The process id of the server, for people and tests.
    #[must_use]
    pub fn process(&self) -> PathBuf {
        self.path.join("bus.pid")
    }

    /// Where units live: a folder directly below /tmp when it is there, since sockets need short
    /// paths. A link in this folder leads to it, so that the next server finds it again.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn units(&self) -> Result<PathBuf, FolderError> {
        let link = self.path.join("units");
        if let Ok(place) = link.read_link()
            && place.is_dir()
        {
            return Ok(place);
        }
        let refuse = |source| FolderError { path: link.clone(), source };
        let place = tempfile::Builder::new().prefix("rb").tempdir().map_err(refuse)?.keep();
        // A link that leads nowhere is left of a folder that was cleaned up.
        std::fs::remove_file(&link).ok();
        symlink(&place, &link).map_err(refuse)?;
        Ok(place)
    }

    /// Removes the files of all units.
    pub(super) fn remove_units(&self) {
        let link = self.path.join("units");
        if let Ok(place) = link.read_link() {
            std::fs::remove_dir_all(place).ok();
            std::fs::remove_file(link).ok();
        }
    }

    /// The socket of the server.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("bus.sock")
    }

    /// Held by whoever starts the server.
    #[must_use]
    pub(super) fn lock_file(&self) -> PathBuf {
        self.path.join("bus.lock")
    }

    /// Makes the folder if it isn't there, for its owner only.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn make(&self) -> Result<(), FolderError> {
        let refuse = |source| FolderError { path: self.path.clone(), source };
        if !self.path.is_dir() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.path)
                .map_err(refuse)?;
        }
        // A folder that was there may be open to others: the socket and the secrets must not be.
        let meta = std::fs::metadata(&self.path).map_err(refuse)?;
        if meta.permissions().mode() & 0o077 != 0 {
            let owner_only = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(&self.path, owner_only).map_err(refuse)?;
        }
        Ok(())
    }

    /// Calls `act` with a path of the socket that is short enough to be used.
    ///
    /// # Errors
    ///
    /// Those of `act`, and when the folder cannot be opened.
    pub(super) fn with_socket<T>(&self, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let socket = self.socket();
        if socket.as_os_str().len() <= SOCKET_PATH_LIMIT {
            return act(&socket);
        }
        // The kernel follows this path to the folder, however long the folder's own path is.
        let folder = File::open(&self.path)?;
        act(&PathBuf::from(format!("/proc/self/fd/{}/bus.sock", folder.as_raw_fd())))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_socket_is_found_however_long_its_path_is() {
        let outer = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&outer.path().join("x".repeat(120)));
        folder.make().unwrap();
        assert!(folder.with_socket(|path| UnixStream::connect(path)).is_err());
        let _listener = folder.with_socket(|path| UnixListener::bind(path)).unwrap();
        assert!(folder.socket().exists());
        folder.with_socket(|path| UnixStream::connect(path)).unwrap();
    }

    #[test]
    fn units_live_in_the_same_place_until_they_are_removed() {
        let outer = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(outer.path());
        let place = folder.units().unwrap();
        assert_eq!(folder.units().unwrap(), place);
        folder.remove_units();
        assert!(!place.exists());
    }

    #[test]
    fn the_folder_is_for_its_owner_only() {
        let outer = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(outer.path(), open).unwrap();
        let folder = StateFolder::at(outer.path());
        folder.make().unwrap();
        let mode = std::fs::metadata(outer.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
