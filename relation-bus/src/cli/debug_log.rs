//! `relation-bus debug-log`: what charms and agents logged.

use clap::{Args, ValueEnum};

use super::target::{Target, TargetError};
use super::{Exit, print, talk};
use crate::model::Level;
use crate::server::Parts;
use crate::shapes::log::{Entity, Selection, Stamp, json_line, line};

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
    target: Target,
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
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let saved = self.target.model(Parts::model().with_log())?;
        let selection = Selection {
            include: self.include.iter().map(|text| Entity::new(text)).collect(),
            include_module: self.include_module.clone(),
            level: self.level,
            newest: self.lines,
            ..Selection::default()
        };
        let shown = selection.select(&saved.model.log).into_iter().map(|entry| match self.format {
            LogFormat::Text => line(entry, Stamp::Time),
            LogFormat::Json => json_line(entry),
        });
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() {
            talk("no line of the log fits");
        } else {
            print(&shown.join("\n"));
        }
        Ok(Exit::Done)
    }
}
