//! What the tests of whole models share.

pub mod ending;
pub mod in_process;
pub mod large;
pub mod log_store;
pub mod model;
pub mod pebble;
pub mod trace_store;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use relation_bus::charm_folder::{Profile, build_binaries};

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The folder of the shipped binaries, built once per test process.
///
/// # Panics
/// When the workspace doesn't build: no test can say anything then.
pub fn binaries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let names =
            BTreeSet::from(["coordinator", "cos", "relation-bus", "relation-bus-tool", "worker"]);
        build_binaries(workspace(), &names, Profile::Debug).expect("the workspace builds");
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| workspace().join("target"), PathBuf::from);
        target.join("debug")
    })
}

/// Runs a shipped binary to its end, in the workspace's root, with a state folder of its own.
///
/// # Panics
/// When the binary can't be started.
pub fn run(binary: &str, state: &Path, arguments: &[&str]) -> Output {
    Command::new(binaries().join(binary))
        .args(arguments)
        .current_dir(workspace())
        .env("RELATION_BUS_STATE", state)
        .output()
        .expect("a binary that was just built can be run")
}

/// What a run printed to its standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a run said to its standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
