//! Prometheus: scrapes what relations tell it to, evaluates their rules, takes remote write.
//!
//! | endpoint | what is read | what is written |
//! |---|---|---|
//! | `metrics-endpoint` | jobs, rules, unit addresses | `event`: what is wrong with the rules |
//! | `receive-remote-write` | rules | where to push to, `event` |
//! | `grafana-source` | ids in Grafana | where each unit is queried |
//! | `send-datasource` | | ids in Grafana |

use std::collections::BTreeMap;

use charm::Charm;
use charm::desired::Desired;
use charm::needs::{Bag, Needs};
use charm::secret::SecretText;
use charm::snapshot::{Relation, Snapshot};
use charm::status::Status;
use relation_lib::injection::Language;
use relation_lib::prometheus_remote_write::{
    RemoteWriteEndpoint, RemoteWriteProviderAppData, RemoteWriteProviderUnitData,
    RemoteWriteRequirerAppData,
};
use relation_lib::prometheus_scrape::{
    ConsumerOptions, ScrapeProviderAppData, ScrapeRequirerAppData, jobs_of_all, jobs_of_relation,
    render_for_prometheus,
};
use relation_lib::yaml;
use serde_json::{Value, json};

use crate::datasource::{self, DataSource};
use crate::names;
use crate::received_rules::Received;
use crate::workload::Workload;

const FOLDER: &str = "/etc/prometheus";
const PORT: u16 = 9090;

/// The charm `prometheus-k8s`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Prometheus;

impl Charm for Prometheus {
    fn needs(&self, seen: &Snapshot) -> Needs {
        let mut needs = Configuration::of(seen).workload(seen).needs(seen);
        needs.endpoints = [
            (
                names::endpoint("metrics-endpoint"),
                [Bag::LocalApp, Bag::RemoteApp, Bag::RemoteUnits].into(),
            ),
            (
                names::endpoint("receive-remote-write"),
                [Bag::LocalApp, Bag::LocalUnit, Bag::RemoteApp].into(),
            ),
        ]
        .into();
        datasource::ask(&mut needs);
        needs
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        let interval = json!({"timeInterval": "1m"});
        let source = DataSource {
            kind: "prometheus",
            unit_url: Some(own_url(snapshot)),
            app_url: None,
            extra_fields: interval.as_object().cloned(),
        };
        source.publish(snapshot, &mut desired);
        let url = RemoteWriteEndpoint::at(&own_url(snapshot), "/api/v1/write");
        for relation in snapshot.relations_of(&names::endpoint("receive-remote-write")) {
            let unit = RemoteWriteProviderUnitData { remote_write: Some(url.clone()) };
            desired.unit_databag(relation.id, unit.encode());
        }
        let configuration = Configuration::of(snapshot);
        let workload = configuration.workload(snapshot);
        if configuration.blocked.is_empty() {
            desired.unit_statuses.push(Status::active(""));
        }
        desired.unit_statuses.extend(configuration.blocked.iter().cloned().map(Status::blocked));
        for (place, reason) in configuration.skipped {
            desired.problem(place, reason);
        }
        // Nothing is answered before the server can be told: it might still refuse.
        if snapshot.container(&workload.container).is_some()
            && let Some(leader) = snapshot.leadership.proof()
        {
            for (relation, patch) in configuration.answers {
                desired.app_databag(leader, relation, patch);
            }
        }
        workload.run(snapshot, &mut desired);
        desired
    }
}

fn own_url(snapshot: &Snapshot) -> String {
    format!("http://{}:{PORT}", snapshot.host.fqdn)
}

/// What relations amount to.
#[derive(Default)]
struct Configuration {
    jobs: Vec<Value>,
    files: BTreeMap<String, SecretText>,
    answers: Vec<(charm::names::RelationId, charm::databag::DatabagPatch)>,
    blocked: Vec<String>,
    skipped: Vec<(String, String)>,
}

