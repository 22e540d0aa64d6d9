//! Rules of coordinators against what Python coordinators published.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use relation_lib::encoding::{python_json, python_json_sorted};
use relation_lib::rules::{Consolidation, Effect, Files, Folders, Injection, RuleSet};
use relation_lib::topology::JujuTopology;
use serde_json::{Value, json};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/conformance/cases");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("coord-"))
        .collect();
    files.sort();
    files
}

struct Charm {
    files: Files,
    coordinator: JujuTopology,
    workers: Vec<JujuTopology>,
}

impl Charm {
    fn of(input: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let topology = |application: &str, charm: &str| {
            let uuid = input["model"]["uuid"].as_str().unwrap().parse().unwrap();
            JujuTopology::new(text(&input["model"]["name"]), uuid, application.parse().unwrap())
                .with_charm_name(charm)
        };
        let coordinator =
            topology(input["app"].as_str().unwrap(), input["charm"]["name"].as_str().unwrap());
        let units = input["relations"].as_array().unwrap().iter();
        let units = units
            .filter_map(|relation| relation["remote_units"].as_object())
            .flat_map(|units| units.values());
        let workers = units.filter_map(|databag| {
            let sent: Value = serde_json::from_str(databag.get("juju_topology")?.as_str()?).ok()?;
            Some(topology(sent["application"].as_str()?, sent["charm_name"].as_str()?))
        });
        let workers = workers.collect();
        Self {
            files: serde_json::from_value(input["charm"]["files"].clone()).unwrap(),
            coordinator,
            workers,
        }
    }

    fn consolidation(&self, injection: Injection) -> Consolidation<'_> {
        let Self { files, coordinator, workers } = self;
        Consolidation { files, coordinator, workers, injection }
    }

    fn metrics(&self, injection: Injection) -> RuleSet {
        self.consolidation(injection).metrics(&Folders::metrics())
    }

    fn logs(&self, injection: Injection) -> RuleSet {
        self.consolidation(injection).logs(&Folders::logs())
    }
}

/// The texts of built-in rules are our own words.
fn masked(value: &Value) -> Value {
    let mut value = value.clone();
    for group in value["groups"].as_array_mut().into_iter().flatten() {
        let built_in = group["name"].as_str().unwrap().ends_with("HostHealth_rules");
        for rule in group["rules"].as_array_mut().into_iter().flatten().filter(|_| built_in) {
            for text in
                rule["annotations"].as_object_mut().into_iter().flat_map(|texts| texts.values_mut())
            {
                *text = json!("(any text)");
            }
        }
    }
    value
}

#[test]
fn publishes_what_python_coordinators_publish() {
    let mut compared = 0;
    for path in cases() {
        let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let name = case["input"]["name"].as_str().unwrap();
        if !name.starts_with("coord-alerts")
            && !name.starts_with("coord-two")
            && !name.starts_with("coord-loki")
        {
            continue;
        }
        let charm = Charm::of(&case["input"]);
        for relation in case["expected"]["relations"].as_array().into_iter().flatten() {
            let Some(expected) = relation["local_app_data"]["alert_rules"].as_str() else {
                continue;
            };
            let endpoint = relation["endpoint"].as_str().unwrap();
            let declared = &case["input"]["charm"];
            let interface = ["provides", "requires"]
                .iter()
                .find_map(|side| declared[*side][endpoint]["interface"].as_str());
            let ours = match interface {
                Some("prometheus_scrape") => {
                    python_json(&masked(&json!(charm.metrics(Injection::Off).rules)))
                }
                Some("loki_push_api") => python_json_sorted(&charm.logs(Injection::Off).rules),
                _ => continue,
            };
            // A comma after the token stays where the selector needs it: the recorded expression is broken.
            let expected = expected.replace("\\\".+\\\" level", "\\\".+\\\", level");
            // Files in sub-folders are read: one more group than recorded.
            let ours = ours.replace(&nested_group(&charm), "");
            assert_eq!(ours, expected, "{name}: {endpoint}");
            compared += 1;
        }
    }
    assert!(compared >= 4, "only {compared} databags compared");
}

/// What is published of a file in a sub-folder, if the charm has one, as text.
fn nested_group(charm: &Charm) -> String {
    let set = charm.metrics(Injection::Off);
    let nested =
        set.rules.groups.iter().find(|group| group["name"].as_str().unwrap().contains("_deep_"));
    let has_nested = charm.files.keys().any(|file| file.contains("/workers/deep/"));
    assert_eq!(nested.is_some(), has_nested);
    nested.map(|group| python_json(group) + ", ").unwrap_or_else(|| "(no such text)".to_owned())
}

fn small_charm(files: &[(&str, &str)]) -> Charm {
    let uuid = || "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse().unwrap();
    let topology = |application: &str, charm: &str| {
        JujuTopology::new("stage", uuid(), application.parse().unwrap()).with_charm_name(charm)
    };
    Charm {
        files: files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        coordinator: topology("loom", "loom-coordinator-k8s"),
        workers: ["loom-read", "loom-read", "loom-write"]
            .map(|app| topology(app, "loom-worker-k8s"))
            .into(),
    }
}

fn names(set: &RuleSet) -> Vec<&str> {
    set.rules.groups.iter().map(|group| group["name"].as_str().unwrap()).collect()
}

