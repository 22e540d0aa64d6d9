//! Relations between models: the offers and SAAS of `juju status`, `offers` and `find-offers`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::members::{self, Members};
use super::status::charm_url;
use super::{Column, ControllerFacts, View, natural_order, table};
use crate::model::{Life, Model, Offer, OfferedEndpoint, Role, Saas, StatusEntry};

fn endpoints(all: &BTreeMap<String, OfferedEndpoint>) -> Map<String, Value> {
    let entry = |(name, endpoint): (&String, &OfferedEndpoint)| {
        let entry = json!({"interface": endpoint.interface, "role": role(endpoint.role)});
        (name.clone(), entry)
    };
    all.iter().map(entry).collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Provider => "provider",
        Role::Requirer => "requirer",
        Role::Peer => "peer",
    }
}

fn url(model: &Model, controller: &ControllerFacts, offer: &Offer) -> String {
    format!("{}/{}.{}", controller.user, model.name, offer.name)
}

/// `application-endpoints` of `juju status`: what the model consumes.
pub(super) fn consumed(view: View<'_>) -> Map<String, Value> {
    let entry = |saas: &Saas| {
        let mut relations: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (side, relation) in view.model.relations_of(&saas.name) {
            if let Some(other) = relation.remote(&saas.name) {
                relations.entry(&side.endpoint).or_default().push(&other.application);
            }
        }
        let life = if saas.life == Life::Alive { "" } else { "dying" };
        let entry = Members::new()
            .with("url", saas.url.as_str())
            .filled("endpoints", endpoints(&saas.endpoints))
            .filled("life", life)
            .with("application-status", members::status(&status(view, saas)))
            .filled("relations", json!(relations));
        (saas.name.clone(), entry.done())
    };
    view.model.saas.values().map(entry).collect()
}

/// What the offered application says of itself; unknown when its model isn't at hand.
fn status(view: View<'_>, saas: &Saas) -> StatusEntry {
    view.controller.offered.get(&saas.url).cloned().unwrap_or_else(StatusEntry::unset)
}

/// The statuses of all offered applications of some models, by the URLs of their offers: what
/// [`ControllerFacts::offered`] holds.
pub fn statuses<'a>(
    models: impl Iterator<Item = &'a Model>,
    controller: &ControllerFacts,
) -> BTreeMap<String, StatusEntry> {
    let mut found = BTreeMap::new();
    for model in models {
        for offer in model.offers.values() {
            if let Some(application) = model.applications.get(&offer.application) {
                found.insert(url(model, controller, offer), application.shown_status());
            }
        }
    }
    found
}

/// The SAAS table of `juju status`.
pub(super) fn consumed_table(view: View<'_>) -> Option<String> {
    let mut all: Vec<&Saas> = view.model.saas.values().collect();
    all.sort_by(|a, b| natural_order(&a.name, &b.name));
    let rows = all.into_iter().map(|saas| {
        let status = status(view, saas).value.to_string();
        vec![saas.name.clone(), status, view.controller.name.clone(), saas.url.clone()]
    });
    let rows: Vec<_> = rows.collect();
    let columns = ["SAAS", "Status", "Store", "URL"].map(Column::Left);
    (!rows.is_empty()).then(|| table(&columns, &rows))
}

/// `offers` of `juju status`: what the model offers.
pub(super) fn offered(view: View<'_>) -> Map<String, Value> {
    let entry = |offer: &Offer| {
        let connections = view.model.connections(&offer.name);
        let entry = Members::new()
            .with("application", offer.application.as_str())
            .filled("charm", charm(view.model, offer))
            .filled("total-connected-count", connections)
            .filled("active-connected-count", connections)
            .with("endpoints", endpoints(&offer.endpoints));
        (offer.name.clone(), entry.done())
    };
    view.model.offers.values().map(entry).collect()
}

fn charm(model: &Model, offer: &Offer) -> String {
    model.applications.get(&offer.application).map(charm_url).unwrap_or_default()
}

