//! Grafana: data sources and dashboards.
//!
//! | endpoint | what is read | what is written |
//! |---|---|---|
//! | `grafana-source` | what to query, and where: applications and units | the ids that sources have here |
//! | `grafana-dashboard` | dashboards | `event`: what is wrong with them |
//!
//! A source that is gone is removed by Grafana itself (`prune`); the published charm lists it for
//! deletion.

use std::collections::BTreeMap;

use charm::Charm;
use charm::desired::Desired;
use charm::needs::{Bag, Needs};
use charm::secret::SecretText;
use charm::snapshot::{Relation, Snapshot};
use charm::status::Status;
use relation_lib::grafana_dashboard::{
    DashboardProblem, DashboardProviderAppData, DashboardRequirerAppData,
};
use relation_lib::grafana_datasource::{
    GrafanaSource, GrafanaSourceProviderAppData, GrafanaSourceProviderUnitData,
    GrafanaSourceRequirerAppData, SecureFields,
};
use relation_lib::yaml;
use serde_json::{Map, Value, json};

use crate::names;
use crate::workload::Workload;

const PORT: u16 = 3000;
const SOURCES: &str = "/etc/grafana/provisioning/datasources/datasources.yaml";
const DASHBOARDS: &str = "/etc/grafana/provisioning/dashboards";
/// Seconds that a query may take, unless a source asks for more.
const TIMEOUT: i64 = 300;

/// The charm `grafana-k8s`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Grafana;

impl Charm for Grafana {
    fn needs(&self, seen: &Snapshot) -> Needs {
        let mut needs = Provisioning::of(seen).workload().needs(seen);
        let sources = [Bag::LocalApp, Bag::RemoteApp, Bag::RemoteUnits].into();
        let dashboards = [Bag::LocalApp, Bag::RemoteApp].into();
        needs.endpoints = [
            (names::endpoint("grafana-source"), sources),
            (names::endpoint("grafana-dashboard"), dashboards),
        ]
        .into();
        needs
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        desired.unit_statuses.push(Status::active(""));
        let provisioning = Provisioning::of(snapshot);
        if let Some(leader) = snapshot.leadership.proof() {
            for (relation, uids) in &provisioning.uids {
                desired.app_databag(leader, *relation, uids.encode());
            }
            for (relation, problems) in &provisioning.problems {
                let answer = DashboardRequirerAppData { problems: Some(problems.clone()) };
                desired.app_databag(leader, *relation, answer.encode());
            }
        }
        provisioning.workload().run(snapshot, &mut desired);
        desired
    }
}

/// What relations amount to.
#[derive(Default)]
struct Provisioning {
    sources: Vec<Value>,
    uids: Vec<(charm::names::RelationId, GrafanaSourceRequirerAppData)>,
    dashboards: BTreeMap<String, String>,
    problems: Vec<(charm::names::RelationId, Vec<DashboardProblem>)>,
}

impl Provisioning {
    fn of(snapshot: &Snapshot) -> Self {
        let mut provisioning = Self::default();
        for relation in snapshot.relations_of(&names::endpoint("grafana-source")) {
            provisioning.take_source(snapshot, relation);
        }
        for relation in snapshot.relations_of(&names::endpoint("grafana-dashboard")) {
            provisioning.take_dashboards(relation);
        }
        provisioning
    }

    /// Units that say where they are come first, then the application.
    fn take_source(&mut self, snapshot: &Snapshot, relation: &Relation) {
        let data = GrafanaSourceProviderAppData::decode(&relation.remote_app_data).value;
        let Some(source) = data.source else { return };
        let mut unit_uids = indexmap::IndexMap::new();
        for (unit, bag) in &relation.remote_units {
            let Some(url) = GrafanaSourceProviderUnitData::decode(bag).value.host else { continue };
            let uid = source.uid_of_unit(unit.number());
            self.sources.push(provisioned(&source, &uid, &url));
            unit_uids.insert(unit.to_string(), uid);
        }
        let app_uid = data.app_host.map(|url| {
            self.sources.push(provisioned(&source, &source.uid(), &url));
            source.uid()
        });
        let identity = &snapshot.identity;
        let grafana_uid = format!(
            "juju_{}_{}_{}_{}",
            identity.model,
            identity.model_uuid,
            identity.application,
            identity.unit.number()
        );
        let answer = GrafanaSourceRequirerAppData {
            grafana_uid: Some(grafana_uid),
            datasource_uids: Some(unit_uids),
            grafana_base_url: Some(format!("http://{}:{PORT}", snapshot.host.fqdn)),
            app_datasource_uid: app_uid,
        };
        self.uids.push((relation.id, answer));
    }

