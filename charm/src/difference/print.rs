//! The difference for people and programs: what a dry run prints.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{ContainerChange, Difference, HostChange, PortChange, SecretChange};
use crate::kubernetes::{KubernetesWrite, ObjectKind, ObjectRef};
use crate::secret::SecretContent;
use crate::tools::Owner;

/// Longest databag value that is shown.
const VALUE_LIMIT: usize = 2048;

/// Parts of names whose values are credentials.
const SECRET_WORDS: [&str; 9] = [
    "secret",
    "secure",
    "password",
    "passwd",
    "token",
    "private",
    "privkey",
    "access-key",
    "access_key",
];

impl Difference {
    /// The difference as JSON, the documented form of `dispatch --dry-run --format json`:
    ///
    /// - `charm_tracing`: `null`, or `{"url", "ca"}`: where the charm's own traces go (`ca` may be
    ///   `null`);
    /// - `changes`: objects in the order in which they would be made. Each has `change`, one of
    ///   `secret-add` (`label`, `owner`, `keys`, `grants`), `secret-set` (`label`, `id`, `keys`),
    ///   `secret-grant` (`label`, `id`, `relation`), `secret-remove` (`label`, `id`),
    ///   `file-write` and `file-remove` (`container`, `null` for the charm's own; `path`; `mode`,
    ///   `bytes`), `run` (`container`, `command`), `layer` (`container`, `label`, `layer`),
    ///   `replan` (`container`), `restart` and `reload` (`container`, `services`, and `causes`: what
    ///   differs, nothing where services don't run), `stop` (`container`, `services`),
    ///   `kubernetes-create`, `-merge`, `-apply`, `-delete` (`kind`, `name`, `body`),
    ///   `port-open` and `port-close` (`port`), `databag` (`relation`, `owner`, `set`, `delete`),
    ///   `state` (`set`, `delete`), `workload-version` (`version`),
    ///   `status` (`owner`, `status`, `message`).
    ///
    /// `owner` is `unit` or `application`. Contents of secrets and files are never shown; databag
    /// values that look like credentials are `(secret)`.
    pub fn to_json(&self) -> Value {
        let tracing = self
            .charm_tracing
            .as_ref()
            .map(|destination| json!({"url": destination.url, "ca": destination.ca}));
        json!({"charm_tracing": tracing, "changes": self.changes()})
    }

    fn changes(&self) -> Vec<Value> {
        let mut changes: Vec<Value> = self.secrets.iter().map(secret).collect();
        changes.extend(self.host.iter().map(host));
        for (container, of_container) in &self.containers {
            changes
                .extend(of_container.iter().map(|change| in_container(container.as_str(), change)));
        }
        changes.extend(self.kubernetes.iter().map(kubernetes));
        changes.extend(self.ports.iter().map(|change| match change {
            PortChange::Open(port) => json!({"change": "port-open", "port": port.to_string()}),
            PortChange::Close(port) => json!({"change": "port-close", "port": port.to_string()}),
        }));
        changes.extend(self.databags.iter().chain(&self.settled_databags).map(|change| {
            let (set, delete) = patch(change.patch.iter());
            json!({"change": "databag", "relation": change.relation.0,
                "owner": owner(change.owner), "set": set, "delete": delete})
        }));
        if !self.state.is_empty() {
            let (set, delete) = patch(self.state.iter());
            changes.push(json!({"change": "state", "set": set, "delete": delete}));
        }
        if let Some(version) = &self.workload_version {
            changes.push(json!({"change": "workload-version", "version": version}));
        }
        changes.extend(self.statuses.iter().map(|(whose, status)| {
            json!({"change": "status", "owner": owner(*whose),
                "status": status.level.as_str(), "message": status.message})
        }));
        changes
    }
}

/// One change a line: what it is, then its members as `name=value`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in self.changes() {
            let Value::Object(members) = change else { continue };
            for (at, (name, value)) in members.iter().enumerate() {
                match (at, value) {
                    (0, Value::String(change)) => f.write_str(change)?,
                    (_, Value::Null) => {}
                    (_, Value::String(text)) if is_word(text) => write!(f, " {name}={text}")?,
                    _ => write!(f, " {name}={value}")?,
                }
            }
            writeln!(f)?;
        }
        if let Some(destination) = &self.charm_tracing {
            writeln!(f, "charm-tracing url={}", destination.url)?;
        }
        Ok(())
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"')
}

fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Unit => "unit",
        Owner::Application => "application",
    }
}

fn keys(content: &SecretContent) -> Vec<&str> {
    content.keys().map(String::as_str).collect()
}

