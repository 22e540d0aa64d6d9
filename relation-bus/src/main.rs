//! The relation bus: a Juju model on one machine.
//!
//! Called by the name of a hook tool it is that tool, as `relation-bus-tool` is.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use relation_bus::dispatch::container;
use relation_bus::jujuc::client;

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name == container::PROGRAM {
        return container::enter(arguments);
    }
    if name != "relation-bus" && client::is_tool(name) {
        let rest = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
        return ExitCode::from(client::run(name, rest));
    }
    relation_bus::cli::main()
}
