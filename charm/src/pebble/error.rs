//! What can go wrong with Pebble.

use std::error::Error;

/// Why Pebble did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum PebbleError {
    /// Nobody answers at the socket: the container isn't up, or went away.
    #[error("cannot reach Pebble")]
    Unreachable {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There was no answer in time.
    #[error("cannot wait any longer for Pebble to answer `{request}`")]
    Timeout {
        /// What was asked.
        request: String,
    },
    /// Pebble refused.
    #[error("cannot use Pebble's `{request}`: {message} ({code})")]
    Refused {
        /// What was asked.
        request: String,
        /// HTTP status.
        code: u16,
        /// Pebble's kind of error, where it gives one.
        kind: Option<String>,
        /// Pebble's words.
        message: String,
    },
    /// The answer isn't one of Pebble's.
    #[error("cannot understand Pebble's answer to `{request}`: expected {expected}")]
    Protocol {
        /// What was asked.
        request: String,
        /// What was expected.
        expected: &'static str,
        /// The parser's words.
        source: Option<serde_json::Error>,
    },
    /// A file or folder could not be handled.
    #[error("cannot {verb} `{path}` in the container: {message}")]
    Path {
        /// What was tried: `read`, `write`, `remove`, `create`.
        verb: &'static str,
        /// The file or folder.
        path: String,
        /// Pebble's kind of error: `not-found`, `permission-denied`, `generic-file-error`.
        kind: String,
        /// Pebble's words.
        message: String,
    },
    /// A change ended with an error.
    #[error("cannot {summary}: {reason}")]
    Change {
        /// What was to be done, with a small first letter: `restart service "web"`.
        summary: String,
        /// Pebble's words.
        reason: String,
        /// The tasks' logs, one entry a line.
        log: String,
    },
    /// A file of this machine that is sent or received can't be read or written.
    #[error("cannot pass the content of `{path}` on")]
    Local {
        /// The file in the container.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl PebbleError {
    /// Whether the container isn't there (any more): what was asked can wait until it is.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. })
    }

    /// Whether a command could not be run because there is no such program.
    pub fn is_missing_program(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains("cannot find executable"))
    }

    pub(super) fn transport(request: &str, error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Timeout { request: request.to_owned() }
        } else {
            // Anything else between us and a local socket means that the other end went away.
            Self::Unreachable { source: Box::new(error) }
        }
    }
}
