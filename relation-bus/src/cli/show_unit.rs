//! `relation-bus show-unit`: a unit with the databags it can see, as `juju show-unit` has them.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::state::{StateError, StateOption};
use super::{Exit, print};
use crate::model::{Life, Model, Relation, Unit};
use crate::names::UnitName;

/// Show units with the databags that they can see.
///
/// `application-data` is what the other application wrote. To see what this application wrote,
/// show a unit of the other one: several units may be named.
#[derive(Debug, Args)]
pub(super) struct ShowUnit {
    /// Units, such as `loki/0`.
    #[arg(required = true, value_name = "UNIT")]
    units: Vec<UnitName>,
    /// Only relations of this endpoint, even those whose databags are empty.
    #[arg(long)]
    endpoint: Option<String>,
    /// Only this related unit.
    #[arg(long, value_name = "UNIT")]
    related_unit: Option<UnitName>,
    /// Leave out the data of units.
    #[arg(long)]
    app: bool,
    /// How to print; both have the keys of Juju.
    #[arg(long, value_enum, default_value = "yaml")]
    format: UnitFormat,
    #[command(flatten)]
    state: StateOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UnitFormat {
    Yaml,
    Json,
}

/// Why units can't be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShowUnitError {
    /// There is no model.
    #[error(transparent)]
    State(#[from] StateError),
    /// The model has no such unit.
    #[error("cannot find unit `{0}` in the model")]
    NoUnit(UnitName),
}

/// What is shown of the relations of a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) endpoint: Option<&'a str>,
    pub(super) related_unit: Option<&'a UnitName>,
    pub(super) application_only: bool,
}

impl ShowUnit {
    pub(super) fn run(&self) -> Result<Exit, ShowUnitError> {
        let saved = self.state.load()?;
        let filter = Filter {
            endpoint: self.endpoint.as_deref(),
            related_unit: self.related_unit.as_ref(),
            application_only: self.app,
        };
        let mut document = Map::new();
        for name in &self.units {
            let unit = saved.model.unit(name).ok_or_else(|| ShowUnitError::NoUnit(name.clone()))?;
            document.insert(name.to_string(), describe(&saved.model, unit, filter));
        }
        let document = Value::Object(document);
        match self.format {
            UnitFormat::Json => print(&document.to_string()),
            UnitFormat::Yaml => print(super::yaml(&document).trim_end()),
        }
        Ok(Exit::Done)
    }
}

/// One unit in the shape of `juju show-unit --format json`.
pub(super) fn describe(model: &Model, unit: &Unit, filter: Filter<'_>) -> Value {
    let application = model.applications.get(unit.name.application());
    let charm = application.map_or("", |application| application.charm.name.as_str());
    let version = application.map_or("", |application| application.workload_version.as_str());
    let ports: Vec<_> = unit.opened_ports.iter().map(ToString::to_string).collect();
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    if !version.is_empty() {
        put("workload-version", json!(version));
    }
    put("opened-ports", json!(ports));
    put("charm", json!(format!("local:{charm}-0")));
    put("leader", json!(model.is_leader(&unit.name)));
    put("life", json!(if unit.life == Life::Alive { "alive" } else { "dying" }));
    let relations: Vec<_> = model
        .relations_of(unit.name.application())
        .filter(|(side, _)| filter.endpoint.is_none_or(|endpoint| endpoint == side.endpoint))
        .filter_map(|(_, relation)| describe_relation(unit, relation, filter))
        .collect();
    if !relations.is_empty() {
        put("relation-info", Value::Array(relations));
    }
    put("provider-id", json!(unit.name.dashed()));
    put("address", json!(unit.address));
    Value::Object(entry)
}

fn describe_relation(unit: &Unit, relation: &Relation, filter: Filter<'_>) -> Option<Value> {
    let own = relation.side(unit.name.application())?;
    let remote = relation.remote(unit.name.application())?;
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    put("relation-id", json!(relation.id.0));
    put("endpoint", json!(own.endpoint));
    put("related-endpoint", json!(remote.endpoint));
    put("application-data", json!(remote.bag.content));
    let mut is_empty = remote.bag.content.is_empty();
    if !filter.application_only {
        let local = own.members.get(&unit.name).filter(|_| relation.is_peer());
        put(
            "local-unit",
            match local {
                Some(member) => json!({"in-scope": member.in_scope, "data": member.bag.content}),
                None => json!({"in-scope": false, "data": null}),
            },
        );
        is_empty &= local.is_none();
        let related: Map<_, _> = remote
            .members
            .iter()
            .filter(|(name, _)| **name != unit.name)
            .filter(|(name, _)| filter.related_unit.is_none_or(|wanted| wanted == *name))
            .map(|(name, member)| {
                let data = member.in_scope.then_some(&member.bag.content);
                (name.to_string(), json!({"in-scope": member.in_scope, "data": data}))
            })
            .collect();
        if !related.is_empty() {
            is_empty = false;
            put("related-units", Value::Object(related));
        }
    }
    (!is_empty || filter.endpoint.is_some()).then_some(Value::Object(entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charm_folder::CharmMetadata;
    use crate::model::{Application, RelationLife, Role, Side};
    use crate::names::RelationId;

    #[test]
    fn a_unit_shows_the_other_sides_databags() {
        let mut model = Model::new("m", "0", "3.6.8");
        for name in ["web", "api"] {
            let charm = CharmMetadata { name: format!("{name}-k8s"), ..CharmMetadata::default() };
            let mut application = Application::new(name, charm);
            let unit = UnitName::new(name, 0);
            application.units.insert(unit.clone(), Unit::new(unit, "10.1.0.5"));
            model.applications.insert(name.to_owned(), application);
        }
        let mut relation = Relation {
            id: RelationId(7),
            interface: "http".to_owned(),
            sides: vec![
                Side::new("web", "backend", Role::Requirer),
                Side::new("api", "http", Role::Provider),
            ],
            life: RelationLife::Alive,
        };
        relation.enter_scope(&UnitName::new("api", 0), "10.1.0.9");
        relation.sides[1].bag.replace([("url".to_owned(), "x".to_owned())].into());
        model.relations.insert(relation.id, relation);
        let filter = Filter { endpoint: None, related_unit: None, application_only: false };
        let unit = model.unit(&UnitName::new("web", 0)).unwrap();
        assert_eq!(
            describe(&model, unit, filter),
            json!({
                "opened-ports": [], "charm": "local:web-k8s-0", "leader": false, "life": "alive",
                "relation-info": [{
                    "relation-id": 7, "endpoint": "backend", "related-endpoint": "http",
                    "application-data": {"url": "x"},
                    "local-unit": {"in-scope": false, "data": null},
                    "related-units": {"api/0": {"in-scope": true, "data": {
                        "egress-subnets": "10.1.0.9/32", "ingress-address": "10.1.0.9",
                        "private-address": "10.1.0.9",
                    }}},
                }],
                "provider-id": "web-0", "address": "10.1.0.5",
            })
        );
        let api = model.unit(&UnitName::new("api", 0)).unwrap();
        assert_eq!(describe(&model, api, filter).get("relation-info"), None);
    }
}
