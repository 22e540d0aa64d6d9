//! `relation-bus status`: the model as `juju status` shows it.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::state::{StateError, StateOption};
use super::table::table;
use super::{Exit, print};
use crate::model::{AgentStatus, Application, Life, Model, Role, StatusEntry, Unit};

/// Show applications and units with their statuses.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// How to print; the JSON has the keys of `juju status --format json`.
    #[arg(long, value_enum, default_value = "tabular")]
    format: StatusFormat,
    /// List relations too; the JSON always has them.
    #[arg(long)]
    relations: bool,
    #[command(flatten)]
    state: StateOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StatusFormat {
    Tabular,
    Json,
    Yaml,
}

impl Status {
    pub(super) fn run(&self) -> Result<Exit, StateError> {
        let saved = self.state.load()?;
        let detail = if self.relations { Detail::Relations } else { Detail::Units };
        match self.format {
            StatusFormat::Tabular => print(tabular(&saved.model, detail).trim_end()),
            StatusFormat::Json => print(&document(&saved.model).to_string()),
            StatusFormat::Yaml => print(super::yaml(&document(&saved.model)).trim_end()),
        }
        Ok(Exit::Done)
    }
}

/// How much a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Units,
    Relations,
}

/// The tables of `juju status`.
pub(super) fn tabular(model: &Model, detail: Detail) -> String {
    let heading = table(
        &["Model", "Controller", "Cloud/Region", "Version", "Timestamp"],
        &[vec![
            model.name.clone(),
            "relation-bus".to_owned(),
            "local/default".to_owned(),
            model.juju_version.clone(),
            format!("{}Z", model.clock.time_of_day()),
        ]],
    );
    let applications: Vec<_> = model.applications.values().map(application_row).collect();
    let header =
        ["App", "Version", "Status", "Scale", "Charm", "Rev", "Address", "Exposed", "Message"];
    let applications = table(&header, &applications);
    let mut units: Vec<&Unit> = model.units().map(|(_, unit)| unit).collect();
    units.sort_by_key(|unit| (unit.name.application().to_owned(), unit.name.number()));
    let units: Vec<_> = units.into_iter().map(|unit| unit_row(model, unit)).collect();
    let units = table(&["Unit", "Workload", "Agent", "Address", "Ports", "Message"], &units);
    let mut text = format!("{heading}\n{applications}\n{units}");
    if detail == Detail::Relations && !model.relations.is_empty() {
        let header = ["Integration provider", "Requirer", "Interface", "Type"];
        let mut rows: Vec<_> = model.relations.values().map(relation_row).collect();
        rows.sort();
        text.push('\n');
        text.push_str(&table(&header, &rows));
    }
    text
}

fn application_row(application: &Application) -> Vec<String> {
    let status = application.shown_status();
    vec![
        application.name.clone(),
        application.workload_version.clone(),
        status.value.to_string(),
        application.units.len().to_string(),
        application.charm.name.clone(),
        "0".to_owned(),
        application.service_address.clone(),
        "no".to_owned(),
        status.message,
    ]
}

fn unit_row(model: &Model, unit: &Unit) -> Vec<String> {
    let status = unit.shown_status();
    let leader = if model.is_leader(&unit.name) { "*" } else { "" };
    vec![
        format!("{}{leader}", unit.name),
        status.value.to_string(),
        agent(unit).0.to_owned(),
        unit.address.clone(),
        ports(unit).join(" "),
        status.message,
    ]
}

fn relation_row(relation: &crate::model::Relation) -> Vec<String> {
    let end = |role| {
        let side = relation.sides.iter().find(|side| side.role == role);
        side.or(relation.sides.first())
            .map(|side| format!("{}:{}", side.application, side.endpoint))
            .unwrap_or_default()
    };
    let kind = if relation.is_peer() { "peer" } else { "regular" };
    vec![end(Role::Provider), end(Role::Requirer), relation.interface.clone(), kind.to_owned()]
}

