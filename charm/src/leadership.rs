//! The right to write application databags, as a type.

/// Proof that Juju said "you are the leader" in this dispatch.
///
/// There is no way to make one but to ask Juju, so what takes a `&Leader` can't be called by a
/// follower:
///
/// ```compile_fail
/// let proof = charm::leadership::Leader { _private: () };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leader {
    _private: (),
}

impl Leader {
    pub(crate) fn attest() -> Self {
        Self { _private: () }
    }

    /// A proof without Juju, for tests of pure functions.
    #[cfg(any(test, feature = "testing"))]
    pub fn for_test() -> Self {
        Self::attest()
    }
}

/// Whether this unit leads its application. True for at least 30 s after Juju said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leadership {
    /// This unit leads.
    Leader(Leader),
    /// Another unit leads, or none.
    Follower,
}

impl Leadership {
    /// The proof, if this unit leads.
    pub fn proof(&self) -> Option<&Leader> {
        match self {
            Self::Leader(proof) => Some(proof),
            Self::Follower => None,
        }
    }
}
