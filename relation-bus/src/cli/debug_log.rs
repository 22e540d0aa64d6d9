//! `relation-bus debug-log`: what charms and agents logged.

use clap::{Args, ValueEnum};

use super::target::{Target, TargetError};
use super::{Exit, print, talk};
use crate::model::{Level, LogEntry};
use crate::server::Parts;
use crate::shapes::log::{Entity, Selection, Stamp, json_line, line};

/// Show what charms and agents logged, oldest first.
///
/// Unlike Juju's, the log is shown whole unless a number is given, and the command ends with it
/// unless `--tail` is: it is the log of one machine.
#[derive(Debug, Args)]
pub(super) struct DebugLog {
    /// Only these: `loki/0`, `unit-loki-0`, all units of `loki`, or a name with `*` in it.
    #[arg(long, short = 'i', value_name = "ENTITY")]
    include: Vec<String>,
    /// None of these.
    #[arg(long, short = 'x', value_name = "ENTITY")]
    exclude: Vec<String>,
    /// Only loggers that begin with this, such as `unit.loki/0.juju-log`.
    #[arg(long, value_name = "MODULE")]
    include_module: Vec<String>,
    /// No loggers that begin with this.
    #[arg(long, value_name = "MODULE")]
    exclude_module: Vec<String>,
    /// The least important level to show.
    #[arg(long, short = 'l', value_name = "LEVEL", default_value = "DEBUG", value_parser = level)]
    level: Level,
    /// Only the newest lines, so many.
    #[arg(long, short = 'n', value_name = "NUMBER")]
    lines: Option<usize>,
    /// The same; 0 is all of them.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["lines", "tail"])]
    limit: Option<usize>,
    /// For Juju's users: the whole log, as is shown anyway.
    #[arg(long)]
    replay: bool,
    /// Go on with new lines as they come.
    #[arg(long, conflicts_with = "no_tail")]
    tail: bool,
    /// For Juju's users: end with the last line, as happens anyway.
    #[arg(long)]
    no_tail: bool,
    /// Show dates as well as times.
    #[arg(long)]
    date: bool,
    /// For Juju's users: times are UTC anyway.
    #[arg(long, hide = true)]
    utc: bool,
    /// The same: there is no color.
    #[arg(long, hide = true)]
    color: bool,
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
        let entities = |texts: &[String]| texts.iter().map(|text| Entity::new(text)).collect();
        let mut selection = Selection {
            include: entities(&self.include),
            exclude: entities(&self.exclude),
            include_module: self.include_module.clone(),
            exclude_module: self.exclude_module.clone(),
            level: self.level,
            newest: self.limit.filter(|limit| *limit > 0).or(self.lines),
        };
        let mut shown = self.target.model(Parts::model().with_log())?;
        let chosen = selection.select(&shown.model.log);
        if chosen.is_empty() && !self.tail {
            talk("no line of the log fits");
        }
        self.show(&chosen);
        if !self.tail {
            return Ok(Exit::Done);
        }
        selection.newest = None;
        let mut revision = 0;
        loop {
            revision = self.target.progress(revision)?.revision;
            let known = shown.model.log.len();
            shown = self.target.model(Parts::model().with_log())?;
            self.show(&selection.select(shown.model.log.get(known..).unwrap_or_default()));
        }
    }

    fn show(&self, entries: &[&LogEntry]) {
        let stamp = if self.date { Stamp::Date } else { Stamp::Time };
        let lines = entries.iter().map(|entry| match self.format {
            LogFormat::Text => line(entry, stamp),
            LogFormat::Json => json_line(entry),
        });
        let lines: Vec<_> = lines.collect();
        if !lines.is_empty() {
            print(&lines.join("\n"));
        }
    }
}
