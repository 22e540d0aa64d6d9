//! `juju secrets` and `juju show-secret`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::members::Members;
use super::{Column, Format, View, table};
use crate::model::{Clock, Grant, Model, Revision, RotatePolicy, Secret, SecretOwner};
use crate::names::SecretId;

/// What is told of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// What is known of it.
    #[default]
    Facts,
    /// `--revisions`: its revisions too.
    Revisions,
    /// `--reveal`: the content of one revision, the newest unless another is named.
    Content(Option<u32>),
}

/// Why a secret can't be shown. The texts are Juju's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nobody knows it.
    #[error("secret \"{0}\" not found")]
    NoSecret(String),
    /// It has no such revision.
    #[error("secret revision \"{secret}/{revision}\" not found")]
    NoRevision {
        /// The secret.
        secret: SecretId,
        /// The revision.
        revision: u32,
    },
}

/// A secret by id, by URI, or by the name that its user gave it.
///
/// # Errors
///
/// When there is no such secret.
pub fn find<'a>(model: &'a Model, text: &str) -> Result<&'a Secret, SecretError> {
    if let Some(secret) = text.parse::<SecretId>().ok().and_then(|id| model.secrets.get(&id)) {
        return Ok(secret);
    }
    let named = model.secrets.values().find(|secret| name(secret) == text && !text.is_empty());
    let shown = text.parse::<SecretId>().map_or_else(|_| text.to_owned(), |id| id.to_string());
    named.ok_or(SecretError::NoSecret(shown))
}

/// The document of `juju secrets --format json`: secrets by id. `owner` keeps those of one owner,
/// in the spelling of Juju's tags: `application-loki`, `unit-loki-0`.
#[must_use]
pub fn list(view: View<'_>, owner: Option<&str>) -> Value {
    let entries = shown(view, owner).map(|secret| (secret.id.to_string(), facts(secret).done()));
    Value::Object(entries.collect())
}

/// The model's own secrets, of one owner or of all; not those that other models granted.
fn shown<'a>(view: View<'a>, owner: Option<&'a str>) -> impl Iterator<Item = &'a Secret> {
    let own = view.model.secrets.values().filter(|secret| !view.model.is_foreign(secret));
    own.filter(move |secret| owner.is_none_or(|wanted| wanted == owner_tag(view, secret)))
}

