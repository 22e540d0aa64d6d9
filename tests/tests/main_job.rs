//! The README's first command does what the README shows.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::fs;

use tests::{run, stderr, stdout, workspace};

/// The lines of the README's transcript, without the command.
fn transcript() -> Vec<String> {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let block = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    block.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn the_readmes_transcript_is_what_the_main_job_prints() {
    let state = tempfile::tempdir().unwrap();
    let up = run("relation-bus", state.path(), &["up", "fixtures/models/cos.yaml"]);
    assert!(up.status.success(), "{}\n{}", stderr(&up), stdout(&up));

    // `…` stands for lines left out; all others are there, in this order.
    let printed = format!("{}{}", stderr(&up), stdout(&up));
    let mut rest = printed.lines();
    for line in transcript().iter().filter(|line| *line != "…") {
        assert!(
            rest.any(|found| found.trim_end() == line),
            "not printed, or not here: {line}\n{printed}"
        );
    }

    // What is left behind is what the other commands show.
    let status = run("relation-bus", state.path(), &["status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&stdout(&status)).unwrap();
    let units = &status["applications"]["tally"]["units"];
    assert_eq!(units["tally/1"]["workload-status"]["current"], "active");
    let unit =
        run("relation-bus", state.path(), &["show-unit", "tally-read/0", "--format", "json"]);
    let unit: serde_json::Value = serde_json::from_str(&stdout(&unit)).unwrap();
    let relation = &unit["tally-read/0"]["relation-info"][0];
    assert_eq!(relation["endpoint"], "tally-cluster");
    assert!(relation["application-data"]["worker_config"].is_string());
}
