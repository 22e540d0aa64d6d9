//! `juju debug-log`: which lines are shown, and how.

use serde_json::json;

use crate::model::{Level, LogEntry};
use crate::names::{UnitName, is_application_name};

/// How many lines Juju shows when nothing else is asked for.
pub const DEFAULT_LINES: usize = 10;

/// Whose lines: a unit, an application with all its units, or a name with `*` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity(String);

impl Entity {
    /// Reads what `--include` and `--exclude` take: `loki/0`, `unit-loki-0`, `loki`, `unit-loki-*`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if text.contains('*') {
            return Self(text.to_owned());
        }
        if let Ok(unit) = text.parse::<UnitName>() {
            return Self(format!("unit-{}", unit.dashed()));
        }
        let is_tag = text.starts_with("unit-") || text.starts_with("application-");
        if is_application_name(text) && !is_tag {
            return Self(format!("unit-{text}-*"));
        }
        Self(text.to_owned())
    }

    fn fits(&self, entity: &str) -> bool {
        wildcard(&self.0, entity)
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match text.find(piece) {
            Some(place) => text = &text[place + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

/// Which lines are shown. What is left empty excludes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Only lines of these.
    pub include: Vec<Entity>,
    /// No lines of these.
    pub exclude: Vec<Entity>,
    /// Only loggers that begin with one of these, at a dot.
    pub include_module: Vec<String>,
    /// No loggers that begin with one of these.
    pub exclude_module: Vec<String>,
    /// The least important level shown.
    pub level: Level,
    /// Only so many lines, the newest; all without.
    pub newest: Option<usize>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            include_module: Vec::new(),
            exclude_module: Vec::new(),
            level: Level::Trace,
            newest: None,
        }
    }
}

impl Selection {
    /// Whether a line is shown, its number aside.
    #[must_use]
    pub fn takes(&self, line: &LogEntry) -> bool {
        let fits = |entities: &[Entity]| entities.iter().any(|one| one.fits(&line.entity));
        let begins = |modules: &[String]| {
            modules.iter().any(|module| {
                line.module
                    .strip_prefix(module.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        line.level >= self.level
            && (self.include.is_empty() || fits(&self.include))
            && !fits(&self.exclude)
            && (self.include_module.is_empty() || begins(&self.include_module))
            && !begins(&self.exclude_module)
    }

    /// The lines shown, oldest first.
    #[must_use]
    pub fn select<'a>(&self, log: &'a [LogEntry]) -> Vec<&'a LogEntry> {
        let lines: Vec<_> = log.iter().filter(|line| self.takes(line)).collect();
        let first = self.newest.map_or(0, |newest| lines.len().saturating_sub(newest));
        lines[first..].to_vec()
    }
}

/// How a line's moment is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stamp {
    /// The time of day.
    #[default]
    Time,
    /// `--date`: with the date.
    Date,
}

/// A line as Juju prints it: `unit-web-0: 12:00:00 INFO unit.web/0.juju-log hello`.
#[must_use]
pub fn line(entry: &LogEntry, stamp: Stamp) -> String {
    let time = match stamp {
        Stamp::Time => entry.time.time_of_day(),
        Stamp::Date => entry.time.timestamp().trim_end_matches('Z').to_owned(),
    };
    format!("{}: {time} {} {} {}", entry.entity, entry.level, entry.module, entry.message)
}

/// A line as JSON, for programs. Juju 3.6 has no such form; the bus has.
#[must_use]
pub fn json_line(entry: &LogEntry) -> String {
    json!({
        "timestamp": entry.time.rfc3339(),
        "entity": entry.entity,
        "level": entry.level.as_str(),
        "module": entry.module,
        "message": entry.message,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Clock;

    fn entry(entity: &str, module: &str, level: Level, message: &str) -> LogEntry {
        LogEntry {
            time: Clock { seconds: 3661 },
            entity: entity.to_owned(),
            module: module.to_owned(),
            level,
            message: message.to_owned(),
        }
    }

    fn messages(selection: &Selection) -> String {
        let log = [
            entry("unit-web-0", "unit.web/0.juju-log", Level::Info, "a"),
            entry("unit-web-1", "unit.web/1.juju-log", Level::Debug, "b"),
            entry("unit-web-db-0", "juju.worker.uniter", Level::Error, "c"),
            entry("unit-db-0", "juju.worker.uniter.operation", Level::Warning, "d"),
        ];
        selection.select(&log).iter().map(|line| line.message.as_str()).collect()
    }

    #[test]
    fn lines_are_chosen_by_entity_module_level_and_number() {
        let all = Selection::default();
        assert_eq!(messages(&all), "abcd");
        let include = |text: &str| Selection { include: vec![Entity::new(text)], ..all.clone() };
        assert_eq!(messages(&include("web/0")), "a");
        assert_eq!(messages(&include("unit-web-1")), "b");
        // As Juju does: an application's pattern takes what begins like it, too.
        assert_eq!(messages(&include("web")), "abc");
        assert_eq!(messages(&include("unit-*-0")), "acd");
        let exclude = Selection { exclude: vec![Entity::new("db/0")], ..all.clone() };
        assert_eq!(messages(&exclude), "abc");
        let module = |text: &str| vec![text.to_owned()];
        let uniter = Selection { include_module: module("juju.worker.uniter"), ..all.clone() };
        assert_eq!(messages(&uniter), "cd");
        let others = Selection { exclude_module: module("juju.worker"), ..all.clone() };
        assert_eq!(messages(&others), "ab");
        assert_eq!(messages(&Selection { level: Level::Warning, ..all.clone() }), "cd");
        assert_eq!(messages(&Selection { newest: Some(1), ..all }), "d");
    }

    #[test]
    fn a_line_is_printed_as_juju_prints_it() {
        let entry = entry("unit-web-0", "unit.web/0.juju-log", Level::Info, "hello");
        assert_eq!(
            line(&entry, Stamp::Time),
            "unit-web-0: 01:01:01 INFO unit.web/0.juju-log hello"
        );
        assert_eq!(
            line(&entry, Stamp::Date),
            "unit-web-0: 2025-01-01 01:01:01 INFO unit.web/0.juju-log hello"
        );
    }

    #[test]
    fn patterns_take_stars_anywhere() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "a", true),
            ("*b*d", "abcd", true),
            ("*b*b", "ab", false),
            ("a**c", "abc", true),
        ] {
            assert_eq!(wildcard(pattern, text), fits, "{pattern} {text}");
        }
    }
}
