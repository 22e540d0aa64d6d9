//! A large model: the one of `cos.yaml`, with so many applications of a cheap charm around it that
//! there are 30 applications and 100 units.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use relation_bus::dispatch::{Environment, Runner};
use relation_bus::engine::Settings;
use relation_bus::jujuc::client::{ClientError, Connection};
use relation_bus::jujuc::wire::{Request, Response};

use crate::in_process::{InProcess, shipped_settings};
use crate::workspace;

const METADATA: &str = "name: part
provides: {up: {interface: flow}, metrics: {interface: parts_metrics}}
requires: {down: {interface: flow}, watched: {interface: parts_metrics}}
peers: {peers: {interface: part_peers}}
containers: {main: {}}
";

/// How many units the applications of the cheap charm have; `watch` is the last one.
pub const PARTS: [u32; 22] = [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 2];

/// The name of an application of the cheap charm.
pub fn part(index: usize) -> String {
    if index + 1 == PARTS.len() { "watch".to_owned() } else { format!("part-{}", name(index)) }
}

/// Segments of an application's name may not be numbers.
fn name(index: usize) -> char {
    char::from(b'a' + u8::try_from(index).unwrap_or(25))
}

/// Writes the cheap charm and the model file into a folder and gives the file. Each part is the
/// upstream of the next, and all are watched by one application.
///
/// # Panics
/// When a file can't be written or `cos.yaml` read.
pub fn write(folder: &Path) -> PathBuf {
    let charm = folder.join("part");
    std::fs::create_dir_all(&charm).expect("a temporary folder can be written to");
    std::fs::write(charm.join("metadata.yaml"), METADATA).expect("the folder is there");
    let dispatch = charm.join("dispatch");
    std::fs::write(&dispatch, "#!/bin/false\n").expect("the folder is there");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&dispatch, mode).expect("the file is there");

    let fixtures = workspace().join("fixtures/models");
    let cos = std::fs::read_to_string(fixtures.join("cos.yaml")).expect("the fixture is there");
    let charms = format!("{}/charmcraft", workspace().display());
    let (applications, relations) =
        cos.split_once("\nrelations:\n").expect("the fixture relates its applications");
    let mut text = applications.replace("../../charmcraft", &charms);
    for (index, units) in PARTS.iter().enumerate() {
        let name = part(index);
        let _ = write!(text, "\n  {name}:\n    charm: {}\n    units: {units}", charm.display());
    }
    let _ = write!(text, "\n\nrelations:\n{relations}");
    let last = PARTS.len() - 1;
    for index in 0..last {
        let (one, next) = (part(index), part((index + 1) % last));
        let _ = writeln!(text, "  - [{one}:down, {next}:up]\n  - [{one}:metrics, watch:watched]");
    }
    let file = folder.join("large.yaml");
    std::fs::write(&file, text).expect("the folder is there");
    file
}

/// Settings of a bus that runs everything in this process: thousands of hooks would be thousands
/// of programs.
pub fn settings() -> Settings {
    Settings { runner: Some(Arc::new(Crowd)), ..shipped_settings() }
}

/// Runs the cheap charm, and leaves the others to [`InProcess`].
#[derive(Debug)]
struct Crowd;

impl Runner for Crowd {
    fn run(&self, charm: &Path, environment: &Environment) -> i32 {
        let metadata = std::fs::read_to_string(charm.join("metadata.yaml")).unwrap_or_default();
        if !metadata.starts_with("name: part") {
            return InProcess.run(charm, environment);
        }
        i32::from(part_hook(environment).is_err())
    }
}

/// Every unit writes its databag once, and every leader its application's: when a relation is made.
fn part_hook(environment: &Environment) -> Result<(), ClientError> {
    let variable = |name: &str| environment.get(name).cloned().unwrap_or_default();
    let mut agent = Connection::open(&variable("JUJU_AGENT_SOCKET_ADDRESS"))?;
    let mut tool = |command: &str, arguments: &[&str]| -> Result<Response, ClientError> {
        agent.call(&Request {
            context_id: variable("JUJU_CONTEXT_ID"),
            directory: variable("JUJU_CHARM_DIR"),
            command: command.to_owned(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            stdin: None,
        })
    };
    match variable("JUJU_HOOK_NAME").as_str() {
        "start" => drop(tool("status-set", &["active"])?),
        hook if hook.ends_with("-relation-created") => {
            tool("relation-set", &["port=80"])?;
            if tool("is-leader", &[])?.stdout == b"True\n" {
                let name = format!("name={}", variable("JUJU_UNIT_NAME"));
                tool("relation-set", &["--app", &name])?;
            }
        }
        _ => {}
    }
    Ok(())
}
