//! Recorded cases, decided straight from a snapshot: no bus, no processes.
//!
//! The real judgement is that of the shipped binary on the bus. This is the quick one while the
//! coordinator is worked on; it looks at databags, configuration files, plans and statuses.

mod case;
mod real_tools;

use std::collections::BTreeMap;
use std::path::PathBuf;

fn cases() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/conformance/cases");
    let entries = std::fs::read_dir(folder).expect("the cases are part of the project");
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths
}

/// Places where ours differs on purpose, and what the other side of the relation can't show here.
fn decided() -> BTreeMap<String, Vec<String>> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/conformance/decided.json");
    let text = std::fs::read_to_string(path).unwrap_or_else(|_| "{}".to_owned());
    serde_json::from_str(&text).expect("decided.json is a map of lists")
}

#[test]
fn every_coordinator_case_differs_in_decided_places_only() {
    let decided = decided();
    let mut table = String::new();
    for path in cases() {
        let case = case::Case::read(&path);
        if !case.is_of_coordinator() {
            continue;
        }
        let allowed = decided.get(case.name()).cloned().unwrap_or_default();
        let differences: Vec<String> = case
            .differences()
            .into_iter()
            .filter(|found| !allowed.iter().any(|place| found.starts_with(place.as_str())))
            .collect();
        if !differences.is_empty() {
            table += &format!("{}\n", case.name());
            for difference in differences {
                table += &format!("    {difference}\n");
            }
        }
    }
    assert!(table.is_empty(), "\n{table}");
}
