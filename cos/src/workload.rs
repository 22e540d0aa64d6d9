//! What the charms with a container have in common: one service, and files that come and go.

use std::collections::{BTreeMap, BTreeSet};

use charm::desired::{Comparison, Desired, FileGoal, Retry, RunningServices, ServiceGoal, Trigger};
use charm::layer::Layer;
use charm::names::ContainerName;
use charm::needs::{ContainerNeeds, Needs};
use charm::secret::SecretText;
use charm::snapshot::Snapshot;
use charm::status::Status;
use serde_json::{Map, Value, json};

/// The files that we wrote before, so that one that is no longer wanted is found and removed.
const MEMORY: &str = "files";

/// The one service of a container and its files.
pub(crate) struct Workload {
    /// The container; service and layer have the same name.
    pub(crate) container: ContainerName,
    /// The service's command.
    pub(crate) command: String,
    /// Files by path. One that we wrote before and that isn't among them is removed.
    pub(crate) files: BTreeMap<String, SecretText>,
}

impl Workload {
    /// What has to be seen.
    pub(crate) fn needs(&self, seen: &Snapshot) -> Needs {
        let mut files = remembered(seen);
        files.extend(self.files.keys().cloned());
        Needs {
            containers: [(
                self.container.clone(),
                ContainerNeeds { files, ..ContainerNeeds::default() },
            )]
            .into(),
            state: [MEMORY.to_owned()].into(),
            ..Needs::default()
        }
    }

    /// Files, layer and service, when the container can be reached; a status when not.
    pub(crate) fn run(self, snapshot: &Snapshot, desired: &mut Desired) {
        let name = self.container.to_string();
        if snapshot.container(&self.container).is_none() {
            let message = format!("[workload] container `{name}` can't be reached: it is starting");
            desired.unit_statuses.push(Status::waiting(message));
            return;
        }
        let wanted: BTreeSet<String> = self.files.keys().cloned().collect();
        let before = remembered(snapshot);
        let goal = desired.container(&self.container);
        for (path, content) in self.files {
            let comparison = Comparison::Bytes;
            goal.files.insert(path, FileGoal::Present { content, mode: 0o644, comparison });
        }
        for stale in before.difference(&wanted) {
            goal.files.insert(stale.clone(), FileGoal::Absent);
        }
        let service = json!({
            "override": "replace", "summary": name, "command": self.command, "startup": "enabled",
        });
        let layer = Layer {
            summary: format!("{name} layer"),
            services: [(name.clone(), members(service))].into(),
            ..Layer::default()
        };
        goal.layers.push((name.clone(), layer));
        let files = wanted.union(&before).cloned().collect();
        goal.services = ServiceGoal::Running(RunningServices {
            services: [name.clone()].into(),
            trigger: Trigger { files, layers: [name].into() },
            retry: Retry { attempts: 3, ..Retry::default() },
            ..RunningServices::default()
        });
        if wanted != before {
            desired.state.insert(MEMORY.to_owned(), Some(json!(wanted).to_string()));
        }
    }
}

fn remembered(snapshot: &Snapshot) -> BTreeSet<String> {
    let text = snapshot.state.get(MEMORY).map_or("[]", String::as_str);
    serde_json::from_str(text).unwrap_or_default()
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
