//! The recorded cases, played through the shipped charms by the shipped command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The fixtures of this project.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/conformance")
}

#[test]
fn every_case_does_what_the_lists_say() {
    let output = Command::new(env!("CARGO_BIN_EXE_relation-bus"))
        .arg("conform")
        .arg(fixtures().join("cases"))
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}{talk}");
    assert!(report.ends_with("cases pass\n"), "{report}{talk}");
}

#[test]
fn a_decision_that_is_taken_back_fails_the_case() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("decided.json");
    std::fs::write(&nothing, "{}").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_relation-bus"))
        .arg("conform")
        .arg(fixtures().join("cases"))
        .args(["--only", "worker-roles-switched-off", "--decided"])
        .arg(&nothing)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("relations/11/local_app_data/role"), "{report}");
}

#[test]
fn every_decided_place_has_its_reason_on_the_page_on_compatibility() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    let page = std::fs::read_to_string(page).unwrap();
    let decided = std::fs::read_to_string(fixtures().join("decided.json")).unwrap();
    let decided: BTreeMap<String, Vec<String>> = serde_json::from_str(&decided).unwrap();
    let mut missing = Vec::new();
    for (case, places) in &decided {
        let lines: Vec<&str> =
            page.lines().filter(|line| line.contains(&format!("`{case}`"))).collect();
        for place in places {
            // A place that nearly every case has stands once, above the list of those cases.
            let is_common = page.contains(&format!("\n| `{place}` |"));
            let has_line = lines.iter().any(|line| line.contains(&format!("`{place}`")));
            if lines.is_empty() || !(has_line || is_common) {
                missing.push(format!("{case}: {place}"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}
