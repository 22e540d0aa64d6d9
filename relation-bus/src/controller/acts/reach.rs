//! The containers of a unit, for `juju ssh` and `juju scp`.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Outcome;
use super::tasks::unit_of;
use crate::controller::ControllerError;
use crate::engine::Bus;

/// The container of the charm, as Juju names it.
pub const CHARM_CONTAINER: &str = "charm";

/// Asks where a container of a unit is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reach {
    /// The unit: `app/0`, or `app/leader`.
    pub unit: String,
    /// The container; nothing: the charm's.
    pub container: Option<String>,
}

/// Where a container is, for programs of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The charm's.
    Charm {
        /// The root of its files.
        root: PathBuf,
        /// What a command that runs in it begins with: nothing, or the program that enters it.
        entry: Vec<OsString>,
        /// The variables of its processes.
        environment: std::collections::BTreeMap<String, String>,
    },
    /// A workload's, behind the bus's own Pebble.
    Embedded {
        /// Pebble's socket.
        socket: PathBuf,
    },
    /// A workload's, behind a Pebble that runs as a process.
    Real {
        /// Pebble's socket.
        socket: PathBuf,
        /// Pebble's program.
        program: PathBuf,
    },
}

impl Reach {
    pub(super) fn apply(&self, bus: &Bus) -> Result<Outcome, ControllerError> {
        let unit = unit_of(bus, &self.unit)?;
        let container = self.container.as_deref().unwrap_or(CHARM_CONTAINER);
        let place = bus.place(&unit, container).ok_or_else(|| {
            let known = bus.containers(&unit).join(", ");
            ControllerError::NoContainer { name: container.to_owned(), known }
        })?;
        Ok(Outcome::Place(place))
    }
}

/// Asks a workload container that has no processes what it answers to a command.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answered {
    /// The unit: `app/0`, or `app/leader`.
    pub unit: String,
    /// The container.
    pub container: String,
    /// The command.
    pub command: Vec<String>,
}

impl Answered {
    pub(super) fn apply(&self, bus: &Bus) -> Result<Outcome, ControllerError> {
        let unit = unit_of(bus, &self.unit)?;
        let answer = bus.workload(&unit, &self.container).and_then(|it| it.answer(&self.command));
        Ok(match answer {
            Some(answer) => Outcome::Ran {
                code: answer.return_code,
                stdout: answer.stdout,
                stderr: answer.stderr,
            },
            None => {
                let program = self.command.first().map_or("", String::as_str);
                let stderr = format!("cannot find executable {program:?}\n");
                Outcome::Ran { code: NOT_FOUND, stdout: String::new(), stderr }
            }
        })
    }
}

/// What a shell exits with when there is no such program.
const NOT_FOUND: i32 = 127;
