//! An inspection for people.

use std::fmt::{self, Display};

use relation_lib::databag::JUJU_KEYS;
use serde_json::{Map, Value};

use super::{InspectedRelation, Inspection, role};

/// As much of a value as fits into a line.
const SHOWN: usize = 90;

impl Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, relation) in self.relations.iter().enumerate() {
            if count > 0 {
                writeln!(f)?;
            }
            write_relation(f, relation)?;
        }
        Ok(())
    }
}

fn write_relation(f: &mut fmt::Formatter<'_>, relation: &InspectedRelation) -> fmt::Result {
    let ends = relation.ends.iter();
    let ends: Vec<String> = ends
        .map(|end| format!("{}:{} ({})", end.application, end.endpoint, role(end.role)))
        .collect();
    writeln!(f, "relation {}  {}  {}", relation.id, relation.interface, ends.join(" -- "))?;
    for end in &relation.ends {
        let units = end.units.iter().map(|(unit, data)| (unit.as_str(), data));
        let mut silent = Vec::new();
        for (owner, data) in std::iter::once((end.application.as_str(), &end.data)).chain(units) {
            if data.keys().all(|key| JUJU_KEYS.contains(&key.as_str())) {
                silent.push(owner);
            } else {
                write_bag(f, owner, data)?;
            }
        }
        if !silent.is_empty() {
            writeln!(f, "  nothing from {}", silent.join(", "))?;
        }
    }
    for remark in &relation.remarks {
        writeln!(f, "  ! {}: {}", remark.about, remark.finding)?;
    }
    Ok(())
}

fn write_bag(f: &mut fmt::Formatter<'_>, owner: &str, data: &Map<String, Value>) -> fmt::Result {
    let own: Vec<_> = data.iter().filter(|(key, _)| !JUJU_KEYS.contains(&key.as_str())).collect();
    writeln!(f, "  {owner}")?;
    let width = own.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    for (key, value) in own {
        writeln!(f, "    {key:width$}  {}", in_a_line(value))?;
    }
    Ok(())
}

/// A value as far as it fits into a line, and how much of it there is.
fn in_a_line(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.trim_end().to_owned(),
        other => other.to_string(),
    };
    let lines = text.lines().count();
    let first = text.lines().next().unwrap_or_default();
    let size = match value {
        Value::Array(items) => counted(items.len(), "entry", "entries"),
        Value::Object(members) => counted(members.len(), "member", "members"),
        _ if lines > 1 => format!("{lines} lines"),
        _ => format!("{} characters", text.chars().count()),
    };
    match first.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}… ({size})", &first[..at]),
        None if lines > 1 => format!("{first} … ({size})"),
        None => first.to_owned(),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::inspect::tests::model;

    #[test]
    fn long_values_say_how_long_they_are() {
        assert_eq!(in_a_line(&json!("a: 1\nb: 2\n")), "a: 1 … (2 lines)");
        assert_eq!(in_a_line(&json!("short")), "short");
        let long = in_a_line(&json!(vec!["entry"; 40]));
        assert!(long.ends_with("… (40 entries)"), "{long}");
    }

    #[test]
    fn a_relation_is_told_with_both_sides_and_what_is_wrong() {
        let text = Inspection::of(&model(), None).to_string();
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some(
                "relation 7  loom_cluster  loom:workers (provider) -- weave:coordinator (requirer)"
            )
        );
        assert_eq!(lines.next(), Some("  nothing from loom, loom/0"));
        assert_eq!(lines.next(), Some("  weave"));
        assert_eq!(lines.next(), Some("    password  (secret)"));
        assert_eq!(lines.next(), Some("    role      read"));
        assert!(lines.next().unwrap().starts_with("  ! weave: error: `role`: not JSON"), "{text}");
    }
}
