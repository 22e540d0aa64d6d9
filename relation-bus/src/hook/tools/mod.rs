//! The hook tools, one file per family.
//!
//! A tool gets the context of the running hook, the model, its arguments and perhaps its stdin,
//! and answers with what the real tool prints: same text, same exit status.

mod action;
mod format;
mod leader;
mod leftovers;
mod options;
mod ports;
mod relation;
mod secret;
mod settings;
mod state;
mod status;
mod storage;
#[cfg(test)]
mod tests;
mod unit;
mod yaml;

use std::path::{Path, PathBuf};

use serde_json::Value;

use self::format::Format;
use self::options::{Flag, Parsed};
use super::{HookContext, ToolCall};
use crate::model::Model;
use crate::names::RelationId;

/// One call of a hook tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The tool's name.
    pub tool: String,
    /// The directory that relative paths are resolved against.
    pub directory: PathBuf,
    /// Arguments, without the tool's name.
    pub arguments: Vec<String>,
    /// Its stdin, when it was sent.
    pub stdin: Option<Vec<u8>>,
}

/// What a tool printed, and its exit status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolOutput {
    /// 0 done, 1 failed, 2 bad usage.
    pub code: i32,
    /// Its stdout.
    pub stdout: Vec<u8>,
    /// Its stderr.
    pub stderr: Vec<u8>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The tool ran, well or not.
    Done(ToolOutput),
    /// The tool wants its stdin; nothing happened yet.
    NeedsStdin,
    /// There is no such tool.
    Unknown,
}

/// Why a tool stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ToolError {
    /// Exit status 2.
    Usage(String),
    /// Exit status 1.
    Failed(String),
    NeedsStdin,
}

fn usage<T>(message: impl Into<String>) -> Result<T, ToolError> {
    Err(ToolError::Usage(message.into()))
}

fn failed<T>(message: impl Into<String>) -> Result<T, ToolError> {
    Err(ToolError::Failed(message.into()))
}

/// What a tool prints.
enum Print {
    Nothing,
    /// In the format asked for, with the keys of its mappings in order.
    Value(Value),
    /// In the format asked for, with keys as they stand: Go prints structs so.
    Fields(Value),
    /// As it is, without a newline of its own.
    Raw(String),
}

/// Whether and how a tool takes `--format` and `--output`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    /// It prints no data.
    None,
    /// It prints no data and takes `--format` all the same, with a word of warning.
    Deprecated,
    /// All formats; smart unless one is named.
    Smart,
    /// YAML and JSON only; YAML unless one is named.
    Yaml,
}

/// The releases of Juju that have a tool.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Releases {
    All,
    /// From that major and minor number on.
    Since(u32, u32),
    /// Up to and without that major number.
    Before(u32),
}

impl Releases {
    /// Whether the release that a version names is among them. What cannot be read counts as the
    /// newest.
    fn include(self, version: &str) -> bool {
        let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
        let mut next = || numbers.next().flatten().unwrap_or(u32::MAX);
        let (major, minor) = (next(), next());
        match self {
            Self::All => true,
            Self::Since(first, second) => (major, minor) >= (first, second),
            Self::Before(first) => major < first,
        }
    }
}

struct Tool {
    name: &'static str,
    purpose: &'static str,
    flags: &'static [Flag],
    output: Output,
    releases: Releases,
    run: fn(&mut Run<'_>) -> Result<Print, ToolError>,
}

/// A running tool.
struct Run<'a> {
    context: &'a mut HookContext,
    model: &'a mut Model,
    parsed: Parsed,
    format: Format,
    directory: &'a Path,
    stdin: Option<&'a [u8]>,
}

const FAMILIES: [&[Tool]; 10] = [
    relation::TOOLS,
    unit::TOOLS,
    status::TOOLS,
    ports::TOOLS,
    state::TOOLS,
    secret::TOOLS,
    storage::TOOLS,
    action::TOOLS,
    leader::TOOLS,
    leftovers::TOOLS,
];

/// The names of all tools.
pub fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.into_iter().flatten().map(|tool| tool.name)
}

/// Runs a tool in the context of a hook.
pub fn run(context: &mut HookContext, model: &mut Model, call: &Call) -> Answer {
    let named = FAMILIES.into_iter().flatten().find(|tool| tool.name == call.tool);
    let Some(tool) = named.filter(|tool| tool.releases.include(&model.juju_version)) else {
        return Answer::Unknown;
    };
    let result = run_tool(tool, context, model, call);
    let output = match result {
        Ok(output) => output,
        Err(ToolError::NeedsStdin) => return Answer::NeedsStdin,
        Err(ToolError::Usage(message)) => error_output(2, &message),
        Err(ToolError::Failed(message)) => error_output(1, &message),
    };
    context.calls.push(ToolCall {
        tool: call.tool.clone(),
        arguments: masked_arguments(call),
        code: output.code,
    });
    Answer::Done(output)
}

