//! `juju export-bundle`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::members::Members;
use super::status::charm_url;
use super::{Format, View, architecture, print};
use crate::model::{Application, Relation};

/// The bundle that deploys the model again, as YAML. Offers stand in a second document, as in
/// Juju; peer relations and what options have by default are left out.
///
/// Charms of the bus are local ones, so that `charm` has to become a path before the bundle can
/// be deployed: Juju has it so, too.
#[must_use]
pub fn export(view: View<'_>) -> String {
    print(&document(view), Format::Yaml)
}

/// The first document of the bundle.
#[must_use]
pub fn document(view: View<'_>) -> Value {
    let applications = view.model.applications.values();
    let applications: Map<_, _> = applications.map(|a| (a.name.clone(), application(a))).collect();
    let relations: Vec<_> = view.model.relations.values().filter_map(relation).collect();
    Members::new()
        .with("bundle", "kubernetes")
        .with("default-base", "ubuntu@24.04/stable")
        .filled("applications", applications)
        .filled("relations", relations)
        .done()
}

fn application(application: &Application) -> Value {
    let options: BTreeMap<_, _> = application
        .config
        .iter()
        .filter(|(name, value)| {
            let option = application.charm.config.get(*name);
            option.and_then(|option| option.default.as_ref()) != Some(value)
        })
        .collect();
    Members::new()
        .with("charm", charm_url(application))
        .filled("scale", application.units.len())
        .filled("options", json!(options))
        .filled("resources", json!(application.resources))
        .with("constraints", format!("arch={}", architecture()))
        .filled("trust", application.trusted)
        .done()
}

fn relation(relation: &Relation) -> Option<Value> {
    let [one, other] = relation.sides.as_slice() else { return None };
    let end = |side: &crate::model::Side| format!("{}:{}", side.application, side.endpoint);
    Some(json!([end(one), end(other)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::samples;

    #[test]
    fn a_model_is_exported_as_what_deploys_it() {
        let mut model = samples::model();
        let web = model.applications.get_mut("web").unwrap();
        web.trusted = true;
        web.config.insert("name".to_owned(), json!("x"));
        web.config.insert("port".to_owned(), json!(80));
        let constraints = format!("arch={}", architecture());
        assert_eq!(
            document(samples::view(&model)),
            json!({
                "bundle": "kubernetes", "default-base": "ubuntu@24.04/stable",
                "applications": {
                    "db": {"charm": "local:db-k8s-0", "scale": 1, "constraints": constraints},
                    "web": {
                        "charm": "local:web-k8s-0", "scale": 2, "options": {"name": "x"},
                        "constraints": constraints, "trust": true,
                    },
                },
                "relations": [["web:db", "db:sql"]],
            })
        );
    }

    #[test]
    fn what_is_exported_can_be_read() {
        let model = samples::model();
        let bundle = crate::bundle::read(&export(samples::view(&model))).unwrap();
        let names: Vec<_> = bundle.applications.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["db", "web"]);
        assert_eq!(bundle.relations.len(), 1);
        assert_eq!(bundle.notes, Vec::<String>::new());
    }
}
