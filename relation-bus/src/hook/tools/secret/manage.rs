//! What owners do: `secret-add`, `-set`, `-remove`, `-grant`, `-revoke`. All buffered.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{managed, not_found, owned_by_label, uri};
use crate::hook::context::{Revoked, SecretUpdate};
use crate::hook::tools::{Print, Run, ToolError, failed, refuse_extra, usage};
use crate::model::{Clock, Grant, RotatePolicy, Secret, SecretContent, SecretOwner};
use crate::names::{UnitName, is_application_name};

/// Newer releases take 1 MB in base64, for one value and for all.
const CONTENT_LIMIT: usize = 1_000_000;

pub(super) fn add(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let file = run.parsed.value("file").filter(|path| !path.is_empty());
    if run.parsed.words.is_empty() && file.is_none() {
        return usage("missing secret value or filename");
    }
    let description = describe(run)?;
    let content = content(run, 0)?;
    let owner = match run.parsed.value("owner") {
        Some("unit") => SecretOwner::Unit(run.context.unit.clone()),
        _ => SecretOwner::Application(run.context.application().to_owned()),
    };
    if content.is_empty() {
        return failed("empty secret value not valid");
    }
    if matches!(owner, SecretOwner::Application(_)) {
        run.require_leader()?;
    }
    let label = description.label.unwrap_or_default();
    if !label.is_empty() && owned_by_label(run, &label).is_some() {
        return failed(format!("secret with label {label:?} already exists"));
    }
    let id = run.model.reserve_secret_id();
    let now = run.model.clock;
    let mut secret = Secret::new(id.clone(), owner, content, now);
    secret.label = label;
    secret.description = description.description.unwrap_or_default();
    secret.rotate = description.rotate.unwrap_or_default();
    secret.next_rotate = secret.rotate.next(now);
    if let Some(first) = secret.revisions.get_mut(&1) {
        first.expires = description.expires;
    }
    run.context.pending.created.insert(id.clone(), secret);
    Ok(Print::Raw(format!("{}\n", id.uri())))
}

pub(super) fn set(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let id = uri(run)?;
    let mut update = describe(run)?;
    let content = content(run, 1)?;
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
        secret.next_rotate = secret.rotate.next(run.model.clock);
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
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    managed(run, &id)?;
    let revision = revision.filter(|number| *number > 0);
    if run.context.pending.created.remove(&id).is_none() {
        run.context.pending.removed.push((id, revision));
    }
    Ok(Print::Nothing)
}

pub(super) fn grant(run: &mut Run<'_>) -> Result<Print, ToolError> {
    run.relation_option()?;
    let id = uri(run)?;
    let relation = run.relation()?;
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
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let secret = managed(run, &id)?;
    let granted = run.context.pending.granted.iter().filter(|(other, _)| *other == id);
    let granted: Vec<_> = secret.grants.iter().chain(granted.map(|(_, grant)| grant)).collect();
    let grant = Grant { relation: Some(relation), application, unit };
    for other in granted.into_iter().filter(|other| other.relation == grant.relation) {
        if *other == grant || other.unit.is_none() {
            return Ok(Print::Nothing);
        }
        if grant.unit.is_none() {
            return failed(
                "any unit level grants need to be revoked before granting access to the \
                 corresponding application",
            );
        }
    }
    match run.context.pending.created.get_mut(&id) {
        Some(created) => drop(created.grants.insert(grant)),
        None => run.context.pending.granted.push((id, grant)),
    }
    Ok(Print::Nothing)
}

pub(super) fn revoke(run: &mut Run<'_>) -> Result<Print, ToolError> {
    run.relation_option()?;
    let id = uri(run)?;
    // In a relation hook the relation of the hook is meant.
    let relation = run.relation().ok();
    let given = |name| run.parsed.value(name).filter(|text| !text.is_empty()).map(String::from);
    let (application, unit) = (given("app"), given("unit"));
    if let Some(name) = application.as_ref().filter(|name| !is_application_name(name)) {
        return usage(format!("application {name:?} not valid"));
    }
    let unit = match unit.map(|text| text.parse::<UnitName>().map_err(|_| text)) {
        None => None,
        Some(Ok(unit)) => Some(unit),
        Some(Err(text)) => return usage(format!("unit {text:?} not valid")),
    };
    let revoked = match (relation, application, unit) {
        (None, None, None) => return usage("missing relation or application or unit"),
        (_, Some(_), Some(_)) => return usage("specify only one of application or unit"),
        (Some(_), Some(_), None) => return usage("do not specify both relation and app"),
        (_, None, Some(unit)) => Revoked::Unit(unit),
        (None, Some(application), None) => Revoked::Application(application),
        (Some(relation), None, None) => Revoked::Relation(relation),
    };
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    managed(run, &id)?;
    run.context.pending.revoked.push((id, revoked));
    Ok(Print::Nothing)
}

/// The options that describe a secret.
fn describe(run: &Run<'_>) -> Result<SecretUpdate, ToolError> {
    // An option with nothing in it is as good as none.
    let given = |name| run.parsed.value(name).filter(|text| !text.is_empty());
    let expires = match given("expire") {
        None => None,
        Some(text) => Some(expiry(text, run.model.clock)?),
    };
    let rotate = match given("rotate") {
        None => None,
        Some(word) => match word.parse::<RotatePolicy>() {
            Ok(policy) => Some(policy),
            Err(()) => return usage(format!("rotate policy {word:?} not valid")),
        },
    };
    let owner = run.parsed.value("owner").unwrap_or("application");
    if !["application", "unit"].contains(&owner) {
        return usage(format!("secret owner {owner:?} not valid"));
    }
    Ok(SecretUpdate {
        content: None,
        label: given("label").map(ToOwned::to_owned),
        description: given("description").map(ToOwned::to_owned),
        rotate,
        expires,
    })
}

