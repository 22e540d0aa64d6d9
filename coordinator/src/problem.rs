//! What was skipped, named so that an operator finds it.

use charm::desired::Problem;
use charm::snapshot::Relation;
use charm::status::Status;
use relation_lib::Skipped;

/// Collects what was skipped while facts were read.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    noted: Vec<Problem>,
    shown: Vec<Status>,
}

impl Problems {
    /// Notes a place and what is wrong there.
    pub fn note(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.noted.push(Problem { place: place.into(), reason: reason.into() });
    }

    /// Notes a place and what is wrong there, and shows it in the status: the deployment works, but
    /// something that an operator relies on is missing from it.
    pub fn show(&mut self, area: &str, place: impl Into<String>, reason: impl Into<String>) {
        let (place, reason) = (place.into(), reason.into());
        self.shown.push(left_out(area, &place, &reason));
        self.note(place, reason);
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

    /// All that was noted, in order, and the statuses that show some of it.
    pub fn into_parts(self) -> (Vec<Problem>, Vec<Status>) {
        (self.noted, self.shown)
    }
}

/// The status of a deployment that works without something that was left out.
pub fn left_out(area: &str, place: &str, reason: &str) -> Status {
    Status::active(format!("[{area}] {place} is left out: {reason}"))
}

/// A key of a databag, in words.
pub fn place(relation: &Relation, unit: Option<&str>, key: &str) -> String {
    let relation = format!("relation `{}:{}`", relation.endpoint, relation.id);
    match unit {
        Some(unit) => format!("{relation}, unit `{unit}`, key `{key}`"),
        None => format!("{relation}, application, key `{key}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_noted_too() {
        let mut problems = Problems::default();
        problems.note("relation `s3:4`", "expected a text");
        problems.show("logging", "relation `logging:7`, unit `loki/0`, key `endpoint`", "not JSON");
        let (noted, shown) = problems.into_parts();
        assert_eq!(noted.len(), 2);
        assert_eq!(
            shown,
            [Status::active(
                "[logging] relation `logging:7`, unit `loki/0`, key `endpoint` is left out: not JSON"
            )]
        );
    }
}
