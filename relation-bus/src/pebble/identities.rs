//! Named identities: who may do what.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::envelope::{Answer, ApiError, Reply, read_body};
use super::server::Access;
use super::workload::Inner;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    access: Access,
    user: Option<u32>,
    has_password: bool,
}

/// The identities of a container, by name.
#[derive(Debug, Default)]
pub(super) struct Identities {
    identities: BTreeMap<String, Identity>,
}

impl Identities {
    /// What the identity of this user may do, if there is one.
    pub(super) fn access_of(&self, user: u32) -> Option<Access> {
        self.identities
            .values()
            .find(|identity| identity.user == Some(user))
            .map(|identity| identity.access)
    }

    /// All of them, secrets masked.
    pub(super) fn show(&self) -> Value {
        let show = |identity: &Identity| {
            let mut shown = json!({"access": identity.access.as_str()});
            if let Some(user) = identity.user {
                shown["local"] = json!({"user-id": user});
            }
            if identity.has_password {
                shown["basic"] = json!({"password": "*****"});
            }
            shown
        };
        Value::Object(
            self.identities.iter().map(|(name, identity)| (name.clone(), show(identity))).collect(),
        )
    }
}

/// Adds, updates, replaces or removes identities, all or none.
pub(super) fn post(inner: &Inner, body: &[u8]) -> Reply {
    #[derive(Deserialize)]
    struct Request {
        #[serde(default)]
        action: String,
        #[serde(default)]
        identities: Map<String, Value>,
    }
    let Request { action, identities } = read_body(body, "request body")?;
    if !matches!(action.as_str(), "add" | "update" | "replace" | "remove") {
        return Err(ApiError::bad_request(format!(
            "invalid action {action:?}, must be \"add\", \"update\", \"replace\", or \"remove\""
        )));
    }
    let mut given = BTreeMap::new();
    for (name, value) in identities {
        let identity = read_identity(&name, value).map_err(|reason| {
            ApiError::bad_request(format!("invalid identity for {name:?}: {reason}"))
        })?;
        given.insert(name, identity);
    }
    inner.update(|state| {
        let next =
            apply(&state.identities.identities, &action, given).map_err(ApiError::bad_request)?;
        state.identities.identities = next;
        Ok(Answer::Done)
    })
}

type ByName = BTreeMap<String, Identity>;

fn apply(
    present: &ByName,
    action: &str,
    given: BTreeMap<String, Option<Identity>>,
) -> Result<ByName, String> {
    let names = |wanted: &dyn Fn(&String) -> bool| {
        given.keys().filter(|name| wanted(name)).map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let existing = names(&|name| present.contains_key(name));
    let missing = names(&|name| !present.contains_key(name));
    match action {
        "add" if !existing.is_empty() => {
            return Err(format!("identities already exist: {existing}"));
        }
        "update" | "remove" if !missing.is_empty() => {
            return Err(format!("identities do not exist: {missing}"));
        }
        _ => {}
    }
    let mut next = present.clone();
    for (name, identity) in given {
        match (action, identity) {
            ("remove", Some(_)) => {
                return Err(format!(
                    "identity value for {name:?} must be null for remove operation"
                ));
            }
            ("add" | "update", None) => {
                return Err(format!(
                    "identity value for {name:?} must not be null for {action} operation"
                ));
            }
            (_, None) => {
                next.remove(&name);
            }
            (_, Some(identity)) => {
                next.insert(name, identity);
            }
        }
    }
    let mut by_user: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for (name, identity) in &next {
        if let Some(user) = identity.user {
            by_user.entry(user).or_default().push(name);
        }
    }
    if let Some((user, names)) = by_user.into_iter().find(|(_, names)| names.len() > 1) {
        return Err(format!(
            "cannot have multiple identities with user ID {user} ({})",
            names.join(", ")
        ));
    }
    Ok(next)
}

fn read_identity(name: &str, value: Value) -> Result<Option<Identity>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Local {
        user_id: Option<u32>,
    }
    #[derive(Deserialize)]
    struct Basic {
        #[serde(default)]
        password: String,
    }
    #[derive(Deserialize)]
    struct Given {
        #[serde(default)]
        access: String,
        local: Option<Local>,
        basic: Option<Basic>,
    }
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !valid {
        return Err("identity name must start with an alphabetic character and only contain alphanumeric characters, \
                    underscore, and hyphen"
            .to_owned());
    }
    if value.is_null() {
        return Ok(None);
    }
    let given: Given = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let access = match given.access.as_str() {
        "" => return Err("access value must be specified (\"admin\", \"read\", \"metrics\", or \"untrusted\")".to_owned()),
        text => Access::named(text).ok_or_else(|| {
            format!("invalid access value {text:?}, must be \"admin\", \"read\", \"metrics\", or \"untrusted\"")
        })?,
    };
    let user = match given.local {
        Some(Local { user_id: None }) => {
            return Err("local identity must specify user-id".to_owned());
        }
        Some(Local { user_id }) => user_id,
        None => None,
    };
    let has_password = match given.basic {
        Some(basic) if basic.password.is_empty() => {
            return Err("basic identity must specify password (hashed)".to_owned());
        }
        Some(basic) if !basic.password.starts_with("$6$") => {
            return Err("basic identity password must be a sha512-crypt hash".to_owned());
        }
        other => other.is_some(),
    };
    if user.is_none() && !has_password {
        return Err(
            "identity must have at least one type (\"local\", \"basic\", or \"cert\")".to_owned()
        );
    }
    Ok(Some(Identity { access, user, has_password }))
}
