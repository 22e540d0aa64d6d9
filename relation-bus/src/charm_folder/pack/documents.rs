//! The documents that Juju reads, split out of `charmcraft.yaml` as charmcraft splits them.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{PackError, text};
use crate::charm_folder::LoadError;
use crate::charm_folder::load::{read, read_optional};

/// The charmcraft whose layout this is; a store wants to know it.
const CHARMCRAFT_VERSION: &str = "4.5.0";

/// When packing began, as far as anybody is told: the same input must give the same bytes.
const STARTED_AT: &str = "1980-01-01T00:00:00+00:00";

/// Keys of `charmcraft.yaml` that go into `metadata.yaml` as they are.
const METADATA_KEYS: [&str; 19] = [
    "name",
    "summary",
    "description",
    "maintainers",
    "assumes",
    "charm-user",
    "containers",
    "devices",
    "docs",
    "extra-bindings",
    "issues",
    "peers",
    "provides",
    "requires",
    "resources",
    "source",
    "storage",
    "subordinate",
    "terms",
];

/// What a charm is packed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Platform {
    name: String,
    system: String,
    channel: String,
    architectures: Vec<String>,
}

impl Platform {
    /// How it stands in the name of the archive.
    pub(super) fn file_part(&self) -> String {
        self.name.replace([':', '@'], "-")
    }
}

/// The content of `charmcraft.yaml`; nothing when the folder has none.
pub(super) fn project(folder: &Path) -> Result<Value, LoadError> {
    read_optional(&folder.join("charmcraft.yaml"))
}

/// The platform of a name, or the first one for this machine.
pub(super) fn platform(
    folder: &Path,
    project: &Value,
    wanted: Option<&str>,
) -> Result<Platform, PackError> {
    let refuse =
        |reason: String| PackError::Project { path: folder.join("charmcraft.yaml"), reason };
    let platforms = platforms(project).map_err(|reason| refuse(reason.to_owned()))?;
    let here = architecture();
    let found = platforms.iter().find(|platform| match wanted {
        Some(name) => platform.name == name,
        None => platform.architectures.iter().any(|one| one == here || one == "all"),
    });
    found.cloned().ok_or_else(|| {
        let names: Vec<_> = platforms.iter().map(|platform| platform.name.as_str()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        refuse(format!("expected platform {}, found {names}", wanted.unwrap_or(here)))
    })
}

/// This machine's architecture, in Debian's words.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

/// The platforms of `base` and `platforms`, or of the older `bases`. A folder that is packed
/// already, without `charmcraft.yaml`, is taken to be for this machine.
fn platforms(project: &Value) -> Result<Vec<Platform>, &'static str> {
    if project.is_null() {
        return Ok(vec![Platform {
            name: architecture().to_owned(),
            system: "ubuntu".to_owned(),
            channel: "24.04".to_owned(),
            architectures: vec![architecture().to_owned()],
        }]);
    }
    if let Some(bases) = project["bases"].as_array() {
        return bases.iter().map(older_base).collect();
    }
    let declared = project["platforms"].as_object().ok_or("expected `platforms`, a mapping")?;
    let mut platforms = Vec::new();
    for (name, entry) in declared {
        let (own_base, short) = match name.rsplit_once(':') {
            Some((base, architecture)) => (Some(base), architecture),
            None => (None, name.as_str()),
        };
        let base =
            own_base.or(text(project, "base")).ok_or("expected `base`, as `ubuntu@24.04`")?;
        let (system, channel) = base.split_once('@').ok_or("expected `base` as `ubuntu@24.04`")?;
        let architectures = match &entry["build-for"] {
            Value::String(one) => vec![without_base(one)],
            Value::Array(all) => all.iter().filter_map(Value::as_str).map(without_base).collect(),
            _ => vec![short.to_owned()],
        };
        platforms.push(Platform {
            name: name.clone(),
            system: system.to_owned(),
            channel: channel.to_owned(),
            architectures,
        });
    }
    Ok(platforms)
}

fn without_base(architecture: &str) -> String {
    architecture.rsplit(':').next().unwrap_or(architecture).to_owned()
}

/// An entry of `bases`: what it runs on, or the short form of it.
fn older_base(entry: &Value) -> Result<Platform, &'static str> {
    let base = if entry["run-on"].is_array() { &entry["run-on"][0] } else { entry };
    let system = text(base, "name").ok_or("expected `bases` with a `name` each")?;
    let channel = text(base, "channel").ok_or("expected `bases` with a `channel` each")?;
    let architectures = match base["architectures"].as_array() {
        Some(all) => all.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        None => vec![architecture().to_owned()],
    };
    let name = format!("{system}-{channel}-{}", architectures.join("-"));
    Ok(Platform { name, system: system.to_owned(), channel: channel.to_owned(), architectures })
}

