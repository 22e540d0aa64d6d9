//! Containers: plans, service states, files, and what a running workload notices.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::nginx::{self, maps_once, words};
use super::yaml::meaning;
use super::{Judge, Profile, json, products};
use crate::conformance::outcome::{Action, ContainerOutcome, Openness};

/// Entry of an environment that only forces a restart when a file behind it changes.
const RELOAD_MARK: &str = "_reload";

impl Judge<'_> {
    pub(super) fn containers(&mut self, expected: &[ContainerOutcome], found: &[ContainerOutcome]) {
        for want in expected {
            let path = format!("containers/{}", want.name);
            let Some(got) = found.iter().find(|container| container.name == want.name) else {
                self.missing(&path, &want.name);
                continue;
            };
            for (part, want, got) in [
                ("services", &want.plan.services, &got.plan.services),
                ("checks", &want.plan.checks, &got.plan.checks),
                ("log-targets", &want.plan.log_targets, &got.plan.log_targets),
            ] {
                let path = format!("{path}/plan/{part}");
                self.json(&path, &without_marks(want), &without_marks(got));
            }
            self.json(&format!("{path}/services"), &json(&want.services), &json(&got.services));
            self.files(&format!("{path}/files"), &want.files, &got.files);
            self.json(
                &format!("{path}/actions"),
                &json(&noticed(&want.actions)),
                &json(&noticed(&got.actions)),
            );
        }
    }

    pub(super) fn files(
        &mut self,
        path: &str,
        expected: &BTreeMap<String, String>,
        found: &BTreeMap<String, String>,
    ) {
        let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        for name in names {
            let here = format!("{path}/{name}");
            match (expected.get(name), found.get(name)) {
                (Some(want), Some(got)) => self.file(&here, name, want, got),
                (Some(_), None) => self.missing(&here, "a file"),
                (None, Some(_)) => self.unexpected(&here, "a file"),
                (None, None) => {}
            }
        }
    }

    fn file(&mut self, path: &str, name: &str, expected: &str, found: &str) {
        match self.open.get(path) {
            Some(Openness::Choice | Openness::Generated) => {}
            Some(Openness::Order) => {
                self.json(path, &Value::from(expected), &Value::from(found));
            }
            None if name.ends_with("nginx.conf") && self.profile != Profile::Generic => {
                if products::blocks(expected) != products::blocks(found) {
                    let (want, got) = products::shown(expected, found);
                    self.differ(path, String::new(), Some(want), Some(got));
                }
            }
            None if name.ends_with("nginx.conf") => {
                let (want, got) = (maps_once(words(expected)), maps_once(words(found)));
                if want != got {
                    let shown = (nginx::around(&want, &got), nginx::around(&got, &want));
                    self.differ(path, String::new(), Some(shown.0), Some(shown.1));
                }
            }
            None if name.ends_with(".yaml") || name.ends_with(".yml") => {
                self.json(path, &meaning(expected), &meaning(found));
            }
            None => {
                let lines = |text: &str| json(&text.trim_end().lines().collect::<Vec<_>>());
                if expected.trim_end() != found.trim_end() {
                    self.differ_in(path, &lines(expected), &lines(found));
                }
            }
        }
    }
}

/// The items of a plan without their [`RELOAD_MARK`], and without an environment of nothing else.
fn without_marks(items: &Map<String, Value>) -> Value {
    let mut items = items.clone();
    for item in items.values_mut().filter_map(Value::as_object_mut) {
        if let Some(Value::Object(environment)) = item.get_mut("environment") {
            environment.shift_remove(RELOAD_MARK);
            if environment.is_empty() {
                item.shift_remove("environment");
            }
        }
    }
    Value::Object(items)
}

/// The actions that a running workload notices; names of services are a set.
fn noticed(actions: &[Action]) -> Vec<Action> {
    actions
        .iter()
        .filter_map(|action| match action.verb.as_str() {
            "start" | "stop" | "restart" => {
                let mut action = action.clone();
                action.words.sort();
                Some(action)
            }
            "exec" if action.words != ["update-ca-certificates", "--fresh"] => Some(action.clone()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::paths;
    use super::*;
    use crate::conformance::outcome::{OpenPlace, Outcome, Plan};

    fn with(container: ContainerOutcome) -> Outcome {
        let container = ContainerOutcome { name: "web".into(), ..container };
        Outcome { containers: vec![container], ..Outcome::default() }
    }

    fn file(name: &str, text: &str) -> Outcome {
        with(ContainerOutcome {
            files: [(name.to_owned(), text.to_owned())].into(),
            ..ContainerOutcome::default()
        })
    }

    #[test]
    fn each_kind_of_file_has_its_notion_of_equality() {
        let none = [""; 0];
        assert_eq!(paths(&file("/nginx.conf", "a 'b';"), &file("/nginx.conf", "a\nb ;#x")), none);
        assert_eq!(paths(&file("/c.yaml", "a: [1]"), &file("/c.yaml", "a:\n- 1\n")), none);
        assert_eq!(paths(&file("/c.crt", "x\n"), &file("/c.crt", "x")), none);
        assert_eq!(
            paths(&file("/c", "a: [1]"), &file("/c", "a:\n- 1\n")),
            ["containers/web/files//c"]
        );
        assert_eq!(
            paths(&file("/a", ""), &file("/b", "")),
            ["containers/web/files//a", "containers/web/files//b"]
        );
    }

    #[test]
    fn lines_of_an_open_file_have_no_order() {
        let mut want = file("/nginx.conf", "a;\n b;\n");
        assert_eq!(paths(&want, &file("/nginx.conf", "b;\na;")).len(), 1);
        let path = "containers/web/files//nginx.conf".to_owned();
        want.open = vec![OpenPlace { path, kind: Openness::Order }];
        assert_eq!(paths(&want, &file("/nginx.conf", "b;\na;")), [""; 0]);
    }

    #[test]
    fn the_reload_mark_is_free() {
        let service = |environment: Value| {
            let service = serde_json::json!({"command": "x", "environment": environment});
            let services = Map::from_iter([("x".to_owned(), service)]);
            let plan = Plan { services, ..Plan::default() };
            with(ContainerOutcome { plan, ..ContainerOutcome::default() })
        };
        let (a, b) = (serde_json::json!({"_reload": "1"}), serde_json::json!({}));
        assert_eq!(paths(&service(a.clone()), &service(b)), [""; 0]);
        assert_eq!(
            paths(&service(a), &service(serde_json::json!({"A": "1"}))),
            ["containers/web/plan/services"]
        );
    }

    #[test]
    fn only_noticed_actions_count() {
        let actions = |list: Value| {
            let actions = serde_json::from_value(list).unwrap();
            with(ContainerOutcome { actions, ..ContainerOutcome::default() })
        };
        let want = actions(serde_json::json!([["autostart"], ["restart", ["a", "b"]]]));
        let got = actions(serde_json::json!([
            ["restart", ["b", "a"]],
            ["exec", ["update-ca-certificates", "--fresh"]],
            ["replan"]
        ]));
        assert_eq!(paths(&want, &got), [""; 0]);
        let got = actions(serde_json::json!([["stop", ["a"]], ["restart", ["b", "a"]]]));
        assert_eq!(paths(&want, &got), ["containers/web/actions"]);
    }
}
