//! A real Pebble daemon for one workload container, as Juju runs it.
//!
//! The container is a folder of this machine that the daemon takes for `/`: it has its own `/etc`,
//! `/bin` and `/tmp`, and sees this machine's `/usr`. The daemon runs in a mount and a process
//! namespace of its own, as the first process there; when it goes, all that it runs goes with it.
//! The network is this machine's.
//!
//! Needs Linux with `unshare`, `mount` and `chroot`, and either root or user namespaces for everybody.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What runs inside the namespaces until the daemon takes its place.
const SCRIPT: &str = include_str!("container.sh");
/// How long a daemon may take to answer for the first time.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long it may take to answer later.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Folders that are this machine's, or links to it.
const SHARED: [&str; 5] = ["lib", "lib32", "lib64", "libx32", "sbin"];
/// Files that programs expect below `/etc`.
const COPIED: [&str; 5] =
    ["etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/ld.so.cache", "etc/ca-certificates.conf"];
/// What is found without a path: the container's own programs first.
const SEARCH_PATH: &str = "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin";

/// A container that is to be run.
#[derive(Debug, Clone)]
pub struct DaemonSetup {
    /// The `pebble` program.
    pub program: PathBuf,
    /// The folder that becomes the container's root.
    pub root: PathBuf,
    /// What the container brings along: a folder whose files are laid into the root.
    pub image: Option<PathBuf>,
    /// The folder of the daemon's socket, `pebble.socket`.
    pub sockets: PathBuf,
    /// The container's `/etc/hosts`.
    pub hosts: String,
}

/// Why a daemon could not be started.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The container's files could not be made.
    #[error("cannot make `{}` of a container", path.display())]
    Root {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The namespaces could not be made.
    #[error("cannot run `unshare`, which a real Pebble needs")]
    Unshare {
        /// Why.
        source: io::Error,
    },
    /// The daemon, or what comes before it, ended at once.
    #[error("cannot run `{}` in a container of its own: {reason}", program.display())]
    Ended {
        /// The daemon.
        program: PathBuf,
        /// The end of what was said.
        reason: String,
    },
    /// The daemon doesn't answer in time.
    #[error("cannot reach `{}` at its socket", program.display())]
    Silent {
        /// The daemon.
        program: PathBuf,
    },
}

/// A running daemon. Dropping it ends it and all that it runs.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    boot_id: String,
}

impl Daemon {
    /// Starts a daemon and waits until it answers, which takes a moment.
    ///
    /// # Errors
    ///
    /// When its files or namespaces can't be made, or it doesn't come up.
    pub fn start(setup: &DaemonSetup) -> Result<Self, DaemonError> {
        lay_out(setup)?;
        let socket = setup.sockets.join("pebble.socket");
        // What the last daemon left behind answers nobody.
        fs::remove_file(&socket).ok();
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        let child = command
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--",
                "/bin/sh",
                "-c",
                SCRIPT,
                "sh",
            ])
            .arg(&setup.root)
            .arg(&setup.sockets)
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("PEBBLE", "/charm/pebble")
            .env("PEBBLE_SOCKET", "/charm/container/pebble.socket")
            .env("PEBBLE_PERSIST", "never")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| DaemonError::Unshare { source })?;
        let mut daemon = Self { child, socket, boot_id: String::new() };
        daemon.boot_id = daemon.first_answer(&setup.program)?;
        // What it says from now on would fill the pipe.
        if let Some(mut said) = daemon.child.stderr.take() {
            std::thread::spawn(move || io::copy(&mut said, &mut io::sink()));
        }
        Ok(daemon)
    }

    /// Identifies this start of the container.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// All layers combined, as `{services, checks, log-targets}`; empty when it doesn't answer.
    #[must_use]
    pub fn plan(&self) -> Value {
        let answer = ask(&self.socket, "/v1/plan?format=yaml").unwrap_or_default();
        let text = answer["result"].as_str().unwrap_or("{}");
        let found: Value = serde_yaml::from_str(text).unwrap_or_default();
        let section = |name: &str| found.get(name).cloned().unwrap_or_else(|| json!({}));
        json!({"services": section("services"), "checks": section("checks"),
               "log-targets": section("log-targets")})
    }

    /// Ends it and all that it runs, at once, as the end of a container does.
    pub fn stop(self) {}

    /// Waits for the daemon and gives its boot id.
    fn first_answer(&mut self, program: &Path) -> Result<String, DaemonError> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let answer = ask(&self.socket, "/v1/system-info");
            if let Some(id) =
                answer.ok().and_then(|info| Some(info["result"]["boot-id"].as_str()?.to_owned()))
            {
                return Ok(id);
            }
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                let mut said = String::new();
                if let Some(stderr) = &mut self.child.stderr {
                    stderr.read_to_string(&mut said).ok();
                }
                let reason = said.trim().lines().next_back().unwrap_or("it ended").to_owned();
                return Err(DaemonError::Ended { program: program.to_owned(), reason });
            }
            if Instant::now() > deadline {
                return Err(DaemonError::Silent { program: program.to_owned() });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_file(&self.socket).ok();
    }
}