fn ports(unit: &Unit) -> Vec<String> {
    unit.opened_ports.iter().map(ToString::to_string).collect()
}

/// The agent's word and message. A failed hook shows in the workload status, as in Juju.
fn agent(unit: &Unit) -> (&'static str, Option<&str>) {
    match &unit.agent {
        AgentStatus::Allocating => ("allocating", None),
        AgentStatus::Executing(message) => ("executing", Some(message)),
        AgentStatus::Idle | AgentStatus::Error(_) => ("idle", None),
    }
}

/// The document of `juju status --format json`.
pub(super) fn document(model: &Model) -> Value {
    let applications: Map<_, _> = model
        .applications
        .values()
        .map(|application| (application.name.clone(), application_document(model, application)))
        .collect();
    json!({
        "model": {
            "name": model.name, "type": "caas", "controller": "relation-bus", "cloud": "local",
            "region": "default", "version": model.juju_version,
            "model-status": {"current": "available", "since": model.clock.since()},
            "sla": "unsupported",
        },
        "machines": {},
        "applications": applications,
        "storage": {},
        "controller": {"timestamp": format!("{}Z", model.clock.time_of_day())},
    })
}

fn status_document(status: &StatusEntry) -> Value {
    let mut entry = Map::new();
    entry.insert("current".to_owned(), json!(status.value.as_str()));
    if !status.message.is_empty() {
        entry.insert("message".to_owned(), json!(status.message));
    }
    entry.insert("since".to_owned(), json!(status.since.since()));
    Value::Object(entry)
}

fn application_document(model: &Model, application: &Application) -> Value {
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    put("charm", json!(format!("local:{}-0", application.charm.name)));
    put("base", json!({"name": "ubuntu", "channel": "24.04"}));
    put("charm-origin", json!("local"));
    put("charm-name", json!(application.charm.name));
    put("charm-rev", json!(0));
    put("scale", json!(application.units.len()));
    put("address", json!(application.service_address));
    put("exposed", json!(false));
    if application.life != Life::Alive {
        put("life", json!("dying"));
    }
    put("application-status", status_document(&application.shown_status()));
    let mut relations: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (side, relation) in model.relations_of(&application.name) {
        if let Some(remote) = relation.remote(&application.name) {
            relations.entry(&side.endpoint).or_default().push(json!({
                "related-application": remote.application,
                "interface": relation.interface,
                "scope": "global",
            }));
        }
    }
    if !relations.is_empty() {
        put("relations", json!(relations));
    }
    if !application.workload_version.is_empty() {
        put("version", json!(application.workload_version));
    }
    if !application.units.is_empty() {
        let units: Map<_, _> = application
            .units
            .values()
            .map(|unit| (unit.name.to_string(), unit_document(model, unit)))
            .collect();
        put("units", Value::Object(units));
    }
    Value::Object(entry)
}

fn unit_document(model: &Model, unit: &Unit) -> Value {
    let (word, message) = agent(unit);
    let mut juju = Map::new();
    juju.insert("current".to_owned(), json!(word));
    if let Some(message) = message {
        juju.insert("message".to_owned(), json!(message));
    }
    juju.insert("since".to_owned(), json!(model.clock.since()));
    juju.insert("version".to_owned(), json!(model.juju_version));
    if unit.life != Life::Alive {
        juju.insert("life".to_owned(), json!("dying"));
    }
    let mut entry = Map::new();
    entry.insert("workload-status".to_owned(), status_document(&unit.shown_status()));
    entry.insert("juju-status".to_owned(), Value::Object(juju));
    if model.is_leader(&unit.name) {
        entry.insert("leader".to_owned(), json!(true));
    }
    let ports = ports(unit);
    if !ports.is_empty() {
        entry.insert("open-ports".to_owned(), json!(ports));
    }
    entry.insert("address".to_owned(), json!(unit.address));
    entry.insert("provider-id".to_owned(), json!(unit.name.dashed()));
    Value::Object(entry)
}
