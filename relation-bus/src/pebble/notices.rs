//! Notices: what happened, for whoever polls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::changes::Update;
use super::clock::{Timestamp, format_duration, parse_duration};
use super::envelope::{Answer, ApiError, Reply, first, list as query_list, read_body};
use super::server::{Access, Caller};
use super::workload::Inner;

/// How long a notice is kept after it last occurred.
const EXPIRY: Duration = Duration::from_hours(7 * 24);
/// Longest key, in bytes.
const KEY_LIMIT: usize = 256;
/// Largest data, in bytes of JSON.
const DATA_LIMIT: usize = 4096;

#[derive(Debug, Clone)]
struct Notice {
    id: u64,
    // None: everybody's.
    user: Option<u32>,
    kind: String,
    key: String,
    first_occurred: Timestamp,
    last_occurred: Timestamp,
    last_repeated: Timestamp,
    occurrences: u64,
    data: Map<String, Value>,
    repeat_after: Duration,
}

impl Notice {
    fn show(&self) -> Value {
        let mut shown = json!({
            "id": self.id.to_string(), "user-id": self.user, "type": self.kind, "key": self.key,
            "first-occurred": self.first_occurred.to_string(),
            "last-occurred": self.last_occurred.to_string(),
            "last-repeated": self.last_repeated.to_string(),
            "occurrences": self.occurrences,
        });
        if !self.data.is_empty() {
            shown["last-data"] = Value::Object(self.data.clone());
        }
        if !self.repeat_after.is_zero() {
            shown["repeat-after"] = format_duration(self.repeat_after).into();
        }
        shown["expire-after"] = format_duration(EXPIRY).into();
        shown
    }

    fn is_visible_to(&self, user: Option<u32>) -> bool {
        self.user.is_none() || self.user == user
    }
}

/// What a reader is to know of a notice.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) id: u64,
    pub(super) kind: &'a str,
    pub(super) key: &'a str,
    pub(super) data: &'a Map<String, Value>,
    pub(super) repeated: Timestamp,
}

/// All notices of a container.
#[derive(Debug, Default)]
pub(super) struct Notices {
    // By owner, type and key: these make a notice the same one.
    notices: BTreeMap<(Option<u32>, String, String), Notice>,
    last_id: u64,
    last_time: Option<Timestamp>,
}

impl Notices {
    /// Notes that a change came up or moved on.
    pub(super) fn change_updated(&mut self, update: Update) {
        self.add(None, "change-update", update.change.to_string(), update.data, Duration::ZERO);
    }

    /// Notices that occurred after a moment, or all, oldest first.
    pub(super) fn after(&self, after: Option<Timestamp>) -> Vec<Seen<'_>> {
        let fresh = |notice: &&Notice| after.is_none_or(|after| notice.last_repeated > after);
        let mut found: Vec<_> = self.notices.values().filter(fresh).collect();
        found.sort_by_key(|notice| notice.last_repeated);
        fn seen(notice: &Notice) -> Seen<'_> {
            Seen {
                id: notice.id,
                kind: &notice.kind,
                key: &notice.key,
                data: &notice.data,
                repeated: notice.last_repeated,
            }
        }
        found.into_iter().map(seen).collect()
    }

    /// Adds a custom notice for everybody.
    pub(super) fn leave(&mut self, key: &str, data: Map<String, Value>) -> u64 {
        self.add(None, "custom", key.to_owned(), data, Duration::ZERO)
    }

    fn add(
        &mut self,
        user: Option<u32>,
        kind: &str,
        key: String,
        data: Map<String, Value>,
        repeat_after: Duration,
    ) -> u64 {
        // No two occurrences share a moment, so that `after` never hides one.
        let mut now = Timestamp::now();
        if let Some(last) = self.last_time.filter(|last| *last >= now) {
            now = last.plus(Duration::from_nanos(1));
        }
        self.last_time = Some(now);
        let next_id = self.last_id + 1;
        let id = (user, kind.to_owned(), key.clone());
        let notice = self.notices.entry(id).or_insert_with(|| Notice {
            id: next_id,
            user,
            kind: kind.to_owned(),
            key,
            first_occurred: now,
            last_occurred: now,
            last_repeated: now,
            occurrences: 0,
            data: Map::new(),
            repeat_after,
        });
        self.last_id = self.last_id.max(notice.id);
        notice.occurrences += 1;
        notice.last_occurred = now;
        if now >= notice.last_repeated.plus(repeat_after) {
            notice.last_repeated = now;
        }
        notice.data = data;
        notice.repeat_after = repeat_after;
        notice.id
    }
}

/// What a listing asks for.
#[derive(Debug)]
struct Filter {
    user: Option<u32>,
    everybody: bool,
    types: Vec<String>,
    any_type: bool,
    keys: Vec<String>,
    after: Option<Timestamp>,
}

