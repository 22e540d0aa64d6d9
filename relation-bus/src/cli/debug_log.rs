//! `relation-bus debug-log`: what charms and agents logged.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::state::{StateError, StateOption};
use super::{Exit, print, talk};
use crate::model::{Level, LogEntry};

/// Show what charms and agents logged, oldest first.
#[derive(Debug, Args)]
pub(super) struct DebugLog {
    /// Only these units or `unit-<app>-<number>` names.
    #[arg(long, short = 'i', value_name = "ENTITY")]
    include: Vec<String>,
    /// Only loggers that begin with this, such as `unit.loki/0.juju-log`.
    #[arg(long, value_name = "MODULE")]
    include_module: Vec<String>,
    /// The least important level to show.
    #[arg(long, short = 'l', value_name = "LEVEL", default_value = "DEBUG", value_parser = level)]
    level: Level,
    /// Only the last lines, so many.
    #[arg(long, short = 'n', value_name = "NUMBER")]
    lines: Option<usize>,
    /// How to print; JSON is one object a line.
    #[arg(long, value_enum, default_value = "text")]
    format: LogFormat,
    #[command(flatten)]
    state: StateOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

fn level(text: &str) -> Result<Level, String> {
    text.parse().map_err(|()| "expected TRACE, DEBUG, INFO, WARNING or ERROR".to_owned())
}

impl DebugLog {
    pub(super) fn run(&self) -> Result<Exit, StateError> {
        let saved = self.state.load()?;
        let lines: Vec<_> = saved.model.log.iter().filter(|line| self.shows(line)).collect();
        let first = self.lines.map_or(0, |count| lines.len().saturating_sub(count));
        let shown: Vec<_> = lines[first..]
            .iter()
            .map(|line| match self.format {
                LogFormat::Text => line.to_string(),
                LogFormat::Json => json!({
                    "timestamp": line.time.rfc3339(),
                    "entity": line.entity,
                    "level": line.level.as_str(),
                    "module": line.module,
                    "message": line.message,
                })
                .to_string(),
            })
            .collect();
        if shown.is_empty() {
            talk("no line of the log fits");
        } else {
            print(&shown.join("\n"));
        }
        Ok(Exit::Done)
    }

    fn shows(&self, line: &LogEntry) -> bool {
        let named = |entity: &String| {
            *entity == line.entity || format!("unit-{}", entity.replace('/', "-")) == line.entity
        };
        line.level >= self.level
            && (self.include.is_empty() || self.include.iter().any(named))
            && (self.include_module.is_empty()
                || self.include_module.iter().any(|module| line.module.starts_with(module)))
    }
}
