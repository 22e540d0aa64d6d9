//! All databags of a model at one moment, and what differs between two moments.

use std::collections::BTreeMap;
use std::fmt;

use relation_lib::interface::{self, DatabagKind, describe};
use serde_json::{Map, Value};

use super::difference::places;
use crate::model::{DataBag, Model, Relation, Role, Side};
use crate::names::RelationId;

/// Whose databag, on which relation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    interface: String,
    role: interface::Side,
    kind: DatabagKind,
    /// `tally:tally-cluster with tally-read`.
    relation: String,
}

/// Every databag of a model, as it stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Databags {
    /// By relation and owner: an application or a unit.
    bags: BTreeMap<(RelationId, String), (Place, DataBag)>,
}

impl Databags {
    /// What stands on the relations of a model. Units that have left their relation are left out.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let mut bags = BTreeMap::new();
        for relation in model.relations.values() {
            for side in &relation.sides {
                let place = |kind| Place {
                    interface: relation.interface.clone(),
                    role: role(side.role),
                    kind,
                    relation: title(relation, side),
                };
                let key = (relation.id, side.application.clone());
                bags.insert(key, (place(DatabagKind::Application), side.bag.content.clone()));
                for (unit, bag) in side.in_scope() {
                    let key = (relation.id, unit.to_string());
                    bags.insert(key, (place(DatabagKind::Unit), bag.content.clone()));
                }
            }
        }
        Self { bags }
    }

    /// What differs at a later moment. An empty databag that comes or goes is no difference.
    #[must_use]
    pub fn difference(&self, later: &Self) -> Difference {
        let mut changes = Vec::new();
        let added = later.bags.keys().filter(|key| !self.bags.contains_key(*key));
        for key in self.bags.keys().chain(added) {
            let (before, after) = (self.bags.get(key), later.bags.get(key));
            let Some((place, _)) = after.or(before) else { continue };
            let empty = DataBag::new();
            let (before, after) =
                (before.map_or(&empty, |(_, bag)| bag), after.map_or(&empty, |(_, bag)| bag));
            let lines = compare(place, before, after);
            if !lines.is_empty() {
                let title =
                    format!("{}, databag of {} (relation {})", place.relation, key.1, key.0);
                changes.push(Change { owner: key.1.clone(), title, lines });
            }
        }
        Difference { changes }
    }
}

/// An end of a relation and what it is related to.
pub(super) fn title(relation: &Relation, side: &Side) -> String {
    let end = format!("{}:{}", side.application, side.endpoint);
    match relation.sides.iter().find(|other| !std::ptr::eq(*other, side)) {
        Some(other) => format!("{end} with {}", other.application),
        None => format!("{end} among its units"),
    }
}

fn role(role: Role) -> interface::Side {
    match role {
        Role::Provider => interface::Side::Provider,
        Role::Requirer => interface::Side::Requirer,
        Role::Peer => interface::Side::Peer,
    }
}

/// Lines that tell the keys apart: decoded as the interface says, secrets masked.
fn compare(place: &Place, before: &DataBag, after: &DataBag) -> Vec<String> {
    if before == after {
        return Vec::new();
    }
    let visible = |bag| -> Map<String, Value> {
        describe(&place.interface, place.role, place.kind, bag).value
    };
    let (seen_before, seen_after) = (visible(before), visible(after));
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut lines = Vec::new();
    for key in keys.into_iter().filter(|key| before.get(*key) != after.get(*key)) {
        let found = places(seen_before.get(key), seen_after.get(key));
        if found.is_empty() {
            lines.push(format!("~ {key}: another text with the same visible meaning"));
        }
        lines.extend(found.iter().flat_map(|place| place.lines(key)));
    }
    lines
}

/// One databag that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    owner: String,
    title: String,
    lines: Vec<String>,
}

/// What differs between two moments, for people: `-` before what stood there, `+` before what
/// stands there now. Secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    changes: Vec<Change>,
}

impl Difference {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The applications and units whose databags differ, each once.
    #[must_use]
    pub fn owners(&self) -> Vec<&str> {
        let mut owners: Vec<_> = self.changes.iter().map(|change| change.owner.as_str()).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// Only the databags that an application or its units wrote.
    #[must_use]
    pub fn by(&self, application: &str) -> Self {
        let wrote = |change: &&Change| {
            change.owner.split_once('/').map_or(change.owner.as_str(), |(name, _)| name)
                == application
        };
        Self { changes: self.changes.iter().filter(wrote).cloned().collect() }
    }

    /// Its lines.
    pub(super) fn lines(&self) -> Vec<String> {
        let one = |change: &Change| {
            let lines = change.lines.iter().map(|line| format!("  {line}"));
            [change.title.clone()].into_iter().chain(lines).collect::<Vec<_>>()
        };
        self.changes.iter().flat_map(one).collect()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RelationLife;
    use crate::names::UnitName;

    fn model(pairs: &[(&str, &str)]) -> Model {
        let mut model = Model::new("m", "u", "3.6.8");
        let mut relation = Relation {
            id: RelationId(3),
            interface: "s3".to_owned(),
            sides: vec![
                Side::new("store", "s3-credentials", Role::Provider),
                Side::new("web", "s3", Role::Requirer),
            ],
            life: RelationLife::Alive,
        };
        relation.sides[0].bag.content =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        relation.enter_scope(&UnitName::new("web", 0), "10.1.0.2");
        model.relations.insert(relation.id, relation);
        model
    }

    #[test]
    fn a_difference_names_owner_relation_and_keys_and_masks_secrets() {
        let before = Databags::of(&model(&[("bucket", "a"), ("secret-key", "one")]));
        let after = Databags::of(&model(&[("bucket", "b"), ("secret-key", "two")]));
        assert!(before.difference(&before).is_empty());
        let difference = before.difference(&after);
        assert_eq!(
            difference.to_string(),
            "store:s3-credentials with web, databag of store (relation 3)\n  - bucket = \"a\"\n  + \
             bucket = \"b\"\n  ~ secret-key: another text with the same visible meaning"
        );
        assert_eq!(difference.owners(), ["store"]);
        assert!(difference.by("web").is_empty());
    }

    #[test]
    fn a_unit_that_enters_brings_its_databag() {
        let difference = Databags::default().difference(&Databags::of(&model(&[])));
        assert_eq!(difference.owners(), ["web/0"]);
        assert!(difference.to_string().contains("+ ingress-address = \"10.1.0.2\""));
    }
}
