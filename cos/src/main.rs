//! The charms around a coordinator: which one it is stands in the charm's metadata.

use std::error::Error;
use std::process::ExitCode;

use charm::environment::{Dispatch, ProcessEnvironment};
use charm::metadata::Metadata;
use cos::CosCharm;

fn main() -> ExitCode {
    match chosen() {
        Ok(charm) => charm::run(charm),
        Err(error) => refuse(&*error),
    }
}

fn chosen() -> Result<CosCharm, Box<dyn Error>> {
    let charm_dir = Dispatch::charm_dir(&ProcessEnvironment)?;
    let name = Metadata::read(&charm_dir)?.name;
    let known = CosCharm::ALL.map(CosCharm::name).join("`, `");
    CosCharm::named(&name)
        .ok_or_else(|| format!("cannot be the charm `{name}`: expected one of `{known}`").into())
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
