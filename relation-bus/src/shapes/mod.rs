//! What Juju's client prints, as pure functions from a model to JSON values and tables.
//!
//! Clients such as jubilant read `--format json`; people read tables. Both are made here and
//! nowhere else: a command only chooses what to show. Names, order and absence of members are
//! those of Juju 3.6 (its `cmd/juju` packages); what is empty is left out where Juju leaves it
//! out.

pub mod action;
pub mod application;
pub mod bundle;
pub mod config;
pub mod log;
mod members;
pub mod models;
mod natural;
pub mod offers;
pub mod secret;
pub mod status;
pub mod status_log;
pub mod storage;
mod table;
pub mod task;
pub mod unit;
pub mod version;

use serde_json::Value;

pub use natural::natural_order;
pub(crate) use table::{Column, table};

use crate::model::Model;

/// What is known of the controller around a model. Juju's client prints it with nearly
/// everything; on the bus it is made up, and always the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerFacts {
    /// The controller's name.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
    /// The cloud that its models run in.
    pub cloud: String,
    /// The region of the cloud.
    pub region: String,
    /// Who is logged in, and owns every model.
    pub user: String,
    /// What offered applications of its models say of themselves, by the URLs of the offers: see
    /// [`offers::statuses`]. `juju status` of a consuming model shows it.
    pub offered: std::collections::BTreeMap<String, crate::model::StatusEntry>,
}

impl Default for ControllerFacts {
    fn default() -> Self {
        Self {
            name: "relation-bus".to_owned(),
            uuid: "8e1f0b52-6c3a-4d1e-9b7f-2a5c4d3e1f00".to_owned(),
            cloud: "local".to_owned(),
            region: "default".to_owned(),
            user: "admin".to_owned(),
            offered: std::collections::BTreeMap::new(),
        }
    }
}

/// A model, seen from a client.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The model.
    pub model: &'a Model,
    /// The controller that it belongs to.
    pub controller: &'a ControllerFacts,
}

/// How a document is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line of JSON.
    Json,
    /// A YAML document.
    Yaml,
}

/// A document as text, without a line end.
#[must_use]
pub fn print(document: &Value, format: Format) -> String {
    match format {
        Format::Json => document.to_string(),
        Format::Yaml => {
            // A tree of plain values can always be written.
            let text = serde_yaml::to_string(document).unwrap_or_default();
            text.trim_end_matches('\n').to_owned()
        }
    }
}

/// The architecture of this machine, by the word that Juju has for it.
#[must_use]
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! A small model that the tests of the shapes share.

    use serde_json::json;

    use super::{ControllerFacts, View};
    use crate::charm_folder::CharmMetadata;
    use crate::model::{
        AgentStatus, Application, Clock, Model, OpenedPort, Relation, RelationLife, Role, Side,
        StatusEntry, StatusValue, Unit,
    };
    use crate::names::{RelationId, UnitName};

    /// `web` with two units, `db` with one, related; `web` has a peer relation.
    pub(crate) fn model() -> Model {
        let mut model = Model::new("m", "2d02eeac-9dbb-4a0e-8a7a-0c6f1f0f0b10", "3.6.8");
        model.clock = Clock { seconds: 3661 };
        for (name, units) in [("web", 2), ("db", 1)] {
            let metadata = json!({
                "name": format!("{name}-k8s"),
                "requires": if name == "web" { json!({"db": "sql"}) } else { json!({}) },
                "provides": if name == "db" { json!({"sql": "sql"}) } else { json!({}) },
                "peers": if name == "web" { json!({"peers": "web_peers"}) } else { json!({}) },
            });
            let config = json!({"options": {
                "port": {"type": "int", "default": 80, "description": "Where."},
                "name": {"type": "string"},
            }});
            let actions = json!({"backup": {
                "description": "Save it.", "params": {"to": {"type": "string"}}, "required": ["to"],
            }});
            let charm = CharmMetadata::from_documents(&metadata, &config, &actions).unwrap();
            let mut application = Application::new(name, charm);
            application.service_address = "10.152.183.20".to_owned();
            for number in 0..units {
                let unit = UnitName::new(name, number);
                let mut made = Unit::new(unit.clone(), &format!("10.1.71.{}", number + 5));
                let since = Clock { seconds: 60 };
                made.set_status(StatusEntry::new(StatusValue::Active, "ready", since));
                made.agent = AgentStatus::Idle;
                application.units.insert(unit, made);
            }
            application.leader = Some(UnitName::new(name, 0));
            model.applications.insert(name.to_owned(), application);
        }
        let web = model.unit_mut(&UnitName::new("web", 0)).unwrap();
        web.opened_ports =
            ["443", "80", "81"].map(|port| port.parse::<OpenedPort>().unwrap()).into();
        let mut peers = Relation {
            id: RelationId(0),
            interface: "web_peers".to_owned(),
            sides: vec![Side::new("web", "peers", Role::Peer)],
            life: RelationLife::Alive,
        };
        let mut sql = Relation {
            id: RelationId(1),
            interface: "sql".to_owned(),
            sides: vec![
                Side::new("web", "db", Role::Requirer),
                Side::new("db", "sql", Role::Provider),
            ],
            life: RelationLife::Alive,
        };
        for unit in ["web/0", "web/1", "db/0"] {
            let unit: UnitName = unit.parse().unwrap();
            peers.enter_scope(&unit, "10.1.71.5");
            sql.enter_scope(&unit, "10.1.71.5");
        }
        model.relations = [(peers.id, peers), (sql.id, sql)].into();
        model
    }

    /// Looks at a model from the usual controller.
    pub(crate) fn view(model: &Model) -> View<'_> {
        static CONTROLLER: std::sync::LazyLock<ControllerFacts> =
            std::sync::LazyLock::new(ControllerFacts::default);
        View { model, controller: &CONTROLLER }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_printed_as_one_line_or_as_yaml() {
        let document = json!({"a": {"b": [1, "yes"]}});
        assert_eq!(print(&document, Format::Json), r#"{"a":{"b":[1,"yes"]}}"#);
        let yaml = print(&document, Format::Yaml);
        assert!(yaml.starts_with("a:\n") && !yaml.ends_with('\n'), "{yaml}");
        let again: Value = serde_yaml::from_str(&yaml).unwrap();
        assert_eq!(again, document);
    }
}
