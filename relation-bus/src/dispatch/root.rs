//! The file system of one unit's charm container, below a folder of its own.
//!
//! A real unit has these paths below `/`. Charms that find themselves in
//! `<root>/var/lib/juju/agents/...` take what precedes as the root of all of them.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::container;
use crate::jujuc::client::tool_names;
use crate::names::UnitName;

/// The longest path that a unix socket may have on Linux, in bytes.
const SOCKET_PATH_LIMIT: usize = 107;

/// Why a unit's file system could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// A file or folder could not be made.
    #[error("cannot make `{}`", path.display())]
    Make {
        /// What was to be made.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The path of a socket would be too long.
    #[error(
        "cannot use `{}` for a socket: it has {} bytes, the limit is {SOCKET_PATH_LIMIT}",
        path.display(), path.as_os_str().len()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// The path of the running program is unknown.
    #[error("cannot find the running program")]
    Program {
        /// Why.
        source: io::Error,
    },
    /// There is no program that acts as the hook tools.
    #[error("cannot find the `relation-bus` program near `{}`: build it first", near.display())]
    NoProgram {
        /// Where it was looked for.
        near: PathBuf,
    },
}

/// What the files of a unit's root say.
#[derive(Debug, Clone)]
pub struct RootSetup {
    /// The model, which is the pod's namespace.
    pub model: String,
    /// The host name that the unit looks up for itself.
    pub fqdn: String,
    /// The pod's address.
    pub address: String,
    /// The first name server.
    pub dns_server: String,
    /// Whether the pod has an IPv6 address.
    pub has_ipv6: bool,
    /// Container names; each gets a folder for its socket.
    pub containers: Vec<String>,
    /// The relation bus. It acts as every hook tool, unless `relation-bus-tool` lies beside it.
    pub program: PathBuf,
}

/// The root of one unit's file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRoot {
    path: PathBuf,
    dashed: String,
}

impl UnitRoot {
    /// The root at a path, whether or not anything is there yet.
    #[must_use]
    pub fn at(path: &Path, unit: &UnitName) -> Self {
        Self { path: path.to_owned(), dashed: format!("unit-{}", unit.dashed()) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn agent(&self) -> PathBuf {
        self.path.join("var/lib/juju/agents").join(&self.dashed)
    }

    /// The charm directory.
    #[must_use]
    pub fn charm(&self) -> PathBuf {
        self.agent().join("charm")
    }

    /// The directory of the unit's resources.
    #[must_use]
    pub fn resources(&self) -> PathBuf {
        self.agent().join("resources")
    }

    /// The directory of the hook tools.
    #[must_use]
    pub fn tools(&self) -> PathBuf {
        self.path.join("var/lib/juju/tools").join(&self.dashed)
    }

    /// The agent socket. Not beside the charm directory, where a long unit name would take it
    /// over the limit that such paths have.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("agent.socket")
    }

    /// What a charm in a container has written to `/etc` and `/usr`; it goes with the pod.
    #[must_use]
    pub fn written(&self) -> PathBuf {
        self.path.join(container::WRITTEN)
    }

    /// The program that puts a charm into its container.
    pub(super) fn container_program(&self) -> PathBuf {
        self.path.join(container::PROGRAM)
    }

    /// The Pebble socket of a container.
    #[must_use]
    pub fn container_socket(&self, container: &str) -> PathBuf {
        self.path.join("charm/containers").join(container).join("pebble.socket")
    }

    /// An absolute path of the unit as a path of this machine.
    #[must_use]
    pub fn locate(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    /// Makes the folders and files of the root. What is there already is kept or overwritten.
    ///
    /// # Errors
    ///
    /// When a file cannot be written, or the root lies so deep that sockets can't be made in it.
    pub fn make(&self, setup: &RootSetup) -> Result<(), RootError> {
        for folder in [self.charm(), self.resources(), self.tools()] {
            make_folder(&folder)?;
        }
        for container in &setup.containers {
            let socket = self.container_socket(container);
            if socket.as_os_str().len() > SOCKET_PATH_LIMIT {
                return Err(RootError::TooLong { path: socket });
            }
            if let Some(folder) = socket.parent() {
                make_folder(folder)?;
            }
        }
        let program = tool_program(&setup.program);
        let tools = tool_names().map(|tool| (self.tools().join(tool), &program));
        for (link, program) in tools.chain([(self.container_program(), &setup.program)]) {
            if let Err(source) = symlink(program, &link)
                && source.kind() != io::ErrorKind::AlreadyExists
            {
                return Err(RootError::Make { path: link, source });
            }
        }
        let short = setup.fqdn.split('.').next().unwrap_or_default();
        let search = format!("{0}.svc.cluster.local svc.cluster.local cluster.local", setup.model);
        self.write("etc/hostname", format!("{short}\n"))?;
        let own = format!("{} {} {short}\n", setup.address, setup.fqdn);
        self.write("etc/hosts", format!("127.0.0.1 localhost\n::1 localhost\n{own}"))?;
        let resolver = format!("nameserver {}\nsearch {search}\n", setup.dns_server);
        self.write("etc/resolv.conf", &resolver)?;
        if setup.has_ipv6 {
            let line = "fd0000000000000000000000000000aa 02 40 00 80     eth0\n";
            self.write("proc/net/if_inet6", line)?;
        }
        let account = "var/run/secrets/kubernetes.io/serviceaccount";
        self.write(&format!("{account}/namespace"), &setup.model)?;
        self.write(&format!("{account}/token"), "relation-bus")
    }

    /// Writes a file by its path below the root.
    ///
    /// # Errors
    ///
    /// When it or its folder cannot be made.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<(), RootError> {
        let path = self.locate(path);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        std::fs::write(&path, content).map_err(|source| RootError::Make { path, source })
    }
}

/// The small program that acts as the hook tools, when it was built beside the bus; else the bus.
fn tool_program(bus: &Path) -> PathBuf {
    let small = bus.with_file_name("relation-bus-tool");
    if small.is_file() { small } else { bus.to_owned() }
}

fn make_folder(path: &Path) -> Result<(), RootError> {
    std::fs::create_dir_all(path)
        .map_err(|source| RootError::Make { path: path.to_owned(), source })
}
