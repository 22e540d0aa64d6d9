//! Where logs go: the endpoints of the log stores, by unit.

use charm::snapshot::Snapshot;
use indexmap::IndexMap;
use relation_lib::loki_push_api::endpoints;

use crate::address::HttpUrl;
use crate::problem::{Problems, place};
use crate::solution::Solution;

/// The push URLs of all units that have one, by relation id, then unit name as text.
pub(crate) fn read(
    solution: &Solution,
    snapshot: &Snapshot,
    problems: &mut Problems,
) -> IndexMap<String, String> {
    let mut all = IndexMap::new();
    let Some(endpoint) = &solution.endpoints.logging else {
        return all;
    };
    for relation in snapshot.relations_of(endpoint) {
        let units = relation.remote_units.iter().map(|(unit, bag)| (unit.as_str(), bag));
        let read = endpoints(units);
        for skipped in &read.skipped {
            let place = place(relation, skipped.entry.as_deref(), &skipped.key);
            problems.show("logging", place, &skipped.reason);
        }
        for (unit, url) in read.value {
            match url.parse::<HttpUrl>() {
                Ok(_) => {
                    all.insert(unit, url);
                }
                Err(error) => {
                    let place = place(relation, Some(&unit), "endpoint");
                    problems.show("logging", place, error.to_string());
                }
            }
        }
    }
    all
}