/// The table of offers of `juju status`: one line for each endpoint.
pub(super) fn offered_table(view: View<'_>) -> Option<String> {
    let mut rows = Vec::new();
    for offer in view.model.offers.values() {
        let application = view.model.applications.get(&offer.application);
        let connections = view.model.connections(&offer.name);
        for (number, (name, endpoint)) in offer.endpoints.iter().enumerate() {
            let about = match number {
                0 => [
                    offer.name.clone(),
                    offer.application.clone(),
                    application.map_or_else(String::new, |a| a.charm.name.clone()),
                    application.map_or_else(String::new, |a| a.charm_revision.to_string()),
                    format!("{connections}/{connections}"),
                ],
                _ => Default::default(),
            };
            let end = [name.clone(), endpoint.interface.clone(), role(endpoint.role).to_owned()];
            rows.push(about.into_iter().chain(end).collect());
        }
    }
    let columns =
        ["Offer", "Application", "Charm", "Rev", "Connected", "Endpoint", "Interface", "Role"];
    (!rows.is_empty()).then(|| table(&columns.map(Column::Left), &rows))
}

/// The document of `juju offers --format json`: the offers of a model, with who is connected.
#[must_use]
pub fn list(view: View<'_>) -> Value {
    let entry = |offer: &Offer| {
        let connections = view.model.links.iter().filter_map(|(id, link)| {
            (link.offer.as_deref() == Some(&offer.name)).then_some(())?;
            let side = view.model.relations.get(id)?.side(&offer.application)?;
            Some(json!({
                "source-model-uuid": link.model_uuid, "username": view.controller.user,
                "relation-id": id.0, "endpoint": side.endpoint, "status": {"current": "joined"},
            }))
        });
        let entry = Members::new()
            .with("application", offer.application.as_str())
            .with("store", view.controller.name.as_str())
            .filled("charm", charm(view.model, offer))
            .with("offer-url", url(view.model, view.controller, offer))
            .with("endpoints", endpoints(&offer.endpoints))
            .filled("connections", connections.collect::<Vec<_>>())
            .with("users", users(view.controller));
        (offer.name.clone(), entry.done())
    };
    Value::Object(view.model.offers.values().map(entry).collect())
}

