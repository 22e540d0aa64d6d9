//! Model files: a whole model in one YAML document.
//!
//! ```yaml
//! model: cos
//! uuid: 3f1c9a52-7d4e-4b0a-9c61-5e8f2ab4d107
//! juju-version: 3.6.8
//! applications:
//!   coordinator:
//!     charm: ../../charmcraft/coordinator   # a folder, relative to this file
//!     units: 2
//!     trust: true
//!     config: {some-option: 1}
//!     images: {workload: ../images/web}     # what its containers bring along, see `up --real`
//!   prometheus:
//!     charm: cos:prometheus                 # a built-in charm
//! relations:
//!   - [coordinator:metrics-endpoint, prometheus:metrics-endpoint]
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_yaml::Spanned;

use crate::charm_folder::{CharmFolder, LoadError, load, workspace_of};
use crate::engine::PebbleKind;
use crate::names::is_application_name;

/// The Juju version that a model plays when its file doesn't say.
pub const DEFAULT_JUJU_VERSION: &str = "3.6.8";

const DEFAULT_UUID: &str = "4f1c2d3e-9a8b-4c7d-8e6f-5a4b3c2d1e0f";

/// Where in a file something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 when it is not known.
    pub line: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}", self.file.display()),
        }
    }
}

/// Why a model file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// The file cannot be read.
    #[error("cannot read model file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not YAML, or not of this form.
    #[error("cannot use model file `{place}`: {reason}")]
    Form {
        /// Where.
        place: Place,
        /// What was expected and what was found.
        reason: String,
    },
    /// A charm cannot be loaded.
    #[error("cannot use model file `{place}`: application `{application}` has no usable charm")]
    Charm {
        /// Where.
        place: Place,
        /// The application.
        application: String,
        /// Why.
        source: Box<LoadError>,
    },
}

/// An application to deploy.
#[derive(Debug, Clone)]
pub struct ApplicationPlan {
    /// Its charm.
    pub charm: CharmFolder,
    /// How many units.
    pub units: u32,
    /// Config values by option.
    pub config: BTreeMap<String, Value>,
    /// Whether it may use the cluster.
    pub trust: bool,
    /// Commands that its containers answer, by container.
    pub commands: BTreeMap<String, Vec<CommandAnswer>>,
    /// Folders whose files its containers bring along, by container.
    pub images: BTreeMap<String, PathBuf>,
}

/// A command that exists in a container, and what it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandAnswer {
    /// The command or its first words.
    pub command: Vec<String>,
    /// Its exit code.
    #[serde(default)]
    pub return_code: i32,
    /// What it prints.
    #[serde(default)]
    pub stdout: String,
}

/// One end of a relation to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The application.
    pub application: String,
    /// Its endpoint; without one, the only one that fits.
    pub endpoint: Option<String>,
}

impl std::fmt::Display for End {
    /// The form of `juju integrate`: `app:endpoint`, or `app`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "{}:{endpoint}", self.application),
            None => f.write_str(&self.application),
        }
    }
}