/// The documents by name, as YAML with sorted keys. A document that lies in the folder is taken
/// from there.
pub(super) fn split(
    folder: &Path,
    project: &Value,
    platform: &Platform,
) -> Result<Vec<(&'static str, String)>, PackError> {
    let refuse = |source| PackError::Charm { path: folder.to_owned(), source: Box::new(source) };
    let own = |name: &str| match folder.join(name) {
        path if path.is_file() => read(&path).map(Some),
        _ => Ok(None),
    };
    let inline = |key: &str| Some(project[key].clone()).filter(|value| !value.is_null());
    let mut documents = Vec::new();
    let metadata = own("metadata.yaml").map_err(refuse)?.unwrap_or_else(|| metadata(project));
    documents.push(("metadata.yaml", metadata));
    let manifest = own("manifest.yaml").map_err(refuse)?;
    documents.push(("manifest.yaml", manifest.unwrap_or_else(|| manifest_of(folder, platform))));
    for (name, key) in [("config.yaml", "config"), ("actions.yaml", "actions")] {
        let document = own(name).map_err(refuse)?.or_else(|| inline(key));
        // An empty one is an error to Juju.
        documents.extend(document.filter(|one| !is_empty(one)).map(|one| (name, one)));
    }
    let write = |(name, document): (&'static str, Value)| {
        let text = serde_yaml::to_string(&sorted(document));
        let text = text.map_err(|error| PackError::Project {
            path: folder.join(name),
            reason: error.to_string(),
        })?;
        Ok((name, text))
    };
    documents.into_iter().map(write).collect()
}

fn is_empty(document: &Value) -> bool {
    document.as_object().is_none_or(Map::is_empty)
}

/// `metadata.yaml` out of `charmcraft.yaml`: `title` and `links` have other names there.
fn metadata(project: &Value) -> Value {
    let mut metadata = Map::new();
    for key in METADATA_KEYS.into_iter().chain(["website"]) {
        if !project[key].is_null() {
            metadata.insert(key.to_owned(), project[key].clone());
        }
    }
    let mut rename = |from: &Value, to: &str| {
        if !from.is_null() {
            metadata.insert(to.to_owned(), from.clone());
        }
    };
    rename(&project["title"], "display-name");
    let links = &project["links"];
    rename(&links["documentation"], "docs");
    for key in ["issues", "source", "website"] {
        rename(&links[key], key);
    }
    match &links["contact"] {
        Value::String(contact) => rename(&json!([contact]), "maintainers"),
        contacts => rename(contacts, "maintainers"),
    }
    Value::Object(metadata)
}

fn manifest_of(folder: &Path, platform: &Platform) -> Value {
    let script = std::fs::read_to_string(folder.join("src/charm.py"));
    let uses_ops = |text: &String| {
        text.lines().any(|line| line.starts_with("import ops") || line.starts_with("from ops"))
    };
    let language = if script.is_ok() { "python" } else { "unknown" };
    let framework = if script.as_ref().is_ok_and(uses_ops) { "operator" } else { "unknown" };
    json!({
        "charmcraft-version": CHARMCRAFT_VERSION,
        "charmcraft-started-at": STARTED_AT,
        "bases": [{
            "name": platform.system,
            "channel": platform.channel,
            "architectures": platform.architectures,
        }],
        "analysis": {"attributes": [
            {"name": "language", "result": language},
            {"name": "framework", "result": framework},
        ]},
    })
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            entries.into_iter().map(|(key, value)| (key, sorted(value))).collect()
        }
        Value::Array(entries) => entries.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_links_get_juju_s_names() {
        let project = json!({
            "type": "charm", "name": "web", "title": "Web", "summary": "s", "description": "d",
            "links": {"documentation": "https://a", "issues": ["https://b"], "contact": "me"},
            "requires": {"db": {"interface": "sql"}}, "parts": {}, "config": {"options": {}},
        });
        let expected = json!({
            "name": "web", "summary": "s", "description": "d",
            "requires": {"db": {"interface": "sql"}}, "display-name": "Web",
            "docs": "https://a", "issues": ["https://b"], "maintainers": ["me"],
        });
        assert_eq!(metadata(&project), expected);
    }

    #[test]
    fn a_platform_is_found_in_each_form() {
        let check = |project: Value, wanted: Option<&str>, expected: &str| {
            let found = match platform(Path::new("charm"), &project, wanted) {
                Ok(found) => format!(
                    "{} {} {} {}",
                    found.file_part(),
                    found.system,
                    found.channel,
                    found.architectures.join("+")
                ),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected);
        };
        let short = json!({"base": "ubuntu@24.04", "platforms": {"arm64": null, "amd64": null}});
        check(short.clone(), Some("amd64"), "amd64 ubuntu 24.04 amd64");
        check(
            short,
            Some("s390x"),
            "cannot pack `charm/charmcraft.yaml`: expected platform s390x, found arm64, amd64",
        );
        let several = json!({"platforms": {"ubuntu@22.04:arm64": null}});
        check(several, Some("ubuntu@22.04:arm64"), "ubuntu-22.04-arm64 ubuntu 22.04 arm64");
        let built = json!({"base": "ubuntu@24.04", "platforms": {
            "jammy": {"build-on": ["amd64"], "build-for": ["riscv64"]}}});
        check(built, Some("jammy"), "jammy ubuntu 24.04 riscv64");
        let older = json!({"bases": [{"build-on": [], "run-on": [
            {"name": "ubuntu", "channel": "20.04", "architectures": ["amd64", "arm64"]}]}]});
        check(
            older,
            Some("ubuntu-20.04-amd64-arm64"),
            "ubuntu-20.04-amd64-arm64 ubuntu 20.04 amd64+arm64",
        );
        check(
            json!({"name": "web"}),
            None,
            "cannot pack `charm/charmcraft.yaml`: expected `platforms`, a mapping",
        );
    }
}
