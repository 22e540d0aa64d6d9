//! The shipped binary drives a bus that lives between commands, and that a kill doesn't end.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::{run, stderr, stdout};

/// A bus with a state folder of its own, ended with the test.
struct Bus {
    state: tempfile::TempDir,
    charms: tempfile::TempDir,
}

impl Drop for Bus {
    fn drop(&mut self) {
        run("relation-bus", self.state.path(), &["kill-controller", "--no-prompt"]);
    }
}

/// A charm of a few lines of shell: it logs each hook, shows its config and its databag.
const DISPATCH: &str = r#"#!/bin/sh
juju-log "ran $JUJU_DISPATCH_PATH"
case "$JUJU_DISPATCH_PATH" in
actions/greet) action-set greeting="hello $(action-get name)" ;;
actions/fail) action-fail "not today"; exit 3 ;;
hooks/broken) exit 1 ;;
hooks/*-relation-changed)
  status-set active "heard $(relation-get port "$JUJU_REMOTE_UNIT")" ;;
hooks/*-relation-broken) status-set active "alone" ;;
hooks/*-relation-created) relation-set port="$(config-get port)" ;;
hooks/config-changed)
  for id in $(relation-ids out); do relation-set -r "$id" port="$(config-get port)"; done
  status-set active "port $(config-get port)" ;;
esac
"#;

impl Bus {
    fn new() -> Self {
        let bus =
            Self { state: tempfile::tempdir().unwrap(), charms: tempfile::tempdir().unwrap() };
        let charm = bus.charm();
        fs::create_dir(&charm).unwrap();
        let files = [
            (
                "metadata.yaml",
                "name: web\ncontainers: {app: {}}\nprovides: {out: {interface: http}}\nrequires: \
                 {in: {interface: http, limit: 1}}\n",
            ),
            ("config.yaml", "options: {port: {type: int, default: 80}}\n"),
            (
                "actions.yaml",
                "greet: {description: Greet., params: {name: {type: string}}}\nfail: {description: \
                 Fail.}\n",
            ),
            ("dispatch", DISPATCH),
        ];
        for (name, text) in files {
            fs::write(charm.join(name), text).unwrap();
        }
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(charm.join("dispatch"), executable).unwrap();
        bus
    }

    fn charm(&self) -> PathBuf {
        self.charms.path().join("web")
    }

    /// Runs a command that succeeds, and gives its standard output.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = run("relation-bus", self.state.path(), arguments);
        assert!(output.status.success(), "{arguments:?}: {}\n{}", stderr(&output), stdout(&output));
        stdout(&output)
    }

    /// Runs a command that is refused with status 1, and gives what it says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = run("relation-bus", self.state.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stdout(&output));
        stderr(&output)
    }

    /// Waits until something is true of a unit.
    fn wait_unit(&self, unit: &str, query: &str) {
        self.ok(&["wait-for", "unit", unit, "--query", query, "--timeout", "60s"]);
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.ok(&["status", "--format", "json"])).unwrap()
    }

    fn message(&self, unit: &str) -> String {
        let status = self.status();
        let application = unit.split('/').next().unwrap();
        let unit = &status["applications"][application]["units"][unit];
        unit["workload-status"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// How often a unit has run a hook.
    fn count(&self, unit: &str, hook: &str) -> usize {
        let log = self.ok(&["debug-log", "--include", unit]);
        log.lines().filter(|line| line.ends_with(&format!("ran hooks/{hook}"))).count()
    }
}

impl Bus {
    /// Waits until all hooks are done, and the models have been saved since.
    fn wait_saved(&self) {
        self.ok(&["exec", "--unit", "web/0", "--", "true"]);
        let file = self.state.path().join("bus.json");
        let is_old = || {
            let modified = fs::metadata(&file).unwrap().modified().unwrap();
            modified.elapsed().unwrap_or_default() > Duration::from_secs(1)
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_old() {
            assert!(Instant::now() < deadline, "the bus goes on saving");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn process(state: &Path) -> String {
    fs::read_to_string(state.join("bus.pid")).unwrap().trim().to_owned()
}

#[test]
fn a_model_file_comes_up_and_is_driven_on() {
    let bus = Bus::new();
    let file = bus.charms.path().join("model.yaml");
    fs::write(
        &file,
        "model: m\napplications:\n  one: {charm: web}\n  two: {charm: web, config: {port: \
         90}}\nrelations:\n  - [one:in, two:out]\n",
    )
    .unwrap();
    let up = bus.ok(&["up", file.to_str().unwrap(), "--format", "json"]);
    let up: Value = serde_json::from_str(&up).unwrap();
    assert_eq!(up["model"]["name"], "m");
    assert_eq!(bus.message("one/0"), "heard 90");

    // The model lives on: a change of config travels.
    bus.ok(&["config", "two", "port=91"]);
    bus.wait_unit("one/0", r#"workload-message=="heard 91""#);
    assert_eq!(bus.ok(&["config", "two", "port"]).trim(), "91");

    bus.ok(&["add-unit", "two", "-n", "2"]);
    bus.wait_unit("two/2", r#"workload-status=="active""#);
    bus.ok(&["remove-unit", "two", "--num-units", "1", "--no-prompt"]);
    bus.ok(&["wait-for", "application", "two", "--query", "len(units)==2", "--timeout", "60s"]);

    bus.ok(&["remove-relation", "one", "two"]);
    bus.wait_unit("one/0", r#"workload-message=="alone""#);
    assert!(
        bus.refused(&["integrate", "one", "two"]).contains("ERROR ambiguous relation: \"one two\"")
    );
    bus.ok(&["integrate", "one:in", "two"]);
    bus.wait_unit("one/0", r#"workload-message=="heard 91""#);
}

#[test]
fn actions_and_refusals_are_those_of_juju() {
    let bus = Bus::new();
    let charm = bus.charm();
    bus.ok(&["add-model", "m"]);
    bus.ok(&["deploy", charm.to_str().unwrap(), "--config", "port=81"]);
    let run: Value = serde_json::from_str(&bus.ok(&[
        "run",
        "--format",
        "json",
        "web/leader",
        "greet",
        "name=me",
    ]))
    .unwrap();
    assert_eq!(run["web/0"]["results"]["greeting"], "hello me");
    assert_eq!(run["web/0"]["status"], "completed");

    assert!(bus.refused(&["run", "web/0", "fail"]).contains("with return code 3"));
    let port = bus.refused(&["config", "web", "port=x"]);
    assert_eq!(port.trim(), "ERROR option \"port\" expected int, got \"x\"");
    let twice = bus.refused(&["deploy", charm.to_str().unwrap()]);
    assert!(
        twice.contains("cannot add application \"web\": application already exists"),
        "{twice}"
    );
    let absent = bus.refused(&["status", "-m", "nowhere"]);
    assert_eq!(absent.trim(), "ERROR model relation-bus:admin/nowhere not found");

    bus.wait_unit("web/0", r#"workload-message=="port 81""#);
    bus.ok(&["destroy-model", "m", "--no-prompt"]);
    let models: Value = serde_json::from_str(&bus.ok(&["models", "--format", "json"])).unwrap();
    assert_eq!(models["models"], serde_json::json!([]));
}

#[test]
fn a_killed_bus_is_brought_back_by_the_next_command() {
    let bus = Bus::new();
    bus.ok(&["deploy", bus.charm().to_str().unwrap()]);
    bus.wait_unit("web/0", r#"workload-message=="port 80""#);
    let first = process(bus.state.path());
    bus.wait_saved();
    let before = (bus.count("web/0", "install"), bus.count("web/0", "start"));
    assert_eq!(before, (1, 1));
    assert!(Command::new("kill").args(["-9", &first]).status().unwrap().success());

    // Reading shows what was saved, and starts nothing.
    assert_eq!(bus.message("web/0"), "port 80");
    assert_eq!(process(bus.state.path()), first);

    bus.ok(&["config", "web", "port=82"]);
    assert_ne!(process(bus.state.path()), first);
    bus.wait_unit("web/0", r#"workload-message=="port 82""#);
    bus.wait_saved();
    let after = ["install", "start", "app-pebble-ready"].map(|hook| bus.count("web/0", hook));
    assert_eq!(after, [1, 2, 2], "{}", bus.ok(&["debug-log"]));

    // Told to stop, it keeps the models, too.
    bus.ok(&["stop"]);
    assert_eq!(bus.message("web/0"), "port 82");
    bus.ok(&["kill-controller", "--no-prompt"]);
    let nothing = run("relation-bus", bus.state.path(), &["status"]);
    assert_eq!(nothing.status.code(), Some(2));
}
