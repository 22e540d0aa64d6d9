//! What `wait-for` prints when the goal is reached: the properties that the query looked at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Scope, ScopeKind};

/// The properties that a query has looked at, of its own entity and of those below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    own: BTreeSet<String>,
    applications: BTreeMap<String, Map<String, Value>>,
    units: BTreeMap<String, Map<String, Value>>,
}

impl Seen {
    /// Notes that a property was looked at.
    pub(super) fn record(&mut self, base: &Scope<'_>, scope: &Scope<'_>, name: &str) {
        if (base.kind(), base.name()) == (scope.kind(), scope.name()) {
            self.own.insert(name.to_owned());
            return;
        }
        let below = match scope.kind() {
            ScopeKind::Application => &mut self.applications,
            ScopeKind::Unit => &mut self.units,
            ScopeKind::Model => return,
        };
        if let Some(value) = scope.get(name).and_then(|value| value.to_json()) {
            below.entry(scope.name().to_owned()).or_default().insert(name.to_owned(), value);
        }
    }
}

/// The document that Juju prints as YAML: `properties`, and what was seen of applications and
/// units. Empty parts are absent.
#[must_use]
pub fn summary(scope: &Scope<'_>, seen: &Seen) -> Value {
    let mut document = Map::new();
    let properties = seen.own.iter().filter_map(|name| {
        let value = scope.get(name)?.to_json()?;
        Some((name.clone(), value))
    });
    document.insert("properties".to_owned(), Value::Object(properties.collect()));
    for (key, entities) in [("applications", &seen.applications), ("units", &seen.units)] {
        if !entities.is_empty() {
            let entries = entities.iter().map(|(n, p)| (n.clone(), Value::Object(p.clone())));
            document.insert(key.to_owned(), Value::Object(entries.collect()));
        }
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Query;
    use super::*;
    use crate::shapes::samples;

    #[test]
    fn what_was_looked_at_is_shown() {
        let model = samples::model();
        let scope = Scope::application(&model, "web").unwrap();
        let text = r#"status == "active" && forEach(units, u => u.workload-status == "active")"#;
        let (holds, seen) = Query::parse(text).unwrap().judge(&scope).unwrap();
        assert!(holds);
        assert_eq!(
            summary(&scope, &seen),
            json!({
                "properties": {"status": "active"},
                "units": {
                    "web/0": {"workload-status": "active"}, "web/1": {"workload-status": "active"},
                },
            })
        );
    }
}