/// The table of `juju secrets`; nothing when there is no secret.
#[must_use]
pub fn tabular(view: View<'_>, owner: Option<&str>) -> Option<String> {
    use Column::{Left, Right};
    let mut shown: Vec<&Secret> = shown(view, owner).collect();
    shown.sort_by_key(|secret| (owner_text(secret), std::cmp::Reverse(secret.latest())));
    if shown.is_empty() {
        return None;
    }
    let rows = shown.into_iter().map(|secret| {
        let name = match name(secret) {
            "" => "-",
            name => name,
        };
        vec![
            secret.id.to_string(),
            name.to_owned(),
            owner_text(secret),
            secret.rotate.as_str().to_owned(),
            secret.latest().to_string(),
            updated(secret).since(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns = [
        Left("ID"),
        Left("Name"),
        Left("Owner"),
        Left("Rotation"),
        Right("Revision"),
        Left("Last updated"),
    ];
    Some(table(&columns, &rows))
}

/// The document of `juju show-secret`: one secret by its id. What was revealed stands below
/// `Data` in JSON and directly in the content in YAML, as Juju does.
///
/// # Errors
///
/// When there is no such secret or revision.
pub fn show(
    view: View<'_>,
    text: &str,
    detail: Detail,
    format: Format,
) -> Result<Value, SecretError> {
    let secret = find(view.model, text)?;
    let mut entry = facts(secret);
    match detail {
        Detail::Facts => {}
        Detail::Revisions => {
            let backend = format!("{}-local", view.model.name);
            let revisions = secret.revisions.iter().map(|(number, revision)| {
                Members::new()
                    .with("revision", *number)
                    .with("backend", backend.as_str())
                    .with("created", revision.created.rfc3339())
                    .with("updated", revision.created.rfc3339())
                    .filled("expires", revision.expires.as_deref().unwrap_or_default())
                    .done()
            });
            entry = entry.filled("revisions", revisions.collect::<Vec<_>>());
        }
        Detail::Content(number) => {
            let number = number.unwrap_or_else(|| secret.latest());
            let missing =
                || SecretError::NoRevision { secret: secret.id.clone(), revision: number };
            let revision = secret.revisions.get(&number).ok_or_else(missing)?;
            let content = content(revision);
            let content = match format {
                Format::Json => json!({"Data": content}),
                Format::Yaml => json!(content),
            };
            entry = entry.with("checksum", checksum(revision)).with("content", content);
        }
    }
    let entry = entry.filled("access", access(view.model, secret));
    Ok(json!({secret.id.as_str(): entry.done()}))
}

fn facts(secret: &Secret) -> Members {
    let expires = secret.revisions.values().next_back().and_then(|r| r.expires.as_deref());
    let rotation = match secret.rotate {
        RotatePolicy::Never => "",
        policy => policy.as_str(),
    };
    let (label, name) = match name(secret) {
        "" => (secret.label.as_str(), ""),
        name => ("", name),
    };
    Members::new()
        .with("revision", secret.latest())
        .filled("expires", expires.unwrap_or_default())
        .filled("rotation", rotation)
        .filled("rotates", secret.next_rotate.map(Clock::rfc3339).unwrap_or_default())
        .with("owner", owner_text(secret))
        .filled("description", secret.description.as_str())
        .filled("name", name)
        .filled("label", label)
        .with("created", created(secret).rfc3339())
        .with("updated", updated(secret).rfc3339())
}

fn created(secret: &Secret) -> Clock {
    secret.revisions.values().next().map(|revision| revision.created).unwrap_or_default()
}

fn updated(secret: &Secret) -> Clock {
    secret.revisions.values().next_back().map(|revision| revision.created).unwrap_or_default()
}

/// The name of a user's secret. Charms' secrets have labels instead.
fn name(secret: &Secret) -> &str {
    match secret.owner {
        SecretOwner::Model => &secret.label,
        SecretOwner::Application(_) | SecretOwner::Unit(_) => "",
    }
}

fn owner_text(secret: &Secret) -> String {
    match &secret.owner {
        SecretOwner::Application(name) => name.clone(),
        SecretOwner::Unit(unit) => unit.to_string(),
        SecretOwner::Model => "<model>".to_owned(),
    }
}

fn owner_tag(view: View<'_>, secret: &Secret) -> String {
    match &secret.owner {
        SecretOwner::Application(name) => format!("application-{name}"),
        SecretOwner::Unit(unit) => format!("unit-{}", unit.dashed()),
        SecretOwner::Model => format!("model-{}", view.model.uuid),
    }
}

/// The content of a revision as texts; what is no text is shown as far as it is one.
fn content(revision: &Revision) -> BTreeMap<&str, String> {
    let values = revision.content.reveal().iter();
    values.map(|(key, value)| (key.as_str(), String::from_utf8_lossy(value).into_owned())).collect()
}

/// A digest of the content, as Juju 3.6 shows with what is revealed.
fn checksum(revision: &Revision) -> String {
    use sha2::{Digest, Sha256};
    let text = json!(content(revision)).to_string();
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn access(model: &Model, secret: &Secret) -> Vec<Value> {
    secret.grants.iter().map(|grant| access_entry(model, grant)).collect()
}

fn access_entry(model: &Model, grant: &Grant) -> Value {
    let target = match &grant.unit {
        Some(unit) => format!("unit-{}", unit.dashed()),
        None => format!("application-{}", grant.application),
    };
    let scope = match grant.relation.and_then(|id| model.relations.get(&id)) {
        Some(relation) => {
            let ends = relation.sides.iter().map(|s| format!("{}.{}", s.application, s.endpoint));
            format!("relation-{}", ends.collect::<Vec<_>>().join("#"))
        }
        None => format!("model-{}", model.uuid),
    };
    json!({"target": target, "scope": scope, "role": "view"})
}

/// The content that `add-secret` and `update-secret` take from a file: keys with texts.
///
/// # Errors
///
/// What is wrong with it, in Juju's words where it has some.
pub fn read_content(document: &Value) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let entries = match document {
        Value::Object(entries) => entries.clone(),
        Value::Null => Map::new(),
        _ => return Err("secret content must be a YAML mapping of keys to texts".to_owned()),
    };
    if entries.is_empty() {
        return Err("missing secret value or filename".to_owned());
    }
    let mut content = BTreeMap::new();
    for (key, value) in entries {
        let is_key = |key: &str| {
            key.len() >= 3
                && key.starts_with(|c: char| c.is_ascii_lowercase())
                && key.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        if !is_key(&key) {
            return Err(format!("key {key:?} not valid"));
        }
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        content.insert(key, text.into_bytes());
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SecretContent;
    use crate::names::RelationId;
    use crate::shapes::samples;

    fn with_secret() -> (Model, SecretId) {
        let mut model = samples::model();
        let content = |text: &str| {
            SecretContent::new([("password".to_owned(), text.as_bytes().to_vec())].into())
        };
        let id = SecretId::from_number(0);
        let relation = Some(RelationId(1));
        let owner = SecretOwner::Application("db".to_owned());
        let mut secret = Secret::new(id.clone(), owner, content("old"), Clock { seconds: 1 });
        secret.revisions.insert(2, Revision::new(content("new"), Clock { seconds: 60 }));
        secret.label = "login".to_owned();
        secret.rotate = RotatePolicy::Daily;
        secret.grants.insert(Grant { relation, application: "web".to_owned(), unit: None });
        model.secrets.insert(id.clone(), secret);
        (model, id)
    }

    #[test]
    fn a_secret_is_listed_without_its_content() {
        let (model, id) = with_secret();
        let view = samples::view(&model);
        assert_eq!(
            list(view, None)[id.as_str()].to_string(),
            "{\"revision\":2,\"rotation\":\"daily\",\"owner\":\"db\",\"label\":\"login\",\
             \"created\":\"2025-01-01T00:00:01Z\",\"updated\":\"2025-01-01T00:01:00Z\"}"
        );
        assert_eq!(list(view, Some("application-web")), json!({}));
        assert!(list(view, Some("application-db")).get(id.as_str()).is_some());
        assert!(tabular(view, None).unwrap().contains("db     daily            2  01 Jan 2025"));
    }

    #[test]
    fn a_secret_is_revealed_by_revision_and_shows_who_may_read_it() {
        let (model, id) = with_secret();
        let view = samples::view(&model);
        let uri = id.uri();
        let shown = show(view, &uri, Detail::Content(None), Format::Json).unwrap();
        let entry = &shown[id.as_str()];
        assert_eq!(entry["content"], json!({"Data": {"password": "new"}}));
        assert_eq!(
            entry["access"],
            json!([{"target": "application-web", "scope": "relation-web.db#db.sql", "role": "view"}])
        );
        let old = show(view, &uri, Detail::Content(Some(1)), Format::Yaml).unwrap();
        assert_eq!(old[id.as_str()]["content"], json!({"password": "old"}));
        assert_ne!(old[id.as_str()]["checksum"], entry["checksum"]);
        let revisions = show(view, &uri, Detail::Revisions, Format::Json).unwrap();
        assert_eq!(revisions[id.as_str()]["revisions"][1]["revision"], 2);
        assert!(!revisions.to_string().contains("old"));
        let refused = show(view, &uri, Detail::Content(Some(3)), Format::Json).unwrap_err();
        assert_eq!(refused.to_string(), format!("secret revision \"{id}/3\" not found"));
        let refused = show(view, "nope", Detail::Facts, Format::Json).unwrap_err();
        assert_eq!(refused.to_string(), "secret \"nope\" not found");
    }

    #[test]
    fn a_users_secret_has_a_name_and_is_found_by_it() {
        let mut model = samples::model();
        let id = SecretId::from_number(7);
        let content = SecretContent::new([("token".to_owned(), b"x".to_vec())].into());
        let mut secret = Secret::new(id.clone(), SecretOwner::Model, content, model.clock);
        secret.label = "mine".to_owned();
        secret.grants.insert(Grant { relation: None, application: "web".to_owned(), unit: None });
        model.secrets.insert(id.clone(), secret);
        let shown = show(samples::view(&model), "mine", Detail::Facts, Format::Json).unwrap();
        let scope = format!("model-{}", model.uuid);
        assert_eq!(
            shown[id.as_str()],
            json!({
                "revision": 1, "owner": "<model>", "name": "mine",
                "created": "2025-01-01T01:01:01Z", "updated": "2025-01-01T01:01:01Z",
                "access": [{"target": "application-web", "scope": scope, "role": "view"}],
            })
        );
    }

    #[test]
    fn content_has_keys_that_juju_takes() {
        let read = |document: Value| read_content(&document);
        let content = read(json!({"user-name": "x", "pin1": 12})).unwrap();
        assert_eq!(content["pin1"], b"12");
        assert_eq!(read(json!({"Bad": "x"})), Err("key \"Bad\" not valid".to_owned()));
        assert_eq!(read(json!({})), Err("missing secret value or filename".to_owned()));
        assert!(read(json!([1])).is_err());
    }
}
