//! Hook tools: how a charm speaks to Juju.
//!
//! [`HookTools`] is one call of one tool, answered by the executables on `PATH`
//! ([`process::ProcessTools`]) or by a fake. [`Tools`] is the typed layer above it. Tools print
//! JSON; large values travel by stdin and secret ones by files that only their owner reads, never
//! in arguments.

use std::fmt;

use crate::secret::SecretText;

mod model;
mod process;
#[cfg(any(test, feature = "testing"))]
pub mod recording;
mod relations;
mod secrets;

pub use model::{LogLevel, Owner};
pub use process::ProcessTools;
pub use relations::BagOwner;
pub use secrets::SecretInfo;

/// One call of a hook tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The tool, such as `relation-get`.
    pub tool: &'static str,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// What it reads from stdin; `None`: nothing is written.
    pub stdin: Option<SecretText>,
}

/// An argument of a hook tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A text that everybody on the machine may see.
    Plain(String),
    /// A secret value: passed as `key#file=<path>` with the content in a file of mode 0600.
    SecretFile {
        /// The key of the secret's content.
        key: String,
        /// The value.
        content: SecretText,
    },
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::SecretFile { key, .. } => write!(f, "{key}#file=(secret)"),
        }
    }
}

impl ToolCall {
    /// A call without arguments.
    pub fn new(tool: &'static str) -> Self {
        Self { tool, arguments: Vec::new(), stdin: None }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(Argument::Plain(argument.into()));
        self
    }

    /// Asks for JSON.
    pub fn json(self) -> Self {
        self.arg("--format=json")
    }

    /// Hands a text over by stdin.
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(SecretText::new(text));
        self
    }

    /// The arguments as people may see them.
    pub fn shown_arguments(&self) -> String {
        self.arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

/// Something that answers hook tools.
pub trait HookTools {
    /// Calls a tool and gives what it printed on stdout.
    ///
    /// # Errors
    ///
    /// When the tool can't be run or exits with another status than 0.
    fn call(&self, call: &ToolCall) -> Result<Vec<u8>, ToolError>;
}

/// Why a hook tool did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The executable could not be run: no hook context, or a broken `PATH`.
    #[error("cannot run the hook tool `{tool}`")]
    Unavailable {
        /// The tool.
        tool: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The tool refused.
    #[error("cannot {tool}: `{tool} {arguments}` exited with {}: {stderr}", exit_status(*code))]
    Refused {
        /// The tool.
        tool: &'static str,
        /// Its arguments, secrets masked.
        arguments: String,
        /// Exit status; `None`: killed by a signal.
        code: Option<i32>,
        /// What it said, without the leading `ERROR `.
        stderr: String,
    },
    /// The tool printed something else than it should.
    #[error("cannot use what `{tool} {arguments}` printed: expected {expected}")]
    Unexpected {
        /// The tool.
        tool: &'static str,
        /// Its arguments, secrets masked.
        arguments: String,
        /// What was expected.
        expected: &'static str,
        /// The parser's words.
        source: Option<serde_json::Error>,
    },
}

fn exit_status(code: Option<i32>) -> String {
    code.map_or_else(|| "a signal".to_owned(), |code| format!("status {code}"))
}

impl ToolError {
    fn says(&self, text: &str) -> bool {
        matches!(self, Self::Refused { stderr, .. } if stderr.contains(text))
    }

    /// Whether a relation is gone: what Juju says then differs by version, so `relation not found`
    /// and `permission denied` count alike.
    pub fn is_relation_gone(&self) -> bool {
        self.says("relation not found") || self.says("permission denied")
    }

    /// Whether the thing asked for doesn't exist.
    pub fn is_not_found(&self) -> bool {
        self.says("not found")
    }

    /// Juju's own words, where there are any.
    pub fn stderr(&self) -> Option<&str> {
        match self {
            Self::Refused { stderr, .. } => Some(stderr),
            Self::Unavailable { .. } | Self::Unexpected { .. } => None,
        }
    }
}

/// The typed layer above hook tools.
#[derive(Clone, Copy)]
pub struct Tools<'a>(&'a dyn HookTools);

impl<'a> Tools<'a> {
    /// Speaks through the given tools.
    pub fn new(tools: &'a dyn HookTools) -> Self {
        Self(tools)
    }

    fn run(&self, call: ToolCall) -> Result<Vec<u8>, ToolError> {
        let span = tracing::info_span!("hook-tool", otel.name = call.tool, tool = call.tool);
        let _entered = span.enter();
        self.0.call(&call)
    }

    /// Runs a tool that prints JSON; `null` and nothing at all count as the type's default.
    fn read<T: serde::de::DeserializeOwned + Default>(
        &self,
        call: ToolCall,
        expected: &'static str,
    ) -> Result<T, ToolError> {
        let output = self.run(call.clone())?;
        if output.trim_ascii().is_empty() {
            return Ok(T::default());
        }
        serde_json::from_slice::<Option<T>>(&output).map(Option::unwrap_or_default).map_err(
            |source| ToolError::Unexpected {
                tool: call.tool,
                arguments: call.shown_arguments(),
                expected,
                source: Some(source),
            },
        )
    }
}

fn unexpected(call: &ToolCall, expected: &'static str) -> ToolError {
    ToolError::Unexpected {
        tool: call.tool,
        arguments: call.shown_arguments(),
        expected,
        source: None,
    }
}
