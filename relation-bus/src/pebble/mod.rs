//! A Pebble-compatible server for one workload container, inside this process.
//!
//! A charm talks to its workload containers over HTTP on a unix socket. [`Workload`] is what is behind that socket: the
//! plan, the services, the files, the checks, the changes. It follows the daemon (v1.32.1; where v1.26.0, which Juju
//! ships, differs, the newer one), its statuses and its messages, so that a client that is right here is right there.
//! What it does not have is a container: files live in memory, services are a state, and commands answer what the setup
//! declares. With [`ServiceMode::Processes`] services, checks and commands are real, and logs are kept and forwarded.
//!
//! Where a real container is asked for, [`Daemon`] runs Pebble itself.
//!
//! Not here: terminals of commands, symbolic links, HTTPS and client certificates, and the shutdown of the daemon when a
//! service ends or a check fails.
//!
//! ```text
//! ContainerSetup ──▶ Workload ──serve(socket)──▶ Server
//!                      │  ▲
//!         journal, plan, services, files  ◀── tests, the bus, conformance
//! ```

mod caretaker;
mod changes;
mod checks;
pub(crate) mod clock;
mod daemon;
mod envelope;
mod exec;
mod exec_process;
mod files;
mod forward;
mod identities;
mod journal;
mod layer;
mod logs;
pub(crate) mod multipart;
mod notices;
mod occurrence;
mod plan;
mod probe;
mod process;
mod schema;
mod server;
mod services;
mod setup;
mod supervise;
mod syslog;
mod tree;
mod workload;

pub use daemon::{Daemon, DaemonError, DaemonSetup};
pub use journal::Action;
pub use layer::LayerError;
pub use occurrence::{Happening, NoticeCursor, Occurrence};
pub use server::Server;
pub use setup::{
    CheckSetup, CheckStatus, ContainerSetup, ExecAnswer, ServiceMode, UnknownCheckStatus,
};
pub use workload::{ServiceInfo, Workload};
