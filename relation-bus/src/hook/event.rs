//! Hooks by name, with what belongs to each kind.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::StorageKind;
use crate::names::{RelationId, SecretId, UnitName};

/// One hook that a unit is to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Hook {
    /// A hook of the unit's life.
    LifeCycle(LifeCycle),
    /// A hook about a relation.
    Relation(RelationHook),
    /// A hook about a workload container.
    Workload {
        /// The container.
        container: String,
        /// What happened.
        event: WorkloadEvent,
    },
    /// A hook about a secret.
    Secret {
        /// The secret.
        id: SecretId,
        /// The label that this unit knows it by; may be empty.
        label: String,
        /// What happened.
        event: SecretEvent,
    },
    /// A hook about a storage instance.
    Storage {
        /// The storage's name in the metadata.
        name: String,
        /// The instance, `data/0`.
        id: String,
        /// Where it is mounted.
        location: String,
        /// What it is.
        kind: StorageKind,
        /// Whether it is on its way out.
        detaching: Detaching,
    },
    /// An action, run by an operator.
    Action {
        /// The action's name.
        name: String,
        /// Its number.
        id: u32,
        /// Its parameters, defaults filled in.
        parameters: Map<String, Value>,
    },
    /// A script of an operator (`juju exec`), which is no hook: nothing is dispatched.
    Commands {
        /// Its number, counted with actions.
        id: u32,
        /// Lines for the shell.
        script: String,
        /// The relation whose variables the script gets.
        relation: Option<RelationHook>,
    },
    /// A name that this bus does not know, sent as it is: newer versions of Juju do so.
    Other(String),
}

/// Whether a storage instance comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detaching {
    /// `-storage-attached`.
    No,
    /// `-storage-detaching`.
    Yes,
}

/// Hooks of the unit's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifeCycle {
    /// First of all.
    Install,
    /// After the first `config-changed`, and after each restart of the pod.
    Start,
    /// Config, trust or the address changed.
    ConfigChanged,
    /// The charm was refreshed.
    UpgradeCharm,
    /// The unit or its pod goes away.
    Stop,
    /// Last of all.
    Remove,
    /// From time to time.
    UpdateStatus,
    /// The unit became leader.
    LeaderElected,
    /// Another unit leads, or has changed the leadership settings (Juju 3.x and older).
    LeaderSettingsChanged,
}

impl LifeCycle {
    /// The hook's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Start => "start",
            Self::ConfigChanged => "config-changed",
            Self::UpgradeCharm => "upgrade-charm",
            Self::Stop => "stop",
            Self::Remove => "remove",
            Self::UpdateStatus => "update-status",
            Self::LeaderElected => "leader-elected",
            Self::LeaderSettingsChanged => "leader-settings-changed",
        }
    }

    /// The hook of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::Install,
            Self::Start,
            Self::ConfigChanged,
            Self::UpgradeCharm,
            Self::Stop,
            Self::Remove,
            Self::UpdateStatus,
            Self::LeaderElected,
            Self::LeaderSettingsChanged,
        ]
        .into_iter()
        .find(|hook| hook.as_str() == name)
    }
}

/// What happened on a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationEvent {
    /// The relation exists.
    Created,
    /// A remote unit entered.
    Joined,
    /// A remote databag changed.
    Changed,
    /// A remote unit left.
    Departed,
    /// The relation is over.
    Broken,
}

impl RelationEvent {
    /// The word in the hook's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Joined => "joined",
            Self::Changed => "changed",
            Self::Departed => "departed",
            Self::Broken => "broken",
        }
    }
}

/// A hook about a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationHook {
    /// What happened.
    pub event: RelationEvent,
    /// On which relation.
    pub relation: RelationId,
    /// The own endpoint.
    pub endpoint: String,
    /// The other application; for a peer relation the own one.
    pub remote_application: String,
    /// The unit it is about; nobody for created, broken and an application's databag.
    pub remote_unit: Option<UnitName>,
    /// In departed: who leaves, the remote unit or this one.
    pub departing_unit: Option<UnitName>,
}

