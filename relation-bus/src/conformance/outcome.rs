//! What a charm did in one event: the `expected` half of a case, and what `case` prints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A databag: key to raw text.
pub type Databag = BTreeMap<String, String>;

/// Everything that a charm left behind at the end of one event.
///
/// One shape serves both sides: what the reference was recorded to do, and what ours did.
/// Members that an implementation need not report are absent rather than empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Why the hook failed; then nothing else is told.
    pub raised: Option<Raised>,
    /// What the unit's status is at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_status: Option<Status>,
    /// What the application's status is at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_status: Option<Status>,
    /// Our side of every relation with another application.
    #[serde(default)]
    pub relations: Vec<RelationOutcome>,
    /// Our side of every peer relation.
    #[serde(default)]
    pub peers: Vec<RelationOutcome>,
    /// The workload containers.
    #[serde(default)]
    pub containers: Vec<ContainerOutcome>,
    /// Files of the charm container outside the charm folder, by absolute path.
    #[serde(default)]
    pub charm_container_files: BTreeMap<String, String>,
    /// Where the charm's own traces go: `{url, ca}`.
    #[serde(default)]
    pub charm_tracing: Option<Value>,
    /// Ports such as `tcp/9400`.
    #[serde(default)]
    pub opened_ports: Vec<String>,
    /// The version shown for the workload; empty when none was set.
    #[serde(default)]
    pub workload_version: String,
    /// Secrets at the end.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Writes to the cluster, in order.
    #[serde(default)]
    pub k8s: Vec<ClusterWrite>,
    /// What an action answered; absent where the event was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_results: Option<Value>,
    /// Values that the reference computes on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Map<String, Value>>,
    /// What the reference leaves open; empty in an outcome of ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<OpenPlace>,
}

impl Outcome {
    /// The outcome of a hook that failed.
    #[must_use]
    pub fn failed(kind: impl Into<String>) -> Self {
        Outcome { raised: Some(Raised { kind: kind.into() }), ..Outcome::default() }
    }

    /// The outcome as JSON: a failed hook says why, and nothing else.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.raised {
            Some(raised) => serde_json::json!({"raised": {"kind": raised.kind}}),
            None => serde_json::to_value(self).expect("an outcome has texts for keys"),
        }
    }
}

/// Why a hook failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// A word such as `missing-file` or `secret-not-readable`.
    pub kind: String,
}

/// A status and its message. `unknown` without message: never set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `active`, `blocked`, `maintenance`, `waiting` or `unknown`.
    pub name: String,
    /// The text shown to people.
    pub message: String,
}

/// Our two databags of a relation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RelationOutcome {
    /// The number of the relation.
    pub id: u32,
    /// The endpoint of ours.
    pub endpoint: String,
    /// The application's databag.
    pub local_app_data: Databag,
    /// The unit's databag.
    pub local_unit_data: Databag,
    /// What is judged in another form than the raw text, by databag and key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoded: Option<BTreeMap<String, BTreeMap<String, Value>>>,
}

/// A container at the end, and what was done to it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ContainerOutcome {
    /// Its name.
    pub name: String,
    /// All layers merged.
    pub plan: Plan,
    /// Service to `{startup, current}`.
    pub services: BTreeMap<String, Value>,
    /// Every file, by absolute path.
    pub files: BTreeMap<String, String>,
    /// `["restart", [names]]`, `["exec", [words]]` and so on, in order.
    #[serde(default)]
    pub actions: Vec<Action>,
}

/// The merged layers of a container.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Services by name.
    #[serde(default)]
    pub services: Map<String, Value>,
    /// Checks by name.
    #[serde(default)]
    pub checks: Map<String, Value>,
    /// Log targets by name.
    #[serde(default, rename = "log-targets")]
    pub log_targets: Map<String, Value>,
}

