//! The worker charm: the shipped binary of every worker, made one product's by `solution.yaml`.

use std::error::Error;
use std::process::ExitCode;

use charm::environment::{Dispatch, ProcessEnvironment};
use worker::Worker;
use worker::solution::Solution;

fn main() -> ExitCode {
    match solution() {
        Ok(solution) => charm::run(Worker::new(solution)),
        Err(error) => refuse(&*error),
    }
}

fn solution() -> Result<Solution, Box<dyn Error>> {
    let charm_dir = Dispatch::charm_dir(&ProcessEnvironment)?;
    Ok(Solution::load(&charm_dir)?)
}

#[expect(clippy::print_stderr, reason = "Juju logs what a hook prints before it can log itself")]
fn refuse(error: &dyn Error) -> ExitCode {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(found) = cause {
        eprintln!("  caused by: {found}");
        cause = found.source();
    }
    ExitCode::from(2)
}
