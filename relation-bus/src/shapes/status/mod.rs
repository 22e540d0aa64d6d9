//! `juju status`: the document that clients read, and the tables that people read.

mod tables;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::members::{self, Members};
use super::{View, offers, storage};
use crate::model::{AgentStatus, Application, Life, Model, StatusEntry, Unit};

pub use tables::{Section, Sections, tabular};

/// Which part of a model is shown: whole applications or single units. Nothing named is all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection(pub Vec<String>);

impl Selection {
    /// Whether a selector names the application, or one of its units.
    fn takes_application(&self, application: &Application) -> bool {
        let takes = |text: &String| {
            *text == application.name || application.units.keys().any(|unit| unit.as_str() == text)
        };
        self.0.is_empty() || self.0.iter().any(takes)
    }

    /// Whether a unit of a shown application is shown.
    fn takes_unit(&self, unit: &Unit) -> bool {
        self.0.is_empty()
            || self
                .0
                .iter()
                .any(|text| text == unit.name.as_str() || text == unit.name.application())
    }

    /// Selectors that name nothing in a model. Juju says `nothing matched specified filter` when
    /// all of them do.
    pub fn unmatched<'a>(&'a self, model: &Model) -> Vec<&'a str> {
        let known = |text: &String| {
            model.applications.contains_key(text.as_str())
                || model.units().any(|(unit, _)| unit.as_str() == text)
        };
        self.0.iter().filter(|text| !known(text)).map(String::as_str).collect()
    }
}

/// The document of `juju status --format json`.
#[must_use]
pub fn document(view: View<'_>, selection: &Selection) -> Value {
    let model = view.model;
    let applications: Map<_, _> = model
        .applications
        .values()
        .filter(|application| selection.takes_application(application))
        .map(|application| {
            (application.name.clone(), application_document(model, application, selection))
        })
        .collect();
    Members::new()
        .with("model", model_document(view))
        .with("machines", json!({}))
        .with("applications", applications)
        .filled("application-endpoints", offers::consumed(view))
        .filled("offers", offers::offered(view))
        .with("storage", storage::document(view))
        .with("controller", json!({"timestamp": format!("{}Z", model.clock.time_of_day())}))
        .done()
}

fn model_document(view: View<'_>) -> Value {
    Members::new()
        .with("name", view.model.name.as_str())
        .with("type", "caas")
        .with("controller", view.controller.name.as_str())
        .with("cloud", view.controller.cloud.as_str())
        .filled("region", view.controller.region.as_str())
        .with("version", view.model.juju_version.as_str())
        // A model is available from its beginning.
        .with("model-status", json!({"current": "available", "since": beginning()}))
        .with("sla", "unsupported")
        .done()
}

fn beginning() -> String {
    crate::model::Clock::default().since()
}

fn application_document(model: &Model, application: &Application, selection: &Selection) -> Value {
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
    let units = application.units.values().filter(|unit| selection.takes_unit(unit));
    let units: Map<_, _> =
        units.map(|unit| (unit.name.to_string(), unit_document(model, unit))).collect();
    Members::new()
        .with("charm", charm_url(application))
        .with("base", base())
        .with("charm-origin", "local")
        .with("charm-name", application.charm.name.as_str())
        .with("charm-rev", application.charm_revision)
        .filled("scale", application.units.len())
        .with("provider-id", provider_id(model, application))
        .filled("address", application.service_address.as_str())
        .with("exposed", false)
        .filled("life", dying(application.life))
        .with("application-status", members::status(&application.shown_status()))
        .filled("relations", json!(relations))
        .filled("units", units)
        .filled("version", application.workload_version.as_str())
        .with("endpoint-bindings", endpoint_bindings(application))
        .done()
}

fn unit_document(model: &Model, unit: &Unit) -> Value {
    let (word, message) = agent(unit);
    let juju = Members::new()
        .with("current", word)
        .filled("message", message)
        .with("since", unit.status.since.since())
        .with("version", model.juju_version.as_str())
        .filled("life", dying(unit.life));
    Members::new()
        .with("workload-status", members::status(&workload_status(model, unit)))
        .with("juju-status", juju.done())
        .filled("leader", model.is_leader(&unit.name))
        .filled("open-ports", ports(unit))
        .filled("address", unit.address.as_str())
        .with("provider-id", unit.name.dashed())
        .done()
}

/// The base that every charm is shown with.
pub(super) fn base() -> Value {
    json!({"name": "ubuntu", "channel": "24.04"})
}

/// The URL of an application's charm. Charms of the bus never come from a store.
pub(crate) fn charm_url(application: &Application) -> String {
    format!("local:{}-{}", application.charm.name, application.charm_revision)
}

/// Every endpoint is bound to the one space there is; the empty name is the default.
pub(super) fn endpoint_bindings(application: &Application) -> Map<String, Value> {
    let endpoints = application.charm.endpoints.keys().map(String::as_str);
    std::iter::once("").chain(endpoints).map(|name| (name.to_owned(), json!("alpha"))).collect()
}

/// What Kubernetes would call the application's Service: stable, and nothing else has it.
fn provider_id(model: &Model, application: &Application) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{}/{}", model.uuid, application.name));
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The word for an entity on its way out; Juju's status leaves out `alive`.
fn dying(life: Life) -> &'static str {
    match life {
        Life::Alive => "",
        Life::Dying => "dying",
        Life::Dead => "dead",
    }
}

