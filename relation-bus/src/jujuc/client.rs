//! The tool's end: the program called under a hook tool's name.
//!
//! Blocking and without any framework: a hook calls dozens of these.

use std::env;
use std::io::{self, Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};

use super::gob::GobError;
use super::wire::{NEEDS_STDIN, Request, RequestWriter, Response, ResponseHeader, ValueReader};
use crate::hook::tools;

/// A program that stands in the tools directory beside the hook tools: charms call it to refresh
/// the trust store of their container. There is no store to refresh here.
const TRUST_STORE_TOOL: &str = "update-ca-certificates";

/// Why a tool could not reach its agent.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A variable of the hook's environment is absent.
    #[error("{0} not set")]
    Environment(&'static str),
    /// The agent does not answer.
    #[error("cannot reach the unit agent")]
    Connect(#[source] io::Error),
    /// The agent answered something else than gob.
    #[error("cannot understand the unit agent")]
    Protocol(#[from] GobError),
    /// The agent refused the call.
    #[error("{0}")]
    Refused(String),
}

/// The names under which the program acts as a hook tool.
pub fn tool_names() -> impl Iterator<Item = &'static str> {
    tools::names().chain([TRUST_STORE_TOOL])
}

/// Whether a program called by that name is to act as a hook tool.
#[must_use]
pub fn is_tool(name: &str) -> bool {
    tool_names().any(|tool| tool == name)
}

/// Acts as the hook tool of that name and gives its exit status. The agent knows which tools
/// there are; naming them here would link all of them into a program that is started thousands
/// of times.
#[must_use]
pub fn run(name: &str, arguments: Vec<String>) -> u8 {
    if name == TRUST_STORE_TOOL {
        return 0;
    }
    match call(name, arguments) {
        Ok(response) => {
            // A reader that went away is no failure of the tool.
            drop(io::stdout().write_all(&response.stdout));
            drop(io::stderr().write_all(&response.stderr));
            u8::try_from(response.code).unwrap_or(1)
        }
        Err(error) => {
            let mut text = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                text = format!("{text}: {source}");
            }
            drop(writeln!(io::stderr(), "ERROR {text}"));
            1
        }
    }
}

fn variable(name: &'static str) -> Result<String, ClientError> {
    env::var(name).ok().filter(|value| !value.is_empty()).ok_or(ClientError::Environment(name))
}

fn call(name: &str, arguments: Vec<String>) -> Result<Response, ClientError> {
    let context_id = variable("JUJU_CONTEXT_ID")?;
    let address = variable("JUJU_AGENT_SOCKET_ADDRESS")?;
    variable("JUJU_AGENT_SOCKET_NETWORK")?;
    let directory = env::current_dir().map_err(ClientError::Connect)?;
    let mut request = Request {
        context_id,
        directory: directory.display().to_string(),
        command: name.to_owned(),
        arguments,
        stdin: None,
    };
    let mut connection = Connection::open(&address)?;
    match connection.call(&request) {
        Err(ClientError::Refused(error)) if error == NEEDS_STDIN => {
            let mut stdin = Vec::new();
            io::stdin().read_to_end(&mut stdin).map_err(ClientError::Connect)?;
            request.stdin = Some(stdin);
            connection.call(&request)
        }
        result => result,
    }
}

/// A connection to a unit agent; it takes any number of calls.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    writer: RequestWriter,
    reader: ValueReader,
}

impl Connection {
    /// Connects to a path, or with a leading `@` to an abstract socket.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub fn open(address: &str) -> Result<Self, ClientError> {
        let stream = match address.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name.as_bytes())
                .and_then(|address| UnixStream::connect_addr(&address)),
            None => UnixStream::connect(address),
        };
        let stream = stream.map_err(ClientError::Connect)?;
        Ok(Self { stream, writer: RequestWriter::default(), reader: ValueReader::default() })
    }

    /// Makes one call and waits for its reply.
    ///
    /// # Errors
    ///
    /// When the connection ends or the agent refuses.
    pub fn call(&mut self, request: &Request) -> Result<Response, ClientError> {
        let bytes = self.writer.call(request);
        self.stream.write_all(&bytes).map_err(ClientError::Connect)?;
        let header = ResponseHeader::read(&self.next_value()?);
        let body = self.next_value()?;
        if !header.error.is_empty() {
            return Err(ClientError::Refused(header.error));
        }
        Ok(Response::read(&body))
    }

    fn next_value(&mut self) -> Result<super::gob::Value, ClientError> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            if let Some(value) = self.reader.next_value()? {
                return Ok(value);
            }
            let count = self.stream.read(&mut buffer).map_err(ClientError::Connect)?;
            if count == 0 {
                return Err(ClientError::Connect(io::ErrorKind::UnexpectedEof.into()));
            }
            self.reader.feed(&buffer[..count]);
        }
    }
}
