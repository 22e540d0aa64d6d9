//! The recorded cases, played through the shipped charms by the shipped command.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The fixtures of this project.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/conformance")
}

/// Builds the charms into the folder where the command looks for them.
fn build_charms() {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "coordinator", "--package", "worker"])
        .status()
        .expect("cargo runs, since it runs this test");
    assert!(status.success(), "the charms can't be built");
}

#[test]
fn every_case_does_what_the_lists_say() {
    build_charms();
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
    build_charms();
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
