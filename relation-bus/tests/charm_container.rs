//! A charm that expects Juju's paths finds them, and leaves the machine as it was.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use relation_bus::dispatch::{RootSetup, UnitRoot, container};
use relation_bus::names::UnitName;

/// The root of a unit, and what a script prints that is run in its container.
fn run(folder: &Path, script: &str) -> (Vec<String>, String) {
    let unit: UnitName = "web/0".parse().unwrap();
    let root = UnitRoot::at(folder, &unit);
    let program = env!("CARGO_BIN_EXE_relation-bus").into();
    root.make(&RootSetup {
        model: "cos".to_owned(),
        fqdn: "web-0.web-endpoints.cos.svc.cluster.local".to_owned(),
        address: "10.1.71.5".to_owned(),
        dns_server: "10.152.183.10".to_owned(),
        has_ipv6: false,
        containers: vec!["workload".to_owned()],
        program,
    })
    .unwrap();
    let dispatch = root.charm().join("dispatch");
    std::fs::write(&dispatch, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&dispatch, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(folder.join(container::PROGRAM))
        .args([folder, &dispatch])
        .current_dir(root.charm())
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect();
    (lines, String::from_utf8(output.stderr).unwrap())
}

#[test]
#[ignore = "needs root or user namespaces"]
fn a_charm_finds_its_pod() {
    let folder = tempfile::tempdir().unwrap();
    let script = "hostname; ls /charm/containers; cat /var/run/secrets/kubernetes.io/*/namespace; \
                  echo; pwd; getent hosts $(hostname); id -u";
    let (lines, errors) = run(folder.path(), script);
    assert_eq!(errors, "");
    let place = folder.path().join("var/lib/juju/agents/unit-web-0/charm");
    let host = "10.1.71.5       web-0.web-endpoints.cos.svc.cluster.local web-0";
    let expected = ["web-0", "workload", "cos", place.to_str().unwrap(), host, "0"];
    assert_eq!(lines, expected);
}

#[test]
#[ignore = "needs root or user namespaces"]
fn what_a_charm_writes_to_the_system_stays_with_its_unit() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = "/usr/local/share/written-by-a-charm";
    let write = format!("echo trusted > {file}; cat {file}");
    assert_eq!(run(one.path(), &write), (vec!["trusted".to_owned()], String::new()));
    let read = format!("cat {file} 2>/dev/null || echo nothing");
    assert_eq!(run(one.path(), &read).0, ["trusted"]);
    assert_eq!(run(other.path(), &read).0, ["nothing"]);
    assert!(!Path::new(file).exists());
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join(container::PROGRAM);
    symlink(env!("CARGO_BIN_EXE_relation-bus"), &link).unwrap();
    let output = Command::new(&link).arg(folder.path()).arg("/no/such/program").output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("cannot start `/no/such/program`"), "{errors}");
    let output = Command::new(&link).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