/// A whole model to bring up.
#[derive(Debug, Clone)]
pub struct ModelPlan {
    /// The model's name.
    pub name: String,
    /// The model's UUID.
    pub uuid: String,
    /// The Juju version it plays.
    pub juju_version: String,
    /// What runs in containers, when that is not what the settings of the bus say.
    pub pebble: Option<PebbleKind>,
    /// Applications, in the order of the file.
    pub applications: Vec<(String, ApplicationPlan)>,
    /// Relations, in the order of the file, with where they stand in it.
    pub relations: Vec<(End, End, Place)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Document {
    model: String,
    uuid: Option<String>,
    juju_version: Option<String>,
    applications: BTreeMap<String, ApplicationDocument>,
    #[serde(default)]
    relations: Vec<Spanned<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ApplicationDocument {
    charm: Spanned<String>,
    #[serde(default = "one")]
    units: u32,
    #[serde(default)]
    config: BTreeMap<String, Value>,
    #[serde(default)]
    trust: bool,
    #[serde(default)]
    commands: BTreeMap<String, Vec<CommandAnswer>>,
    #[serde(default)]
    images: BTreeMap<String, PathBuf>,
}

fn one() -> u32 {
    1
}

/// Reads a model file and loads the charms it names.
///
/// # Errors
///
/// When the file is wrong; the error says where and what was expected.
pub fn read(path: &Path) -> Result<ModelPlan, ModelFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ModelFileError::Read { path: path.to_owned(), source })?;
    let at = |line| Place { file: path.to_owned(), line };
    let document: Document = serde_yaml::from_str(&text).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        // The parser repeats the place over several lines; the first one says it all.
        let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
        ModelFileError::Form { place: at(line), reason }
    })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut applications = Vec::new();
    for (name, application) in document.applications {
        let place = at(application.charm.referenced.line());
        if !is_application_name(&name) {
            let reason = format!(
                "expected an application name of lower-case letters, digits and dashes, found \
                 `{name}`"
            );
            return Err(ModelFileError::Form { place, reason });
        }
        let charm_path = charm_path(&application.charm.value, folder, &place)?;
        let charm = load(&charm_path).map_err(|source| ModelFileError::Charm {
            place: place.clone(),
            application: name.clone(),
            source: Box::new(source),
        })?;
        for (option, value) in &application.config {
            check_option(&name, &charm, option, value, &place)?;
        }
        let plan = ApplicationPlan {
            charm,
            units: application.units,
            config: application.config,
            trust: application.trust,
            commands: application.commands,
            images: application
                .images
                .into_iter()
                .map(|(container, image)| (container, folder.join(image)))
                .collect(),
        };
        applications.push((name, plan));
    }
    let mut relations = Vec::new();
    for relation in document.relations {
        let place = at(relation.referenced.line());
        let [one, other] = relation.value.as_slice() else {
            let reason = format!(
                "expected a relation of two ends, `[app:endpoint, app:endpoint]`, found {}",
                relation.value.len()
            );
            return Err(ModelFileError::Form { place, reason });
        };
        let end = |text: &str| {
            let (application, endpoint) = match text.split_once(':') {
                Some((application, endpoint)) => (application, Some(endpoint.to_owned())),
                None => (text, None),
            };
            let known = applications.iter().find(|(name, _)| name == application);
            let Some((_, plan)) = known else {
                let reason = format!("expected an application of this file, found `{application}`");
                return Err(ModelFileError::Form { place: place.clone(), reason });
            };
            if let Some(endpoint) = endpoint.as_ref()
                && !plan.charm.metadata.endpoints.contains_key(endpoint)
            {
                let known: Vec<_> =
                    plan.charm.metadata.endpoints.keys().map(String::as_str).collect();
                let reason = format!(
                    "expected an endpoint of `{application}` ({}), found `{endpoint}`",
                    known.join(", ")
                );
                return Err(ModelFileError::Form { place: place.clone(), reason });
            }
            Ok(End { application: application.to_owned(), endpoint })
        };
        relations.push((end(one)?, end(other)?, place.clone()));
    }
    Ok(ModelPlan {
        name: document.model,
        uuid: document.uuid.unwrap_or_else(|| DEFAULT_UUID.to_owned()),
        juju_version: document.juju_version.unwrap_or_else(|| DEFAULT_JUJU_VERSION.to_owned()),
        pebble: None,
        applications,
        relations,
    })
}

/// `cos:NAME` is a folder of the workspace; everything else is a path beside the file.
fn charm_path(text: &str, folder: &Path, place: &Place) -> Result<PathBuf, ModelFileError> {
    let Some(name) = text.strip_prefix("cos:") else {
        return Ok(folder.join(text));
    };
    let near = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let workspace = workspace_of(near)
        .or_else(|| workspace_of(Path::new(".")))
        .or_else(|| workspace_of(&std::env::current_exe().ok()?));
    match workspace {
        Some(workspace) => Ok(workspace.join("cos/charms").join(name)),
        None => Err(ModelFileError::Form {
            place: place.clone(),
            reason: format!("expected a workspace around the file for built-in charm `{text}`"),
        }),
    }
}