/// What happened to a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkloadEvent {
    /// Its Pebble came up.
    PebbleReady,
    /// A process in it left a notice of type `custom`.
    CustomNotice {
        /// The notice's id.
        id: String,
        /// The notice's key.
        key: String,
    },
    /// A check reached its threshold.
    CheckFailed {
        /// The check.
        check: String,
    },
    /// A failed check passes again.
    CheckRecovered {
        /// The check.
        check: String,
    },
}

impl WorkloadEvent {
    fn as_str(&self) -> &'static str {
        match self {
            Self::PebbleReady => "pebble-ready",
            Self::CustomNotice { .. } => "pebble-custom-notice",
            Self::CheckFailed { .. } => "pebble-check-failed",
            Self::CheckRecovered { .. } => "pebble-check-recovered",
        }
    }
}

/// What happened to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretEvent {
    /// A newer revision than the one tracked.
    Changed,
    /// Time for a new revision.
    Rotate,
    /// A revision expired.
    Expired {
        /// The revision.
        revision: u32,
    },
    /// Nobody tracks a revision any more.
    Remove {
        /// The revision.
        revision: u32,
    },
}

impl Hook {
    /// The name as in `hooks/<name>`; for an action the action's name.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::LifeCycle(hook) => hook.as_str().to_owned(),
            Self::Relation(hook) => format!("{}-relation-{}", hook.endpoint, hook.event.as_str()),
            Self::Workload { container, event } => format!("{container}-{}", event.as_str()),
            Self::Secret { event, .. } => match event {
                SecretEvent::Changed => "secret-changed",
                SecretEvent::Rotate => "secret-rotate",
                SecretEvent::Expired { .. } => "secret-expired",
                SecretEvent::Remove { .. } => "secret-remove",
            }
            .to_owned(),
            Self::Storage { name, detaching, .. } => match detaching {
                Detaching::No => format!("{name}-storage-attached"),
                Detaching::Yes => format!("{name}-storage-detaching"),
            },
            Self::Action { name, .. } | Self::Other(name) => name.clone(),
            Self::Commands { .. } => "run-commands".to_owned(),
        }
    }

    /// The name in the status of a failed hook: workload and storage hooks carry only their kind.
    #[must_use]
    pub fn error_name(&self) -> String {
        match self {
            Self::Workload { event, .. } => event.as_str().to_owned(),
            Self::Storage { detaching: Detaching::No, .. } => "storage-attached".to_owned(),
            Self::Storage { detaching: Detaching::Yes, .. } => "storage-detaching".to_owned(),
            _ => self.name(),
        }
    }

    /// Path of the hook as `JUJU_DISPATCH_PATH` has it; empty for an operator's script.
    #[must_use]
    pub fn dispatch_path(&self) -> String {
        match self {
            Self::Action { name, .. } => format!("actions/{name}"),
            Self::Commands { .. } => String::new(),
            _ => format!("hooks/{}", self.name()),
        }
    }

    /// The relation that the hook is about.
    #[must_use]
    pub fn relation(&self) -> Option<&RelationHook> {
        match self {
            Self::Relation(hook) => Some(hook),
            Self::Commands { relation, .. } => relation.as_ref(),
            _ => None,
        }
    }

    /// Environment variables that only this kind of hook has.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = Vec::new();
        let mut set = |name, value: &str| variables.push((name, value.to_owned()));
        match self {
            Self::LifeCycle(_) | Self::Other(_) | Self::Commands { relation: None, .. } => {}
            Self::Relation(hook) | Self::Commands { relation: Some(hook), .. } => {
                set("JUJU_RELATION", &hook.endpoint);
                set("JUJU_RELATION_ID", &hook.relation.with_endpoint(&hook.endpoint));
                set("JUJU_REMOTE_APP", &hook.remote_application);
                set("JUJU_REMOTE_UNIT", hook.remote_unit.as_ref().map_or("", UnitName::as_str));
                if hook.event == RelationEvent::Departed {
                    let unit = hook.departing_unit.as_ref().map_or("", UnitName::as_str);
                    set("JUJU_DEPARTING_UNIT", unit);
                }
            }
            Self::Workload { container, event } => {
                set("JUJU_WORKLOAD_NAME", container);
                match event {
                    WorkloadEvent::PebbleReady => {}
                    WorkloadEvent::CustomNotice { id, key } => {
                        set("JUJU_NOTICE_ID", id);
                        set("JUJU_NOTICE_TYPE", "custom");
                        set("JUJU_NOTICE_KEY", key);
                    }
                    WorkloadEvent::CheckFailed { check }
                    | WorkloadEvent::CheckRecovered { check } => {
                        set("JUJU_PEBBLE_CHECK_NAME", check);
                    }
                }
            }
            Self::Secret { id, label, event } => {
                set("JUJU_SECRET_ID", &id.uri());
                set("JUJU_SECRET_LABEL", label);
                if let SecretEvent::Expired { revision } | SecretEvent::Remove { revision } = event
                {
                    set("JUJU_SECRET_REVISION", &revision.to_string());
                }
            }
            Self::Storage { id, location, kind, .. } => {
                set("JUJU_STORAGE_ID", id);
                set("JUJU_STORAGE_LOCATION", location);
                set("JUJU_STORAGE_KIND", kind.as_str());
            }
            Self::Action { name, id, .. } => {
                set("JUJU_ACTION_NAME", name);
                set("JUJU_ACTION_UUID", &id.to_string());
                set("JUJU_ACTION_TAG", &format!("action-{id}"));
            }
        }
        variables
    }
}

