//! Relations and their databags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::{RelationId, UnitName};

/// The content of a databag. Values are never empty: writing an empty value deletes the key.
pub type DataBag = BTreeMap<String, String>;

/// Applies changes to a databag: an empty or absent value deletes its key.
pub fn merge_changes(bag: &mut DataBag, changes: &BTreeMap<String, Option<String>>) {
    for (key, value) in changes {
        match value.as_deref() {
            None | Some("") => bag.remove(key),
            Some(value) => bag.insert(key.clone(), value.to_owned()),
        };
    }
}

/// A databag with a version that moves with its content. Version 0 means nothing was ever written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VersionedBag {
    /// Grows by one with every commit that changes the content.
    pub version: u64,
    /// The committed content.
    pub content: DataBag,
}

impl VersionedBag {
    /// Replaces the content; the version moves only when the content differs. Tells whether it did.
    pub fn replace(&mut self, content: DataBag) -> bool {
        if content == self.content {
            return false;
        }
        self.content = content;
        self.version += 1;
        true
    }
}

/// What an endpoint is in its relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Listed under `provides`.
    Provider,
    /// Listed under `requires`.
    Requirer,
    /// Listed under `peers`.
    Peer,
}

/// Whether a relation is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelationLife {
    /// Stays.
    Alive,
    /// Removed by the operator, or one of its applications is; members leave it.
    Dying,
}

/// A unit's part in a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// In scope: entered and not left. Others see members in scope only, but may go on reading
    /// the bag of one that left.
    pub in_scope: bool,
    /// The unit's databag.
    pub bag: VersionedBag,
}

/// One application's end of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The application.
    pub application: String,
    /// Its endpoint.
    pub endpoint: String,
    /// What the endpoint is.
    pub role: Role,
    /// The application's databag.
    pub bag: VersionedBag,
    /// Units that have entered, with their databags.
    pub members: BTreeMap<UnitName, Member>,
}

impl Side {
    /// An end that nobody has entered yet.
    #[must_use]
    pub fn new(application: &str, endpoint: &str, role: Role) -> Self {
        Self {
            application: application.to_owned(),
            endpoint: endpoint.to_owned(),
            role,
            bag: VersionedBag::default(),
            members: BTreeMap::new(),
        }
    }

    /// The units in scope, ordered as text.
    pub fn in_scope(&self) -> impl Iterator<Item = (&UnitName, &VersionedBag)> {
        self.members.iter().filter(|(_, member)| member.in_scope).map(|(u, m)| (u, &m.bag))
    }
}

/// A relation as Juju names it: its ends, the requirer first, such as `web:db sql:server`.
#[must_use]
pub fn relation_key<'a>(ends: impl IntoIterator<Item = &'a Side>) -> String {
    let mut ends: Vec<&Side> = ends.into_iter().collect();
    ends.sort_by_key(|end| match end.role {
        Role::Requirer => 0,
        Role::Provider => 1,
        Role::Peer => 2,
    });
    let spelled = ends.iter().map(|end| format!("{}:{}", end.application, end.endpoint));
    spelled.collect::<Vec<_>>().join(" ")
}

/// One live relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Its id.
    pub id: RelationId,
    /// The interface both ends speak.
    pub interface: String,
    /// Two ends, or one for a peer relation.
    pub sides: Vec<Side>,
    /// Whether it is on its way out.
    pub life: RelationLife,
}

impl Relation {
    /// The relation as Juju names it, see [`relation_key`].
    #[must_use]
    pub fn key(&self) -> String {
        relation_key(&self.sides)
    }

    /// Whether it relates the units of one application.
    #[must_use]
    pub fn is_peer(&self) -> bool {
        self.sides.len() == 1
    }

    /// The end of an application. When both ends are the same application, the first.
    #[must_use]
    pub fn side(&self, application: &str) -> Option<&Side> {
        self.sides.iter().find(|side| side.application == application)
    }

    /// The end of an application, to change it.
    pub fn side_mut(&mut self, application: &str) -> Option<&mut Side> {
        self.sides.iter_mut().find(|side| side.application == application)
    }

    /// The other end, seen from an application; for a peer relation its own.
    #[must_use]
    pub fn remote(&self, application: &str) -> Option<&Side> {
        self.side(application)?;
        self.sides.iter().find(|side| side.application != application).or(self.sides.first())
    }

    /// The databag of a unit, in scope or departed.
    #[must_use]
    pub fn unit_bag(&self, unit: &UnitName) -> Option<&VersionedBag> {
        Some(&self.side(unit.application())?.members.get(unit)?.bag)
    }

