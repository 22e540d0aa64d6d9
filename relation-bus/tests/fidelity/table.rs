//! Keeps the table of `docs/fidelity.md` true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Rows of the table by number, with the tests that each names.
fn rows(document: &str) -> BTreeMap<u32, BTreeSet<String>> {
    let mut rows: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for line in document.lines() {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let Some(Ok(number)) = cells.next().map(str::parse::<u32>) else { continue };
        let tests = line.split('`').skip(1).step_by(2).filter(|word| word.starts_with("item_"));
        assert!(rows.insert(number, tests.map(String::from).collect()).is_none(), "{number} twice");
    }
    rows
}

/// The names of the tests whose name begins so, of all test sources of the crate.
fn tests(prefix: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fidelity");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let names = source.lines().filter_map(|line| line.strip_prefix("async fn "));
        let names = names.filter_map(|rest| rest.split('(').next());
        found.extend(names.filter(|name| name.starts_with(prefix)).map(String::from));
    }
    found
}

#[test]
fn the_table_names_every_item_and_every_test() {
    let document = std::fs::read_to_string(root().join("docs/fidelity.md")).unwrap();
    let rows = rows(&document);
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), (1..=30).collect::<Vec<u32>>());
    for (number, named) in &rows {
        let there = tests(&format!("item_{number:02}_"));
        assert!(!there.is_empty(), "item {number} has no test");
        assert_eq!(*named, there, "item {number}: the table and the tests");
    }
    let further = tests("further_");
    let missing: Vec<&String> = further.iter().filter(|name| !document.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
