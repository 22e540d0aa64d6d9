//! `juju show-unit`: a unit with the databags that it can see.

use serde_json::{Map, Value, json};

use super::View;
use super::members::Members;
use super::status::{charm_url, ports};
use crate::model::{Life, Model, Relation, Unit};
use crate::names::UnitName;

/// What is shown of the relations of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only relations of this endpoint, even those whose databags are empty.
    pub endpoint: Option<String>,
    /// Only this related unit.
    pub related_unit: Option<UnitName>,
    /// Whether the data of units is shown.
    pub units: UnitData,
}

/// Whether the databags of units are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnitData {
    /// They are.
    #[default]
    Shown,
    /// `--app`: only those of applications.
    Hidden,
}

/// A unit that is not in the model. The text is Juju's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unit \"{0}\" not found")]
pub struct NoUnit(pub UnitName);

/// The document of `juju show-unit`: units by name.
///
/// # Errors
///
/// When one of the units is not in the model.
pub fn document(view: View<'_>, units: &[UnitName], filter: &Filter) -> Result<Value, NoUnit> {
    let mut document = Map::new();
    for name in units {
        let unit = view.model.unit(name).ok_or_else(|| NoUnit(name.clone()))?;
        document.insert(name.to_string(), describe(view.model, unit, filter));
    }
    Ok(Value::Object(document))
}

fn describe(model: &Model, unit: &Unit, filter: &Filter) -> Value {
    let application = model.applications.get(unit.name.application());
    let relations: Vec<_> = model
        .relations_of(unit.name.application())
        .filter(|(side, _)| filter.endpoint.as_ref().is_none_or(|wanted| *wanted == side.endpoint))
        .filter_map(|(_, relation)| describe_relation(model, unit, relation, filter))
        .collect();
    Members::new()
        .filled("workload-version", application.map_or("", |a| a.workload_version.as_str()))
        .with("opened-ports", ports(unit))
        .with("charm", application.map_or(String::new(), charm_url))
        .with("leader", model.is_leader(&unit.name))
        .with("life", if unit.life == Life::Alive { "alive" } else { "dying" })
        .filled("relation-info", relations)
        .with("provider-id", unit.name.dashed())
        .with("address", unit.address.as_str())
        .done()
}

fn describe_relation(
    model: &Model,
    unit: &Unit,
    relation: &Relation,
    filter: &Filter,
) -> Option<Value> {
    let own = relation.side(unit.name.application())?;
    let remote = relation.remote(unit.name.application())?;
    let entry = Members::new()
        .with("relation-id", relation.id.0)
        .with("endpoint", own.endpoint.as_str())
        .with("related-endpoint", remote.endpoint.as_str())
        .filled("cross-model", model.links.contains_key(&relation.id))
        .with("application-data", json!(remote.bag.content));
    if filter.units == UnitData::Hidden {
        return Some(entry.with("local-unit", no_data()).done());
    }
    // A unit sees its own databag on a peer relation only.
    let local = own.members.get(&unit.name).filter(|_| relation.is_peer());
    let local_data = local.map_or_else(
        no_data,
        |member| json!({"in-scope": member.in_scope, "data": member.bag.content}),
    );
    let related: Map<_, _> = remote
        .members
        .iter()
        .filter(|(name, _)| **name != unit.name)
        .filter(|(name, _)| filter.related_unit.as_ref().is_none_or(|wanted| wanted == *name))
        .map(|(name, member)| {
            let data = member.in_scope.then_some(&member.bag.content);
            (name.to_string(), json!({"in-scope": member.in_scope, "data": data}))
        })
        .collect();
    // Juju leaves out a relation that shows nothing, unless it was asked for.
    let is_shown = filter.endpoint.is_some()
        || !remote.bag.content.is_empty()
        || local.is_some_and(|member| !member.bag.content.is_empty())
        || !related.is_empty();
    let entry = entry.with("local-unit", local_data).filled("related-units", related);
    is_shown.then(|| entry.done())
}

/// What Juju prints where there is no unit to show: the member is never absent.
fn no_data() -> Value {
    json!({"in-scope": false, "data": null})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::samples;

    fn bag(address: &str) -> Value {
        json!({
            "egress-subnets": format!("{address}/32"), "ingress-address": address,
            "private-address": address,
        })
    }

    #[test]
    fn a_unit_shows_the_other_sides_databags() {
        let mut model = samples::model();
        let sql = model.relations.get_mut(&crate::names::RelationId(1)).unwrap();
        sql.sides[1].bag.replace([("url".to_owned(), "x".to_owned())].into());
        let units = ["web/0".parse().unwrap()];
        let document = document(samples::view(&model), &units, &Filter::default()).unwrap();
        assert_eq!(
            document["web/0"],
            json!({
                "opened-ports": ["80/tcp", "81/tcp", "443/tcp"], "charm": "local:web-k8s-0",
                "leader": true, "life": "alive",
                "relation-info": [
                    {
                        "relation-id": 0, "endpoint": "peers", "related-endpoint": "peers",
                        "application-data": {},
                        "local-unit": {"in-scope": true, "data": bag("10.1.71.5")},
                        "related-units": {"web/1": {"in-scope": true, "data": bag("10.1.71.5")}},
                    },
                    {
                        "relation-id": 1, "endpoint": "db", "related-endpoint": "sql",
                        "application-data": {"url": "x"},
                        "local-unit": {"in-scope": false, "data": null},
                        "related-units": {"db/0": {"in-scope": true, "data": bag("10.1.71.5")}},
                    },
                ],
                "provider-id": "web-0", "address": "10.1.71.5",
            })
        );
    }

    #[test]
    fn filters_take_endpoints_and_leave_out_units() {
        let model = samples::model();
        let units = ["web/0".parse().unwrap()];
        let filter =
            Filter { endpoint: Some("db".to_owned()), units: UnitData::Hidden, related_unit: None };
        let shown = document(samples::view(&model), &units, &filter).unwrap();
        assert_eq!(
            shown["web/0"]["relation-info"],
            json!([{
                "relation-id": 1, "endpoint": "db", "related-endpoint": "sql",
                "application-data": {}, "local-unit": {"in-scope": false, "data": null},
            }])
        );
        let nobody = Filter { related_unit: "db/9".parse().ok(), ..Filter::default() };
        let shown = document(samples::view(&model), &units, &nobody).unwrap();
        // The relation with the database shows nothing any more; the peer relation does.
        assert_eq!(shown["web/0"]["relation-info"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn an_unknown_unit_is_refused_in_jujus_words() {
        let model = samples::model();
        let units = ["web/7".parse().unwrap()];
        let refused = document(samples::view(&model), &units, &Filter::default()).unwrap_err();
        assert_eq!(refused.to_string(), "unit \"web/7\" not found");
    }
}
