//! The commit: what a hook buffered becomes true, all of it or nothing.

use std::collections::BTreeMap;

use super::context::{Pending, Revoked, SecretUpdate};
use super::{HookContext, WriteRecord};
use crate::model::{DataBag, Model, Revision, SecretOwner};
use crate::names::{RelationId, SecretId};

/// Why buffered writes were refused. The hook then counts as failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The unit wrote as leader and isn't any more.
    #[error("cannot write {0}: this unit is not the leader")]
    LeadershipLost(&'static str),
    /// A label was taken by another secret in the meantime.
    #[error("cannot create a secret: label `{0}` already exists")]
    LabelTaken(String),
}

/// Writes everything that the hook buffered into the model.
///
/// Secrets go first, each for itself; then databags, ports and state in one transaction. Content
/// that equals what is stored moves no version.
///
/// # Errors
///
/// When the unit lost the leadership that a write needs. Nothing of the transaction is kept then.
pub fn commit(context: &mut HookContext, model: &mut Model) -> Result<(), CommitError> {
    let leads = model.is_leader(&context.unit);
    let pending = std::mem::take(&mut context.pending);
    if !leads && writes_application_secret(&pending, model) {
        return Err(CommitError::LeadershipLost("an application secret"));
    }
    commit_secrets(context, model, &pending)?;
    if !leads && !pending.application_writes.is_empty() {
        return Err(CommitError::LeadershipLost("an application databag"));
    }
    for (id, content) in pending.application_bags {
        if leads {
            let application = context.application().to_owned();
            let Some(side) =
                model.relations.get_mut(&id).and_then(|relation| relation.side_mut(&application))
            else {
                continue;
            };
            let keys = changed_keys(&side.bag.content, &content);
            side.bag.replace(content);
            let record = |key| WriteRecord::ApplicationDatabag(id, key);
            context.writes.extend(keys.into_iter().map(record));
        }
    }
    for (id, content) in pending.unit_bags {
        commit_unit_bag(context, model, id, content);
    }
    for (name, count) in &pending.storage {
        let application = model.applications.get(context.application());
        let Some(charm) = application.map(|application| application.charm.clone()) else {
            continue;
        };
        let locate = |path: &str| context.places.locate(path);
        let made = model.make_storage(&charm, name, *count, locate);
        context.writes.extend(made.iter().map(|made| WriteRecord::Storage(made.id.clone())));
        if let Some(unit) = model.unit_mut(&context.unit) {
            unit.storage.extend(made.into_iter().map(|made| (made.id.clone(), made)));
        }
    }
    if let Some(unit) = model.unit_mut(&context.unit) {
        if let Some(ports) = pending.ports {
            let changed = unit.opened_ports.symmetric_difference(&ports);
            context.writes.extend(changed.map(|port| WriteRecord::Port(port.to_string())));
            unit.opened_ports = ports;
        }
        if let Some(state) = pending.state {
            let keys = changed_keys(&unit.state, &state);
            context.writes.extend(keys.into_iter().map(WriteRecord::State));
            unit.state = state;
        }
    }
    Ok(())
}

fn commit_unit_bag(context: &mut HookContext, model: &mut Model, id: RelationId, content: DataBag) {
    let Some(member) = model
        .relations
        .get_mut(&id)
        .and_then(|relation| relation.side_mut(context.unit.application()))
        .and_then(|side| side.members.get_mut(&context.unit))
    else {
        return;
    };
    let keys = changed_keys(&member.bag.content, &content);
    member.bag.replace(content);
    let record = |key| WriteRecord::UnitDatabag(id, key);
    context.writes.extend(keys.into_iter().map(record));
}

/// Keys whose value differs, ordered.
fn changed_keys(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<String> {
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let written = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    let mut keys: Vec<_> = gone.chain(written.map(|(key, _)| key)).cloned().collect();
    keys.sort();
    keys
}

fn writes_application_secret(pending: &Pending, model: &Model) -> bool {
    let is_application = |owner: &SecretOwner| matches!(owner, SecretOwner::Application(_));
    let touched = (pending.updated.keys())
        .chain(pending.removed.iter().map(|(id, _)| id))
        .chain(pending.granted.iter().map(|(id, _)| id))
        .chain(pending.revoked.iter().map(|(id, _)| id));
    pending.created.values().any(|secret| is_application(&secret.owner))
        || touched
            .filter_map(|id| model.secrets.get(id))
            .any(|secret| is_application(&secret.owner))
}

fn commit_secrets(
    context: &mut HookContext,
    model: &mut Model,
    pending: &Pending,
) -> Result<(), CommitError> {
    for (id, revision) in &pending.removed {
        match (revision, model.secrets.get_mut(id)) {
            (Some(number), Some(secret)) => {
                secret.revisions.remove(number);
                if secret.revisions.is_empty() {
                    model.secrets.remove(id);
                }
            }
            _ => drop(model.secrets.remove(id)),
        }
        context.writes.push(WriteRecord::Secret(id.to_string()));
    }
    for (id, secret) in &pending.created {
        let taken = |other: &&crate::model::Secret| {
            other.owner == secret.owner && other.label == secret.label
        };
        if !secret.label.is_empty() && model.secrets.values().any(|other| taken(&other)) {
            return Err(CommitError::LabelTaken(secret.label.clone()));
        }
        model.secrets.insert(id.clone(), secret.clone());
        context.writes.push(WriteRecord::Secret(id.to_string()));
    }
    for (id, update) in &pending.updated {
        if update_secret(model, id, update) {
            context.writes.push(WriteRecord::Secret(id.to_string()));
        }
    }
    for (id, grant) in &pending.granted {
        if let Some(secret) = model.secrets.get_mut(id)
            && secret.grants.insert(grant.clone())
        {
            context.writes.push(WriteRecord::Secret(id.to_string()));
        }
    }
    for (id, revoked) in &pending.revoked {
        let Some(secret) = model.secrets.get_mut(id) else { continue };
        let before = secret.grants.len();
        secret.grants.retain(|grant| match revoked {
            Revoked::Relation(relation) => grant.relation != Some(*relation),
            Revoked::Application(application) => grant.application != *application,
            Revoked::Unit(unit) => grant.unit.as_ref() != Some(unit),
        });
        if secret.grants.len() != before {
            context.writes.push(WriteRecord::Secret(id.to_string()));
        }
    }
    Ok(())
}

/// Tells whether anything changed.
fn update_secret(model: &mut Model, id: &SecretId, update: &SecretUpdate) -> bool {
    let now = model.clock;
    let Some(secret) = model.secrets.get_mut(id) else { return false };
    let before = secret.clone();
    if let Some(label) = &update.label {
        secret.label.clone_from(label);
    }
    if let Some(description) = &update.description {
        secret.description.clone_from(description);
    }
    if let Some(rotate) = update.rotate {
        secret.rotate = rotate;
        secret.next_rotate = rotate.next(now);
    }
    let latest = secret.latest();
    let content = update.content.as_ref().filter(|content| {
        secret.revisions.get(&latest).is_none_or(|current| current.content != **content)
    });
    if let Some(content) = content {
        let revision =
            Revision { expires: update.expires.clone(), ..Revision::new(content.clone(), now) };
        secret.revisions.insert(latest + 1, revision);
    } else if let Some(expires) = &update.expires
        && let Some(current) = secret.revisions.get_mut(&latest)
    {
        current.expires = Some(expires.clone());
        current.expiry_told = None;
    }
    *secret != before
}