/// Asks a daemon without waiting for long.
fn ask(socket: &Path, path: &str) -> io::Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(serde_json::from_str(body)?)
}

/// Makes the container's files.
fn lay_out(setup: &DaemonSetup) -> Result<(), DaemonError> {
    let root = &setup.root;
    for folder in [
        "bin",
        "charm/bin",
        "charm/container",
        "dev",
        "etc/ssl/certs",
        "proc",
        "run",
        "tmp",
        "usr",
        "var/lib",
        "var/log",
        "var/run",
        "root",
        ".share/ca-certificates",
    ] {
        make(&root.join(folder), |path| fs::create_dir_all(path))?;
    }
    if let Some(image) = &setup.image {
        lay_over(image, root)?;
    }
    for name in SHARED {
        let (here, there) = (Path::new("/").join(name), root.join(name));
        if let Ok(target) = fs::read_link(&here) {
            link(&target, &there)?;
        } else if here.is_dir() {
            make(&there, |path| fs::create_dir_all(path))?;
        }
    }
    // The container's own programs hide this machine's of the same name.
    for entry in fs::read_dir("/bin").into_iter().flatten().flatten() {
        link(
            &Path::new("/usr/bin").join(entry.file_name()),
            &root.join("bin").join(entry.file_name()),
        )?;
    }
    for name in COPIED {
        let here = Path::new("/").join(name);
        if here.is_file() {
            make(&root.join(name), |path| fs::copy(&here, path).map(drop))?;
        }
    }
    make(&root.join("etc/hosts"), |path| fs::write(path, &setup.hosts))?;
    make(&root.join("charm/bin/pebble"), |path| {
        if path.exists() { Ok(()) } else { fs::copy(&setup.program, path).map(drop) }
    })
}

fn make(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), DaemonError> {
    make(path).map_err(|source| DaemonError::Root { path: path.to_owned(), source })
}

/// A link, unless something is there already.
fn link(target: &Path, path: &Path) -> Result<(), DaemonError> {
    make(path, |path| match symlink(target, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    })
}

/// Copies all files of a folder over those of another one, with their permissions.
fn lay_over(from: &Path, to: &Path) -> Result<(), DaemonError> {
    let unreadable = |source| DaemonError::Root { path: from.to_owned(), source };
    for entry in fs::read_dir(from).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if here.is_dir() {
            make(&there, |path| fs::create_dir_all(path))?;
            lay_over(&here, &there)?;
        } else {
            // Not into what a link of an earlier start points to.
            fs::remove_file(&there).ok();
            make(&there, |path| fs::copy(&here, path).map(drop))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(folder: &Path) -> DaemonSetup {
        DaemonSetup {
            program: PathBuf::from("/bin/sh"),
            root: folder.join("root"),
            image: Some(folder.join("image")),
            sockets: folder.join("sockets"),
            hosts: "127.0.0.1 localhost\n".to_owned(),
        }
    }

    #[test]
    fn the_image_hides_what_this_machine_has() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image/bin");
        fs::create_dir_all(&image).unwrap();
        fs::write(image.join("cat"), "ours").unwrap();
        let setup = setup(folder.path());
        for _ in 0..2 {
            lay_out(&setup).unwrap();
            assert_eq!(fs::read_to_string(setup.root.join("bin/cat")).unwrap(), "ours");
        }
        assert!(fs::symlink_metadata(setup.root.join("bin/sh")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(setup.root.join("etc/hosts")).unwrap(), setup.hosts);
    }

    #[test]
    fn an_image_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Daemon::start(&setup(folder.path())).unwrap_err();
        let image = folder.path().join("image");
        assert_eq!(error.to_string(), format!("cannot make `{}` of a container", image.display()));
    }
}