    /// Brings a unit into scope with the keys that the controller seeds. The bag of a former
    /// unit of that name is replaced.
    pub fn enter_scope(&mut self, unit: &UnitName, address: &str) {
        let Some(side) = self.side_mut(unit.application()) else { return };
        let version = side.members.get(unit).map_or(0, |former| former.bag.version);
        let content = seeded_bag(address);
        let bag = VersionedBag { version: version + 1, content };
        side.members.insert(unit.clone(), Member { in_scope: true, bag });
    }

    /// Rewrites the keys that the controller seeds when the address of a unit in scope changed.
    pub fn readdress(&mut self, unit: &UnitName, address: &str) {
        let side = self.side_mut(unit.application());
        let member = side.and_then(|side| side.members.get_mut(unit));
        if let Some(member) = member.filter(|member| member.in_scope) {
            let mut content = member.bag.content.clone();
            content.extend(seeded_bag(address));
            member.bag.replace(content);
        }
    }

    /// Takes a unit out of scope; its bag stays readable.
    pub fn leave_scope(&mut self, unit: &UnitName) {
        if let Some(member) =
            self.side_mut(unit.application()).and_then(|side| side.members.get_mut(unit))
        {
            member.in_scope = false;
        }
    }

    /// Whether nobody is in scope any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sides.iter().all(|side| side.in_scope().next().is_none())
    }
}

/// The three keys that the controller writes into every unit databag.
fn seeded_bag(address: &str) -> DataBag {
    DataBag::from([
        ("egress-subnets".to_owned(), format!("{address}/32")),
        ("ingress-address".to_owned(), address.to_owned()),
        ("private-address".to_owned(), address.to_owned()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation() -> Relation {
        Relation {
            id: RelationId(3),
            interface: "http".to_owned(),
            sides: vec![
                Side::new("web", "backend", Role::Requirer),
                Side::new("api", "http", Role::Provider),
            ],
            life: RelationLife::Alive,
        }
    }

    #[test]
    fn equal_content_moves_no_version() {
        let mut bag = VersionedBag::default();
        assert!(!bag.replace(DataBag::new()));
        assert_eq!(bag.version, 0);
        assert!(bag.replace(DataBag::from([("a".to_owned(), "b".to_owned())])));
        assert!(!bag.replace(bag.content.clone()));
        assert_eq!(bag.version, 1);
    }

    #[test]
    fn an_empty_value_deletes() {
        let mut bag = DataBag::from([("a".to_owned(), "b".to_owned())]);
        let changes = BTreeMap::from([
            ("a".to_owned(), Some(String::new())),
            ("c".to_owned(), Some("d".to_owned())),
        ]);
        merge_changes(&mut bag, &changes);
        assert_eq!(bag, DataBag::from([("c".to_owned(), "d".to_owned())]));
    }

    #[test]
    fn a_unit_enters_with_the_keys_of_the_controller() {
        let mut relation = relation();
        let unit = UnitName::new("web", 0);
        relation.enter_scope(&unit, "10.1.0.2");
        let bag = relation.unit_bag(&unit).unwrap();
        assert_eq!(bag.version, 1);
        assert_eq!(bag.content["egress-subnets"], "10.1.0.2/32");
        assert_eq!(bag.content["private-address"], "10.1.0.2");
    }

    #[test]
    fn a_new_address_is_a_new_version_and_keeps_the_rest() {
        let mut relation = relation();
        let unit = UnitName::new("web", 0);
        relation.readdress(&unit, "10.1.0.3");
        assert_eq!(relation.unit_bag(&unit), None);
        relation.enter_scope(&unit, "10.1.0.2");
        let member = relation.side_mut("web").unwrap().members.get_mut(&unit).unwrap();
        member.bag.content.insert("own".to_owned(), "1".to_owned());
        relation.readdress(&unit, "10.1.0.3");
        relation.readdress(&unit, "10.1.0.3");
        let bag = relation.unit_bag(&unit).unwrap();
        assert_eq!(bag.version, 2);
        assert_eq!(bag.content["egress-subnets"], "10.1.0.3/32");
        assert_eq!(bag.content["own"], "1");
    }

    #[test]
    fn a_unit_of_a_reused_name_gets_a_new_bag() {
        let mut relation = relation();
        let unit = UnitName::new("web", 0);
        relation.enter_scope(&unit, "10.1.0.2");
        let member = relation.side_mut("web").unwrap().members.get_mut(&unit).unwrap();
        member.bag.replace(DataBag::from([("old".to_owned(), "1".to_owned())]));
        relation.leave_scope(&unit);
        assert_eq!(relation.unit_bag(&unit).unwrap().content["old"], "1");
        relation.enter_scope(&unit, "10.1.0.9");
        let bag = relation.unit_bag(&unit).unwrap();
        assert!(!bag.content.contains_key("old"));
        assert_eq!(bag.version, 3);
    }
}
