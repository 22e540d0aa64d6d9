//! Databags in words: decoded, both sides, with what is wrong on them.
//!
//! A relation is looked at as the inspector of [`relation_lib::interface`] sees its databags, each
//! for itself, and then as a whole: whether there is anybody on both sides, and whether the one
//! has written what the other waits for. Secrets are masked before anything gets here.

mod json;
mod text;

use std::fmt;
use std::str::FromStr;

use relation_lib::databag::{JUJU_KEYS, Presence};
use relation_lib::interface::{self, DatabagKind, Description, Finding, Severity};
use serde_json::{Map, Value};

use crate::model::{DataBag, Model, Relation, RelationLife, Role, Side};
use crate::names::{RelationId, UnitName, is_application_name};

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Every relation of an application.
    Application(String),
    /// The relations of a unit's application; of its own side only this unit is shown.
    Unit(UnitName),
    /// One relation.
    Relation(RelationId),
}

/// A text that names nothing that could be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot tell what `{0}` is: expected an application, a unit such as `loki/0`, or a relation \
     such as `logging:7` or `7`"
)]
pub struct SubjectError(String);

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let id = text.rsplit_once(':').map_or(text, |(_, id)| id);
        if let Ok(id) = id.parse() {
            return Ok(Subject::Relation(RelationId(id)));
        }
        if let Ok(unit) = text.parse() {
            return Ok(Subject::Unit(unit));
        }
        if is_application_name(text) {
            return Ok(Subject::Application(text.to_owned()));
        }
        Err(SubjectError(text.to_owned()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Application(name) => write!(f, "application `{name}`"),
            Subject::Unit(unit) => write!(f, "unit `{unit}`"),
            Subject::Relation(id) => write!(f, "relation `{id}`"),
        }
    }
}

impl Subject {
    /// Whether the model has it.
    #[must_use]
    pub fn is_in(&self, model: &Model) -> bool {
        match self {
            Subject::Application(name) => model.applications.contains_key(name),
            Subject::Unit(unit) => model.unit(unit).is_some(),
            Subject::Relation(id) => model.relations.contains_key(id),
        }
    }

    fn takes_in(&self, relation: &Relation) -> bool {
        match self {
            Subject::Application(name) => relation.side(name).is_some(),
            Subject::Unit(unit) => relation.side(unit.application()).is_some(),
            Subject::Relation(id) => relation.id == *id,
        }
    }

    /// Whether a unit is shown. Of the side of a unit that was asked for, only that one is.
    fn shows(&self, unit: &UnitName) -> bool {
        match self {
            Subject::Unit(own) => unit.application() != own.application() || unit == own,
            _ => true,
        }
    }
}

/// Relations with what stands on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    relations: Vec<InspectedRelation>,
}

#[derive(Debug, Clone, PartialEq)]
struct InspectedRelation {
    id: RelationId,
    interface: String,
    ends: Vec<End>,
    remarks: Vec<Remark>,
}

/// One application's end of a relation.
#[derive(Debug, Clone, PartialEq)]
struct End {
    application: String,
    endpoint: String,
    role: Role,
    data: Map<String, Value>,
    units: Vec<(UnitName, Map<String, Value>)>,
}

/// Something to say, and about whom.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remark {
    /// An application or a unit.
    about: String,
    finding: Finding,
}

impl Inspection {
    /// Looks at the relations of a model, or at those of one subject.
    #[must_use]
    pub fn of(model: &Model, subject: Option<&Subject>) -> Self {
        let relations = model.relations.values();
        let relations = relations.filter(|relation| subject.is_none_or(|s| s.takes_in(relation)));
        Inspection { relations: relations.map(|relation| inspect(relation, subject)).collect() }
    }

    /// Whether there is no relation to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }

    /// The worst of what there is to say.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        let remarks = self.relations.iter().flat_map(|relation| &relation.remarks);
        remarks.map(|remark| remark.finding.severity).max()
    }
}

fn inspect(relation: &Relation, subject: Option<&Subject>) -> InspectedRelation {
    let mut ends = Vec::new();
    let mut remarks = Vec::new();
    for side in &relation.sides {
        let mut look = |about: &str, kind, bag: &DataBag| {
            let description =
                interface::describe(&relation.interface, end_of(side.role), kind, bag);
            let late = awaited(&description, bag);
            remarks.extend(
                description
                    .findings
                    .into_iter()
                    .chain(late)
                    .map(|finding| Remark { about: about.to_owned(), finding }),
            );
            description.value
        };
        let data = look(&side.application, DatabagKind::Application, &side.bag.content);
        let units = side
            .in_scope()
            .filter(|(unit, _)| subject.is_none_or(|subject| subject.shows(unit)))
            .map(|(unit, bag)| (unit.clone(), look(unit.as_str(), DatabagKind::Unit, &bag.content)))
            .collect();
        if side.in_scope().next().is_none() {
            let message = "no unit takes part yet: the other side sees nobody";
            remarks.push(whole(side, Severity::Warning, message));
        }
        ends.push(End {
            application: side.application.clone(),
            endpoint: side.endpoint.clone(),
            role: side.role,
            data,
            units,
        });
    }
    if relation.life == RelationLife::Dying
        && let Some(side) = relation.sides.first()
    {
        remarks.push(whole(side, Severity::Note, "the relation is being removed"));
    }
    let known = interface::specifications().iter().any(|s| s.interface == relation.interface)
        || relation.interface.ends_with("_cluster")
        || relation.is_peer();
    if !known && let Some(side) = relation.sides.first() {
        let message = format!("`{}` is no interface that is known here", relation.interface);
        remarks.push(whole(side, Severity::Note, message));
    }
    remarks.sort_by_key(|remark| std::cmp::Reverse(remark.finding.severity));
    InspectedRelation { id: relation.id, interface: relation.interface.clone(), ends, remarks }
}

