//! Every hook tool of the relation bus; the name it is called by says which.
//!
//! A program of its own, because a hook calls dozens of them: `relation-bus` is ten times the size,
//! and its start costs accordingly.

use std::env;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let rest = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    ExitCode::from(relation_bus::jujuc::client::run(name, rest))
}