/// The table of `juju offers`: one line for each connection; nothing when nothing is offered.
#[must_use]
pub fn list_tabular(view: View<'_>) -> Option<String> {
    let mut rows = Vec::new();
    for offer in view.model.offers.values() {
        let connected = view.model.links.iter().filter_map(|(id, link)| {
            (link.offer.as_deref() == Some(&offer.name)).then_some(())?;
            let side = view.model.relations.get(id)?.side(&offer.application)?;
            let endpoint = offer.endpoints.get(&side.endpoint)?;
            let place = [side.endpoint.clone(), endpoint.interface.clone()];
            let [name, interface] = place;
            let role = role(endpoint.role).to_owned();
            Some([
                view.controller.user.clone(),
                id.to_string(),
                "joined".to_owned(),
                name,
                interface,
                role,
            ])
        });
        let mut lines: Vec<_> = connected.collect();
        if lines.is_empty() {
            lines.push([
                "-".to_owned(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ]);
        }
        rows.extend(
            lines
                .into_iter()
                .map(|line| std::iter::once(offer.name.clone()).chain(line).collect::<Vec<_>>()),
        );
    }
    let columns = ["Offer", "User", "Relation id", "Status", "Endpoint", "Interface", "Role"];
    (!rows.is_empty()).then(|| table(&columns.map(Column::Left), &rows))
}

/// The document of `juju find-offers --format json`: offers of any models by their URLs.
#[must_use]
pub fn found(offers: &[(&Model, &Offer)], controller: &ControllerFacts) -> Value {
    let entry = |(model, offer): &(&Model, &Offer)| {
        let entry = json!({
            "access": "admin", "endpoints": endpoints(&offer.endpoints),
            "users": users(controller),
        });
        (format!("{}:{}", controller.name, url(model, controller, offer)), entry)
    };
    Value::Object(offers.iter().map(entry).collect())
}

/// The table of `juju find-offers`.
#[must_use]
pub fn found_tabular(offers: &[(&Model, &Offer)], controller: &ControllerFacts) -> String {
    let rows = offers.iter().map(|(model, offer)| {
        let interfaces = offer.endpoints.iter().map(|(n, e)| format!("{}:{n}", e.interface));
        vec![
            controller.name.clone(),
            url(model, controller, offer),
            "admin".to_owned(),
            interfaces.collect::<Vec<_>>().join(", "),
        ]
    });
    let rows: Vec<_> = rows.collect();
    table(&["Store", "URL", "Access", "Interfaces"].map(Column::Left), &rows)
}

fn users(controller: &ControllerFacts) -> Value {
    json!({controller.user.as_str(): {"display-name": controller.user, "access": "admin"}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Link, StatusValue};
    use crate::names::RelationId;
    use crate::shapes::samples;
    use crate::shapes::status::{Sections, Selection, document, tabular};

    fn sql() -> BTreeMap<String, OfferedEndpoint> {
        let endpoint = OfferedEndpoint {
            endpoint: "sql".to_owned(),
            interface: "sql".to_owned(),
            role: Role::Provider,
        };
        BTreeMap::from([("sql".to_owned(), endpoint)])
    }

    fn offering() -> Model {
        let mut model = samples::model();
        let offer =
            Offer { name: "base".to_owned(), application: "db".to_owned(), endpoints: sql() };
        model.offers.insert(offer.name.clone(), offer);
        let link = Link {
            model_uuid: "other".to_owned(),
            relation: RelationId(9),
            remote: "web".to_owned(),
            offer: Some("base".to_owned()),
        };
        model.links.insert(RelationId(1), link);
        model
    }

    #[test]
    fn status_tells_what_is_offered() {
        let model = offering();
        let status = document(samples::view(&model), &Selection::default());
        let endpoints = json!({"sql": {"interface": "sql", "role": "provider"}});
        assert_eq!(
            status["offers"],
            json!({"base": {
                "application": "db", "charm": "local:db-k8s-0", "total-connected-count": 1,
                "active-connected-count": 1, "endpoints": endpoints,
            }})
        );
        let listed = list(samples::view(&model));
        assert_eq!(listed["base"]["offer-url"], "admin/m.base");
        assert_eq!(listed["base"]["connections"][0]["relation-id"], 1);
        let controller = ControllerFacts::default();
        let all = [(&model, &model.offers["base"])];
        let found = found(&all, &controller);
        assert_eq!(found["relation-bus:admin/m.base"]["endpoints"], endpoints);
        assert!(
            found_tabular(&all, &controller)
                .ends_with("relation-bus  admin/m.base  admin   sql:sql\n")
        );
        assert!(list_tabular(samples::view(&model)).unwrap().contains("base   admin  1"));
        let text = tabular(samples::view(&model), &Selection::default(), Sections::default());
        assert!(text.contains(
            "base   db           db-k8s  0    1/1        sql       sql        provider\n"
        ));
    }

    #[test]
    fn status_tells_what_is_consumed_and_how_it_is() {
        let there = offering();
        let mut model = samples::model();
        model.name = "here".to_owned();
        let saas = Saas {
            name: "far".to_owned(),
            url: "admin/m.base".to_owned(),
            model_uuid: there.uuid.clone(),
            offer: "base".to_owned(),
            endpoints: sql(),
            life: Life::Alive,
        };
        model.saas.insert(saas.name.clone(), saas);
        let mut controller = ControllerFacts::default();
        let shown = |controller: &ControllerFacts| {
            let view = View { model: &model, controller };
            document(view, &Selection::default())["application-endpoints"]["far"].clone()
        };
        assert_eq!(shown(&controller)["application-status"]["current"], "unknown");
        controller.offered = statuses([&there].into_iter(), &controller);
        assert_eq!(controller.offered["admin/m.base"].value, StatusValue::Active);
        assert_eq!(
            shown(&controller),
            json!({
                "url": "admin/m.base",
                "endpoints": {"sql": {"interface": "sql", "role": "provider"}},
                "application-status": {
                    "current": "active", "message": "ready", "since": "01 Jan 2025 00:01:00Z",
                },
            })
        );
        let view = View { model: &model, controller: &controller };
        let text = tabular(view, &Selection::default(), Sections::default());
        assert!(text.contains("far   active  relation-bus  admin/m.base\n"), "{text}");
    }
}
