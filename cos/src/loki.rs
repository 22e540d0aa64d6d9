//! Loki: takes logs, evaluates the rules of their senders.
//!
//! | endpoint | what is read | what is written |
//! |---|---|---|
//! | `logging` | rules | where to push to, promtail downloads, `event`: what is wrong with the rules |
//! | `grafana-source` | ids in Grafana | where the application is queried |
//! | `send-datasource` | | ids in Grafana |

use std::collections::BTreeMap;

use charm::Charm;
use charm::desired::Desired;
use charm::event::{Event, RelationEventKind};
use charm::needs::{Bag, Needs};
use charm::secret::SecretText;
use charm::snapshot::{Relation, Snapshot};
use charm::status::Status;
use relation_lib::injection::Language;
use relation_lib::loki_push_api::{
    LokiEndpoint, LokiProviderAppData, LokiProviderUnitData, LokiRequirerAppData, promtail_binaries,
};
use relation_lib::yaml;
use serde_json::json;

use crate::datasource::{self, DataSource};
use crate::names;
use crate::received_rules::Received;
use crate::workload::Workload;

const PORT: u16 = 3100;
const CONFIG: &str = "/etc/loki/loki-local-config.yaml";
const RULES: &str = "/loki/rules/fake";

/// The charm `loki-k8s`, one binary for all of Loki.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loki;

impl Charm for Loki {
    fn needs(&self, seen: &Snapshot) -> Needs {
        let mut needs = workload(seen, rule_files(seen)).needs(seen);
        let bags = [Bag::LocalApp, Bag::LocalUnit, Bag::RemoteApp].into();
        needs.endpoints = [(names::endpoint("logging"), bags)].into();
        datasource::ask(&mut needs);
        needs
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        let mut faulty = false;
        // The name of the headless Service, which all units answer to.
        let all = snapshot.host.fqdn.split_once('.').map(|(_, rest)| rest);
        let source = DataSource {
            kind: "loki",
            unit_url: None,
            app_url: all.map(|host| format!("http://{host}:{PORT}")),
            extra_fields: None,
        };
        source.publish(snapshot, &mut desired);
        for relation in snapshot.relations_of(&names::endpoint("logging")) {
            if may_publish(&snapshot.event, relation) {
                let unit = LokiProviderUnitData {
                    endpoint: Some(LokiEndpoint::below(&own_url(snapshot))),
                    public_address: Some(snapshot.host.fqdn.clone()),
                };
                desired.unit_databag(relation.id, unit.encode());
            }
            let data = LokiRequirerAppData::decode(&relation.remote_app_data);
            for skipped in &data.skipped {
                desired.problem(
                    format!("relation `{}:{}`", relation.endpoint, relation.id),
                    format!("key {skipped}"),
                );
            }
            let received = received(&data.value);
            faulty |= matches!(received, Some(Received::Faulty { .. }));
            if let Some(leader) = snapshot.leadership.proof() {
                let current = relation.local_app.clone().unwrap_or_default();
                let before = LokiProviderAppData::decode(&current).value.event;
                let answer = LokiProviderAppData {
                    promtail_binary_zip_url: Some(promtail_binaries()),
                    event: match &received {
                        Some(received) => Some(received.feedback(before.unwrap_or_default())),
                        None => before,
                    },
                };
                desired.app_databag(leader, relation.id, answer.encode());
            }
        }
        desired.unit_statuses.push(match faulty {
            true => Status::blocked("Errors in alert rule groups. Check debug-log"),
            false => Status::active(""),
        });
        workload(snapshot, rule_files(snapshot)).run(snapshot, &mut desired);
        desired
    }
}

/// Units speak once the other side has: a relation that was only just made gets nothing yet.
fn may_publish(event: &Event, relation: &Relation) -> bool {
    match event {
        Event::Relation(event) if event.relation == relation.id => {
            !matches!(event.kind, RelationEventKind::Created | RelationEventKind::Joined)
                || relation.local_unit.contains_key("endpoint")
        }
        _ => true,
    }
}

fn own_url(snapshot: &Snapshot) -> String {
    format!("http://{}:{PORT}", snapshot.host.fqdn)
}

/// What became of the rules of a sender; `None` while it said nothing about rules.
fn received(data: &LokiRequirerAppData) -> Option<Received> {
    let rules = data.alert_rules.as_ref()?;
    Some(Received::check(rules, data.metadata.as_ref(), Language::LogQl))
}