impl Filter {
    fn read(query: &[(String, String)], caller: Caller) -> Result<Self, ApiError> {
        let forbidden = |message: &str| {
            Err(ApiError::new(axum::http::StatusCode::FORBIDDEN, message)
                .with_kind("permission-denied"))
        };
        let (users, user_id) = (first(query, "users"), first(query, "user-id"));
        if !(users.is_empty() && user_id.is_empty()) && caller.access != Access::Admin {
            return forbidden("only admins may use the \"users\" and \"user-id\" filters");
        }
        if !matches!(users, "" | "all") {
            return Err(ApiError::bad_request("invalid \"users\" filter: must be \"all\""));
        }
        let user = match user_id {
            "" => caller.uid,
            text => Some(text.parse().map_err(|_| {
                ApiError::bad_request(format!("invalid \"user-id\" filter: {text:?}"))
            })?),
        };
        let asked = query_list(query, "types");
        let known = |kind: &String| matches!(kind.as_str(), "custom" | "change-update" | "warning");
        let after = match first(query, "after") {
            "" => None,
            text => Some(Timestamp::parse(text).ok_or_else(|| {
                ApiError::bad_request(format!(
                    "invalid \"after\" timestamp: cannot parse {text:?} as RFC 3339"
                ))
            })?),
        };
        Ok(Self {
            user,
            everybody: users == "all",
            any_type: asked.is_empty(),
            types: asked.into_iter().filter(known).collect(),
            keys: query_list(query, "keys"),
            after,
        })
    }

    fn is_hopeless(&self) -> bool {
        !self.any_type && self.types.is_empty()
    }

    fn apply(&self, notices: &Notices) -> Vec<Value> {
        let wanted = |notice: &&Notice| {
            (self.everybody || notice.is_visible_to(self.user))
                && (self.any_type || self.types.contains(&notice.kind))
                && (self.keys.is_empty() || self.keys.contains(&notice.key))
                && self.after.is_none_or(|after| notice.last_repeated > after)
        };
        let mut found: Vec<&Notice> = notices.notices.values().filter(wanted).collect();
        found.sort_by_key(|notice| notice.last_repeated);
        found.into_iter().map(Notice::show).collect()
    }
}

/// Lists notices. With a timeout, waits that long for the first one.
pub(super) async fn list(inner: &Arc<Inner>, query: &[(String, String)], caller: Caller) -> Reply {
    let filter = Filter::read(query, caller)?;
    if filter.is_hopeless() {
        return Ok(Answer::Sync(json!([])));
    }
    let found = match first(query, "timeout") {
        "" => inner.read(|state| filter.apply(&state.notices)),
        text => {
            let timeout = parse_duration(text)
                .map_err(|error| ApiError::bad_request(format!("invalid timeout: {error}")))?;
            let some = inner.wait_for(|state| {
                Some(filter.apply(&state.notices)).filter(|found| !found.is_empty())
            });
            tokio::time::timeout(timeout, some).await.unwrap_or_default()
        }
    };
    Ok(Answer::Sync(found.into()))
}

/// One notice by its id.
pub(super) fn get(inner: &Inner, id: &str, caller: Caller) -> Reply {
    inner.read(|state| {
        let notice = state.notices.notices.values().find(|notice| notice.id.to_string() == id);
        match notice {
            Some(notice) if notice.is_visible_to(caller.uid) || caller.access == Access::Admin => {
                Ok(Answer::Sync(notice.show()))
            }
            _ => Err(ApiError::not_found(format!("cannot find notice with ID {id:?}"))),
        }
    })
}

/// Adds a custom notice of the caller's.
pub(super) fn post(inner: &Inner, body: &[u8], caller: Caller) -> Reply {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Request {
        #[serde(default)]
        action: String,
        #[serde(default)]
        r#type: String,
        #[serde(default)]
        key: String,
        data: Option<Value>,
        #[serde(default)]
        repeat_after: String,
    }
    let request: Request = read_body(body, "request body")?;
    let refuse = |message: String| Err(ApiError::bad_request(message));
    if request.action != "add" {
        return refuse(format!("invalid action {:?}", request.action));
    }
    if request.r#type != "custom" {
        return refuse(format!(
            "invalid type {:?} (can only add \"custom\" notices)",
            request.r#type
        ));
    }
    if request.key.len() > KEY_LIMIT {
        return refuse(format!("key must be {KEY_LIMIT} bytes or less"));
    }
    if !is_custom_key(&request.key) {
        return refuse(format!(
            "invalid key {:?} (must be in \"example.com/path\" format)",
            request.key
        ));
    }
    let data = match request.data {
        None => Map::new(),
        Some(data) if data.to_string().len() > DATA_LIMIT => {
            return refuse(format!("total size of data must be {DATA_LIMIT} bytes or less"));
        }
        Some(Value::Object(data)) if data.values().all(Value::is_string) => data,
        Some(_) => {
            return refuse("cannot decode notice data: expected an object of strings".to_owned());
        }
    };
    let repeat_after = match request.repeat_after.as_str() {
        "" => Duration::ZERO,
        text => parse_duration(text)
            .map_err(|error| ApiError::bad_request(format!("invalid repeat-after: {error}")))?,
    };
    let id = inner
        .update(|state| state.notices.add(caller.uid, "custom", request.key, data, repeat_after));
    Ok(Answer::Sync(json!({"id": id.to_string()})))
}

// A lower-case domain with a dot, a slash, and a path.
pub(super) fn is_custom_key(key: &str) -> bool {
    let Some((domain, path)) = key.split_once('/') else { return false };
    let label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && label.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    domain.contains('.') && domain.split('.').all(label) && !path.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_a_domain_and_a_path() {
        for (key, wanted) in [
            ("example.com/a", true),
            ("a-b.example.com/some/path", true),
            ("bad", false),
            ("example/a", false),
            ("Example.com/a", false),
            ("example.com/", false),
            ("-x.com/a", false),
        ] {
            assert_eq!(is_custom_key(key), wanted, "{key}");
        }
    }
}
