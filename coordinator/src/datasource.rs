//! The deployment as a data source of Grafana, and what related data sources are told of it.

use charm::desired::Desired;
use charm::patterns::template::Template;
use relation_lib::grafana_datasource::{
    GrafanaSource, GrafanaSourceProviderAppData, GrafanaSourceRequirerAppData,
};
use relation_lib::grafana_datasource_exchange::{DatasourceExchangeAppData, ExchangedDatasource};
use serde_json::{Map, Value};

use crate::facts::Facts;
use crate::solution::DataSource;

/// The leader tells every Grafana where to query, and every related data source under which ids
/// Grafana knows ours.
pub(crate) fn publish(facts: &Facts<'_>, desired: &mut Desired) {
    let (Some(proof), Some(source)) =
        (facts.snapshot.leadership.proof(), &facts.solution.grafana_source)
    else {
        return;
    };
    let endpoints = &facts.solution.endpoints;
    match wire(facts, source) {
        Ok(data) => {
            for relation in
                endpoints.grafana_source.iter().flat_map(|e| facts.snapshot.relations_of(e))
            {
                desired.app_databag(proof, relation.id, data.encode());
            }
        }
        Err(reason) => desired.problem("solution.yaml, `grafana_source`", reason),
    }
    let exchanged = DatasourceExchangeAppData::new(known_ids(facts, &source.source_type)).encode();
    for endpoint in [&endpoints.send_datasource, &endpoints.receive_datasource] {
        for relation in endpoint.iter().flat_map(|endpoint| facts.snapshot.relations_of(endpoint)) {
            desired.app_databag(proof, relation.id, exchanged.clone());
        }
    }
}

fn wire(facts: &Facts<'_>, source: &DataSource) -> Result<GrafanaSourceProviderAppData, String> {
    let render = |template: &Template| {
        facts.render("`grafana_source`", template).map_err(|error| error.to_string())
    };
    let mut wire = GrafanaSource::new(&facts.topology(), &source.source_type);
    if let Some(template) = &source.extra_fields {
        let text = render(template)?;
        if !text.trim().is_empty() {
            let fields: Map<String, Value> = serde_yaml::from_str(&text)
                .map_err(|_| "`extra_fields`: expected a YAML mapping".to_owned())?;
            wire.extra_fields = Some(fields);
        }
    }
    let app_host = Some(wire.query_url(&render(&source.url)?));
    Ok(GrafanaSourceProviderAppData { source: Some(wire), app_host })
}

/// The ids that Grafana gave to our units' sources.
fn known_ids(facts: &Facts<'_>, source_type: &str) -> Vec<ExchangedDatasource> {
    let endpoint = facts.solution.endpoints.grafana_source.as_ref();
    let mut known = Vec::new();
    for relation in endpoint.into_iter().flat_map(|e| facts.snapshot.relations_of(e)) {
        let said = GrafanaSourceRequirerAppData::decode(&relation.remote_app_data).value;
        let Some(grafana_uid) = said.grafana_uid else { continue };
        for uid in said.datasource_uids.into_iter().flat_map(|uids| uids.into_values()) {
            known.push(ExchangedDatasource {
                source_type: source_type.to_owned(),
                uid,
                grafana_uid: grafana_uid.clone(),
            });
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use charm::names::RelationId;
    use charm::testing::RelationBuilder;

    use crate::fixtures::{SOLUTION, working};
    use crate::reconcile::reconcile;
    use crate::solution::Solution;

    #[test]
    fn grafana_is_told_where_to_query_and_others_under_which_id() {
        let text = SOLUTION
            .replace("  s3: s3\n", "  s3: s3\n  grafana-source: source\n  send-datasource: give\n")
            + "grafana_source: {type: tally, url: 'http://{{ app_host }}:8080', \
             extra_fields: '{httpMethod: GET}'}\n";
        let solution = Solution::parse("solution.yaml", &text).expect("valid");
        let grafana = RelationBuilder::new("source", 11, "glass").remote_app([
            ("grafana_uid", "g-1"),
            ("datasource_uids", r#"{"tally/0": "juju_tally_0"}"#),
        ]);
        let other = RelationBuilder::new("give", 12, "loki");
        let snapshot = working().relation(grafana).relation(other).build();
        let desired = reconcile(&solution, &snapshot);
        let source = &desired.app_databags()[&RelationId(11)];
        assert_eq!(
            source["grafana_source_app_host"].as_deref(),
            Some("http://tally.stage.svc.cluster.local:8080")
        );
        let data = source["grafana_source_data"].as_deref().expect("a value");
        assert!(data.contains(r#""extra_fields": {"httpMethod": "GET"}"#), "{data}");
        assert_eq!(
            desired.app_databags()[&RelationId(12)]["datasources"].as_deref(),
            Some(r#"[{"type":"tally","uid":"juju_tally_0","grafana_uid":"g-1"}]"#)
        );
    }
}
