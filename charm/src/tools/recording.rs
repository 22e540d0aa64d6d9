//! A fake of hook tools that records every call (feature `testing`).

use std::cell::RefCell;

use super::{HookTools, ToolCall, ToolError};

/// Answers calls from a table and records them.
///
/// An answer belongs to the longest known beginning of `tool arguments`; without one, tools that
/// print data answer `null` and others print nothing.
#[derive(Debug, Default)]
pub struct RecordingTools {
    answers: RefCell<Vec<(String, Answer)>>,
    calls: RefCell<Vec<ToolCall>>,
}

#[derive(Debug, Clone)]
enum Answer {
    Prints(String),
    Refuses(String),
}

impl RecordingTools {
    /// Makes calls that begin so print a text.
    pub fn prints(self, beginning: &str, text: &str) -> Self {
        self.answers.borrow_mut().push((beginning.to_owned(), Answer::Prints(text.to_owned())));
        self
    }

    /// Makes calls that begin so exit with status 1 and these words.
    pub fn refuses(self, beginning: &str, words: &str) -> Self {
        self.answers.borrow_mut().push((beginning.to_owned(), Answer::Refuses(words.to_owned())));
        self
    }

    /// The calls so far, as `tool arguments`, secrets masked.
    pub fn calls(&self) -> Vec<String> {
        self.calls.borrow().iter().map(shown).collect()
    }

    /// The calls so far with all they carried.
    pub fn full_calls(&self) -> Vec<ToolCall> {
        self.calls.borrow().clone()
    }
}

fn shown(call: &ToolCall) -> String {
    let arguments = call.shown_arguments();
    if arguments.is_empty() { call.tool.to_owned() } else { format!("{} {arguments}", call.tool) }
}

impl HookTools for RecordingTools {
    fn call(&self, call: &ToolCall) -> Result<Vec<u8>, ToolError> {
        let line = shown(call);
        self.calls.borrow_mut().push(call.clone());
        let answers = self.answers.borrow();
        let answer = answers
            .iter()
            .filter(|(beginning, _)| line.starts_with(beginning))
            .max_by_key(|(beginning, _)| beginning.len());
        match answer {
            Some((_, Answer::Prints(text))) => Ok(text.clone().into_bytes()),
            Some((_, Answer::Refuses(words))) => Err(ToolError::Refused {
                tool: call.tool,
                arguments: call.shown_arguments(),
                code: Some(1),
                stderr: words.clone(),
            }),
            None => Ok(Vec::new()),
        }
    }
}
