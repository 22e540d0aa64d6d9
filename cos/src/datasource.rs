//! What charms that Grafana queries have in common: they say where they are, and pass on under
//! which ids Grafana knows them.

use charm::desired::Desired;
use charm::needs::{Bag, Needs};
use charm::snapshot::Snapshot;
use relation_lib::grafana_datasource::{
    GrafanaSource, GrafanaSourceProviderAppData, GrafanaSourceProviderUnitData,
    GrafanaSourceRequirerAppData,
};
use relation_lib::grafana_datasource_exchange::{DatasourceExchangeAppData, ExchangedDatasource};
use relation_lib::topology::JujuTopology;
use serde_json::{Map, Value};

use crate::names;

/// A data source of which every unit is queried by itself, or the application as a whole.
pub(crate) struct DataSource<'a> {
    /// The type in Grafana.
    pub(crate) kind: &'a str,
    /// Where a unit is queried.
    pub(crate) unit_url: Option<String>,
    /// Where the application is queried.
    pub(crate) app_url: Option<String>,
    /// Settings of the source.
    pub(crate) extra_fields: Option<Map<String, Value>>,
}

/// What has to be seen.
pub(crate) fn ask(needs: &mut Needs) {
    let source = [Bag::LocalApp, Bag::LocalUnit, Bag::RemoteApp].into();
    needs.endpoints.insert(names::endpoint("grafana-source"), source);
    let exchange = [Bag::LocalApp].into();
    needs.endpoints.insert(names::endpoint("send-datasource"), exchange);
}

impl DataSource<'_> {
    /// Tells Grafana and those who want to lead to the source.
    pub(crate) fn publish(&self, snapshot: &Snapshot, desired: &mut Desired) {
        let grafanas = names::endpoint("grafana-source");
        let mut known = Vec::new();
        for relation in snapshot.relations_of(&grafanas) {
            let unit = GrafanaSourceProviderUnitData { host: self.unit_url.clone() };
            desired.unit_databag(relation.id, unit.encode());
            let said = GrafanaSourceRequirerAppData::decode(&relation.remote_app_data).value;
            let Some(grafana_uid) = said.grafana_uid else { continue };
            // The id of the application's source isn't passed on: so it is in the published charms.
            for uid in said.datasource_uids.into_iter().flat_map(|uids| uids.into_values()) {
                let grafana_uid = grafana_uid.clone();
                let source_type = self.kind.to_owned();
                known.push(ExchangedDatasource { source_type, uid, grafana_uid });
            }
        }
        let Some(leader) = snapshot.leadership.proof() else { return };
        let Some(source) = self.source(snapshot) else { return };
        let data =
            GrafanaSourceProviderAppData { source: Some(source), app_host: self.app_url.clone() };
        for relation in snapshot.relations_of(&grafanas) {
            desired.app_databag(leader, relation.id, data.encode());
        }
        let exchanged = DatasourceExchangeAppData::new(known).encode();
        for relation in snapshot.relations_of(&names::endpoint("send-datasource")) {
            desired.app_databag(leader, relation.id, exchanged.clone());
        }
    }

    fn source(&self, snapshot: &Snapshot) -> Option<GrafanaSource> {
        let identity = &snapshot.identity;
        let uuid = identity.model_uuid.as_str().parse().ok()?;
        let application = identity.application.as_str().parse().ok()?;
        let topology = JujuTopology::new(identity.model.as_str(), uuid, application);
        let source = GrafanaSource::new(&topology, self.kind);
        Some(GrafanaSource { extra_fields: self.extra_fields.clone(), ..source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::names::RelationId;
    use charm::testing::RelationBuilder;

    #[test]
    fn ids_of_units_are_passed_on() {
        let grafana = RelationBuilder::new("grafana-source", 5, "glass").remote_app([
            ("grafana_uid", "g"),
            ("datasource_uids", r#"{"press/0": "p"}"#),
            ("app_datasource_uid", "not passed on"),
        ]);
        let snapshot = Snapshot::for_test("press/0")
            .leader()
            .model("stage", "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11")
            .relation(grafana)
            .relation(RelationBuilder::new("send-datasource", 6, "trail"))
            .build();
        let mut desired = Desired::default();
        let unit_url = Some("http://press-0.example:9090".to_owned());
        let source = DataSource { kind: "prometheus", unit_url, app_url: None, extra_fields: None };
        source.publish(&snapshot, &mut desired);
        assert_eq!(
            desired.unit_databags()[&RelationId(5)]["grafana_source_host"].as_deref(),
            Some("http://press-0.example:9090")
        );
        assert_eq!(
            desired.app_databags()[&RelationId(6)]["datasources"].as_deref(),
            Some(r#"[{"type":"prometheus","uid":"p","grafana_uid":"g"}]"#)
        );
        let data = desired.app_databags()[&RelationId(5)]["grafana_source_data"].clone();
        assert!(data.is_some_and(|data| data.contains(r#""type": "prometheus""#)));
    }
}
