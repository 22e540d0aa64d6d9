//! The deployment as a data source of Grafana, and what related data sources are told of it.

use charm::desired::Desired;
use charm::patterns::template::Template;
use relation_lib::grafana_datasource::{
    GrafanaSource, GrafanaSourceProviderAppData, GrafanaSourceProviderUnitData,
    GrafanaSourceRequirerAppData, SecureFields,
};
use relation_lib::grafana_datasource_exchange::{DatasourceExchangeAppData, ExchangedDatasource};
use serde_json::{Map, Value};

use crate::facts::Facts;
use crate::solution::DataSource;

/// Units tell every Grafana where they are, if they are sources; the leader tells what kind of
/// source they and the application are, and every related data source under which ids Grafana knows
/// ours.
pub(crate) fn publish(facts: &Facts<'_>, desired: &mut Desired) {
    let Some(source) = &facts.solution.grafana_source else { return };
    let endpoints = &facts.solution.endpoints;
    let grafanas: Vec<_> =
        endpoints.grafana_source.iter().flat_map(|e| facts.snapshot.relations_of(e)).collect();
    if let Some(template) = &source.unit_url {
        match facts.render("`grafana_source.unit_url`", template) {
            Ok(url) => {
                let kind = GrafanaSource::new(&facts.topology(), &source.source_type);
                let host = Some(url.trim()).filter(|url| !url.is_empty());
                let data = GrafanaSourceProviderUnitData { host: host.map(|u| kind.query_url(u)) };
                for relation in &grafanas {
                    desired.unit_databag(relation.id, data.encode());
                }
            }
            Err(error) => desired.problem("solution.yaml", error.to_string()),
        }
    }
    let Some(proof) = facts.snapshot.leadership.proof() else { return };
    match wire(facts, source) {
        Ok(data) => {
            for relation in &grafanas {
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
    let mut wire = GrafanaSource::new(&facts.topology(), &source.source_type);
    if let Some(fields) = fields(facts, "extra_fields", source.extra_fields.as_ref())? {
        wire.extra_fields = Some(fields);
    }
    let secure = fields(facts, "secure_extra_fields", source.secure_extra_fields.as_ref())?;
    wire.secure_extra_fields = secure.map(SecureFields::new);
    let app_host = match &source.url {
        Some(template) => {
            let url = facts.render("`grafana_source.url`", template).map_err(|e| e.to_string())?;
            Some(wire.query_url(&url))
        }
        None => None,
    };
    Ok(GrafanaSourceProviderAppData { source: Some(wire), app_host })
}

/// A mapping that a template renders to; nothing, when it renders to nothing. An error says nothing
/// of what was rendered: it may be secret.
fn fields(
    facts: &Facts<'_>,
    key: &str,
    template: Option<&Template>,
) -> Result<Option<Map<String, Value>>, String> {
    let Some(template) = template else { return Ok(None) };
    let what = format!("`grafana_source.{key}`");
    let text = facts.render(&what, template).map_err(|error| error.to_string())?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let fields = serde_yaml::from_str(&text);
    Ok(Some(fields.map_err(|_| format!("`{key}`: expected a YAML mapping"))?))
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

    #[test]
    fn units_and_secret_settings_are_sent_where_the_solution_says_so() {
        let text = SOLUTION.replace("  s3: s3\n", "  s3: s3\n  grafana-source: source\n")
            + "grafana_source: {type: prometheus, unit_url: '{{ fqdn }}:8080', \
             extra_fields: '{httpHeaderName1: X-Scope-OrgID}', \
             secure_extra_fields: '{httpHeaderValue1: anonymous}'}\n";
        let solution = Solution::parse("solution.yaml", &text).expect("valid");
        let snapshot = working().relation(RelationBuilder::new("source", 11, "glass")).build();
        let desired = reconcile(&solution, &snapshot);
        assert_eq!(
            desired.unit_databags()[&RelationId(11)]["grafana_source_host"].as_deref(),
            Some("http://tally-0.tally-endpoints.stage.svc.cluster.local:8080")
        );
        let source = &desired.app_databags()[&RelationId(11)];
        assert_eq!(source["grafana_source_app_host"], None);
        let data = source["grafana_source_data"].as_deref().expect("a value");
        let secure = r#""secure_extra_fields": {"httpHeaderValue1": "anonymous"}"#;
        assert!(data.contains(secure), "{data}");
    }

    #[test]
    fn the_logs_of_a_shared_grafana_are_led_to() {
        let endpoints = "  s3: s3\n  grafana-source: source\n  receive-datasource: take\n";
        let text = SOLUTION.replace("  s3: s3\n", endpoints)
            + "grafana_source:\n  type: tempo\n  url: 'http://{{ app_host }}:3200'\n  extra_fields: |\n    \
             {% if correlation.logs %}\n    tracesToLogsV2: {datasourceUid: {{ correlation.logs | json }}}\n    {% endif %}\n";
        let solution = Solution::parse("solution.yaml", &text).expect("valid");
        let grafana =
            RelationBuilder::new("source", 11, "glass").remote_app([("grafana_uid", "g")]);
        let exchange = RelationBuilder::new("take", 12, "attic")
            .remote_app([("datasources", r#"[{"type":"loki","uid":"l","grafana_uid":"g"}]"#)]);
        let data = |snapshot| {
            let desired = reconcile(&solution, &snapshot);
            desired.app_databags()[&RelationId(11)]["grafana_source_data"]
                .clone()
                .unwrap_or_default()
        };
        let alone = data(working().relation(grafana.clone()).build());
        assert!(alone.contains(r#""extra_fields": null"#), "{alone}");
        let led = data(working().relation(grafana).relation(exchange).build());
        assert!(led.contains(r#"{"tracesToLogsV2": {"datasourceUid": "l"}}"#), "{led}");
    }
}