fn check_option(
    application: &str,
    charm: &CharmFolder,
    option: &str,
    value: &Value,
    place: &Place,
) -> Result<(), ModelFileError> {
    let refuse = |reason| Err(ModelFileError::Form { place: place.clone(), reason });
    let Some(declared) = charm.metadata.config.get(option) else {
        let known: Vec<_> = charm.metadata.config.keys().map(String::as_str).collect();
        return refuse(format!(
            "expected a config option of `{application}` ({}), found `{option}`",
            known.join(", ")
        ));
    };
    let fits = match declared.kind.as_str() {
        "boolean" => value.is_boolean(),
        "int" => value.is_i64() || value.is_u64(),
        "float" => value.is_number(),
        _ => value.is_string(),
    };
    if fits {
        return Ok(());
    }
    refuse(format!(
        "expected a {} for config option `{option}` of `{application}`, found `{value}`",
        declared.kind
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str) -> Result<ModelPlan, String> {
        let folder = tempfile::tempdir().unwrap();
        let charm = folder.path().join("web");
        std::fs::create_dir(&charm).unwrap();
        std::fs::write(
            charm.join("metadata.yaml"),
            "name: web\nprovides: {http: {interface: http}}\nrequires: {next: {interface: http}}\n",
        )
        .unwrap();
        std::fs::write(charm.join("config.yaml"), "options: {port: {type: int}}\n").unwrap();
        let file = folder.path().join("m.yaml");
        std::fs::write(&file, model).unwrap();
        read(&file).map_err(|error| {
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn a_whole_model_is_read() {
        let plan = check(
            "model: m\napplications:\n  a: {charm: web, units: 2, config: {port: 1}}\n  b: {charm: \
             web}\nrelations:\n  - [a:http, b:next]\n  - [b, a:next]\n",
        )
        .unwrap();
        assert_eq!((plan.name.as_str(), plan.juju_version.as_str()), ("m", "3.6.8"));
        assert_eq!(plan.applications[0].1.units, 2);
        assert_eq!(plan.relations[1].0, End { application: "b".to_owned(), endpoint: None });
    }

    #[test]
    fn mistakes_are_refused_with_line_and_expectation() {
        for (model, expected) in [
            (
                "model: m\napplications:\n  a: {charm: web}\nrelations:\n  - [a:http, c:next]\n",
                "cannot use model file `m.yaml:5`: expected an application of this file, found `c`",
            ),
            (
                "model: m\napplications:\n  a: {charm: web}\nrelations:\n  - [a:http, a:nope]\n",
                "cannot use model file `m.yaml:5`: expected an endpoint of `a` (http, next), found \
                 `nope`",
            ),
            (
                "model: m\napplications:\n  a: {charm: web}\nrelations:\n  - [a:http]\n",
                "cannot use model file `m.yaml:5`: expected a relation of two ends, \
                 `[app:endpoint, app:endpoint]`, found 1",
            ),
            (
                "model: m\napplications:\n  a:\n    charm: web\n    config: {port: x}\n",
                "cannot use model file `m.yaml:4`: expected a int for config option `port` of `a`, \
                 found `\"x\"`",
            ),
            (
                "model: m\napplications:\n  a:\n    charm: nowhere\n",
                "cannot use model file `m.yaml:4`: application `a` has no usable charm",
            ),
        ] {
            assert_eq!(check(model).unwrap_err(), expected);
        }
        let unknown = check("model: m\napplications: {}\nbogus: 1\n").unwrap_err();
        assert!(unknown.starts_with("cannot use model file `m.yaml:3`"), "{unknown}");
        assert!(unknown.contains("bogus"), "{unknown}");
    }
}
