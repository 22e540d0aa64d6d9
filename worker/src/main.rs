//! The worker charm: the shipped binary of every worker, made one product's by `solution.yaml`.

use std::path::PathBuf;
use std::process::ExitCode;

use charm::environment::{Dispatch, ProcessEnvironment};
use worker::Worker;

fn main() -> ExitCode {
    // Outside a hook context the runtime says what is missing.
    let folder = Dispatch::charm_dir(&ProcessEnvironment).unwrap_or_else(|_| PathBuf::from("."));
    charm::run(Worker::load(&folder))
}