fn end_of(role: Role) -> interface::Side {
    match role {
        Role::Provider => interface::Side::Provider,
        Role::Requirer => interface::Side::Requirer,
        Role::Peer => interface::Side::Peer,
    }
}

fn whole(side: &Side, severity: Severity, message: impl Into<String>) -> Remark {
    let finding = Finding { severity, key: None, entry: None, message: message.into() };
    Remark { about: side.application.clone(), finding }
}

/// What the other side waits for, when nothing at all was written.
fn awaited(description: &Description, bag: &DataBag) -> Option<Finding> {
    if bag.keys().any(|key| !JUJU_KEYS.contains(&key.as_str())) {
        return None;
    }
    let keys = description.specification?.keys.iter();
    let required = keys.filter(|key| key.presence == Presence::Required);
    let names: Vec<String> = required.map(|key| format!("`{}`", key.name)).collect();
    if names.is_empty() {
        return None;
    }
    let message = format!("nothing is written yet: the other side waits for {}", names.join(", "));
    Some(Finding { severity: Severity::Warning, key: None, entry: None, message })
}

/// The word for what an endpoint is.
fn role(role: Role) -> &'static str {
    match role {
        Role::Provider => "provider",
        Role::Requirer => "requirer",
        Role::Peer => "peer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Member, VersionedBag};

    /// A coordinator that wrote nothing, and a worker whose role is no JSON.
    pub(super) fn model() -> Model {
        let bag = |pairs: &[(&str, &str)]| VersionedBag {
            version: 1,
            content: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        };
        let mut coordinator = Side::new("loom", "workers", Role::Provider);
        let juju = bag(&[("private-address", "10.1.0.2")]);
        let member = Member { in_scope: true, bag: juju };
        coordinator.members.insert(UnitName::new("loom", 0), member);
        let mut worker = Side::new("weave", "coordinator", Role::Requirer);
        worker.bag = bag(&[("role", "read"), ("password", "hush")]);
        let relation = Relation {
            id: RelationId(7),
            interface: "loom_cluster".to_owned(),
            sides: vec![coordinator, worker],
            life: RelationLife::Alive,
        };
        let mut model = Model::new("stage", "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11", "3.6.11");
        model.relations.insert(relation.id, relation);
        model
    }

    #[test]
    fn a_subject_is_told_by_its_form() {
        let subject = |text: &str| text.parse::<Subject>();
        assert_eq!(subject("loki"), Ok(Subject::Application("loki".into())));
        assert_eq!(subject("loki/0"), Ok(Subject::Unit(UnitName::new("loki", 0))));
        assert_eq!(subject("logging:7"), Ok(Subject::Relation(RelationId(7))));
        assert_eq!(subject("7"), Ok(Subject::Relation(RelationId(7))));
        assert_eq!(subject("no such"), Err(SubjectError("no such".into())));
    }

    #[test]
    fn what_is_wrong_is_said_about_whom_it_concerns() {
        let inspection = Inspection::of(&model(), None);
        let told: Vec<String> = inspection.relations[0]
            .remarks
            .iter()
            .map(|remark| format!("{}: {}", remark.about, remark.finding))
            .collect();
        assert_eq!(inspection.worst(), Some(Severity::Error));
        assert!(told[0].starts_with("weave: error: `role`: not JSON"), "{told:#?}");
        assert!(
            told.iter().any(|line| line.starts_with("loom: warning: nothing is written yet")),
            "{told:#?}"
        );
        assert!(told.iter().any(|line| line.starts_with("weave: warning: no unit")), "{told:#?}");
    }

    #[test]
    fn only_relations_of_the_subject_are_looked_at() {
        let of = |text: &str| Inspection::of(&model(), Some(&text.parse().unwrap()));
        assert!(!of("weave").is_empty());
        assert!(!of("loom/0").is_empty());
        assert!(!of("workers:7").is_empty());
        assert!(of("attic").is_empty());
        assert_eq!(of("loom/1").relations[0].ends[0].units, []);
    }
}
