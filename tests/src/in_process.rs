//! The charms of this project, run in the test's own process.
//!
//! A hook of a charm is a program, and so is every hook tool that it calls; to start them is nearly
//! all that a hook costs. Here a hook is a thread: the same code from the environment on, over the
//! same socket to the same hook tools, the same Pebble and the same Kubernetes API. What is left
//! out is `main`, the search for tools on `PATH` and the exit of processes; the tests with the
//! shipped binaries have those.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use charm::metadata::Metadata;
use charm::run::{Exit, run_in};
use charm::tools::{Argument, HookTools, ToolCall, ToolError};
use coordinator::Coordinator;
use cos::CosCharm;
use relation_bus::dispatch::{Environment, Runner};
use relation_bus::engine::Settings;
use relation_bus::jujuc::client::Connection;
use relation_bus::jujuc::wire::Request;
use worker::Worker;

use crate::binaries;

/// Settings of a bus that runs the shipped binaries.
pub fn shipped_settings() -> Settings {
    Settings { program: Some(binaries().join("relation-bus")), ..Settings::default() }
}

/// Settings of a bus that runs charms in this process.
pub fn quick_settings() -> Settings {
    Settings { runner: Some(Arc::new(InProcess)), ..shipped_settings() }
}

/// Runs the coordinator, the worker and the charms of `cos`, by the names in their metadata.
#[derive(Debug)]
pub struct InProcess;

impl Runner for InProcess {
    fn run(&self, charm: &Path, environment: &Environment) -> i32 {
        let (Ok(metadata), Ok(tools)) = (Metadata::read(charm), SocketTools::open(environment))
        else {
            return i32::from(Exit::Internal.code());
        };
        let tools = Arc::new(tools);
        let exit = match CosCharm::named(&metadata.name) {
            Some(charm) => run_in(&charm, environment, tools),
            None if metadata.name.contains("coordinator") => {
                run_in(&Coordinator::load(charm), environment, tools)
            }
            None => run_in(&Worker::load(charm), environment, tools),
        };
        i32::from(exit.code())
    }
}

/// Hook tools by the socket that they would speak to.
struct SocketTools {
    connection: Mutex<Connection>,
    context_id: String,
    directory: String,
}

impl SocketTools {
    fn open(environment: &Environment) -> Result<Self, relation_bus::jujuc::client::ClientError> {
        let variable = |name: &str| environment.get(name).cloned().unwrap_or_default();
        Ok(Self {
            connection: Mutex::new(Connection::open(&variable("JUJU_AGENT_SOCKET_ADDRESS"))?),
            context_id: variable("JUJU_CONTEXT_ID"),
            directory: variable("JUJU_CHARM_DIR"),
        })
    }
}

impl HookTools for SocketTools {
    fn call(&self, call: &ToolCall) -> Result<Vec<u8>, ToolError> {
        let unavailable = |source| ToolError::Unavailable { tool: call.tool, source };
        // Removed at the end of the call, as the charm runtime does.
        let mut files = None;
        let mut arguments = Vec::new();
        for (at, argument) in call.arguments.iter().enumerate() {
            arguments.push(match argument {
                Argument::Plain(text) => text.clone(),
                Argument::SecretFile { key, content } => {
                    if files.is_none() {
                        files = Some(tempfile::tempdir().map_err(unavailable)?);
                    }
                    let folder = files.as_ref().map_or(Path::new(""), |files| files.path());
                    let path = folder.join(at.to_string());
                    std::fs::write(&path, content.reveal()).map_err(unavailable)?;
                    format!("{key}#file={}", path.display())
                }
            });
        }
        let request = Request {
            context_id: self.context_id.clone(),
            directory: self.directory.clone(),
            command: call.tool.to_owned(),
            arguments,
            stdin: call.stdin.as_ref().map(|text| text.reveal().as_bytes().to_vec()),
        };
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = connection.call(&request);
        let answer = answer.map_err(|error| unavailable(std::io::Error::other(error)))?;
        if answer.code == 0 {
            return Ok(answer.stdout);
        }
        let stderr = String::from_utf8_lossy(&answer.stderr);
        let stderr = stderr.trim();
        Err(ToolError::Refused {
            tool: call.tool,
            arguments: call.shown_arguments(),
            code: i32::try_from(answer.code).ok(),
            stderr: stderr.strip_prefix("ERROR ").unwrap_or(stderr).to_owned(),
        })
    }
}
