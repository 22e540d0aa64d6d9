//! Where workers write metrics to.

use std::collections::BTreeSet;

use relation_lib::encoding::parse_json;

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
            let mut urls = BTreeSet::new();
            for relation in facts.snapshot.relations_of(endpoint) {
                for (unit, bag) in &relation.remote_units {
                    let Some(text) = bag.get("remote_write") else { continue };
                    match url_of(text) {
                        Ok(url) => {
                            urls.insert(url);
                        }
                        Err(reason) => {
                            let place = place(relation, Some(unit.as_str()), "remote_write");
                            facts.problems.note(place, reason);
                        }
                    }
                }
            }
            Some(urls.into_iter().collect())
        }
    }
}

fn url_of(text: &str) -> Result<String, String> {
    let value = parse_json(text).map_err(|error| error.to_string())?;
    let url = value["url"].as_str().ok_or("expected an object with `url`")?;
    url.parse::<HttpUrl>().map_err(|error| error.to_string())?;
    Ok(url.to_owned())
}
