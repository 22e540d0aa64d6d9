//! Data sources of others that Grafana can lead to from ours, and from which it can lead to ours:
//! from traces to the logs and metrics of the same time, and from logs to their trace.
//!
//! Only sources in a Grafana that has ours too are of use: ids mean something in one Grafana only.

use std::collections::BTreeSet;

use charm::names::ApplicationName;
use charm::snapshot::{Relation, Snapshot};
use relation_lib::grafana_datasource::GrafanaSourceRequirerAppData;
use relation_lib::grafana_datasource_exchange::{DatasourceExchangeAppData, ExchangedDatasource};
use serde_json::{Value, json};

use crate::problem::{Problems, place};
use crate::solution::{RemoteWrite, Solution};

/// What others told us of their data sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Correlation {
    /// By relation id, then id of the source.
    sources: Vec<Source>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    application: Option<ApplicationName>,
    /// Whether the workers write metrics to that application.
    takes_remote_write: bool,
    source: ExchangedDatasource,
}

impl Correlation {
    /// Reads what the exchange relations say, as far as it is of use.
    pub(crate) fn read(solution: &Solution, snapshot: &Snapshot, problems: &mut Problems) -> Self {
        let endpoints = &solution.endpoints;
        let grafanas = grafanas(solution, snapshot);
        let exchange = [&endpoints.send_datasource, &endpoints.receive_datasource];
        let mut relations: Vec<&Relation> = exchange
            .into_iter()
            .flatten()
            .flat_map(|endpoint| snapshot.relations_of(endpoint))
            .filter(|relation| !relation.remote_app_data.is_empty())
            .collect();
        relations.sort_by_key(|relation| relation.id);
        let mut sources = Vec::new();
        for relation in relations {
            let read = match DatasourceExchangeAppData::decode(&relation.remote_app_data) {
                Ok(read) => read,
                Err(error) => {
                    problems.note(place(relation, None, error.key()), error.to_string());
                    continue;
                }
            };
            problems.skipped(relation, None, &read.skipped);
            let takes_remote_write = takes_remote_write(solution, snapshot, relation);
            let shared = read.value.datasources().iter();
            sources.extend(shared.filter(|source| grafanas.contains(&source.grafana_uid)).map(
                |source| Source {
                    application: relation.remote_app.clone(),
                    takes_remote_write,
                    source: source.clone(),
                },
            ));
        }
        Self { sources }
    }

    /// The names that templates see: `correlation`.
    pub(crate) fn context(&self) -> Value {
        let all: Vec<_> = self
            .sources
            .iter()
            .map(|found| {
                json!({
                    "type": found.source.source_type,
                    "uid": found.source.uid,
                    "grafana_uid": found.source.grafana_uid,
                    "application": found.application.as_ref().map(ApplicationName::as_str),
                    "takes_remote_write": found.takes_remote_write,
                })
            })
            .collect();
        json!({
            "logs": self.first("loki", |_| true),
            "traces": self.first("tempo", |_| true),
            "metrics": self.first("prometheus", |_| true),
            "written_metrics": self.first("prometheus", |found| found.takes_remote_write),
            "sources": all,
        })
    }

    fn first(&self, source_type: &str, is_wanted: impl Fn(&Source) -> bool) -> Option<&str> {
        let of_type = |found: &&Source| found.source.source_type == source_type;
        let found = self.sources.iter().filter(of_type).find(|found| is_wanted(found));
        found.map(|found| found.source.uid.as_str())
    }
}

/// The Grafanas that have our sources.
fn grafanas(solution: &Solution, snapshot: &Snapshot) -> BTreeSet<String> {
    let endpoint = solution.endpoints.grafana_source.iter();
    endpoint
        .flat_map(|endpoint| snapshot.relations_of(endpoint))
        .filter_map(|relation| {
            GrafanaSourceRequirerAppData::decode(&relation.remote_app_data).value.grafana_uid
        })
        .collect()
}