    fn take_dashboards(&mut self, relation: &Relation) {
        let data = DashboardProviderAppData::decode(&relation.remote_app_data).value;
        let Some(dashboards) = data.dashboards else { return };
        let mut problems = Vec::new();
        for (id, template) in dashboards.templates {
            let unpacked = template.content.unpack().map_err(|error| error.to_string());
            let parsed = unpacked.and_then(|text| {
                serde_json::from_str::<Map<String, Value>>(&text).map_err(|error| error.to_string())
            });
            match parsed {
                Ok(mut dashboard) => {
                    let uid = dashboard.get("uid").and_then(Value::as_str).unwrap_or_default();
                    let uid = if uid.is_empty() { &template.dashboard_alt_uid } else { uid };
                    let uid = uid.to_owned();
                    dashboard.insert("uid".to_owned(), uid.clone().into());
                    let path = format!("{DASHBOARDS}/juju_{}_{uid}.json", template.charm);
                    self.dashboards.insert(path, Value::Object(dashboard).to_string());
                }
                Err(error) => problems.push(DashboardProblem { dashboard_id: id, error }),
            }
        }
        self.problems.push((relation.id, problems));
    }

    fn workload(&self) -> Workload {
        let sources = json!({"apiVersion": 1, "prune": true, "datasources": self.sources});
        let files = self.dashboards.iter().map(|(path, text)| (path.clone(), text.clone()));
        let files = files.chain([(SOURCES.to_owned(), yaml::dump_sorted(&sources))]);
        Workload {
            container: names::container("grafana"),
            command: "grafana-server -config /etc/grafana/grafana-config.ini".to_owned(),
            files: files.map(|(path, text)| (path, SecretText::new(text))).collect(),
        }
    }
}

fn provisioned(source: &GrafanaSource, uid: &str, url: &str) -> Value {
    let mut settings = source.extra_fields.clone().unwrap_or_default();
    let asked = settings.get("timeout").and_then(Value::as_i64).unwrap_or_default();
    settings.insert("timeout".to_owned(), asked.max(TIMEOUT).into());
    let mut entry = json!({
        "name": uid, "type": source.source_type, "url": url, "access": "proxy",
        "jsonData": settings,
    });
    if let Some(fields) = source.secure_extra_fields.as_ref().map(SecureFields::expose) {
        entry["secureJsonData"] = fields.clone().into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::names::RelationId;
    use charm::snapshot::ContainerState;
    use charm::testing::{RelationBuilder, SnapshotBuilder};
    use relation_lib::grafana_dashboard::PackedDashboard;

    const SOURCE: &str = r#"{"model": "stage", "model_uuid": "u", "application": "loom", "type": "loki", "extra_fields": {"timeout": 900}, "secure_extra_fields": {"httpHeaderValue1": "v"}}"#;

    fn unit() -> SnapshotBuilder {
        Snapshot::for_test("glass/0")
            .leader()
            .fqdn("glass-0.example")
            .container("grafana", ContainerState::default())
    }

    #[test]
    fn sources_of_units_and_applications_are_told_their_ids() {
        let relation = RelationBuilder::new("grafana-source", 5, "loom")
            .remote_app([
                ("grafana_source_data", SOURCE),
                ("grafana_source_app_host", "http://loom.example:80"),
            ])
            .remote_unit("loom/0", [("grafana_source_host", "http://loom-0.example:80")])
            .remote_unit("loom/1", []);
        let snapshot = unit().relation(relation).build();
        let desired = Grafana.reconcile(&snapshot);
        let told = &desired.app_databags()[&RelationId(5)];
        assert_eq!(told["app_datasource_uid"].as_deref(), Some("juju_stage_u_loom"));
        let units = r#"{"loom/0": "juju_stage_u_loom_0"}"#;
        assert_eq!(told["datasource_uids"].as_deref(), Some(units));
        assert!(told["grafana_uid"].as_deref().is_some_and(|uid| uid.ends_with("_glass_0")));
        assert_eq!(told["grafana_base_url"].as_deref(), Some("http://glass-0.example:3000"));
        let sources = Provisioning::of(&snapshot).sources;
        assert_eq!(
            sources[1],
            json!({
                "name": "juju_stage_u_loom", "type": "loki", "url": "http://loom.example:80",
                "access": "proxy", "jsonData": {"timeout": 900},
                "secureJsonData": {"httpHeaderValue1": "v"},
            })
        );
    }

    #[test]
    fn a_broken_dashboard_spoils_only_itself() {
        let template = |content: &str| {
            json!({
                "charm": "loom-k8s", "content": PackedDashboard::pack(content).as_str(),
                "juju_topology": {}, "inject_dropdowns": true, "dashboard_alt_uid": "abc",
            })
        };
        let templates = json!({"templates": {"file:a": template("{\"title\": \"A\"}"), "file:b": template("[")}, "uuid": "x"});
        let relation = RelationBuilder::new("grafana-dashboard", 5, "loom")
            .remote_app([("dashboards", &templates.to_string())]);
        let snapshot = unit().relation(relation).build();
        let event = Grafana.reconcile(&snapshot).app_databags()[&RelationId(5)]["event"].clone();
        assert!(event.is_some_and(|event| event.contains("file:b") && !event.contains("file:a")));
        let files = Provisioning::of(&snapshot).dashboards;
        let path = "/etc/grafana/provisioning/dashboards/juju_loom-k8s_abc.json";
        assert_eq!(files[path], r#"{"title":"A","uid":"abc"}"#);
    }
}
