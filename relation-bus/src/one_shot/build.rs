//! From a given world to a model and the context of one hook.

use std::collections::BTreeSet;

use super::{Event, OneShotError, World};
use crate::hook::{
    ContextRelation, Detaching, Hook, HookContext, LifeCycle, RelationEvent, RelationHook,
    SecretEvent, WorkloadEvent,
};
use crate::model::{
    Application, Clock, Consumer, DataBag, Grant, Member, Model, Relation, RelationLife, Role,
    Secret, SecretContent, Side, StorageKind, Unit, VersionedBag,
};
use crate::names::{RelationId, UnitName};

/// The model that a world describes.
pub(super) fn model(world: &World) -> Model {
    let mut model = Model::new(&world.model_name, &world.model_uuid, &world.juju_version);
    let name = world.unit.application();
    let mut application = Application::new(name, world.charm.metadata.clone());
    application.config.clone_from(&world.config);
    application.leader.clone_from(&world.leader);
    application.workload_version.clone_from(&world.workload_version);
    application.trusted = true;
    let mut unit = Unit::new(world.unit.clone(), &world.address);
    unit.opened_ports.clone_from(&world.opened_ports);
    unit.state.clone_from(&world.state);
    for name in world.charm.metadata.storage.keys() {
        // A world has one instance of each storage, numbered like the unit.
        let id = format!("{name}/{}", world.unit.number());
        model.next_storage = world.unit.number();
        let made = model.make_storage(&world.charm.metadata, name, 1, ToOwned::to_owned);
        unit.storage.extend(made.into_iter().map(|made| (id.clone(), made)));
    }
    application.units.insert(world.unit.clone(), unit);
    for peer in world.peers.iter().flat_map(|peer| peer.units.keys()) {
        let other = Unit::new(peer.clone(), "");
        application.units.entry(peer.clone()).or_insert(other);
    }
    application.scale = u32::try_from(application.units.len()).unwrap_or(u32::MAX);
    model.applications.insert(name.to_owned(), application);
    for relation in relations(world) {
        model.next_relation = model.next_relation.max(relation.id.0 + 1);
        model.relations.insert(relation.id, relation);
    }
    for secret in secrets(world) {
        model.secrets.insert(secret.id.clone(), secret);
    }
    model
}

fn bag(content: &DataBag) -> VersionedBag {
    VersionedBag { version: u64::from(!content.is_empty()), content: content.clone() }
}

fn member(content: &DataBag) -> Member {
    Member { in_scope: true, bag: bag(content) }
}

fn relations(world: &World) -> Vec<Relation> {
    let own = world.unit.application();
    let endpoints = &world.charm.metadata.endpoints;
    let mut relations = Vec::new();
    for given in &world.relations {
        let declared = endpoints.get(&given.endpoint);
        let interface = declared.map_or("", |endpoint| &endpoint.interface);
        let role = declared.map_or(Role::Requirer, |endpoint| endpoint.role);
        let remote_role = match role {
            Role::Provider => Role::Requirer,
            Role::Requirer | Role::Peer => Role::Provider,
        };
        let mut local = Side::new(own, &given.endpoint, role);
        local.bag = bag(&given.local_application);
        local.members.insert(world.unit.clone(), member(&given.local_unit));
        let mut remote = Side::new(&given.remote_application, &given.endpoint, remote_role);
        remote.bag = bag(&given.remote_application_data);
        for (unit, content) in &given.remote_units {
            remote.members.insert(unit.clone(), member(content));
        }
        relations.push(Relation {
            id: given.id,
            interface: interface.to_owned(),
            sides: vec![local, remote],
            life: RelationLife::Alive,
        });
    }
    for given in &world.peers {
        let interface = endpoints.get(&given.endpoint).map_or("", |endpoint| &endpoint.interface);
        let mut side = Side::new(own, &given.endpoint, Role::Peer);
        side.bag = bag(&given.local_application);
        side.members.insert(world.unit.clone(), member(&given.local_unit));
        for (unit, content) in &given.units {
            side.members.insert(unit.clone(), member(content));
        }
        relations.push(Relation {
            id: given.id,
            interface: interface.to_owned(),
            sides: vec![side],
            life: RelationLife::Alive,
        });
    }
    relations
}

fn secrets(world: &World) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for given in &world.secrets {
        let bytes = |(key, value): (&String, &String)| (key.clone(), value.clone().into_bytes());
        let content = given.content.iter().map(bytes).collect();
        let mut secret = Secret::new(
            given.id.clone(),
            given.owner.clone(),
            SecretContent::new(content),
            Clock::default(),
        );
        for (relation, applications) in &given.grants {
            secret.grants.extend(applications.iter().map(|application| Grant {
                relation: Some(*relation),
                application: application.clone(),
                unit: None,
            }));
        }
        if secret.is_owned_by(&world.unit) {
            secret.label.clone_from(&given.label);
        } else {
            let label = Some(given.label.clone()).filter(|label| !label.is_empty());
            let consumer = Consumer { tracked: u32::from(label.is_some()), label, told: 0 };
            secret.consumers.insert(world.unit.clone(), consumer);
            // Another application's secret stands in the world because this unit may read it.
            let own = world.unit.application();
            if !secret.is_granted_to(&world.unit) {
                let through = world
                    .relations
                    .iter()
                    .find(|relation| relation.remote_application == secret.owner.application());
                secret.grants.insert(Grant {
                    relation: through.map(|relation| relation.id),
                    application: own.to_owned(),
                    unit: None,
                });
            }
        }
        secrets.push(secret);
    }
    secrets
}