/// Something done to a container: a verb, and what it was done with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Value>", into = "Vec<Value>")]
pub struct Action {
    /// `start`, `stop`, `restart`, `exec`, `replan`, `autostart`.
    pub verb: String,
    /// Service names, or the words of a command.
    pub words: Vec<String>,
}

impl TryFrom<Vec<Value>> for Action {
    type Error = String;

    fn try_from(entries: Vec<Value>) -> Result<Self, String> {
        let text = |value: &Value| {
            value.as_str().map(str::to_owned).ok_or_else(|| format!("`{value}` is no text"))
        };
        let mut entries = entries.iter();
        let verb = text(entries.next().ok_or("an action has no verb")?)?;
        let words = match entries.next() {
            None => Vec::new(),
            Some(Value::Array(words)) => words.iter().map(text).collect::<Result<_, _>>()?,
            Some(other) => vec![text(other)?],
        };
        Ok(Action { verb, words })
    }
}

impl From<Action> for Vec<Value> {
    fn from(action: Action) -> Self {
        let mut out = vec![Value::from(action.verb)];
        if !action.words.is_empty() {
            out.push(Value::from(action.words));
        }
        out
    }
}

/// A secret that the unit can see, or owns.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Its id, with the prefix `secret:`.
    pub id: String,
    /// The label that its owner gave it.
    pub label: Option<String>,
    /// `unit`, `app`, or nothing when another application owns it.
    pub owner: Option<String>,
    /// Key to clear text.
    pub content: BTreeMap<String, String>,
    /// Relation id to the applications that may read it.
    pub grants: BTreeMap<String, Vec<String>>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret")
            .field("id", &self.id)
            .field("label", &self.label)
            .field("owner", &self.owner)
            .field("content", &self.content.keys().collect::<Vec<_>>())
            .field("grants", &self.grants)
            .finish()
    }
}

/// One write to the Kubernetes API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterWrite {
    /// `create`, `patch`, `replace` or `delete`.
    pub verb: String,
    /// The kind of the object.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace, which is the model's name.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The media type of a patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_type: Option<String>,
    /// Who owns the fields that are applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_manager: Option<String>,
    /// Whether fields of others are taken over.
    #[serde(default, skip_serializing_if = "is_no")]
    pub force: bool,
    /// Whether the cluster was only asked what it would do.
    #[serde(default, skip_serializing_if = "is_no")]
    pub dry_run: bool,
    /// What was sent.
    #[serde(default)]
    pub object: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
fn is_no(flag: &bool) -> bool {
    !flag
}

/// A place where two runs of the reference differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPlace {
    /// Such as `relations/50/local_app_data/scrape_jobs`.
    pub path: String,
    /// In what they differ.
    pub kind: Openness,
}

/// In what two runs of the reference differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Openness {
    /// The same items in another order.
    Order,
    /// The order decides about more than order: not compared.
    Choice,
    /// Random, or made anew: compared by form.
    Generated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_actions_as_lists() {
        let text = r#"[["autostart"],["restart",["nginx"]],["exec",["nginx","-s","reload"]]]"#;
        let actions: Vec<Action> = serde_json::from_str(text).unwrap();
        assert_eq!(actions[1], Action { verb: "restart".into(), words: vec!["nginx".into()] });
        assert_eq!(serde_json::to_string(&actions).unwrap(), text);
    }

    #[test]
    fn a_failed_hook_tells_nothing_else() {
        assert_eq!(
            Outcome::failed("missing-key").to_json(),
            serde_json::json!({"raised": {"kind": "missing-key"}})
        );
    }

    #[test]
    fn debug_output_has_no_secret_content() {
        let secret = Secret {
            id: "secret:a".into(),
            label: None,
            owner: None,
            content: BTreeMap::from([("key".to_owned(), "tell-nobody".to_owned())]),
            grants: BTreeMap::new(),
        };
        let shown = format!("{secret:?}");
        assert!(shown.contains("key") && !shown.contains("tell-nobody"), "{shown}");
    }
}