impl Configuration {
    fn of(snapshot: &Snapshot) -> Self {
        let mut configuration = Self::default();
        let mut jobs = Vec::new();
        for relation in snapshot.relations_of(&names::endpoint("metrics-endpoint")) {
            let data = ScrapeProviderAppData::decode(&relation.remote_app_data);
            let units = relation.remote_units.iter().map(|(unit, bag)| (unit.as_str(), bag));
            let found = jobs_of_relation(&data.value, units, &ConsumerOptions::of_prometheus());
            for skipped in data.skipped.iter().chain(&found.skipped) {
                configuration.skipped.push((place(relation), format!("key {skipped}")));
            }
            jobs.push(found.value);
            let metadata = data.value.scrape_metadata.as_ref();
            let rules = data.value.alert_rules.unwrap_or_default();
            let received = Received::check(&rules, metadata, Language::PromQl);
            let before = ScrapeRequirerAppData::decode(local_app(relation)).value.event;
            let event = Some(received.feedback(before.unwrap_or_default()));
            if !relation.remote_app_data.is_empty() {
                configuration.answers.push((relation.id, ScrapeRequirerAppData { event }.encode()));
            }
            let suffix = format!("_{}_{}", relation.endpoint, relation.id);
            configuration.take_rules(received, &suffix);
        }
        for relation in snapshot.relations_of(&names::endpoint("receive-remote-write")) {
            let data = RemoteWriteRequirerAppData::decode(&relation.remote_app_data);
            for skipped in &data.skipped {
                configuration.skipped.push((place(relation), format!("key {skipped}")));
            }
            let Some(rules) = data.value.alert_rules else { continue };
            let received = Received::check(&rules, None, Language::PromQl);
            let before = RemoteWriteProviderAppData::decode(local_app(relation)).value.event;
            let event = Some(received.feedback(before.unwrap_or_default()));
            let answer = RemoteWriteProviderAppData { event }.encode();
            configuration.answers.push((relation.id, answer));
            // No relation id in the name: two senders of one identifier share a file.
            configuration.take_rules(received, "");
        }
        let rendered = render_for_prometheus(jobs_of_all(jobs), FOLDER);
        for job in &rendered.half_client_pairs {
            let message = format!(
                "[scrape] job `{job}` has half a client certificate: send certificate and key"
            );
            configuration.blocked.push(message);
        }
        // Prometheus refuses a configuration with such a job as a whole, so they are left out.
        let usable = rendered.scrape_configs.iter().filter(|job| {
            job.job_name().is_none_or(|name| !rendered.half_client_pairs.iter().any(|p| p == name))
        });
        configuration.jobs = usable.map(|job| Value::Object(job.members().clone())).collect();
        let pem = rendered.files.into_iter();
        configuration
            .files
            .extend(pem.map(|(path, text)| (path, SecretText::new(text.expose().to_owned()))));
        configuration
    }

    fn take_rules(&mut self, received: Received, suffix: &str) {
        match received {
            Received::None => {}
            Received::Good { identifier, file } => {
                let path = format!("{FOLDER}/rules/juju_{identifier}{suffix}.rules");
                self.files.insert(path, SecretText::new(file));
            }
            Received::Faulty { .. } => {
                let message = "Invalid alert rules".to_owned();
                if !self.blocked.contains(&message) {
                    self.blocked.push(message);
                }
            }
        }
    }

    fn workload(&self, snapshot: &Snapshot) -> Workload {
        let config = format!("{FOLDER}/prometheus.yml");
        let mut files = self.files.clone();
        files.insert(config.clone(), SecretText::new(self.text(snapshot)));
        Workload {
            container: names::container("prometheus"),
            command: format!(
                "/bin/prometheus --config.file={config} --storage.tsdb.path=/var/lib/prometheus \
                 --web.enable-lifecycle --web.enable-remote-write-receiver \
                 --web.external-url={}",
                own_url(snapshot)
            ),
            files,
        }
    }

    /// `prometheus.yml`: ourselves first, then what relations ask for.
    fn text(&self, snapshot: &Snapshot) -> String {
        let identity = &snapshot.identity;
        let interval = snapshot.config.get("evaluation_interval").and_then(Value::as_str);
        let own = json!({
            "job_name": "prometheus",
            "scrape_interval": "5s",
            "scrape_timeout": "5s",
            "metrics_path": "/metrics",
            "honor_timestamps": true,
            "static_configs": [{
                "targets": [format!("{}:{PORT}", snapshot.host.fqdn)],
                "labels": {
                    "juju_model": identity.model.as_str(),
                    "juju_model_uuid": identity.model_uuid.as_str(),
                    "juju_application": identity.application.as_str(),
                    "juju_unit": identity.unit.as_str(),
                    "juju_charm": snapshot.metadata.name,
                    "host": "localhost",
                },
            }],
            "relabel_configs": [{
                "source_labels": ["juju_model", "juju_model_uuid", "juju_application", "juju_unit"],
                "separator": "_",
                "target_label": "instance",
                "regex": "(.*)",
            }],
        });
        let jobs: Vec<&Value> = std::iter::once(&own).chain(&self.jobs).collect();
        yaml::dump_sorted(&json!({
            "global": {
                "scrape_interval": "1m",
                "scrape_timeout": "10s",
                "evaluation_interval": interval.unwrap_or("1m"),
            },
            "rule_files": [format!("{FOLDER}/rules/juju_*.rules")],
            "scrape_configs": jobs,
        }))
    }
}

fn local_app(relation: &Relation) -> &charm::databag::Databag {
    static EMPTY: charm::databag::Databag = charm::databag::Databag::new();
    relation.local_app.as_ref().unwrap_or(&EMPTY)
}

