//! The charms' `charmcraft.yaml` is what charmcraft takes.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::path::PathBuf;
use std::process::Command;

use tests::workspace;

/// Every folder with a `charmcraft.yaml` below the given one.
fn charms(below: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(workspace().join(below))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("charmcraft.yaml").is_file())
        .collect();
    found.sort();
    found
}

#[test]
#[ignore = "needs charmcraft"]
fn charmcraft_accepts_every_charm() {
    let folders = [charms("charmcraft"), charms("cos/charms")].concat();
    assert!(folders.len() >= 6, "found only {folders:?}");
    for folder in folders {
        let output = Command::new("charmcraft")
            .arg("expand-extensions")
            .current_dir(&folder)
            .output()
            .expect("charmcraft is installed by tests/install");
        assert!(
            output.status.success(),
            "{}: {}",
            folder.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        let expanded = String::from_utf8_lossy(&output.stdout);
        assert!(expanded.contains("type: charm"), "{}: {expanded}", folder.display());
    }
}