/// The hook that an event is.
pub(super) fn hook(world: &World, event: &Event) -> Result<Hook, OneShotError> {
    let missing = |what| OneShotError::Event { name: event.name.clone(), what };
    if let Some(hook) = LifeCycle::named(&event.name) {
        return Ok(hook.into());
    }
    if let Some(word) = event.name.strip_prefix("relation-") {
        let id = event.relation.ok_or_else(|| missing("a relation id"))?;
        return relation_hook(world, event, word, id);
    }
    if event.name.starts_with("pebble-") {
        let container = event.container.clone().ok_or_else(|| missing("a container"))?;
        let check = event.check.clone().ok_or_else(|| missing("a check"));
        let event = match event.name.as_str() {
            "pebble-ready" => WorkloadEvent::PebbleReady,
            "pebble-check-failed" => WorkloadEvent::CheckFailed { check: check? },
            "pebble-check-recovered" => WorkloadEvent::CheckRecovered { check: check? },
            _ => return Err(missing("a name that the bus can send")),
        };
        return Ok(Hook::Workload { container, event });
    }
    if event.name.starts_with("secret-") {
        let id = event.secret.clone().ok_or_else(|| missing("a secret"))?;
        let revision = event.revision.ok_or_else(|| missing("a revision"));
        let label = world.secrets.iter().find(|secret| secret.id == id);
        let label = label.map(|secret| secret.label.clone()).unwrap_or_default();
        let event = match event.name.as_str() {
            "secret-changed" => SecretEvent::Changed,
            "secret-rotate" => SecretEvent::Rotate,
            "secret-expired" => SecretEvent::Expired { revision: revision? },
            "secret-remove" => SecretEvent::Remove { revision: revision? },
            _ => return Err(missing("a name that the bus can send")),
        };
        return Ok(Hook::Secret { id, label, event });
    }
    for (suffix, detaching) in
        [("-storage-attached", Detaching::No), ("-storage-detaching", Detaching::Yes)]
    {
        if let Some(name) = event.name.strip_suffix(suffix) {
            let id = format!("{name}/{}", world.unit.number());
            let location = format!("/var/lib/juju/storage/{id}");
            let kind = StorageKind::Filesystem;
            return Ok(Hook::Storage { name: name.to_owned(), id, location, kind, detaching });
        }
    }
    Ok(Hook::Other(event.name.clone()))
}

fn relation_hook(
    world: &World,
    event: &Event,
    word: &str,
    id: RelationId,
) -> Result<Hook, OneShotError> {
    let own = world.unit.application();
    let related = world.relations.iter().find(|relation| relation.id == id);
    let peer = world.peers.iter().find(|peer| peer.id == id);
    let (endpoint, remote) = match (related, peer) {
        (Some(relation), _) => (&relation.endpoint, relation.remote_application.as_str()),
        (None, Some(peer)) => (&peer.endpoint, own),
        (None, None) => return Err(OneShotError::Relation { id }),
    };
    let kind = match word {
        "created" => RelationEvent::Created,
        "joined" => RelationEvent::Joined,
        "changed" => RelationEvent::Changed,
        "departed" => RelationEvent::Departed,
        "broken" => RelationEvent::Broken,
        _ => {
            return Err(OneShotError::Event {
                name: event.name.clone(),
                what: "a name that the bus can send",
            });
        }
    };
    Ok(Hook::Relation(RelationHook {
        event: kind,
        relation: id,
        endpoint: endpoint.clone(),
        remote_application: remote.to_owned(),
        remote_unit: event.remote_unit.clone(),
        departing_unit: event.departing_unit.clone(),
    }))
}

/// The context in which the hook runs: everything in the world has been met already.
pub(super) fn context(world: &World, hook: Hook) -> HookContext {
    let broken = hook
        .relation()
        .filter(|hook| hook.event == RelationEvent::Broken)
        .map(|hook| hook.relation);
    let mut context = HookContext::new(world.unit.clone(), hook, 0);
    for relation in &world.relations {
        let is_broken = broken == Some(relation.id);
        let members: BTreeSet<UnitName> = match is_broken {
            true => BTreeSet::new(),
            false => relation.remote_units.keys().cloned().collect(),
        };
        let seen = ContextRelation {
            endpoint: relation.endpoint.clone(),
            remote_application: relation.remote_application.clone(),
            is_peer: false,
            members,
            is_listed: !is_broken,
        };
        context.relations.insert(relation.id, seen);
    }
    for peer in &world.peers {
        let seen = ContextRelation {
            endpoint: peer.endpoint.clone(),
            remote_application: world.unit.application().to_owned(),
            is_peer: true,
            members: peer.units.keys().cloned().collect(),
            is_listed: true,
        };
        context.relations.insert(peer.id, seen);
    }
    context.networks.clone_from(&world.networks);
    context
}
