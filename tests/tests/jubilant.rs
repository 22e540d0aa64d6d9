//! Juju's own clients drive the bus, unmodified: jubilant, and juju-doctor.
//!
//! The tests themselves are Python, in `tests/jubilant`; each file gets a bus of its own.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::process::Command;

use tests::{binaries, run, stderr, workspace};

/// Runs one file of Python tests against a bus of its own, which ends with it.
fn python(module: &str) {
    let state = tempfile::Builder::new().prefix("rb").tempdir().unwrap();
    let python = workspace().join("target/tools/clients/bin/python");
    let output = Command::new(python)
        .args(["-m", "unittest", "-v", module])
        .current_dir(workspace().join("tests/jubilant"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("RELATION_BUS", binaries().join("relation-bus"))
        .env("RELATION_BUS_STATE", state.path())
        .output()
        .expect("tests/install installs Juju's clients");
    let stopped = run("relation-bus", state.path(), &["destroy-controller", "--no-prompt"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stopped.status.success(), "{}", stderr(&stopped));
}

#[test]
#[ignore = "needs jubilant, run by tests/run"]
fn jubilant_makes_every_call_it_has() {
    python("test_probe");
}

#[test]
#[ignore = "needs jubilant, run by tests/run"]
fn jubilant_keeps_secrets() {
    python("test_secrets");
}

#[test]
#[ignore = "needs jubilant, run by tests/run"]
fn jubilant_reaches_into_containers() {
    python("test_ssh");
}

#[test]
#[ignore = "needs jubilant, run by tests/run"]
fn jubilant_relates_models() {
    python("test_models");
}

#[test]
#[ignore = "needs jubilant, run by tests/run"]
fn jubilant_deploys_the_charms_of_this_project() {
    python("test_cos");
}

#[test]
#[ignore = "needs jubilant and juju-doctor, run by tests/run"]
fn the_binary_is_juju_to_who_calls_it_so() {
    python("test_name");
}
