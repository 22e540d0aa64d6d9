//! The documents say what is there.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::fs;

use tests::workspace;

/// The members of the workspace, from its manifest.
fn crates() -> Vec<String> {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let line = manifest.lines().find(|line| line.starts_with("members")).unwrap();
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_architecture_names_every_crate_and_no_other() {
    let text = fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap();
    let map = text.split("## Code map").nth(1).unwrap().split("## Cross-cutting").next().unwrap();
    let mut named: Vec<String> = map
        .lines()
        .filter(|line| line.starts_with("### "))
        .flat_map(|line| line.split('`').skip(1).step_by(2).map(str::to_owned))
        .filter(|name| !["charmcraft", "fixtures"].contains(&name.as_str()))
        .collect();
    named.sort();
    let mut crates = crates();
    crates.sort();
    assert_eq!(named, crates);
}

#[test]
fn every_dependency_has_its_reason() {
    let text = fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap();
    let reasons = text.split("## Dependencies").nth(1).unwrap();
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let table =
        manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let own = crates();
    let missing: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()))
        .filter(|name| !own.iter().any(|member| member == name))
        .filter(|name| !reasons.contains(name))
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "dependencies without a reason in ARCHITECTURE.md");
}

#[test]
fn the_tutorial_shows_its_files_as_they_are() {
    let page = fs::read_to_string(workspace().join("docs/tutorial.md")).unwrap();
    let mut shown = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(file) = line.strip_prefix("`tutorial/").and_then(|rest| rest.strip_suffix('`'))
        else {
            continue;
        };
        let block = lines.by_ref().skip_while(|line| !line.starts_with("```")).skip(1);
        let block: Vec<&str> = block.take_while(|line| !line.starts_with("```")).collect();
        let path = workspace().join("tutorial").join(file);
        assert_eq!(block.join("\n"), fs::read_to_string(path).unwrap().trim_end(), "{file}");
        shown.push(file);
    }
    assert_eq!(shown, ["Cargo.toml", "charmcraft.yaml", "src/main.rs", "tests/greeter.rs"]);
}
