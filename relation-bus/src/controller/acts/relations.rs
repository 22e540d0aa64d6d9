//! Relations: made, and taken away.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::controller::ControllerError;
use crate::engine::{Bus, EngineError};
use crate::model::{Relation, RelationLife, Side};
use crate::names::RelationId;

/// `juju integrate APP[:ENDPOINT] APP[:ENDPOINT]`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Integrate {
    /// One end.
    pub one: String,
    /// The other.
    pub other: String,
}

impl Integrate {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        bus.integrate(&self.one, &self.other)?;
        Ok(Outcome::Done)
    }
}

/// `juju remove-relation`, by ends or by number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemoveRelation {
    /// The relation between two ends, each `APP[:ENDPOINT]`.
    Ends(String, String),
    /// The relation of that number.
    Id(RelationId),
}

impl RemoveRelation {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let id = match self {
            Self::Id(id) => id,
            Self::Ends(one, other) => find(bus, &one, &other)?,
        };
        bus.remove_relation(id)?;
        Ok(Outcome::Done)
    }
}

/// The one relation that two ends mean.
fn find(bus: &Bus, one: &str, other: &str) -> Result<RelationId, ControllerError> {
    let model = bus.model();
    for end in [one, other] {
        let name = end.split_once(':').map_or(end, |(name, _)| name);
        let known = model.applications.contains_key(name)
            || model.relations.values().any(|relation| relation.side(name).is_some());
        if !known {
            return Err(EngineError::NoApplication(name.to_owned()).into());
        }
    }
    let fits = |relation: &&Relation| {
        let [a, b] = relation.sides.as_slice() else { return false };
        relation.life == RelationLife::Alive
            && (is_meant(one, a) && is_meant(other, b) || is_meant(one, b) && is_meant(other, a))
    };
    let found: Vec<&Relation> = model.relations.values().filter(fits).collect();
    match found.as_slice() {
        [] => Err(ControllerError::NoRelation(format!("{one} {other}"))),
        [relation] => Ok(relation.id),
        several => Err(ControllerError::AmbiguousRelation {
            ends: format!("{one} {other}"),
            ways: several.iter().map(|relation| format!("\"{}\"", relation.key())).collect(),
        }),
    }
}

fn is_meant(end: &str, side: &Side) -> bool {
    match end.split_once(':') {
        Some((name, endpoint)) => name == side.application && endpoint == side.endpoint,
        None => end == side.application,
    }
}
