//! What the decision comes to, held against the recording.

use std::collections::{BTreeMap, BTreeSet};

use charm::databag::{Databag, DatabagPatch};
use charm::desired::{Desired, FileGoal, SecretGoal, ServiceGoal};
use charm::kubernetes::{KubernetesWrite, ObjectKind};
use charm::names::RelationId;
use charm::snapshot::{ContainerState, FileRead, Snapshot};
use charm::status::Status;
use serde_json::{Map, Value, json};

/// Every place that differs, one text each.
pub(crate) fn differences(
    input: &Value,
    expected: &Value,
    snapshot: &Snapshot,
    desired: &Desired,
) -> Vec<String> {
    let mut judge = Judge { expected, found: Vec::new() };
    judge.statuses(desired);
    for part in ["relations", "peers"] {
        for before in list(&input[part]) {
            let wanted = list(&expected[part]).find(|wanted| wanted["id"] == before["id"]);
            judge.relation(part, before, wanted.expect("the same relations"), desired);
        }
    }
    for wanted in list(&expected["containers"]) {
        judge.container(wanted, snapshot, desired);
    }
    judge.host_files(snapshot, desired);
    judge.secrets(snapshot, desired);
    judge.kubernetes(desired);
    let tracing = desired.charm_tracing.as_ref();
    let tracing = tracing.map(|place| json!({"url": place.url, "ca": place.ca}));
    judge.same("charm_tracing", &expected["charm_tracing"], &tracing.unwrap_or_default());
    judge.found
}

struct Judge<'a> {
    expected: &'a Value,
    found: Vec<String>,
}

