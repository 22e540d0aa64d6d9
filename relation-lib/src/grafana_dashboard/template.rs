//! Dashboards of a charm and the names that are derived from them.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};
use sha3::digest::{ExtendableOutput, Update};
use sha3::{Shake128, Shake256};

use super::packed::PackedDashboard;
use crate::databag::{FromJson, Members, Mismatch};
use crate::encoding::{parse_json, python_json, python_json_sorted};
use crate::topology::JujuTopology;

/// Whose dashboard it is; Grafana adds drop-downs for it and matches queries on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DashboardTopology {
    /// Name of the model.
    pub model: String,
    /// UUID of the model.
    pub model_uuid: String,
    /// Name of the application.
    pub application: String,
    /// Name of the unit that loaded the file.
    pub unit: String,
}

impl From<&JujuTopology> for DashboardTopology {
    fn from(topology: &JujuTopology) -> Self {
        DashboardTopology {
            model: topology.model.clone(),
            model_uuid: topology.model_uuid.to_string(),
            application: topology.application.to_string(),
            unit: topology.unit.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}

/// A dashboard as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DashboardTemplate {
    /// Name of the charm in its metadata.
    pub charm: String,
    /// The dashboard, packed.
    pub content: PackedDashboard,
    /// Whose it is; `None`, on the wire an empty object, without drop-downs.
    #[serde(serialize_with = "or_empty_object")]
    pub juju_topology: Option<DashboardTopology>,
    /// Whether Grafana adds drop-downs for the topology.
    pub inject_dropdowns: bool,
    /// The uid that Grafana gives to a dashboard that has none.
    pub dashboard_alt_uid: String,
}

fn or_empty_object<S: serde::Serializer>(
    topology: &Option<DashboardTopology>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match topology {
        Some(topology) => topology.serialize(serializer),
        None => Map::new().serialize(serializer),
    }
}

impl FromJson for DashboardTemplate {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        let topology: Map<String, Value> = members.optional("juju_topology")?.unwrap_or_default();
        let text =
            |name: &str| topology.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let juju_topology = (!topology.is_empty()).then(|| DashboardTopology {
            model: text("model"),
            model_uuid: text("model_uuid"),
            application: text("application"),
            unit: text("unit"),
        });
        let content: String = members.required("content")?;
        Ok(DashboardTemplate {
            charm: members.optional("charm")?.unwrap_or_default(),
            content: PackedDashboard::from_wire(content),
            juju_topology,
            inject_dropdowns: members.optional("inject_dropdowns")?.unwrap_or(true),
            dashboard_alt_uid: members.optional("dashboard_alt_uid")?.unwrap_or_default(),
        })
    }
}

/// Why a file is no dashboard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DashboardError {
    /// It is no JSON.
    #[error("cannot read dashboard `{path}`")]
    Json {
        /// The file, relative to the charm's root.
        path: String,
        /// Where it goes wrong.
        source: crate::encoding::JsonError,
    },
    /// It is JSON, but no object.
    #[error("cannot use dashboard `{path}`: it is no JSON object")]
    Shape {
        /// The file, relative to the charm's root.
        path: String,
    },
}

/// Whether a file name is one of a dashboard: it ends in `.json`, `.json.tmpl` or `.tmpl`.
#[must_use]
pub fn is_dashboard_file(name: &str) -> bool {
    name.ends_with(".json") || name.ends_with(".tmpl")
}

/// The id of a dashboard that was read from a file: its name without the last extension.
#[must_use]
pub fn file_id(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    format!("file:{}", name.rsplit_once('.').map_or(name, |(stem, _)| stem))
}

/// The id of a dashboard that a program added: eight characters of the packed text.
#[must_use]
pub fn programmatic_id(content: &PackedDashboard) -> String {
    let text = content.as_str();
    let end = text.len().saturating_sub(16);
    let part = text.get(text.len().saturating_sub(24)..end).unwrap_or_default();
    format!("prog:{part}")
}

/// The uid that Grafana gives to a dashboard that has none.
#[must_use]
pub fn alternative_uid(charm_name: &str, id: &str) -> String {
    shake256(&format!("{charm_name}-{id}"), 8)
}

/// The uid of a dashboard in a file, stable over units and revisions of the charm.
#[must_use]
pub fn uid_of_file(charm_name: &str, path: &str) -> String {
    shake256(&format!("{charm_name}-{path}"), 20)
}

/// The dashboard in a file of the charm.
///
/// `path` is relative to the charm's root. The dashboard gets a stable `uid` unless it has one of
/// that form, and a tag that names the charm unless it names one.
///
/// # Errors
///
/// When the file holds no JSON object.
pub fn template_of_file(
    charm_name: &str,
    topology: &JujuTopology,
    path: &str,
    text: &str,
) -> Result<DashboardTemplate, DashboardError> {
    let value = parse_json(text)
        .map_err(|source| DashboardError::Json { path: path.to_owned(), source })?;
    let Value::Object(mut dashboard) = value else {
        return Err(DashboardError::Shape { path: path.to_owned() });
    };
    let uid = dashboard.get("uid").and_then(Value::as_str);
    if !uid.is_some_and(is_stable_uid) {
        dashboard.insert("uid".to_owned(), uid_of_file(charm_name, path).into());
    }
    let mut tags = match dashboard.get("tags") {
        Some(Value::Array(tags)) => tags.clone(),
        _ => Vec::new(),
    };
    let names_charm = |tag: &Value| tag.as_str().is_some_and(|tag| tag.starts_with("charm: "));
    if !tags.iter().any(names_charm) {
        tags.push(format!("charm: {charm_name}").into());
        dashboard.insert("tags".to_owned(), tags.into());
    }
    Ok(DashboardTemplate {
        charm: charm_name.to_owned(),
        content: PackedDashboard::pack(&python_json(&dashboard)),
        juju_topology: Some(topology.into()),
        inject_dropdowns: true,
        dashboard_alt_uid: alternative_uid(charm_name, &file_id(path)),
    })
}

