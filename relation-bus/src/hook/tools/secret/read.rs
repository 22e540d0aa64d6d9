//! What readers do: `secret-get`, `secret-info-get`, `secret-ids`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::{lookup, not_found, owned_by_label, parse_uri};
use crate::hook::tools::{Print, Run, ToolError, failed, refuse_extra, usage};
use crate::model::{SecretContent, SecretOwner};
use crate::names::SecretId;

/// Which revision a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// The one it stays on.
    Tracked,
    /// The newest, without moving.
    Peek,
    /// The newest, and stay on it.
    Refresh,
}

pub(super) fn get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let label = run.parsed.value("label").filter(|label| !label.is_empty()).map(ToOwned::to_owned);
    // With a label alone the first word is the id; a key needs an id before it.
    let id = match run.parsed.word(0) {
        Some(text) => Some(parse_uri(text)?),
        None => None,
    };
    if id.is_none() && label.is_none() {
        return usage("require either a secret URI or label");
    }
    let which = match (run.parsed.is_on("peek"), run.parsed.is_on("refresh")) {
        (true, true) => return usage("specify one of --peek or --refresh but not both"),
        (true, false) => Which::Peek,
        (false, true) => Which::Refresh,
        (false, false) => Which::Tracked,
    };
    let key = run.parsed.word(1).map(ToOwned::to_owned);
    refuse_extra(run.parsed.words.get(2..).unwrap_or_default())?;
    let id = match (id, &label) {
        (Some(id), _) => id,
        (None, label) => by_label(run, label.as_deref().unwrap_or_default())?,
    };
    let content = content(run, &id, label, which)?;
    print(&content, key.as_deref())
}

/// The secret that this unit knows by a label: as its owner, or as an observer.
fn by_label(run: &Run<'_>, label: &str) -> Result<SecretId, ToolError> {
    let observed = || {
        run.model
            .secrets
            .values()
            .find(|secret| {
                let consumer = secret.consumers.get(&run.context.unit);
                consumer.is_some_and(|consumer| consumer.label.as_deref() == Some(label))
            })
            .map(|secret| secret.id.clone())
    };
    match owned_by_label(run, label).or_else(observed) {
        Some(id) => Ok(id),
        None => failed(format!("consumer label {label:?} not found")),
    }
}

fn content(
    run: &mut Run<'_>,
    id: &SecretId,
    label: Option<String>,
    which: Which,
) -> Result<SecretContent, ToolError> {
    let unit = run.context.unit.clone();
    let Some(secret) = lookup(run, id) else { return not_found(id) };
    let latest = secret.latest();
    let newest = secret.revisions.get(&latest).map(|revision| revision.content.clone());
    let is_owner = secret.is_owned_by(&unit);
    let is_managed = secret.is_managed_by(&unit, run.model.is_leader(&unit));
    if !is_owner && !secret.is_granted_to(&unit) {
        return failed("permission denied");
    }
    let Some(newest) = newest else { return not_found(id) };
    if is_owner {
        if let Some(label) = label.filter(|_| is_managed)
            && !run.context.pending.created.contains_key(id)
            && run.model.secrets.get(id).is_some_and(|secret| secret.label != label)
        {
            run.context.pending.updated.entry(id.clone()).or_default().label = Some(label);
        }
        if !is_managed && let Some(secret) = run.model.secrets.get_mut(id) {
            // A follower's read is noted, so that it hears of newer revisions.
            let consumer = secret.consumers.entry(unit).or_default();
            consumer.tracked = latest;
        }
        let updated = run.context.pending.updated.get(id);
        let pending = updated.and_then(|update| update.content.clone());
        return Ok(pending.filter(|_| which != Which::Tracked).unwrap_or(newest));
    }
    let Some(secret) = run.model.secrets.get_mut(id) else { return not_found(id) };
    let consumer = secret.consumers.entry(unit).or_default();
    if let Some(label) = label {
        consumer.label = Some(label);
    }
    if consumer.tracked == 0 || which == Which::Refresh {
        consumer.tracked = latest;
    }
    let wanted = if which == Which::Peek { latest } else { consumer.tracked };
    match secret.revisions.get(&wanted) {
        Some(revision) => Ok(revision.content.clone()),
        None => not_found(id),
    }
}

