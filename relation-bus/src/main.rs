//! The relation bus: a Juju model on one machine.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use relation_bus::dispatch::container;

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name == container::PROGRAM {
        return container::enter(arguments);
    }
    if name != "relation-bus" {
        let rest = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
        if let Some(code) = relation_bus::jujuc::client::run(name, rest) {
            return ExitCode::from(code);
        }
    }
    relation_bus::cli::main()
}
