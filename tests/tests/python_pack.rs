//! What `relation-bus pack` makes is what charmcraft would make of the same folder, and deploys.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::path::{Path, PathBuf};
use std::process::Command;

use relation_bus::charm_folder::pack::{Order, pack};
use relation_bus::charm_folder::{Archive, load};
use relation_bus::testing::TestModel;
use serde_json::Value;
use tests::{binaries, workspace};

/// What charmcraft's own models make of a `charmcraft.yaml`, and whether they take our documents.
const CHARMCRAFT: &str = r#"
import json, sys, yaml
from charmcraft.models.project import PlatformCharm
from charmcraft.models.manifest import Manifest
from charmcraft.models.metadata import CharmMetadata
source, packed = sys.argv[1:]
project = PlatformCharm.unmarshal(yaml.safe_load(open(source + "/charmcraft.yaml")))
read = lambda name: yaml.safe_load(open(f"{packed}/{name}"))
CharmMetadata.unmarshal(read("metadata.yaml"))
Manifest.unmarshal(read("manifest.yaml"))
declared = project.marshal()
print(json.dumps({
    "metadata.yaml": CharmMetadata.from_charm(project).marshal(),
    "config.yaml": declared.get("config"),
    "actions.yaml": declared.get("actions"),
}))
"#;

struct Unpacked {
    folder: tempfile::TempDir,
    archive: PathBuf,
}

fn packed(folder: &Path, dispatch: Option<&Path>) -> Unpacked {
    let target = tempfile::tempdir().unwrap();
    let archive = target.path().join("made.charm");
    pack(&Order { folder, dispatch, platform: None, output: Some(&archive) }).unwrap();
    let unpacked = target.path().join("charm");
    Archive::open(&archive).unwrap().unpack(&unpacked).unwrap();
    Unpacked { folder: target, archive }
}

fn document(unpacked: &Unpacked, name: &str) -> Value {
    let text = std::fs::read_to_string(unpacked.folder.path().join("charm").join(name));
    text.map_or(Value::Null, |text| serde_yaml::from_str(&text).unwrap())
}

/// A copy of a charm of ours on Python without its virtual environment.
fn python_charm() -> tempfile::TempDir {
    let source = workspace().join("fixtures/charms/python-features");
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("src")).unwrap();
    for name in ["charmcraft.yaml", "src/charm.py"] {
        std::fs::copy(source.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[test]
#[ignore = "needs charmcraft"]
fn charmcraft_would_write_the_same_documents() {
    let python = python_charm();
    let charms = [
        (workspace().join("charmcraft/coordinator"), Some("coordinator")),
        (workspace().join("charmcraft/worker"), Some("worker")),
        (python.path().to_owned(), None),
    ];
    for (folder, program) in charms {
        let program = program.map(|name| binaries().join(name));
        let unpacked = packed(&folder, program.as_deref());
        let output = Command::new(workspace().join("target/tools/venv/bin/python"))
            .args(["-c", CHARMCRAFT])
            .args([&folder, &unpacked.folder.path().join("charm")])
            .output()
            .expect("charmcraft is installed by tests/install");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", folder.display());
        let expected: Value = serde_json::from_slice(&output.stdout).unwrap();
        for (name, expected) in expected.as_object().unwrap() {
            assert_eq!(&document(&unpacked, name), expected, "{name} of {}", folder.display());
        }
    }
}

#[tokio::test]
async fn a_packed_charm_is_deployed() {
    let folder = workspace().join("charmcraft/worker");
    let unpacked = packed(&folder, Some(&binaries().join("worker")));
    assert_eq!(document(&unpacked, "manifest.yaml")["bases"][0]["channel"], "24.04");
    let charm = load(&unpacked.archive).unwrap();
    assert_eq!(charm.metadata, load(&folder).unwrap().metadata);
    let mut model = TestModel::empty("packed").await;
    model.deploy("read", &unpacked.archive, 1).await;
    model.settle_within(20).await;
    model.assert_status("read/0", "blocked: Missing relation to a coordinator charm");
}

#[test]
fn a_solution_with_a_mistake_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    let source = workspace().join("charmcraft/worker");
    std::fs::copy(source.join("charmcraft.yaml"), folder.path().join("charmcraft.yaml")).unwrap();
    let solution = std::fs::read_to_string(source.join("solution.yaml")).unwrap();
    let wrong = solution.replace("\ncontainer: tally", "\ncontainre: tally");
    std::fs::write(folder.path().join("solution.yaml"), wrong).unwrap();
    let program = binaries().join("worker");
    let output = folder.path().join("made.charm");
    let order = Order {
        folder: folder.path(),
        dispatch: Some(&program),
        platform: None,
        output: Some(&output),
    };
    let error = pack(&order).unwrap_err().to_string();
    assert!(error.contains("solution.yaml") && error.contains("containre"), "{error}");
}