#[test]
fn groups_come_in_the_order_of_the_consolidated_paths() {
    let rule = "alert: A\nexpr: up\n";
    let charm = small_charm(&[
        ("src/prometheus_alert_rules/workers/w.rule", rule),
        ("src/prometheus_alert_rules/nginx/Edge.yaml", rule),
        ("src/prometheus_alert_rules/nginx/alerts.yaml", rule),
        ("src/prometheus_alert_rules/nginx/knyar.yml", rule),
        ("src/prometheus_alert_rules/nginx/deep/x.rules", rule),
        ("src/prometheus_alert_rules/nginx/notes.md", rule),
        ("src/prometheus_alert_rules/consolidated_rules/consolidated_gone.rules", rule),
        ("src/prometheus_alert_rules/consolidated_rules/by_hand.rules", rule),
    ]);
    let set = charm.metrics(Injection::On);
    assert_eq!(
        names(&set),
        [
            "stage_20d3ed5c_loom_Edge_rules",
            "stage_20d3ed5c_loom_alerts_rules",
            "stage_20d3ed5c_loom_by_hand_rules",
            "stage_20d3ed5c_loom_read_w_rules",
            "stage_20d3ed5c_loom_write_w_rules",
            "stage_20d3ed5c_loom_deep_x_rules",
            "stage_20d3ed5c_loom_knyar_rules",
            "stage_20d3ed5c_loom_HostHealth_rules",
        ]
    );
    assert_eq!(set.problems, []);
}

#[test]
fn workers_have_sorted_keys_and_the_coordinator_the_order_of_its_file() {
    let rule = "expr: sum(rate(x[60m])) by (y) > 1\nlabels: {severity: yes}\nalert: A\n";
    let charm = small_charm(&[
        ("src/prometheus_alert_rules/workers/w.rule", rule),
        ("src/prometheus_alert_rules/nginx/n.rule", rule),
    ]);
    let own = |app: &str| {
        format!(
            "juju_application=\\\"{app}\\\",juju_model=\\\"stage\\\",\
             juju_model_uuid=\\\"20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11\\\""
        )
    };
    let set = charm.metrics(Injection::On);
    assert_eq!(
        python_json(&set.rules.groups[0]["rules"]),
        format!(
            "[{{\"alert\": \"A\", \"expr\": \"sum by (y) (rate(x{{{}}}[1h])) > 1\", \"labels\": \
             {{\"juju_application\": \"loom-read\", \"juju_charm\": \"loom-worker-k8s\", \"juju_model\": \"stage\", \
             \"juju_model_uuid\": \"20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11\", \"severity\": true}}}}]",
            own("loom-read")
        )
    );
    assert_eq!(
        python_json(&set.rules.groups[2]["rules"]),
        format!(
            "[{{\"expr\": \"sum by (y) (rate(x{{{}}}[1h])) > 1\", \"labels\": {{\"severity\": true, \"juju_model\": \
             \"stage\", \"juju_model_uuid\": \"20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11\", \"juju_application\": \"loom\", \
             \"juju_charm\": \"loom-coordinator-k8s\"}}, \"alert\": \"A\"}}]",
            own("loom")
        )
    );
}

#[test]
fn what_is_faulty_is_left_out_and_named_once() {
    let charm = small_charm(&[
        (
            "src/prometheus_alert_rules/workers/mixed.yaml",
            "groups:\n- name: half\n  rules:\n  - alert: NoExpression\n  - alert: Dated\n    expr: up\n    annotations:\n      \
         since: 2026-03-01\n  - alert: Broken\n    expr: up(\n  - alert: Fine\n    expr: up\n    labels:\n\
         - name: gone\n  rules: [{alert: Half}]\n- rules: []\n",
        ),
        ("src/prometheus_alert_rules/workers/open.yml", "groups: [\n"),
        ("src/prometheus_alert_rules/workers/title.yml", "\ntitle: x\n"),
        ("src/prometheus_alert_rules/workers/nothing.yml", "# nothing\n"),
    ]);
    let set = charm.metrics(Injection::On);
    let told: Vec<(&str, usize, Effect)> = set
        .problems
        .iter()
        .map(|problem| {
            (problem.file.rsplit('/').next().unwrap(), problem.line, problem.fault.effect())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("mixed.yaml", 4, Effect::RuleLeftOut),
            ("mixed.yaml", 8, Effect::RuleLeftOut),
            ("mixed.yaml", 10, Effect::Published),
            ("mixed.yaml", 15, Effect::RuleLeftOut),
            ("mixed.yaml", 16, Effect::GroupLeftOut),
            ("open.yml", 1, Effect::FileLeftOut),
            ("title.yml", 2, Effect::FileLeftOut),
        ]
    );
    assert_eq!(
        names(&set),
        [
            "stage_20d3ed5c_loom_read_half_rules",
            "stage_20d3ed5c_loom_write_half_rules",
            "stage_20d3ed5c_loom_HostHealth_rules"
        ]
    );
    let alerts: Vec<&str> = set.rules.groups[0]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["alert"].as_str().unwrap())
        .collect();
    assert_eq!(alerts, ["Broken", "Fine"]);
    assert_eq!(
        set.problems[0].to_string(),
        "`src/prometheus_alert_rules/workers/mixed.yaml`, line 4: cannot use this rule: it has no `expr`"
    );
}