fn print(content: &SecretContent, key: Option<&str>) -> Result<Print, ToolError> {
    let Some(key) = key else {
        let values: Map<_, _> = content
            .reveal()
            .iter()
            .map(|(key, value)| (key.clone(), json!(String::from_utf8_lossy(value))))
            .collect();
        return Ok(Print::Value(Value::Object(values)));
    };
    let (name, encoded) = match key.strip_suffix("#base64") {
        Some(name) => (name, true),
        None => (key, false),
    };
    match content.reveal().get(name) {
        Some(value) if encoded => Ok(Print::Value(json!(BASE64.encode(value)))),
        Some(value) => Ok(Print::Value(json!(String::from_utf8_lossy(value)))),
        None => failed(format!("secret key value {name:?} not found")),
    }
}

pub(super) fn info(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let label = run.parsed.value("label").filter(|label| !label.is_empty());
    let id = match (run.parsed.word(0), label) {
        (None, None) => return usage("require either a secret URI or label"),
        (Some(text), Some(_)) => {
            parse_uri(text)?;
            return usage("specify either a secret URI or label but not both");
        }
        (Some(text), None) => parse_uri(text)?,
        (None, Some(label)) => match owned_by_label(run, label) {
            Some(id) => id,
            None => return failed(format!("secret {label:?} not found")),
        },
    };
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let unit = run.context.unit.clone();
    let leads = run.model.is_leader(&unit);
    let Some(secret) = lookup(run, &id).filter(|secret| secret.is_managed_by(&unit, leads)) else {
        return not_found(&id);
    };
    let update = run.context.pending.updated.get(&id);
    let label = update.and_then(|update| update.label.as_ref()).unwrap_or(&secret.label);
    let description =
        update.and_then(|update| update.description.as_ref()).unwrap_or(&secret.description);
    let rotate = update.and_then(|update| update.rotate).unwrap_or(secret.rotate);
    let mut entry = Map::new();
    entry.insert("revision".to_owned(), json!(secret.latest()));
    entry.insert("label".to_owned(), json!(label));
    entry.insert("owner".to_owned(), json!(secret.owner.kind()));
    if !description.is_empty() {
        entry.insert("description".to_owned(), json!(description));
    }
    entry.insert("rotation".to_owned(), json!(rotate.as_str()));
    let newest = secret.revisions.get(&secret.latest());
    if let Some(expires) = newest.and_then(|revision| revision.expires.as_ref()) {
        entry.insert("expiry".to_owned(), json!(expires));
    }
    if !secret.grants.is_empty() {
        let access: Vec<_> = secret.grants.iter().map(|grant| access(run, grant)).collect();
        entry.insert("access".to_owned(), json!(access));
    }
    Ok(Print::Fields(json!({ id.as_str(): entry })))
}

/// A grant as `secret-info-get` prints it.
fn access(run: &Run<'_>, grant: &crate::model::Grant) -> Value {
    let target = match &grant.unit {
        Some(unit) => format!("unit-{}", unit.dashed()),
        None => format!("application-{}", grant.application),
    };
    let sides: Vec<_> = grant
        .relation
        .and_then(|id| run.model.relations.get(&id))
        .iter()
        .flat_map(|relation| &relation.sides)
        .map(|side| format!("{}.{}", side.application, side.endpoint))
        .collect();
    json!({ "target": target, "scope": format!("relation-{}", sides.join("#")), "role": "view" })
}

pub(super) fn ids(run: &mut Run<'_>) -> Result<Print, ToolError> {
    refuse_extra(&run.parsed.words)?;
    let unit = run.context.unit.clone();
    let leads = run.model.is_leader(&unit);
    let removed = |id: &SecretId| {
        run.context.pending.removed.iter().any(|(gone, revision)| gone == id && revision.is_none())
    };
    let ids: Vec<_> = run
        .model
        .secrets
        .values()
        .filter(|secret| !removed(&secret.id))
        .chain(run.context.pending.created.values())
        .filter(|secret| match &secret.owner {
            SecretOwner::Unit(owner) => *owner == unit,
            SecretOwner::Model => false,
            SecretOwner::Application(_) => secret.is_managed_by(&unit, leads),
        })
        .map(|secret| secret.id.to_string())
        .collect();
    Ok(Print::Value(if ids.is_empty() { Value::Null } else { json!(ids) }))
}
