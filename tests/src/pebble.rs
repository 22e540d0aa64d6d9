//! Real Pebble daemons, one per test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::workspace;

/// The versions that the tests run: what Juju ships, and the newest.
pub const VERSIONS: [&str; 2] = ["v1.26.0", "v1.32.1"];

/// The program of a version, which `tests/install` builds.
pub fn program(version: &str) -> PathBuf {
    workspace().join("target/tools").join(format!("pebble-{version}"))
}

/// A daemon with a folder of its own. Dropping it ends it and what it runs.
pub struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts a daemon and waits until it answers.
    ///
    /// # Panics
    /// When `tests/install` has not built it, or it doesn't come up within 10 s.
    pub fn start(version: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let child = Command::new(program(version))
            .args(["run", "--create-dirs", "--hold"])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("PEBBLE", folder.path().join("pebble"))
            .env("PEBBLE_SOCKET", folder.path().join("p.sock"))
            .env("PEBBLE_PERSIST", "never")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/install has built Pebble");
        let daemon = Self { child, folder };
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::os::unix::net::UnixStream::connect(daemon.socket()).is_err() {
            assert!(Instant::now() < deadline, "Pebble {version} does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("p.sock")
    }

    /// A folder for the test's own files, gone with the daemon.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // SIGTERM stops the services too; SIGKILL would leave them running.
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status();
        if stopped.is_ok() {
            let deadline = Instant::now() + Duration::from_secs(8);
            while Instant::now() < deadline {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