fn secret(change: &SecretChange) -> Value {
    match change {
        SecretChange::Add { label, owner: whose, content, grants, .. } => {
            let grants: Vec<u32> = grants.iter().map(|relation| relation.0).collect();
            json!({"change": "secret-add", "label": label.as_str(), "owner": owner(*whose),
                "keys": keys(content), "grants": grants})
        }
        SecretChange::Revise { label, id, content, .. } => {
            json!({"change": "secret-set", "label": label.as_str(), "id": id.as_str(),
                "keys": keys(content)})
        }
        SecretChange::Grant { label, id, relation } => {
            json!({"change": "secret-grant", "label": label.as_str(), "id": id.as_str(),
                "relation": relation.0})
        }
        SecretChange::Remove { label, id } => {
            json!({"change": "secret-remove", "label": label.as_str(), "id": id.as_str()})
        }
    }
}

fn host(change: &HostChange) -> Value {
    match change {
        HostChange::Write { path, content, mode } => {
            json!({"change": "file-write", "container": null, "path": path.display().to_string(),
                "mode": format!("{mode:03o}"), "bytes": content.reveal().len()})
        }
        HostChange::Remove { path } => {
            json!({"change": "file-remove", "container": null, "path": path.display().to_string()})
        }
        HostChange::Run { command } => {
            json!({"change": "run", "container": null, "command": command})
        }
    }
}

fn in_container(container: &str, change: &ContainerChange) -> Value {
    match change {
        ContainerChange::Write { path, content, mode } => {
            json!({"change": "file-write", "container": container, "path": path,
                "mode": format!("{mode:03o}"), "bytes": content.reveal().len()})
        }
        ContainerChange::Remove { path } => {
            json!({"change": "file-remove", "container": container, "path": path})
        }
        ContainerChange::AddLayer { label, layer } => {
            let layer: Value = serde_json::from_str(&layer.to_pebble()).unwrap_or_default();
            json!({"change": "layer", "container": container, "label": label, "layer": masked(&layer)})
        }
        ContainerChange::Run { command } => {
            json!({"change": "run", "container": container, "command": command})
        }
        ContainerChange::Replan => json!({"change": "replan", "container": container}),
        ContainerChange::Restart { services, causes, .. } => {
            json!({"change": "restart", "container": container, "services": services,
                "causes": causes})
        }
        ContainerChange::Reload { services, causes, .. } => {
            json!({"change": "reload", "container": container, "services": services,
                "causes": causes})
        }
        ContainerChange::Stop { services } => {
            json!({"change": "stop", "container": container, "services": services})
        }
    }
}

fn kubernetes(write: &KubernetesWrite) -> Value {
    let shown = |change: &str, object: &ObjectRef, body: Option<&Value>| {
        json!({"change": change, "kind": kind(object.kind), "name": object.name,
            "body": body.map(masked)})
    };
    match write {
        KubernetesWrite::Create { object, body } => shown("kubernetes-create", object, Some(body)),
        KubernetesWrite::Merge { object, body, .. } => {
            shown("kubernetes-merge", object, Some(body))
        }
        KubernetesWrite::Apply(patch) => {
            shown("kubernetes-apply", &patch.object, Some(&patch.body))
        }
        KubernetesWrite::Delete(object) => shown("kubernetes-delete", object, None),
    }
}

fn kind(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::ConfigMap => "ConfigMap",
        ObjectKind::Service => "Service",
        ObjectKind::Pod => "Pod",
        ObjectKind::StatefulSet => "StatefulSet",
        ObjectKind::AuthorizationPolicy => "AuthorizationPolicy",
    }
}

fn patch<'a>(
    entries: impl Iterator<Item = (&'a String, &'a Option<String>)>,
) -> (Map<String, Value>, Vec<&'a str>) {
    let (mut set, mut delete) = (Map::new(), Vec::new());
    for (key, value) in entries {
        match value {
            Some(value) => {
                set.insert(key.clone(), shown(key, value).into());
            }
            None => delete.push(key.as_str()),
        }
    }
    (set, delete)
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// A databag value as it may be shown. A text that isn't JSON but mentions credentials (a
/// configuration file) is not shown at all.
fn shown(key: &str, value: &str) -> String {
    let secret_id = value.starts_with("secret:");
    if is_secret(key) && !secret_id {
        return "(secret)".to_owned();
    }
    let text = match serde_json::from_str::<Value>(value) {
        Ok(json @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => {
            masked(&json).to_string()
        }
        _ if is_secret(value) && !secret_id => return "(secret)".to_owned(),
        _ => value.to_owned(),
    };
    if text.len() > VALUE_LIMIT { format!("({} bytes)", value.len()) } else { text }
}

/// JSON with the values of members that look like credentials replaced. Ids of Juju secrets are
/// no secrets.
fn masked(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| {
                    let id = value.as_str().is_some_and(|text| text.starts_with("secret:"));
                    let hidden = is_secret(name) && !id && !value.is_null();
                    let value = if hidden { Value::from("(secret)") } else { masked(value) };
                    (name.clone(), value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::String(text) if is_secret(text) && !text.starts_with("secret:") => {
            Value::from("(secret)")
        }
        _ => value.clone(),
    }
}
