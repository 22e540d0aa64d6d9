//! Carries over what applications of different models tell one another.
//!
//! Each half of a relation pulls from the other: databags with their versions, who is in scope, and
//! that the relation is on its way out. Secrets are copied to where they are granted, and who reads
//! them is told to their owner. Nothing is written where nothing has changed.

use std::collections::BTreeMap;

use super::Controller;
use crate::model::{
    Grant, Life, Link, Member, Model, Relation, RelationLife, Secret, SecretOwner, Side,
    remote_name,
};
use crate::names::{RelationId, SecretId, UnitName};

impl Controller {
    /// Brings every model up to date with what the others have committed.
    pub(super) fn exchange(&mut self) {
        let spans = |model: &Model| !model.links.is_empty() || !model.saas.is_empty();
        if !self.models.values().any(|hosted| spans(&hosted.bus.model())) {
            return;
        }
        self.connect();
        let names: Vec<String> = self.models.keys().cloned().collect();
        for name in &names {
            self.pull_relations(name);
        }
        for name in &names {
            self.push_secrets(name);
        }
        for name in &names {
            self.forget(name);
        }
    }

    /// The name of the model with a UUID.
    fn name_of(&self, uuid: &str) -> Option<String> {
        let found = self.models.iter().find(|(_, hosted)| hosted.bus.model().uuid == uuid);
        found.map(|(name, _)| name.clone())
    }

    /// Makes the other half of relations that were made with a SAAS.
    fn connect(&mut self) {
        let names: Vec<String> = self.models.keys().cloned().collect();
        for name in names {
            let fresh: Vec<(RelationId, Side, String, String)> = {
                let Some(hosted) = self.models.get(&name) else { continue };
                let model = hosted.bus.model();
                let unlinked = model.relations.values().filter(|relation| {
                    relation.life == RelationLife::Alive && !model.links.contains_key(&relation.id)
                });
                let half = |relation: &Relation| {
                    let far = relation
                        .sides
                        .iter()
                        .find(|side| model.saas.contains_key(&side.application))?;
                    let near = relation.remote(&far.application)?;
                    let near = Side::new(&near.application, &near.endpoint, near.role);
                    Some((relation.id, near, far.application.clone(), far.endpoint.clone()))
                };
                unlinked.filter_map(half).collect()
            };
            for (id, near, saas, endpoint) in fresh {
                self.connect_one(&name, id, near, &saas, &endpoint);
            }
        }
    }

    fn connect_one(&self, name: &str, id: RelationId, near: Side, saas: &str, endpoint: &str) {
        let Some(hosted) = self.models.get(name) else { return };
        let consumed = hosted.bus.model().saas.get(saas).cloned();
        let Some(consumed) = consumed else { return };
        let Some(offering) = self.name_of(&consumed.model_uuid).filter(|other| other != name)
        else {
            return;
        };
        let Some(other) = self.models.get(&offering) else { return };
        let (mut here, mut there) = (hosted.bus.model(), other.bus.model());
        let Some(offer) = there.offers.get(&consumed.offer).cloned() else { return };
        let Some(offered) = offer.endpoints.get(endpoint).cloned() else { return };
        let remote = remote_name(&here.uuid, &near.application);
        let other_id = there.reserve_relation_id();
        let far = Side::new(&remote, &near.endpoint, near.role);
        let own = Side::new(&offer.application, &offered.endpoint, offered.role);
        let relation = Relation {
            id: other_id,
            interface: offered.interface.clone(),
            sides: vec![own, far],
            life: RelationLife::Alive,
        };
        there.relations.insert(other_id, relation);
        let back = Link {
            model_uuid: here.uuid.clone(),
            relation: id,
            remote,
            offer: Some(offer.name.clone()),
        };
        there.links.insert(other_id, back);
        let forth = Link {
            model_uuid: consumed.model_uuid.clone(),
            relation: other_id,
            remote: saas.to_owned(),
            offer: None,
        };
        here.links.insert(id, forth);
    }

    /// Brings the copies in one model up to date with the originals.
    fn pull_relations(&mut self, name: &str) {
        let links = self.links(name);
        let mut is_dying = false;
        for (id, link) in links {
            let source = self.name_of(&link.model_uuid);
            let source = source.and_then(|source| self.models.get(&source));
            let there = source.and_then(|hosted| {
                let model = hosted.bus.model();
                let relation = model.relations.get(&link.relation)?;
                let far = model.links.get(&link.relation)?.remote.clone();
                let side = relation.sides.iter().find(|side| side.application != far)?;
                Some((side.clone(), relation.life))
            });
            let Some(hosted) = self.models.get(name) else { return };
            let mut model = hosted.bus.model();
            let Some(relation) = model.relations.get_mut(&id) else { continue };
            match there {
                Some((side, life)) => {
                    copy(relation, &link.remote, &side);
                    if life == RelationLife::Dying {
                        relation.life = life;
                    }
                }
                None => {
                    relation.life = RelationLife::Dying;
                    if let Some(side) = relation.side_mut(&link.remote) {
                        side.members.values_mut().for_each(|member| member.in_scope = false);
                    }
                }
            }
            is_dying |= relation.life == RelationLife::Dying;
        }
        if is_dying && let Some(hosted) = self.models.get_mut(name) {
            hosted.bus.sweep();
        }
    }