/// A moment, from a time stamp or a duration that begins now.
fn expiry(text: &str, now: Clock) -> Result<String, ToolError> {
    if is_time(text) {
        // Without a zone it is UTC.
        let has_zone = text.ends_with('Z') || text[10..].contains(['+', '-']);
        return Ok(if has_zone { text.to_owned() } else { format!("{text}Z") });
    }
    match duration(text) {
        None => usage(format!("expire time or duration {text:?} not valid")),
        Some(seconds) if seconds <= 0.0 => {
            usage(format!("negative expire duration {text:?} not valid"))
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
        Some(seconds) => {
            let seconds = now.seconds.saturating_add(seconds.ceil() as u64);
            Ok(Clock { seconds: seconds.min(FAR_FUTURE) }.rfc3339())
        }
    }
}

/// Seconds after which years have more than four digits.
const FAR_FUTURE: u64 = 7974 * 365 * 86_400;

/// `2030-01-01T00:00:00`, perhaps with a zone.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let fits = |pattern: &[u8], bytes: &[u8]| {
        pattern.len() == bytes.len()
            && pattern.iter().zip(bytes).all(|(wanted, byte)| match wanted {
                b'0' => byte.is_ascii_digit(),
                sign => sign == byte,
            })
    };
    let Some((time, zone)) = bytes.split_at_checked(19) else { return false };
    let zone = match zone {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            rest.get(digits..).unwrap_or_default()
        }
        zone => zone,
    };
    fits(b"0000-00-00T00:00:00", time)
        && (zone.is_empty() || zone == b"Z" || fits(b"+00:00", zone) || fits(b"-00:00", zone))
}

/// Seconds of a Go duration such as `1h30m`, `-5s` or `1.5h`.
fn duration(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if unsigned == "0" {
        return Some(0.0);
    }
    let mut total = 0.0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(unit_at);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let factor = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (!unsigned.is_empty()).then_some(sign * total)
}

/// The content given as words from `first` on, and by `--file`.
fn content(run: &Run<'_>, first: usize) -> Result<SecretContent, ToolError> {
    let mut values = BTreeMap::new();
    for word in run.parsed.words.get(first..).unwrap_or_default() {
        // Padding of base64 at the end doesn't part a key from a value.
        let bare = word.trim_end_matches('=');
        match bare.find('=').filter(|at| *at > 0) {
            Some(at) => insert(run, &mut values, &word[..at], &word[at + 1..])?,
            None => return usage(format!("key value {word:?} not valid")),
        }
    }
    if let Some(path) = run.parsed.value("file").filter(|path| !path.is_empty()) {
        let read = run.read_file(path).map_err(before_the_run)?;
        let text = String::from_utf8_lossy(&read).into_owned();
        let pairs: BTreeMap<String, String> = serde_yaml::from_str(&text)
            .map_err(|error| ToolError::Usage(format!("yaml: {error}")))?;
        for (key, value) in pairs {
            insert(run, &mut values, &key, &value)?;
        }
    }
    let size = values.values().map(|value| encoded_size(value)).sum::<usize>();
    if size > CONTENT_LIMIT {
        return usage(format!("base64 encoded secret content too large: {size} bytes"));
    }
    Ok(SecretContent::new(values))
}

/// Content is read while the command line is; what goes wrong there is bad usage.
fn before_the_run(error: ToolError) -> ToolError {
    match error {
        ToolError::Failed(message) => ToolError::Usage(message),
        other => other,
    }
}

/// How many bytes a value has in base64.
fn encoded_size(value: &[u8]) -> usize {
    value.len().div_ceil(3) * 4
}

fn insert(
    run: &Run<'_>,
    values: &mut BTreeMap<String, Vec<u8>>,
    key: &str,
    value: &str,
) -> Result<(), ToolError> {
    let (name, bytes) = if let Some(name) = key.strip_suffix("#base64") {
        match BASE64.decode(value) {
            Ok(bytes) => (name, bytes),
            Err(_) => return usage("secret value is not valid base64"),
        }
    } else if let Some(name) = key.strip_suffix("#file") {
        let content = run.read_file(value).map_err(before_the_run).map_err(|error| match error {
            ToolError::Usage(reason) => {
                ToolError::Usage(format!("reading content for secret key {name:?}: {reason}"))
            }
            other => other,
        });
        (name, content?)
    } else {
        (key, value.as_bytes().to_vec())
    };
    if !is_secret_key(name) {
        return usage(format!("key {name:?} not valid"));
    }
    let size = encoded_size(&bytes);
    if size > CONTENT_LIMIT {
        return usage(format!(
            "base64 encoded secret content for key {name:?} too large: {size} bytes"
        ));
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
        assert_eq!(expiry("2030-01-01T00:00:00", now), Ok("2030-01-01T00:00:00Z".to_owned()));
        assert_eq!(expiry("1.5h", now), Ok("2025-01-01T01:30:00Z".to_owned()));
        assert_eq!(expiry("1500ms", now), Ok("2025-01-01T00:00:02Z".to_owned()));
        for text in ["soon", "1", "1d", "h", "2030-01-01", "--1h", "2030-01-01T00:00:00x"] {
            let words = format!("expire time or duration {text:?} not valid");
            assert_eq!(expiry(text, now), Err(ToolError::Usage(words)));
        }
        for text in ["-1h", "0s", "0"] {
            let words = format!("negative expire duration {text:?} not valid");
            assert_eq!(expiry(text, now), Err(ToolError::Usage(words)));
        }
    }
}