fn is_stable_uid(uid: &str) -> bool {
    uid.len() == 40 && uid.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// All dashboards of a charm, and the files that are none.
///
/// `files` are those of the dashboard folder, by path relative to the charm's root; others than
/// dashboards are left out silently. They are taken by ascending path, and of two with the same
/// id the later one counts.
pub fn templates_of_files<'a>(
    charm_name: &str,
    topology: &JujuTopology,
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> (IndexMap<String, DashboardTemplate>, Vec<DashboardError>) {
    let mut files: Vec<_> = files.into_iter().filter(|(path, _)| is_dashboard_file(path)).collect();
    // Path by path component, as a sorted walk of the folders meets them.
    files.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
    let mut templates = IndexMap::new();
    let mut problems = Vec::new();
    for (path, text) in files {
        match template_of_file(charm_name, topology, path, text) {
            Ok(template) => {
                templates.insert(file_id(path), template);
            }
            Err(problem) => problems.push(problem),
        }
    }
    (templates, problems)
}

/// A uuid for a set of templates: always the same for the same set, in the form of a random
/// (version 4) one, which is what readers of older revisions expect.
#[must_use]
pub(super) fn uuid_of(templates: &IndexMap<String, DashboardTemplate>) -> String {
    let mut bytes = [0; 16];
    let mut hasher = Shake128::default();
    hasher.update(python_json_sorted(templates).as_bytes());
    hasher.finalize_xof_into(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn shake256(text: &str, length: usize) -> String {
    let mut bytes = vec![0; length];
    let mut hasher = Shake256::default();
    hasher.update(text.as_bytes());
    hasher.finalize_xof_into(&mut bytes);
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHARM: &str = "loom-coordinator-k8s";

    fn loom() -> JujuTopology {
        JujuTopology::new(
            "stage",
            "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse().unwrap(),
            "loom".parse().unwrap(),
        )
        .with_unit("loom/0".parse().unwrap())
    }

    fn unpacked(text: &str) -> String {
        let path = "src/grafana_dashboards/overview.json";
        template_of_file(CHARM, &loom(), path, text).unwrap().content.unpack().unwrap()
    }

    #[test]
    fn uid_and_tag_are_filled_in() {
        let uid = "a16d9d4d0a70e9d348aa807cfa04a2b4418a12ac";
        assert_eq!(
            unpacked(r#"{"title": "Loom overview", "version": 3, "panels": [], "tags": []}"#),
            format!(
                r#"{{"title": "Loom overview", "version": 3, "panels": [], "tags": ["charm: loom-coordinator-k8s"], "uid": "{uid}"}}"#
            )
        );
        assert_eq!(
            unpacked(r#"{"title": "é"}"#),
            format!(r#"{{"title": "\u00e9", "uid": "{uid}", "tags": ["charm: {CHARM}"]}}"#)
        );
        assert_eq!(
            unpacked(r#"{"uid": "short", "tags": ["charm: other", "x"]}"#),
            format!(r#"{{"uid": "{uid}", "tags": ["charm: other", "x"]}}"#)
        );
    }

    #[test]
    fn a_uid_of_forty_digits_is_kept() {
        let own = "00112233445566778899aabbccddeeff00112233";
        assert!(unpacked(&format!(r#"{{"uid": "{own}"}}"#)).contains(own));
    }

    #[test]
    fn ids_lose_one_extension() {
        assert_eq!(file_id("src/grafana_dashboards/a.json"), "file:a");
        assert_eq!(file_id("a.json.tmpl"), "file:a.json");
        assert_eq!(alternative_uid(CHARM, "file:overview"), "d712069cc6efdf28");
        let packed = PackedDashboard::from_wire("abcdefghijklmnopqrstuvwxyz");
        assert_eq!(programmatic_id(&packed), "prog:cdefghij");
        assert_eq!(programmatic_id(&PackedDashboard::from_wire("short")), "prog:");
    }

    #[test]
    fn files_that_are_no_dashboards_are_named() {
        let files = [
            ("d/z/a.json", "{}"),
            ("d/b.tmpl", "[]"),
            ("d/a.json", "{ this"),
            ("d/readme.txt", "x"),
        ];
        let (templates, problems) = templates_of_files(CHARM, &loom(), files);
        assert_eq!(templates.keys().collect::<Vec<_>>(), ["file:a"]);
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "cannot read dashboard `d/a.json`",
                "cannot use dashboard `d/b.tmpl`: it is no JSON object"
            ]
        );
    }

    #[test]
    fn uuid_depends_on_content_and_not_on_order() {
        let (a, _) = templates_of_files(CHARM, &loom(), [("a.json", "{}"), ("b.json", "{}")]);
        let mut b = a.clone();
        b.swap_indices(0, 1);
        assert_eq!(uuid_of(&a), uuid_of(&b));
        b.pop();
        assert_ne!(uuid_of(&a), uuid_of(&b));
        let uuid = uuid_of(&a);
        assert_eq!((&uuid[14..15], uuid.len()), ("4", 36));
    }
}