    fn links(&self, name: &str) -> Vec<(RelationId, Link)> {
        let Some(hosted) = self.models.get(name) else { return Vec::new() };
        let model = hosted.bus.model();
        model.links.iter().map(|(id, link)| (*id, link.clone())).collect()
    }

    /// Copies the secrets of one model to where they are granted.
    fn push_secrets(&mut self, name: &str) {
        let mut targets: BTreeMap<String, Vec<(RelationId, Link)>> = BTreeMap::new();
        for (id, link) in self.links(name) {
            targets.entry(link.model_uuid.clone()).or_default().push((id, link));
        }
        for (uuid, links) in targets {
            let Some(target) = self.name_of(&uuid).filter(|target| target != name) else {
                continue;
            };
            let (Some(here), Some(there)) = (self.models.get(name), self.models.get(&target))
            else {
                continue;
            };
            share(&mut here.bus.model(), &mut there.bus.model(), &links);
        }
    }

    /// Drops links, remote applications and copies of secrets that nothing refers to any more.
    fn forget(&mut self, name: &str) {
        let Some(hosted) = self.models.get(name) else { return };
        let mut guard = hosted.bus.model();
        let model = &mut *guard;
        model.links.retain(|id, _| model.relations.contains_key(id));
        let used =
            |saas: &str| model.relations.values().any(|relation| relation.side(saas).is_some());
        model.saas.retain(|saas, entry| entry.life == Life::Alive || used(saas));
        let known = |secret: &Secret| {
            let owner = secret.owner.application();
            owner.is_empty()
                || model.applications.contains_key(owner)
                || model.links.values().any(|link| link.remote == owner)
        };
        model.secrets.retain(|_, secret| known(secret));
    }
}

/// Copies one side of a relation, with the names that it has on the other side.
fn copy(relation: &mut Relation, name: &str, from: &Side) {
    let Some(to) = relation.side_mut(name) else { return };
    if to.bag != from.bag {
        to.bag = from.bag.clone();
    }
    for (unit, member) in &from.members {
        let unit = UnitName::new(name, unit.number());
        let differs = |known: &Member| {
            known.in_scope != member.in_scope || known.bag.version != member.bag.version
        };
        if to.members.get(&unit).is_none_or(differs) {
            to.members.insert(unit, member.clone());
        }
    }
}

/// Copies granted secrets from one model to another, and who reads them back.
fn share(here: &mut Model, there: &mut Model, links: &[(RelationId, Link)]) {
    let ids: Vec<SecretId> = here.secrets.keys().cloned().collect();
    for id in ids {
        let Some(secret) = here.secrets.get(&id) else { continue };
        if here.is_foreign(secret) {
            continue;
        }
        let mut grants = Vec::new();
        let mut owner = None;
        for (relation, link) in links {
            let Some(back) = there.links.get(&link.relation) else { continue };
            let Some(side) = there
                .relations
                .get(&link.relation)
                .and_then(|relation| relation.remote(&back.remote))
            else {
                continue;
            };
            for grant in secret.grants.iter().filter(|grant| grant.relation == Some(*relation)) {
                owner = Some(back.remote.clone());
                grants.push(Grant {
                    relation: Some(link.relation),
                    application: side.application.clone(),
                    unit: grant
                        .unit
                        .as_ref()
                        .map(|unit| UnitName::new(&side.application, unit.number())),
                });
            }
        }
        let Some(copy) = there.secrets.get_mut(&id) else {
            if let Some(owner) = owner {
                let mut copy = secret.clone();
                copy.owner = SecretOwner::Application(owner);
                copy.label = String::new();
                copy.consumers = BTreeMap::new();
                copy.next_rotate = None;
                copy.grants = grants.into_iter().collect();
                there.secrets.insert(id, copy);
            }
            continue;
        };
        copy.grants = grants.into_iter().collect();
        if copy.revisions != secret.revisions {
            copy.revisions = secret.revisions.clone();
        }
        let readers: Vec<_> = copy
            .consumers
            .iter()
            .filter_map(|(unit, consumer)| {
                let link = links.iter().find(|(_, link)| {
                    let half = there.relations.get(&link.relation);
                    half.is_some_and(|relation| relation.side(unit.application()).is_some())
                })?;
                Some((UnitName::new(&link.1.remote, unit.number()), consumer.clone()))
            })
            .collect();
        if let Some(secret) = here.secrets.get_mut(&id) {
            secret.consumers.extend(readers);
        }
    }
    // Gone at its owner: gone here.
    let remotes: Vec<&String> = links
        .iter()
        .filter_map(|(_, link)| Some(&there.links.get(&link.relation)?.remote))
        .collect();
    there.secrets.retain(|id, secret| {
        let is_copy = remotes.iter().any(|remote| *remote == secret.owner.application());
        !is_copy || here.secrets.contains_key(id)
    });
}
