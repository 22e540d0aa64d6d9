//! The whole of one dispatch.

use std::process::ExitCode;

use crate::program::Charm;

/// Runs one dispatch of a charm: a binary's `main` is `charm::run(MyCharm)`.
pub fn run(charm: impl Charm) -> ExitCode {
    let _ = charm;
    ExitCode::from(70)
}