impl Judge<'_> {
    fn differ(&mut self, path: &str, wanted: &str, found: &str) {
        let short = |text: &str| text.chars().take(1500).collect::<String>();
        self.found.push(format!("{path}: expected {}, found {}", short(wanted), short(found)));
    }

    fn open(&self, path: &str) -> Option<&str> {
        list(&self.expected["open"])
            .find(|entry| entry["path"] == path)
            .and_then(|entry| entry["kind"].as_str())
    }

    fn same(&mut self, path: &str, wanted: &Value, found: &Value) {
        let equal = match self.open(path) {
            Some("choice" | "generated") => true,
            Some(_) => unordered(wanted) == unordered(found),
            None => wanted == found,
        };
        if !equal {
            self.differ(path, &wanted.to_string(), &found.to_string());
        }
    }

    fn statuses(&mut self, desired: &Desired) {
        let of = |status: Option<&Status>| match status {
            Some(status) => json!({"name": status.level.as_str(), "message": status.message}),
            None => json!({"name": "unknown", "message": ""}),
        };
        let unit = of(Status::worst(&desired.unit_statuses));
        let app = of(Status::worst(desired.app_statuses()));
        self.same("unit_status", &self.expected["unit_status"], &unit);
        self.same("app_status", &self.expected["app_status"], &app);
    }

    fn relation(&mut self, part: &str, before: &Value, wanted: &Value, desired: &Desired) {
        let id = RelationId(before["id"].as_u64().expect("an id") as u32);
        for (side, patches) in [
            ("local_app_data", desired.app_databags()),
            ("local_unit_data", desired.unit_databags()),
        ] {
            let path = format!("{part}/{id}/{side}");
            let after = patched(&before[side], patches.get(&id));
            let wanted = bag(&wanted[side]);
            let keys: BTreeSet<&String> = wanted.keys().chain(after.keys()).collect();
            for key in keys.into_iter().filter(|key| !JUJU_KEYS.contains(&key.as_str())) {
                let path = format!("{path}/{key}");
                match (wanted.get(key), after.get(key)) {
                    (Some(wanted), Some(after)) => self.value(&path, key, wanted, after),
                    (wanted, after) => {
                        self.differ(&path, &format!("{wanted:?}"), &format!("{after:?}"));
                    }
                }
            }
        }
    }

    fn value(&mut self, path: &str, key: &str, wanted: &str, found: &str) {
        if wanted == found {
            return;
        }
        let parse =
            |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| text.into());
        let (mut wanted, mut found) = (parse(wanted), parse(found));
        if key == "alert_rules" {
            mask(&wanted, &mut found);
        }
        if key == "dashboards" {
            unpack(&mut wanted);
            unpack(&mut found);
        }
        self.same(path, &wanted, &found);
        if self.open(path).is_none()
            && wanted == found
            && key != "alert_rules"
            && key != "dashboards"
        {
            self.found.push(format!("{path}: same meaning, other bytes"));
        }
    }

    fn container(&mut self, wanted: &Value, snapshot: &Snapshot, desired: &Desired) {
        let name = wanted["name"].as_str().expect("a name");
        let path = format!("containers/{name}");
        let key = name.parse().expect("a container");
        let state = snapshot.container(&key);
        let reachable = state.is_some();
        let state = state.cloned().unwrap_or_default();
        let goal = desired.containers.get(&key).filter(|_| reachable).cloned().unwrap_or_default();
        let mut plan = state.plan.clone();
        for (_, layer) in &goal.layers {
            plan.services.extend(layer.services.clone());
            plan.checks.extend(layer.checks.clone());
            plan.log_targets.extend(layer.log_targets.clone());
        }
        let entries = |entries: &BTreeMap<String, Map<String, Value>>| json!(entries);
        self.same(
            &format!("{path}/plan/services"),
            &without_sentinel(&wanted["plan"]["services"]),
            &without_sentinel(&entries(&plan.services)),
        );
        let targets = entries(&plan.log_targets);
        self.same(&format!("{path}/plan/log-targets"), &wanted["plan"]["log-targets"], &targets);
        let files = files_after(&state, &goal.files);
        let names: BTreeSet<&String> = files
            .keys()
            .chain(wanted["files"].as_object().into_iter().flat_map(Map::keys))
            .collect();
        for file in names {
            let path = format!("{path}/files/{file}");
            match (wanted["files"][file].as_str(), files.get(file)) {
                (Some(wanted), Some(found)) => self.file(&path, wanted, found),
                (wanted, found) => {
                    self.differ(
                        &path,
                        &format!("{}", wanted.is_some()),
                        &format!("{}", found.is_some()),
                    );
                }
            }
        }
        let runs =
            matches!(&goal.services, ServiceGoal::Replanned(services) if !services.is_empty());
        let ran = wanted["services"].as_object().is_some_and(|services| !services.is_empty());
        if reachable && ran != (runs || !state.plan.services.is_empty()) {
            self.differ(&format!("{path}/services"), &ran.to_string(), &runs.to_string());
        }
    }

    fn file(&mut self, path: &str, wanted: &str, found: &str) {
        if path.ends_with("nginx.conf") {
            let (a, b) = (words(wanted), words(found));
            if self.open(path).is_some() {
                self.same(path, &json!(wanted), &json!(found));
            } else if a != b {
                let at = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
                let near = |words: &[String]| {
                    let from = at.saturating_sub(6).min(words.len());
                    words[from..(at + 12).min(words.len())].join(" ")
                };
                self.differ(path, &near(&a), &near(&b));
            }
        } else if wanted.trim_end() != found.trim_end() {
            self.differ(path, wanted, found);
        }
    }

    fn host_files(&mut self, snapshot: &Snapshot, desired: &Desired) {
        let mut files: BTreeMap<String, String> = snapshot
            .host_files
            .iter()
            .filter_map(|(path, content)| {
                let content = String::from_utf8(content.clone()?).ok()?;
                Some((path.display().to_string(), content))
            })
            .collect();
        for (path, goal) in &desired.host_files {
            match goal {
                FileGoal::Present { content, .. } => {
                    files.insert(path.display().to_string(), content.reveal().to_owned());
                }
                FileGoal::Absent => {
                    files.remove(&path.display().to_string());
                }
            }
        }
        let files = json!(files);
        let ca = "/usr/local/share/ca-certificates/ca.crt";
        self.same(
            &format!("charm_container_files/{ca}"),
            &self.expected["charm_container_files"][ca],
            &files[ca],
        );
    }

    fn secrets(&mut self, snapshot: &Snapshot, desired: &Desired) {
        let mut after: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = snapshot
            .owned_secrets
            .iter()
            .map(|(label, secret)| {
                let grants = secret.grants.iter().map(ToString::to_string).collect();
                (label.to_string(), (secret.content.keys().cloned().collect(), grants))
            })
            .collect();
        for (label, goal) in &desired.secrets {
            match goal {
                SecretGoal::Present { content, grants, .. } => {
                    let entry = after.entry(label.to_string()).or_default();
                    entry.0 = content.keys().cloned().collect();
                    entry.1.extend(grants.iter().map(ToString::to_string));
                }
                SecretGoal::Absent => {
                    after.remove(label.as_str());
                }
            }
        }
        let keys = |value: &Value| -> BTreeSet<String> {
            value.as_object().into_iter().flat_map(Map::keys).cloned().collect()
        };
        let wanted: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> =
            list(&self.expected["secrets"])
                .map(|secret| {
                    let label = secret["label"].as_str().unwrap_or_default().to_owned();
                    (label, (keys(&secret["content"]), keys(&secret["grants"])))
                })
                .collect();
        if wanted != after {
            self.differ("secrets", &format!("{wanted:?}"), &format!("{after:?}"));
        }
    }

    fn kubernetes(&mut self, desired: &Desired) {
        let mut found: BTreeMap<String, Value> = BTreeMap::new();
        for write in &desired.kubernetes {
            let (how, object, body) = match write {
                KubernetesWrite::Create { object, body }
                | KubernetesWrite::Merge { object, body, .. } => ("set", object, body.clone()),
                KubernetesWrite::Apply(patch) => ("apply", &patch.object, patch.body.clone()),
                KubernetesWrite::Delete(object) => ("delete", object, Value::Null),
            };
            let kind = format!("{:?}", object.kind);
            let body =
                if object.kind == ObjectKind::AuthorizationPolicy { policy(body) } else { body };
            found.insert(format!("{how} {kind} {}", stem(&kind, &object.name)), body);
        }
        let mut wanted: BTreeMap<String, Value> = BTreeMap::new();
        for write in list(&self.expected["k8s"]).filter(|write| write["dry_run"] != true) {
            let kind = write["kind"].as_str().unwrap_or_default();
            let how = match (&write["verb"], write["patch_type"].as_str()) {
                (verb, _) if verb == "delete" => "delete",
                (_, Some(how)) if how.contains("apply") => "apply",
                _ => "set",
            };
            let name = stem(kind, write["name"].as_str().unwrap_or_default());
            let body = write["object"].clone();
            let body = if kind == "AuthorizationPolicy" { policy(body) } else { body };
            wanted.insert(format!("{how} {kind} {name}"), body);
        }
        let keys: BTreeSet<String> = wanted.keys().chain(found.keys()).cloned().collect();
        for key in keys {
            let side = |side: &BTreeMap<String, Value>| side.get(&key).cloned().unwrap_or_default();
            let (wanted, found) = (side(&wanted), side(&found));
            self.same(&format!("k8s/{key}"), &wanted, &found);
        }
    }
}

