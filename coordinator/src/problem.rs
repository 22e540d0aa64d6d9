//! What was skipped, named so that an operator finds it.

use charm::desired::Problem;
use charm::snapshot::Relation;
use relation_lib::Skipped;

/// Collects what was skipped while facts were read.
#[derive(Debug, Clone, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a place and what is wrong there.
    pub fn note(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.0.push(Problem { place: place.into(), reason: reason.into() });
    }

    /// Notes keys that a reader skipped in the databag of a unit, or of the application.
    pub fn skipped(&mut self, relation: &Relation, unit: Option<&str>, skipped: &[Skipped]) {
        for one in skipped {
            let place = place(relation, unit, &one.key);
            match &one.entry {
                Some(entry) => self.note(place, format!("`{entry}`: {}", one.reason)),
                None => self.note(place, &one.reason),
            }
        }
    }

    /// All that was noted, in order.
    pub fn into_inner(self) -> Vec<Problem> {
        self.0
    }
}

/// A key of a databag, in words.
pub fn place(relation: &Relation, unit: Option<&str>, key: &str) -> String {
    let relation = format!("relation `{}:{}`", relation.endpoint, relation.id);
    match unit {
        Some(unit) => format!("{relation}, unit `{unit}`, key `{key}`"),
        None => format!("{relation}, application, key `{key}`"),
    }
}