fn run_tool(
    tool: &Tool,
    context: &mut HookContext,
    model: &mut Model,
    call: &Call,
) -> Result<ToolOutput, ToolError> {
    if call.arguments.iter().take_while(|word| *word != "--").any(|w| w == "--help" || w == "-h") {
        let text = format!("Usage: {} [options]\n\nSummary:\n{}\n", tool.name, tool.purpose);
        return Ok(ToolOutput { stdout: text.into_bytes(), ..ToolOutput::default() });
    }
    let parsed = options::parse(&call.arguments, tool.flags, tool.output)?;
    let format = match parsed.value("format") {
        None if tool.output == Output::Yaml => Format::Yaml,
        None => Format::Smart,
        Some(_) if tool.output == Output::Deprecated => Format::Smart,
        Some(word) => word
            .parse()
            .ok()
            .filter(|format| tool.output == Output::Smart || *format != Format::Smart)
            .ok_or_else(|| {
                let text =
                    format!("invalid value {word:?} for option --format: unknown format {word:?}");
                ToolError::Usage(text)
            })?,
    };
    let target = parsed.value("output").map(|path| call.directory.join(path));
    let note = match parsed.value("format").filter(|word| !word.is_empty()) {
        // Juju ends this line nowhere.
        Some(_) if tool.output == Output::Deprecated => {
            format!("--format flag deprecated for command {:?}", tool.name)
        }
        _ => String::new(),
    };
    let (directory, stdin) = (call.directory.as_path(), call.stdin.as_deref());
    let mut run = Run { context, model, parsed, format, directory, stdin };
    let mut output = ToolOutput { stderr: note.into_bytes(), ..ToolOutput::default() };
    match (tool.run)(&mut run)? {
        Print::Nothing => {}
        Print::Value(value) => output.stdout = format.write(value).into_bytes(),
        Print::Fields(value) => output.stdout = format.write_as_it_is(&value).into_bytes(),
        Print::Raw(text) => output.stdout = text.into_bytes(),
    }
    if let Some(path) = target {
        let content = std::mem::take(&mut output.stdout);
        std::fs::write(&path, content)
            .map_err(|error| ToolError::Failed(format!("open {}: {error}", path.display())))?;
    }
    Ok(output)
}

fn error_output(code: i32, message: &str) -> ToolOutput {
    ToolOutput { code, stdout: Vec::new(), stderr: format!("ERROR {message}\n").into_bytes() }
}

/// Arguments for the journal: values given to a secret tool stay out of it.
fn masked_arguments(call: &Call) -> Vec<String> {
    let is_secret = call.tool.starts_with("secret-");
    let mask = |word: &String| match word.split_once('=') {
        Some((key, _)) if is_secret && !key.starts_with('-') && !key.ends_with("#file") => {
            format!("{key}=<redacted>")
        }
        _ => word.clone(),
    };
    call.arguments.iter().map(mask).collect()
}

impl Run<'_> {
    /// The relation that `-r` names, or else the event's.
    fn relation(&self) -> Result<RelationId, ToolError> {
        self.relation_option()?
            .or(self.context.hook.relation().map(|hook| hook.relation))
            .ok_or_else(|| ToolError::Usage("no relation id specified".to_owned()))
    }

    /// The relation that `-r` names.
    fn relation_option(&self) -> Result<Option<RelationId>, ToolError> {
        let Some(text) = self.parsed.value("relation").filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let option = self.parsed.spelling("relation");
        let Ok(id) = text.parse::<RelationId>() else {
            return usage(format!(
                "invalid value {text:?} for option {option}: invalid relation id"
            ));
        };
        if !self.context.relations.contains_key(&id) {
            return usage(format!(
                "invalid value {text:?} for option {option}: relation not found"
            ));
        }
        Ok(Some(id))
    }

    /// The content of a file that an option names; `-` is stdin.
    fn read_file(&self, path: &str) -> Result<Vec<u8>, ToolError> {
        if path == "-" {
            return self.stdin.map(<[u8]>::to_vec).ok_or(ToolError::NeedsStdin);
        }
        let full = self.directory.join(path);
        std::fs::read(&full).map_err(|error| {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
                _ => error.to_string(),
            };
            ToolError::Failed(format!("open {}: {reason}", full.display()))
        })
    }

    /// Fails with Juju's words unless the unit leads.
    fn require_leader(&mut self) -> Result<(), ToolError> {
        if self.context.is_leader(self.model) {
            return Ok(());
        }
        failed("this unit is not the leader")
    }
}

/// Splits `key=value` words. The two parts are as they were written.
fn key_values(words: &[String]) -> Result<Vec<(String, String)>, ToolError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for word in words {
        let Some((key, value)) = word.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return usage(format!("expected \"key=value\", got {word:?}"));
        };
        if pairs.iter().any(|(known, _)| known == key) {
            return usage(format!("key {key:?} specified more than once"));
        }
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}

/// Refuses positional arguments beyond those a tool takes.
fn refuse_extra(extra: &[String]) -> Result<(), ToolError> {
    if extra.is_empty() {
        return Ok(());
    }
    let words: Vec<_> = extra.iter().map(|word| format!("{word:?}")).collect();
    usage(format!("unrecognized args: [{}]", words.join(" ")))
}
