//! What strikes a hook while it runs, on demand.

use std::num::NonZeroUsize;

use crate::model::Model;
use crate::names::{SecretId, UnitName};

/// When in a hook something strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before its n-th call of a hook tool, counted from 1. The call finds things changed.
    Call(NonZeroUsize),
    /// After its process has ended, before its writes are committed.
    Commit,
}

impl Moment {
    /// Before the n-th call of a hook tool; 0 is taken as 1.
    #[must_use]
    pub fn call(number: usize) -> Self {
        Self::Call(NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN))
    }
}

/// What strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strike {
    /// The process is killed (SIGKILL). The hook is no failure: it is run again.
    Kill,
    /// The process is asked to end (SIGTERM), as when its pod is deleted.
    Terminate,
    /// The unit loses the leadership: another unit that is there gets it, or else nobody.
    LoseLeadership,
    /// The socket of a container goes away.
    DropPebble(String),
    /// Nobody but its owner may read a secret any more.
    RevokeSecret(SecretId),
}

/// A strike that lies in wait in a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// When.
    pub moment: Moment,
    /// What.
    pub strike: Strike,
    /// Whether it has happened.
    pub is_sprung: bool,
}

impl Trap {
    /// A trap that lies in wait.
    #[must_use]
    pub fn new(moment: Moment, strike: Strike) -> Self {
        Self { moment, strike, is_sprung: false }
    }

    /// Does to the model what the strike does to it. The rest is for who runs the process.
    pub(crate) fn spring(&mut self, model: &mut Model, unit: &UnitName) {
        self.is_sprung = true;
        match &self.strike {
            Strike::LoseLeadership => model.depose(unit),
            Strike::RevokeSecret(id) => {
                if let Some(secret) = model.secrets.get_mut(id) {
                    secret.grants.clear();
                }
            }
            Strike::Kill | Strike::Terminate | Strike::DropPebble(_) => {}
        }
    }
}
