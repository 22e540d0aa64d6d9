//! Catalogue: a page that links to every application that asks for an entry.
//!
//! | endpoint | what is read | what is written |
//! |---|---|---|
//! | `catalogue` | entries | nothing |

use charm::Charm;
use charm::desired::Desired;
use charm::needs::{Bag, ConfigNeed, Needs};
use charm::secret::SecretText;
use charm::snapshot::Snapshot;
use charm::status::Status;
use relation_lib::catalogue::CatalogueRequirerAppData;
use serde_json::{Value, json};

use crate::names;
use crate::workload::Workload;

const CONFIG: &str = "/web/config.json";

/// The charm `catalogue-k8s`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Catalogue;

impl Charm for Catalogue {
    fn needs(&self, seen: &Snapshot) -> Needs {
        let mut needs = workload(seen).needs(seen);
        needs.config.insert(ConfigNeed::Options);
        needs.endpoints = [(names::endpoint("catalogue"), [Bag::RemoteApp].into())].into();
        needs
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        desired.unit_statuses.push(Status::active(""));
        workload(snapshot).run(snapshot, &mut desired);
        desired
    }
}

/// The entries of relations that have units, in the order of the relations.
fn entries(snapshot: &Snapshot) -> Vec<Value> {
    snapshot
        .relations_of(&names::endpoint("catalogue"))
        .filter(|relation| !relation.remote_units.is_empty())
        .map(|relation| {
            let entry = CatalogueRequirerAppData::decode(&relation.remote_app_data).value;
            json!({
                "name": entry.name, "url": entry.url, "icon": entry.icon,
                "description": entry.description, "api_docs": entry.api_docs,
                "api_endpoints": entry.api_endpoints,
            })
        })
        .collect()
}

fn workload(snapshot: &Snapshot) -> Workload {
    let text =
        |option: &str| snapshot.config.get(option).and_then(Value::as_str).unwrap_or_default();
    let page = json!({
        "title": text("title"), "tagline": text("tagline"), "description": text("description"),
        "apps": entries(snapshot),
    });
    Workload {
        container: names::container("catalogue"),
        command: "nginx -g 'daemon off;'".to_owned(),
        files: [(CONFIG.to_owned(), SecretText::new(page.to_string()))].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::testing::RelationBuilder;

    #[test]
    fn whoever_has_units_is_listed() {
        let entry = [("name", "Loom"), ("api_endpoints", "null")];
        let listed = RelationBuilder::new("catalogue", 5, "loom").remote_app(entry);
        let silent = RelationBuilder::new("catalogue", 6, "press").remote_app(entry);
        let snapshot = Snapshot::for_test("shelf/0")
            .relation(listed.remote_unit("loom/0", []))
            .relation(silent)
            .build();
        let expected = json!([{
            "name": "Loom", "url": "", "icon": "", "description": "", "api_docs": "",
            "api_endpoints": null,
        }]);
        assert_eq!(json!(entries(&snapshot)), expected);
    }
}
