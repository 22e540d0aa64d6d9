//! Where workers write metrics to.

use std::collections::BTreeMap;

use relation_lib::prometheus_remote_write::endpoints;

use crate::address::HttpUrl;
use crate::facts::Facts;
use crate::problem::place;
use crate::solution::RemoteWrite;

/// The URLs. Those of a relation are sorted, each once; fixed ones stay in the solution's order.
pub(crate) fn read(facts: &mut Facts<'_>) -> Option<Vec<String>> {
    match facts.solution.remote_write.as_ref()? {
        RemoteWrite::Fixed(templates) => {
            let context = facts.context();
            let mut urls = Vec::new();
            for template in templates {
                match template.render("`remote_write_endpoints`", &context) {
                    Ok(url) => urls.push(url),
                    Err(error) => facts.problems.note("solution.yaml", error.to_string()),
                }
            }
            Some(urls)
        }
        RemoteWrite::Endpoint(endpoint) => {
            let mut bags = BTreeMap::new();
            for relation in facts.snapshot.relations_of(endpoint) {
                for (unit, bag) in &relation.remote_units {
                    bags.insert(unit.as_str(), (relation, bag));
                }
            }
            let read = endpoints(bags.iter().map(|(unit, (_, bag))| (*unit, *bag)));
            for skipped in read.skipped {
                let unit = skipped.entry.as_deref().unwrap_or_default();
                let Some((relation, _)) = bags.get(unit) else { continue };
                facts.problems.note(place(relation, Some(unit), &skipped.key), skipped.reason);
            }
            let (usable, refused): (Vec<_>, Vec<_>) = read
                .value
                .into_iter()
                .map(|endpoint| endpoint.url)
                .partition(|url| url.parse::<HttpUrl>().is_ok());
            for _ in refused {
                // The text may hold a password.
                facts.problems.note(format!("endpoint `{endpoint}`, key `remote_write`"), "no URL");
            }
            Some(usable)
        }
    }
}