fn place(relation: &Relation) -> String {
    format!("relation `{}:{}`", relation.endpoint, relation.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::desired::FileGoal;
    use charm::names::RelationId;
    use charm::snapshot::ContainerState;
    use charm::testing::{RelationBuilder, SnapshotBuilder};

    const METADATA: &str = r#"{"model": "stage", "model_uuid": "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11", "application": "loom", "unit": "loom/0", "charm_name": "loom-k8s"}"#;

    fn unit() -> SnapshotBuilder {
        Snapshot::for_test("press/0")
            .leader()
            .charm("prometheus-k8s")
            .fqdn("press-0.example")
            .container("prometheus", ContainerState::default())
    }

    fn rules(expression: &str) -> String {
        json!({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": expression}]}]})
            .to_string()
    }

    fn file<'a>(desired: &'a Desired, path: &str) -> Option<&'a str> {
        let goal = desired.containers.get(&names::container("prometheus"))?;
        match goal.files.get(path)? {
            FileGoal::Present { content, .. } => Some(content.reveal()),
            FileGoal::Absent => None,
        }
    }

    fn event(desired: &Desired, relation: u32) -> Option<&str> {
        desired.app_databags().get(&RelationId(relation))?.get("event")?.as_deref()
    }

    #[test]
    fn jobs_and_rules_of_a_relation_end_up_in_the_container() {
        let relation = RelationBuilder::new("metrics-endpoint", 5, "loom")
            .remote_app([
                ("scrape_metadata", METADATA),
                ("scrape_jobs", r#"[{"static_configs": [{"targets": ["*:80"]}]}]"#),
                ("alert_rules", &rules("up > 0")),
            ])
            .remote_unit("loom/0", [("prometheus_scrape_unit_address", "loom-0.example")]);
        let desired = Prometheus.reconcile(&unit().relation(relation).build());
        let config = file(&desired, "/etc/prometheus/prometheus.yml").expect("there");
        let config = yaml::parse(config).expect("valid");
        assert_eq!(
            config["scrape_configs"][0]["static_configs"][0]["targets"][0],
            "press-0.example:9090"
        );
        let job = &config["scrape_configs"][1];
        assert_eq!(job["job_name"], "juju_stage_20d3ed5c_loom_prometheus_scrape-0");
        assert_eq!(job["static_configs"][0]["targets"], json!(["loom-0.example:80"]));
        assert_eq!(job["honor_labels"], true);
        let path = "/etc/prometheus/rules/juju_stage_20d3ed5c_loom_metrics-endpoint_5.rules";
        assert!(file(&desired, path).is_some());
        assert_eq!(event(&desired, 5), Some("{}"));
        assert_eq!(desired.unit_statuses, [Status::active("")]);
    }

    #[test]
    fn faulty_rules_are_told_and_spoil_nothing_else() {
        let bad = rules("up >");
        let relation = RelationBuilder::new("metrics-endpoint", 5, "loom")
            .remote_app([("scrape_metadata", METADATA), ("alert_rules", &bad)]);
        let good = RelationBuilder::new("receive-remote-write", 6, "scout")
            .remote_app([("alert_rules", &rules("up > 0"))]);
        let desired = Prometheus.reconcile(&unit().relation(relation).relation(good).build());
        assert!(event(&desired, 5).is_some_and(|event| event.contains("error validating")));
        assert_eq!(event(&desired, 6), Some("{}"));
        assert!(file(&desired, "/etc/prometheus/rules/juju_g.rules").is_some());
        assert_eq!(desired.unit_statuses, [Status::blocked("Invalid alert rules")]);
    }

    #[test]
    fn remote_write_is_offered_before_the_container_is_up() {
        let relation = RelationBuilder::new("receive-remote-write", 6, "scout");
        let snapshot = unit().container_down("prometheus").relation(relation).build();
        let desired = Prometheus.reconcile(&snapshot);
        let expected = r#"{"url": "http://press-0.example:9090/api/v1/write"}"#;
        let written = &desired.unit_databags()[&RelationId(6)]["remote_write"];
        assert_eq!(written.as_deref(), Some(expected));
        assert!(desired.app_databags().is_empty() && desired.containers.is_empty());
    }

    #[test]
    fn half_a_client_certificate_blocks_and_leaves_the_job_out() {
        let jobs =
            r#"[{"job_name": "half", "tls_config": {"cert_file": "x"}, "static_configs": []}]"#;
        let relation = RelationBuilder::new("metrics-endpoint", 5, "loom")
            .remote_app([("scrape_jobs", jobs)])
            .remote_unit("loom/0", []);
        let desired = Prometheus.reconcile(&unit().relation(relation).build());
        assert!(desired.unit_statuses[0].message.starts_with("[scrape] job `half` has half"));
        let config = file(&desired, "/etc/prometheus/prometheus.yml").expect("there");
        assert!(!config.contains("half"));
    }

    #[test]
    fn files_of_relations_that_are_gone_are_removed() {
        let stale = "/etc/prometheus/rules/juju_gone.rules";
        let state = json!([stale, "/etc/prometheus/prometheus.yml"]).to_string();
        let snapshot = unit().state("files", &state).build();
        let desired = Prometheus.reconcile(&snapshot);
        let goal = &desired.containers[&names::container("prometheus")];
        assert_eq!(goal.files[stale], FileGoal::Absent);
        let kept = json!(["/etc/prometheus/prometheus.yml"]).to_string();
        assert_eq!(desired.state["files"], Some(kept.clone()));
        // Nothing to remember a second time.
        assert!(Prometheus.reconcile(&unit().state("files", &kept).build()).state.is_empty());
    }
}