fn takes_remote_write(solution: &Solution, snapshot: &Snapshot, relation: &Relation) -> bool {
    let Some(RemoteWrite::Endpoint(endpoint)) = &solution.remote_write else { return false };
    let mut writers = snapshot.relations_of(endpoint);
    relation.remote_app.is_some() && writers.any(|writer| writer.remote_app == relation.remote_app)
}

#[cfg(test)]
mod tests {
    use charm::testing::{RelationBuilder, SnapshotBuilder};

    use super::*;
    use crate::fixtures::{SOLUTION, working};

    fn solution() -> Solution {
        let endpoints = "  s3: s3\n  grafana-source: source\n  send-datasource: give\n  receive-datasource: take\n";
        let text = SOLUTION.replace("  s3: s3\n", endpoints);
        let more = "remote_write_endpoints: {endpoint: write}\ngrafana_source: {type: tempo, url: 'http://x'}\n";
        Solution::parse("solution.yaml", &(text + more)).expect("valid")
    }

    fn told(id: u32, app: &str, endpoint: &str, sources: &str) -> RelationBuilder {
        RelationBuilder::new(endpoint, id, app).remote_app([("datasources", sources)])
    }

    fn unit() -> SnapshotBuilder {
        let grafana =
            RelationBuilder::new("source", 11, "glass").remote_app([("grafana_uid", "g")]);
        working().relation(grafana)
    }

    fn context(snapshot: &Snapshot) -> Value {
        Correlation::read(&solution(), snapshot, &mut Problems::default()).context()
    }

    #[test]
    fn the_first_source_of_a_type_in_a_grafana_of_ours_is_found() {
        let snapshot = unit()
            .relation(told(13, "attic", "take", r#"[{"type":"loki","uid":"l2","grafana_uid":"g"}]"#))
            .relation(told(
                12,
                "loft",
                "give",
                r#"[{"type":"loki","uid":"l0","grafana_uid":"other"},{"type":"loki","uid":"l1","grafana_uid":"g"}]"#,
            ))
            .build();
        let context = context(&snapshot);
        assert_eq!(context["logs"], "l1");
        assert_eq!(context["traces"], Value::Null);
        assert_eq!(context["sources"][1]["application"], "attic");
        assert_eq!(context["sources"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn metrics_that_workers_write_are_told_apart() {
        let of =
            |uid: &str| format!(r#"[{{"type":"prometheus","uid":"{uid}","grafana_uid":"g"}}]"#);
        let snapshot = unit()
            .relation(told(12, "press", "take", &of("p1")))
            .relation(told(13, "vault", "take", &of("p2")))
            .relation(RelationBuilder::new("write", 14, "vault"))
            .build();
        let context = context(&snapshot);
        assert_eq!(context["metrics"], "p1");
        assert_eq!(context["written_metrics"], "p2");
    }

    #[test]
    fn without_a_grafana_of_ours_nothing_is_of_use() {
        let source = r#"[{"type":"loki","uid":"l","grafana_uid":"g"}]"#;
        let snapshot = working().relation(told(12, "attic", "take", source)).build();
        assert_eq!(context(&snapshot)["logs"], Value::Null);
    }

    #[test]
    fn what_cannot_be_read_is_noted_and_spoils_nothing_else() {
        let snapshot = unit()
            .relation(told(12, "loft", "take", "loki"))
            .relation(told(13, "attic", "take", r#"[{"type":"loki","uid":"l","grafana_uid":"g"}]"#))
            .build();
        let mut problems = Problems::default();
        let found = Correlation::read(&solution(), &snapshot, &mut problems);
        assert_eq!(found.context()["logs"], "l");
        let (noted, _) = problems.into_parts();
        assert_eq!(noted.len(), 1);
        assert!(noted[0].place.contains("take:12"), "{}", noted[0].place);
    }
}
