//! What owners do: `secret-add`, `-set`, `-remove`, `-grant`, `-revoke`. All buffered.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{managed, not_found, owned_by_label, uri};
use crate::hook::context::{Revoked, SecretUpdate};
use crate::hook::tools::{Print, Run, ToolError, failed, usage};
use crate::model::{Clock, Grant, Revision, RotatePolicy, Secret, SecretContent, SecretOwner};
use crate::names::UnitName;

/// Newer releases take 1 MB in all.
const CONTENT_LIMIT: usize = 1_000_000;

pub(super) fn add(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let content = content(run, 0)?;
    let description = describe(run)?;
    let owner = match run.parsed.value("owner") {
        None | Some("application") => {
            SecretOwner::Application(run.context.application().to_owned())
        }
        Some("unit") => SecretOwner::Unit(run.context.unit.clone()),
        Some(other) => return usage(format!("secret owner {other:?} not valid")),
    };
    if content.is_empty() {
        return usage("missing secret value or filename");
    }
    if matches!(owner, SecretOwner::Application(_)) {
        run.require_leader()?;
    }
    let label = description.label.unwrap_or_default();
    if !label.is_empty() && owned_by_label(run, &label).is_some() {
        return failed(format!("secret with label {label:?} already exists"));
    }
    let id = run.model.reserve_secret_id();
    let revision = Revision {
        content,
        expires: description.expires,
        removal_told: false,
        created: run.model.clock,
    };
    let secret = Secret {
        id: id.clone(),
        owner,
        label,
        description: description.description.unwrap_or_default(),
        rotate: description.rotate.unwrap_or_default(),
        revisions: BTreeMap::from([(1, revision)]),
        grants: BTreeSet::new(),
        consumers: BTreeMap::new(),
    };
    run.context.pending.created.insert(id.clone(), secret);
    Ok(Print::Raw(format!("{}\n", id.uri())))
}

pub(super) fn set(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let id = uri(run)?;
    let content = content(run, 1)?;
    let mut update = describe(run)?;
    managed(run, &id)?;
    if let Some(label) = update.label.as_deref().filter(|label| !label.is_empty())
        && owned_by_label(run, label).is_some_and(|other| other != id)
    {
        return failed(format!("secret with label {label:?} already exists"));
    }
    update.content = (!content.is_empty()).then_some(content);
    // A secret that this hook made is changed in place.
    if let Some(secret) = run.context.pending.created.get_mut(&id) {
        secret.label = update.label.unwrap_or_else(|| secret.label.clone());
        secret.description = update.description.unwrap_or_else(|| secret.description.clone());
        secret.rotate = update.rotate.unwrap_or(secret.rotate);
        if let (Some(content), Some(revision)) = (update.content, secret.revisions.get_mut(&1)) {
            revision.content = content;
        }
        return Ok(Print::Nothing);
    }
    let merged = run.context.pending.updated.entry(id).or_default();
    merged.content = update.content.or(merged.content.take());
    merged.label = update.label.or(merged.label.take());
    merged.description = update.description.or(merged.description.take());
    merged.rotate = update.rotate.or(merged.rotate);
    merged.expires = update.expires.or(merged.expires.take());
    Ok(Print::Nothing)
}

pub(super) fn remove(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let id = uri(run)?;
    let revision = match run.parsed.value("revision") {
        None => None,
        Some(text) => match text.parse::<u32>() {
            Ok(number) => Some(number),
            Err(_) => {
                return usage(format!(
                    "invalid value {text:?} for option --revision: strconv.ParseInt: parsing \
                     {text:?}: invalid syntax"
                ));
            }
        },
    };
    managed(run, &id)?;
    if run.context.pending.created.remove(&id).is_none() {
        run.context.pending.removed.push((id, revision));
    }
    Ok(Print::Nothing)
}

pub(super) fn grant(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let id = uri(run)?;
    let Some(relation) = run.relation_option()? else {
        return usage("no relation id specified");
    };
    let application = match run.context.relations.get(&relation) {
        Some(related) => related.remote_application.clone(),
        None => return not_found(&id),
    };
    let unit = match run.parsed.value("unit") {
        None => None,
        Some(text) => match text.parse::<UnitName>() {
            Ok(unit) if unit.application() == application => Some(unit),
            Ok(unit) => {
                return failed(format!(
                    "cannot specify unit \"{unit}\" in relation to application {application:?}"
                ));
            }
            Err(_) => return usage(format!("unit {text:?} not valid")),
        },
    };
    let secret = managed(run, &id)?;
    let grant = Grant { relation, application, unit };
    match run.context.pending.created.get_mut(&id) {
        Some(created) => drop(created.grants.insert(grant)),
        None if secret.grants.contains(&grant) => {}
        None => run.context.pending.granted.push((id, grant)),
    }
    Ok(Print::Nothing)
}

pub(super) fn revoke(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let id = uri(run)?;
    let relation = run.relation_option()?;
    let application = run.parsed.value("app").map(ToOwned::to_owned);
    let unit = run.parsed.value("unit").map(ToOwned::to_owned);
    let revoked = match (relation, application, unit) {
        (None, None, None) => return usage("missing relation or application or unit"),
        (_, Some(_), Some(_)) => return usage("specify only one of application or unit"),
        (Some(_), Some(_), None) => return usage("do not specify both relation and app"),
        (_, None, Some(unit)) => match unit.parse() {
            Ok(unit) => Revoked::Unit(unit),
            Err(_) => return usage(format!("unit {unit:?} not valid")),
        },
        (None, Some(application), None) => Revoked::Application(application),
        (Some(relation), None, None) => Revoked::Relation(relation),
    };
    managed(run, &id)?;
    run.context.pending.revoked.push((id, revoked));
    Ok(Print::Nothing)
}

