//! Relations and their databags.

use std::collections::{BTreeMap, BTreeSet};

use super::{ReadError, Reader};
use crate::databag::Databag;
use crate::metadata::EndpointRole;
use crate::names::{EndpointName, RelationId};
use crate::needs::Bag;
use crate::snapshot::{Relation, Snapshot};
use crate::tools::{BagOwner, ToolError};

/// What is left of an answer when the relation is gone: nothing, and no failure.
fn unless_gone<T: Default>(
    relation: RelationId,
    answer: Result<T, ToolError>,
) -> Result<T, ToolError> {
    match answer {
        Err(error) if error.is_relation_gone() => {
            tracing::warn!(%relation, "{error}");
            Ok(T::default())
        }
        answer => answer,
    }
}

impl Reader<'_> {
    /// Lists the relations of an endpoint, once, and reads the databags asked for, each once.
    pub(super) fn relations(
        &mut self,
        snapshot: &mut Snapshot,
        endpoint: &EndpointName,
        bags: &BTreeSet<Bag>,
    ) -> Result<(), ReadError> {
        if self.listed.insert(endpoint.clone()) {
            self.list(snapshot, endpoint)?;
        }
        let ids: Vec<RelationId> =
            snapshot.relations_of(endpoint).map(|relation| relation.id).collect();
        for id in ids {
            for bag in bags {
                self.bag(snapshot, id, *bag)?;
            }
        }
        self.done.endpoints.entry(endpoint.clone()).or_default().extend(bags);
        Ok(())
    }

    fn list(&self, snapshot: &mut Snapshot, endpoint: &EndpointName) -> Result<(), ReadError> {
        let broken = snapshot.event.broken_relation();
        for id in self.tools.relation_ids(endpoint)? {
            if Some(id) == broken {
                continue;
            }
            let units = match self.tools.relation_units(id) {
                Ok(units) => units,
                Err(error) if error.is_relation_gone() => {
                    tracing::warn!(relation = %id, "{error}");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let remote_app = if is_peer(snapshot, endpoint) {
                Some(snapshot.identity.application.clone())
            } else if let Some(unit) = units.first() {
                Some(unit.application())
            } else {
                unless_gone(id, self.tools.relation_application(id))?
            };
            snapshot.relations.push(Relation {
                endpoint: endpoint.clone(),
                id,
                remote_app,
                local_app: None,
                local_unit: Databag::new(),
                remote_app_data: Databag::new(),
                remote_units: units.into_iter().map(|unit| (unit, BTreeMap::new())).collect(),
            });
        }
        snapshot.relations.sort_by(|a, b| (&a.endpoint, a.id).cmp(&(&b.endpoint, b.id)));
        Ok(())
    }

    /// Reads one kind of databag of one relation, once.
    pub(super) fn bag(
        &mut self,
        snapshot: &mut Snapshot,
        id: RelationId,
        bag: Bag,
    ) -> Result<(), ReadError> {
        let identity = &snapshot.identity;
        let leads = snapshot.leadership.proof().is_some();
        let Some(at) = snapshot.relations.iter().position(|relation| relation.id == id) else {
            return Ok(());
        };
        if !self.bags.insert((id, bag)) {
            return Ok(());
        }
        let peer = is_peer(snapshot, &snapshot.relations[at].endpoint);
        let relation = &snapshot.relations[at];
        let read = |owner| unless_gone(id, self.tools.databag(id, &owner));
        match bag {
            Bag::LocalApp => {
                // Followers may read it on peer relations only.
                if leads || peer {
                    let owner = BagOwner::Application(identity.application.clone());
                    let local_app = Some(read(owner)?);
                    snapshot.relations[at].local_app = local_app;
                }
            }
            Bag::LocalUnit => {
                let local_unit = read(BagOwner::Unit(identity.unit.clone()))?;
                snapshot.relations[at].local_unit = local_unit;
            }
            Bag::RemoteApp => {
                if let (Some(app), false) = (relation.remote_app.clone(), peer) {
                    let remote = read(BagOwner::Application(app))?;
                    snapshot.relations[at].remote_app_data = remote;
                }
            }
            Bag::RemoteUnits => {
                let units: Vec<_> = relation.remote_units.keys().cloned().collect();
                for unit in units {
                    let databag = read(BagOwner::Unit(unit.clone()))?;
                    snapshot.relations[at].remote_units.insert(unit, databag);
                }
            }
        }
        Ok(())
    }
}

fn is_peer(snapshot: &Snapshot, endpoint: &EndpointName) -> bool {
    let declared = snapshot.metadata.endpoints.get(endpoint);
    declared.is_some_and(|endpoint| endpoint.role == EndpointRole::Peer)
}