pub(super) fn ports(unit: &Unit) -> Vec<String> {
    unit.opened_ports.iter().map(ToString::to_string).collect()
}

/// The agent's word and message. A failed hook shows in the workload status, as in Juju.
fn agent(unit: &Unit) -> (&'static str, &str) {
    match &unit.agent {
        AgentStatus::Allocating => ("allocating", ""),
        AgentStatus::Executing(message) => ("executing", message),
        AgentStatus::Idle | AgentStatus::Error(_) => ("idle", ""),
    }
}

/// What is shown of the workload. When a relation's hook failed Juju names the other end too.
fn workload_status(model: &Model, unit: &Unit) -> StatusEntry {
    let mut shown = unit.shown_status();
    if let AgentStatus::Error(message) = &unit.agent
        && let Some(end) = other_end(model, unit, message)
    {
        shown.message = format!("{message} for {end}");
    }
    shown
}

/// The other end of the relation whose hook failed, when the hook's name tells which one it was.
fn other_end(model: &Model, unit: &Unit, message: &str) -> Option<String> {
    let hook = message.strip_prefix("hook failed: \"")?.strip_suffix('"')?;
    let (endpoint, _) = hook.rsplit_once("-relation-")?;
    let application = unit.name.application();
    let mut relations = model
        .relations_of(application)
        .filter(|(side, relation)| side.endpoint == endpoint && !relation.is_peer());
    let (_, relation) = relations.next()?;
    if relations.next().is_some() {
        return None;
    }
    let remote = relation.remote(application)?;
    Some(format!("{}:{}", remote.application, remote.endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::UnitName;
    use crate::shapes::samples;

    fn shown(model: &Model, selectors: &[&str]) -> Value {
        let selection = Selection(selectors.iter().map(|text| (*text).to_owned()).collect());
        document(samples::view(model), &selection)
    }

    #[test]
    fn a_model_is_shown_as_juju_does() {
        let document = shown(&samples::model(), &[]);
        let keys: Vec<_> = document.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["model", "machines", "applications", "storage", "controller"]);
        assert_eq!(
            document["model"],
            json!({
                "name": "m", "type": "caas", "controller": "relation-bus", "cloud": "local",
                "region": "default", "version": "3.6.8",
                "model-status": {"current": "available", "since": "01 Jan 2025 00:00:00Z"},
                "sla": "unsupported",
            })
        );
        assert_eq!(document["controller"]["timestamp"], "01:01:01Z");
    }

    #[test]
    fn an_application_is_shown_with_its_relations_and_units() {
        let document = shown(&samples::model(), &[]);
        let web = &document["applications"]["web"];
        let status =
            json!({"current": "active", "message": "ready", "since": "01 Jan 2025 00:01:00Z"});
        assert_eq!(web["application-status"], status);
        assert_eq!(
            web["relations"],
            json!({
                "db": [{"related-application": "db", "interface": "sql", "scope": "global"}],
                "peers": [
                    {"related-application": "web", "interface": "web_peers", "scope": "global"}
                ],
            })
        );
        assert_eq!(web["endpoint-bindings"], json!({"": "alpha", "db": "alpha", "peers": "alpha"}));
        assert_eq!(web["scale"], 2);
        assert_eq!(web["charm"], "local:web-k8s-0");
        for absent in ["life", "version"] {
            assert_eq!(web.get(absent), None);
        }
        assert_eq!(
            web["units"]["web/0"],
            json!({
                "workload-status": status,
                "juju-status": {
                    "current": "idle", "since": "01 Jan 2025 00:01:00Z", "version": "3.6.8"
                },
                "leader": true, "open-ports": ["80/tcp", "81/tcp", "443/tcp"],
                "address": "10.1.71.5", "provider-id": "web-0",
            })
        );
        assert_eq!(web["units"]["web/1"].get("leader"), None);
    }

    #[test]
    fn selectors_take_applications_and_units() {
        let model = samples::model();
        let names = |document: &Value| -> Vec<String> {
            document["applications"].as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(names(&shown(&model, &["db"])), ["db"]);
        let one = shown(&model, &["web/1"]);
        let units: Vec<_> =
            one["applications"]["web"]["units"].as_object().unwrap().keys().collect();
        assert_eq!(units, ["web/1"]);
        let selection = Selection(vec!["db".to_owned(), "nope".to_owned()]);
        assert_eq!(selection.unmatched(&model), ["nope"]);
    }

    #[test]
    fn a_failed_relation_hook_names_the_other_end() {
        let mut model = samples::model();
        let unit = UnitName::new("web", 0);
        let failed = "hook failed: \"db-relation-changed\"";
        model.unit_mut(&unit).unwrap().agent = AgentStatus::Error(failed.to_owned());
        let document = shown(&model, &[]);
        let shown = &document["applications"]["web"]["units"]["web/0"];
        assert_eq!(shown["workload-status"]["message"], format!("{failed} for db:sql"));
        assert_eq!(shown["workload-status"]["current"], "error");
        assert_eq!(shown["juju-status"]["current"], "idle");
    }
}
