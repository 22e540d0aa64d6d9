//! Our entry in the catalogue.

use charm::desired::Desired;
use charm::patterns::template::{RenderError, Template};
use relation_lib::catalogue::CatalogueRequirerAppData;

use crate::facts::Facts;
use crate::solution::CatalogueItem;

/// The leader publishes the entry to every catalogue.
pub(crate) fn publish(facts: &Facts<'_>, desired: &mut Desired) {
    let (Some(endpoint), Some(item)) =
        (&facts.solution.endpoints.catalogue, &facts.solution.catalogue_item)
    else {
        return;
    };
    let Some(proof) = facts.snapshot.leadership.proof() else {
        return;
    };
    let data = match entry(facts, item) {
        Ok(data) => data,
        Err(error) => return desired.problem("solution.yaml", error.to_string()),
    };
    for relation in facts.snapshot.relations_of(endpoint) {
        desired.app_databag(proof, relation.id, data.encode());
    }
}

fn entry(facts: &Facts<'_>, item: &CatalogueItem) -> Result<CatalogueRequirerAppData, RenderError> {
    let render = |template: &Template| facts.render("`catalogue_item`", template);
    let optional = |template: &Option<Template>| match template {
        Some(template) => render(template),
        None => Ok(String::new()),
    };
    let api_endpoints = match &item.api_endpoints {
        Some(endpoints) => {
            let rendered = endpoints
                .iter()
                .map(|(name, address)| Ok((name.clone(), render(address)?)))
                .collect::<Result<_, RenderError>>()?;
            Some(rendered)
        }
        None => None,
    };
    Ok(CatalogueRequirerAppData {
        name: render(&item.name)?,
        description: optional(&item.description)?,
        url: optional(&item.url)?,
        icon: render(&item.icon)?,
        api_docs: optional(&item.api_docs)?,
        api_endpoints,
    })
}