/// The options that describe a secret.
fn describe(run: &Run<'_>) -> Result<SecretUpdate, ToolError> {
    let rotate = match run.parsed.value("rotate") {
        None => None,
        Some(word) => match word.parse::<RotatePolicy>() {
            Ok(policy) => Some(policy),
            Err(()) => return usage(format!("rotate policy {word:?} not valid")),
        },
    };
    let expires = match run.parsed.value("expire") {
        None => None,
        Some(text) => Some(expiry(text, run.model.clock)?),
    };
    Ok(SecretUpdate {
        content: None,
        label: run.parsed.value("label").map(ToOwned::to_owned),
        description: run.parsed.value("description").map(ToOwned::to_owned),
        rotate,
        expires,
    })
}

/// A moment, from a time stamp or a duration that begins now.
fn expiry(text: &str, now: Clock) -> Result<String, ToolError> {
    if text.starts_with('-') {
        return usage(format!("negative expire duration {text:?} not valid"));
    }
    if let Some(seconds) = duration(text) {
        return Ok(Clock { seconds: now.seconds + seconds }.rfc3339());
    }
    let looks_like_a_time = text.len() >= 20 && text.as_bytes().get(10) == Some(&b'T');
    if !looks_like_a_time {
        return usage(format!("expire time or duration {text:?} not valid"));
    }
    Ok(text.to_owned())
}

/// Seconds of a Go duration of hours, minutes and seconds.
fn duration(text: &str) -> Option<u64> {
    let mut total = 0u64;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let factor = match c {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(factor)?)?;
        digits.clear();
    }
    (digits.is_empty() && !text.is_empty()).then_some(total)
}

/// The content given as words from `first` on, and by `--file`.
fn content(run: &Run<'_>, first: usize) -> Result<SecretContent, ToolError> {
    let mut values = BTreeMap::new();
    if let Some(path) = run.parsed.value("file") {
        let text = String::from_utf8_lossy(&run.read_file(path)?).into_owned();
        let pairs: BTreeMap<String, String> = serde_yaml::from_str(&text).map_err(|_| {
            ToolError::Failed(format!("reading secret file {path:?}: not a mapping"))
        })?;
        for (key, value) in pairs {
            insert(run, &mut values, &key, &value)?;
        }
    }
    for word in run.parsed.words.get(first..).unwrap_or_default() {
        let Some((key, value)) = word.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return usage(format!("key value {word:?} not valid"));
        };
        insert(run, &mut values, key, value)?;
    }
    if values.values().map(Vec::len).sum::<usize>() > CONTENT_LIMIT {
        return failed(format!("secret content too large: limit is {CONTENT_LIMIT} bytes"));
    }
    Ok(SecretContent::new(values))
}

fn insert(
    run: &Run<'_>,
    values: &mut BTreeMap<String, Vec<u8>>,
    key: &str,
    value: &str,
) -> Result<(), ToolError> {
    let (name, bytes) = if let Some(name) = key.strip_suffix("#base64") {
        let decoded = BASE64.decode(value);
        match decoded {
            Ok(bytes) => (name, bytes),
            Err(_) => return usage("secret value is not valid base64"),
        }
    } else if let Some(name) = key.strip_suffix("#file") {
        (name, run.read_file(value)?)
    } else {
        (key, value.as_bytes().to_vec())
    };
    if !is_secret_key(name) {
        return usage(format!("key {name:?} not valid"));
    }
    if bytes.is_empty() {
        return usage("empty secret value not valid");
    }
    values.insert(name.to_owned(), bytes);
    Ok(())
}

/// Lower case, three characters or more, begins with a letter, single dashes inside only.
fn is_secret_key(key: &str) -> bool {
    let mut characters = 0;
    let mut after_dash = false;
    for (index, c) in key.chars().enumerate() {
        match c {
            '-' if index == 0 || after_dash => return false,
            '-' => after_dash = true,
            'a'..='z' => (characters, after_dash) = (characters + 1, false),
            '0'..='9' if index > 0 => (characters, after_dash) = (characters + 1, false),
            _ => return false,
        }
    }
    characters >= 3 && !after_dash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_three_lower_case_characters_or_more() {
        for key in ["abc", "a-bc", "ca1", "username", "private-key"] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["ab", "1bc", "-abc", "abc-", "a--bc", "aBc", "a_b", ""] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn an_expiry_is_a_duration_or_a_moment() {
        let now = Clock::default();
        assert_eq!(expiry("1h30m", now), Ok("2025-01-01T01:30:00Z".to_owned()));
        assert_eq!(expiry("2030-01-01T00:00:00Z", now), Ok("2030-01-01T00:00:00Z".to_owned()));
        let refused = ToolError::Usage("expire time or duration \"soon\" not valid".to_owned());
        assert_eq!(expiry("soon", now), Err(refused));
        let negative = ToolError::Usage("negative expire duration \"-1h\" not valid".to_owned());
        assert_eq!(expiry("-1h", now), Err(negative));
    }
}
