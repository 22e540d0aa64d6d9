//! The coordinator charm: the shipped binary of every coordinator, made one product's by
//! `solution.yaml`.

use std::path::PathBuf;
use std::process::ExitCode;

use charm::environment::{Dispatch, ProcessEnvironment};
use coordinator::Coordinator;

fn main() -> ExitCode {
    // Outside a hook context the runtime says what is missing.
    let folder = Dispatch::charm_dir(&ProcessEnvironment).unwrap_or_else(|_| PathBuf::from("."));
    charm::run(Coordinator::load(&folder))
}