/// One file for each identifier: senders of the same one share it, and the last one wins.
fn rule_files(snapshot: &Snapshot) -> BTreeMap<String, SecretText> {
    snapshot
        .relations_of(&names::endpoint("logging"))
        .filter_map(|relation| {
            received(&LokiRequirerAppData::decode(&relation.remote_app_data).value)
        })
        .filter_map(|received| match received {
            Received::Good { identifier, file } => {
                Some((format!("{RULES}/{identifier}_alert.rules"), SecretText::new(file)))
            }
            _ => None,
        })
        .collect()
}

fn workload(snapshot: &Snapshot, mut files: BTreeMap<String, SecretText>) -> Workload {
    let config = json!({
        "auth_enabled": false,
        "server": {"http_listen_port": PORT},
        "common": {
            "path_prefix": "/loki",
            "replication_factor": 1,
            "ring": {"instance_addr": snapshot.host.fqdn, "kvstore": {"store": "inmemory"}},
            "storage": {"filesystem": {
                "chunks_directory": "/loki/chunks", "rules_directory": "/loki/rules",
            }},
        },
        "ruler": {"storage": {"type": "local", "local": {"directory": "/loki/rules"}}},
        "schema_config": {"configs": [{
            "from": "2024-01-01", "store": "tsdb", "object_store": "filesystem", "schema": "v13",
            "index": {"prefix": "index_", "period": "24h"},
        }]},
    });
    files.insert(CONFIG.to_owned(), SecretText::new(yaml::dump_sorted(&config)));
    Workload {
        container: names::container("loki"),
        command: format!("/usr/bin/loki -config.file={CONFIG} -target all"),
        files,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::names::RelationId;
    use charm::snapshot::ContainerState;
    use charm::testing::{RelationBuilder, SnapshotBuilder};

    const METADATA: &str = r#"{"model": "stage", "model_uuid": "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11", "application": "loom", "unit": "loom/0", "charm_name": "loom-k8s"}"#;

    fn unit() -> SnapshotBuilder {
        Snapshot::for_test("attic/0")
            .leader()
            .fqdn("attic-0.example")
            .container("loki", ContainerState::default())
    }

    fn sender(expression: &str) -> RelationBuilder {
        let rules =
            json!({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": expression}]}]});
        RelationBuilder::new("logging", 5, "loom")
            .remote_app([("metadata", METADATA), ("alert_rules", &rules.to_string())])
    }

    #[test]
    fn the_push_endpoint_is_published_once_the_other_side_spoke() {
        let published = |kind| {
            let snapshot = unit().relation(sender("x")).relation_event(kind, "logging", 5).build();
            Loki.reconcile(&snapshot).unit_databags().get(&RelationId(5)).cloned()
        };
        assert_eq!(published(RelationEventKind::Joined), None);
        let bag = published(RelationEventKind::Changed).expect("published");
        let url = r#"{"url": "http://attic-0.example:3100/loki/api/v1/push"}"#;
        assert_eq!(bag["endpoint"].as_deref(), Some(url));
        assert_eq!(bag["public_address"].as_deref(), Some("attic-0.example"));
    }

    #[test]
    fn bad_rules_are_told_and_make_no_file() {
        let bad = Loki.reconcile(&unit().relation(sender("count_over_time(")).build());
        let answer = &bad.app_databags()[&RelationId(5)];
        assert!(answer["event"].as_deref().is_some_and(|event| event.contains("error validating")));
        assert!(answer["promtail_binary_zip_url"].as_deref().is_some_and(|t| t.contains("arm64")));
        assert_eq!(bad.containers[&names::container("loki")].files.len(), 1);
        assert_eq!(bad.unit_statuses[0].level, charm::status::StatusLevel::Blocked);
    }

    #[test]
    fn good_rules_become_a_file() {
        let sender = sender(r#"count_over_time({job="x"}[5m]) > 0"#);
        let desired = Loki.reconcile(&unit().relation(sender).build());
        let files = &desired.containers[&names::container("loki")].files;
        assert!(files.contains_key("/loki/rules/fake/stage_20d3ed5c_loom_alert.rules"));
        assert_eq!(desired.app_databags()[&RelationId(5)]["event"].as_deref(), Some("{}"));
        assert_eq!(desired.unit_statuses[0], Status::active(""));
    }

    #[test]
    fn a_sender_without_rules_gets_no_answer_about_them() {
        let relation = RelationBuilder::new("logging", 5, "loom");
        let desired = Loki.reconcile(&unit().relation(relation).build());
        assert_eq!(desired.app_databags()[&RelationId(5)].get("event"), Some(&None));
    }
}