impl From<LifeCycle> for Hook {
    fn from(hook: LifeCycle) -> Self {
        Self::LifeCycle(hook)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(event: RelationEvent, unit: Option<&str>) -> Hook {
        Hook::Relation(RelationHook {
            event,
            relation: RelationId(7),
            endpoint: "logging".to_owned(),
            remote_application: "loki".to_owned(),
            remote_unit: unit.map(|unit| unit.parse().unwrap()),
            departing_unit: None,
        })
    }

    #[test]
    fn an_application_level_change_has_an_empty_remote_unit() {
        let hook = relation(RelationEvent::Changed, None);
        assert_eq!(hook.dispatch_path(), "hooks/logging-relation-changed");
        assert_eq!(
            hook.variables(),
            [
                ("JUJU_RELATION", "logging".to_owned()),
                ("JUJU_RELATION_ID", "logging:7".to_owned()),
                ("JUJU_REMOTE_APP", "loki".to_owned()),
                ("JUJU_REMOTE_UNIT", String::new()),
            ]
        );
    }

    #[test]
    fn only_departed_names_who_departs() {
        let departed = relation(RelationEvent::Departed, Some("loki/0")).variables();
        assert!(departed.iter().any(|(name, _)| *name == "JUJU_DEPARTING_UNIT"));
        let joined = relation(RelationEvent::Joined, Some("loki/0")).variables();
        assert!(!joined.iter().any(|(name, _)| *name == "JUJU_DEPARTING_UNIT"));
    }

    #[test]
    fn a_failed_workload_hook_is_named_by_its_kind() {
        let hook =
            Hook::Workload { container: "nginx".to_owned(), event: WorkloadEvent::PebbleReady };
        assert_eq!(hook.name(), "nginx-pebble-ready");
        assert_eq!(hook.error_name(), "pebble-ready");
    }

    #[test]
    fn a_secret_hook_has_its_revision_only_when_it_is_about_one() {
        let id = SecretId::from_number(0);
        let hook = |event| Hook::Secret { id: id.clone(), label: "l".to_owned(), event };
        assert_eq!(hook(SecretEvent::Changed).variables().len(), 2);
        assert_eq!(
            hook(SecretEvent::Expired { revision: 3 }).variables()[2],
            ("JUJU_SECRET_REVISION", "3".to_owned())
        );
    }
}