const JUJU_KEYS: [&str; 3] = ["egress-subnets", "ingress-address", "private-address"];

fn stem(kind: &str, name: &str) -> String {
    match name.rsplit_once('-') {
        Some((stem, _)) if kind == "AuthorizationPolicy" => stem.to_owned(),
        _ => name.to_owned(),
    }
}

fn policy(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.remove("apiVersion");
        members.remove("kind");
        if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("name");
        }
    }
    body
}

fn bag(value: &Value) -> Databag {
    let members = value.as_object().cloned().unwrap_or_default();
    members.into_iter().map(|(k, v)| (k, v.as_str().unwrap_or_default().to_owned())).collect()
}

fn patched(before: &Value, patch: Option<&DatabagPatch>) -> Databag {
    let mut after = bag(before);
    for (key, value) in patch.into_iter().flatten() {
        match value.as_deref() {
            None | Some("") => after.remove(key),
            Some(value) => after.insert(key.clone(), value.to_owned()),
        };
    }
    after
}

fn files_after(
    state: &ContainerState,
    goals: &BTreeMap<String, FileGoal>,
) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = state
        .files
        .iter()
        .filter_map(|(path, read)| match read {
            FileRead::Content(bytes) => {
                Some((path.clone(), String::from_utf8(bytes.clone()).ok()?))
            }
            _ => None,
        })
        .collect();
    for (path, goal) in goals {
        match goal {
            FileGoal::Present { content, .. } => {
                files.insert(path.clone(), content.reveal().to_owned());
            }
            FileGoal::Absent => {
                files.remove(path);
            }
        }
    }
    files
}

/// The words of a configuration; a `map` block that repeats an earlier one doesn't count.
fn words(text: &str) -> Vec<String> {
    let mut lines: Vec<&str> = Vec::new();
    let mut blocks: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("map $") {
        let end = at + rest[at..].find('}').map_or(0, |end| end + 1);
        let block = rest[at..end].to_owned();
        lines.push(&rest[..at]);
        if !blocks.contains(&block) {
            lines.push(&rest[at..end]);
            blocks.push(block);
        }
        rest = &rest[end..];
    }
    lines.push(rest);
    lines.concat().split_whitespace().map(str::to_owned).collect()
}

fn unordered(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains('\n') => {
            let mut lines: Vec<&str> = text.lines().map(str::trim).collect();
            lines.sort_unstable();
            json!(lines)
        }
        Value::Array(entries) => {
            let mut entries: Vec<Value> = entries.iter().map(unordered).collect();
            entries.sort_by_key(ToString::to_string);
            Value::Array(entries)
        }
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), unordered(value))).collect()
        }
        other => other.clone(),
    }
}

/// Puts the mark of a free text where the recording has it.
fn mask(wanted: &Value, found: &mut Value) {
    match (wanted, found) {
        (Value::String(mark), found) if mark == "(any text)" => *found = mark.as_str().into(),
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in found {
                if let Some(wanted) = wanted.get(key) {
                    mask(wanted, value);
                }
            }
        }
        (Value::Array(wanted), Value::Array(found)) => {
            for (wanted, found) in wanted.iter().zip(found) {
                mask(wanted, found);
            }
        }
        _ => {}
    }
}

fn unpack(dashboards: &mut Value) {
    if let Some(members) = dashboards.as_object_mut() {
        members.remove("uuid");
    }
    for (_, template) in dashboards["templates"].as_object_mut().into_iter().flatten() {
        let packed: Option<relation_lib::grafana_dashboard::PackedDashboard> =
            serde_json::from_value(template["content"].clone()).ok();
        if let Some(text) = packed.and_then(|packed| packed.unpack().ok()) {
            template["content"] = serde_json::from_str(&text).unwrap_or_default();
        }
    }
}

fn without_sentinel(services: &Value) -> Value {
    let mut services = services.clone();
    for (_, service) in services.as_object_mut().into_iter().flatten() {
        if let Some(environment) = service["environment"].as_object_mut() {
            environment.remove("_reload");
        }
    }
    services
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
