//! What is decided for the recorded cases, held against the programs that will read it.

use std::path::Path;
use std::process::Command;

use charm::desired::{Desired, FileGoal};
use relation_lib::databag::{Databag, patched};
use relation_lib::prometheus_scrape::{
    ConsumerOptions, ScrapeProviderAppData, jobs_of_all, jobs_of_relation,
};
use serde_json::{Value, json};

use super::{case, cases};

/// The decisions for all coordinator cases, by name.
fn decisions() -> Vec<(String, Desired)> {
    let paths = cases();
    let cases = paths.iter().map(|path| case::Case::read(path));
    cases
        .filter(case::Case::is_of_coordinator)
        .filter_map(|case| Some((case.name().to_owned(), case.decision()?)))
        .collect()
}

fn check(program: &str, arguments: &[&str], what: &str) {
    let output = Command::new(program).args(arguments).output().expect("the program is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}{}", String::from_utf8_lossy(&output.stdout));
}

/// Debian's nginx doesn't know `resolve`, and looks names up while it checks.
fn for_check(configuration: &str, folder: &str) -> String {
    let lines = configuration.lines().map(|line| match line.trim().strip_suffix(" resolve;") {
        Some(server) => {
            let place = server.trim_start_matches("server ");
            let (host, port) = place.rsplit_once(':').expect("a port");
            let host = if host.starts_with('[') { host } else { "127.0.0.1" };
            format!("server {host}:{port};")
        }
        // A server of that version has no directive for it, only an argument of `listen`.
        None if line.trim() == "http2 on;" => String::new(),
        None => line.replace("/tmp/", &format!("{folder}/")).replace("/etc/nginx/certs", folder),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "needs nginx"]
fn nginx_accepts_every_configuration() {
    for (name, desired) in decisions() {
        let container = "nginx".parse().expect("a container");
        let Some(goal) = desired.containers.get(&container) else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display().to_string();
        for (file, goal) in &goal.files {
            if let FileGoal::Present { content, .. } = goal {
                let file = Path::new(file).file_name().expect("a file");
                let text = for_check(content.reveal(), &path);
                std::fs::write(folder.path().join(file), text + "\n").expect("writable");
            }
        }
        if folder.path().join("nginx.conf").exists() {
            check("nginx", &["-t", "-q", "-c", &format!("{path}/nginx.conf")], &name);
        }
    }
}

/// The application databag of every relation with scrape jobs.
fn scrape_data(desired: &Desired) -> Vec<ScrapeProviderAppData> {
    desired
        .app_databags()
        .values()
        .filter(|patch| patch.contains_key("scrape_jobs"))
        .map(|patch| ScrapeProviderAppData::decode(&patched(&Databag::new(), patch)).value)
        .collect()
}

#[test]
#[ignore = "needs promtool"]
fn prometheus_accepts_every_rule() {
    for (name, desired) in decisions() {
        for data in scrape_data(&desired) {
            let rules = serde_json::to_string(&data.alert_rules).expect("JSON");
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), rules).expect("writable");
            check("promtool", &["check", "rules", &file.path().display().to_string()], &name);
        }
    }
}

#[test]
#[ignore = "needs promtool"]
fn prometheus_accepts_every_job() {
    for (name, desired) in decisions() {
        let jobs: Vec<_> = scrape_data(&desired)
            .iter()
            .map(|data| {
                let unit = [("prometheus_scrape_unit_address".to_owned(), "10.0.0.1".to_owned())];
                let units = [("tally/0", &Databag::from(unit))];
                let jobs = jobs_of_relation(data, units, &ConsumerOptions::default()).value;
                assert!(!jobs.is_empty(), "{name}");
                jobs
            })
            .collect();
        let jobs: Value = json!(jobs_of_all(jobs));
        let file = tempfile::NamedTempFile::new().expect("a file");
        let config = json!({"scrape_configs": jobs});
        std::fs::write(file.path(), config.to_string()).expect("writable");
        check("promtool", &["check", "config", &file.path().display().to_string()], &name);
    }
}
