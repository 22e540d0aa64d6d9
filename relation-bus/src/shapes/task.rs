//! Results of `juju run` and `juju exec`, `show-task` and `show-operation`.

use serde_json::{Map, Value, json};

use super::members::Members;
use super::{Format, natural_order, print};
use crate::model::{Clock, Task, TaskStatus};

/// Results that a task's own part of the plain output leaves out.
const SHOWN_APART: [&str; 5] =
    ["return-code", "stdout", "stderr", "stdout-encoding", "stderr-encoding"];

/// The results of an operation, by unit: `juju run --format json`.
#[must_use]
pub fn document(tasks: &[Task]) -> Value {
    let mut tasks: Vec<&Task> = tasks.iter().collect();
    tasks.sort_by(|a, b| a.unit.cmp(&b.unit));
    tasks.into_iter().map(|task| (task.unit.to_string(), describe(task))).collect()
}

/// One task: `juju show-task --format json`.
#[must_use]
pub fn describe(task: &Task) -> Value {
    Members::new()
        .with("id", task.id.to_string())
        .filled("log", log(task))
        .filled("message", task.message.as_str())
        .filled("results", results(task))
        .with("status", task.status.as_str())
        .with("timing", timing(task))
        .with("unit", task.unit.as_str())
        .done()
}

/// An operation with its tasks: `juju show-operation --format json`. Nothing when there is no
/// task.
#[must_use]
pub fn operation(tasks: &[Task]) -> Option<Value> {
    let first = tasks.first()?;
    let failed = tasks.iter().any(|task| task.status == TaskStatus::Failed);
    let over = tasks.iter().all(|task| task.status.is_over());
    let status = match (over, failed) {
        (false, _) => TaskStatus::Running,
        (true, true) => TaskStatus::Failed,
        (true, false) => TaskStatus::Completed,
    };
    let units: Vec<_> = tasks.iter().map(|task| task.unit.as_str()).collect();
    let described = |task: &Task| {
        let entry = Members::new()
            .with("host", task.unit.as_str())
            .with("status", task.status.as_str())
            .with("timing", timing(task))
            .filled("log", log(task))
            .filled("message", task.message.as_str())
            .filled("results", results(task));
        (task.id.to_string(), entry.done())
    };
    let entry = Members::new()
        .with("summary", format!("{} run on {}", first.action, units.join(",")))
        .with("status", status.as_str())
        .with("action", json!({"name": first.action, "parameters": first.parameters}))
        .with("timing", timing(first))
        .with("tasks", tasks.iter().map(described).collect::<Map<_, _>>());
    Some(entry.done())
}

/// What `juju run` prints for people: the results of one task as YAML and what it printed; of
/// several tasks, each one's by unit.
#[must_use]
pub fn plain(tasks: &[Task]) -> String {
    match tasks {
        [] => String::new(),
        [task] => plain_one(task),
        _ => {
            let mut tasks: Vec<&Task> = tasks.iter().collect();
            tasks.sort_by(|a, b| natural_order(a.unit.as_str(), b.unit.as_str()));
            let by_unit: Map<_, _> = tasks
                .into_iter()
                .map(|task| {
                    let entry = Members::new()
                        .with("id", task.id.to_string())
                        .filled("message", task.message.as_str())
                        .with("output", own_results(task))
                        .with("status", task.status.as_str());
                    (task.unit.to_string(), entry.done())
                })
                .collect();
            print(&Value::Object(by_unit), Format::Yaml)
        }
    }
}

fn plain_one(task: &Task) -> String {
    let mut text = String::new();
    if task.status == TaskStatus::Failed {
        text.push_str(&format!("Action id {} failed: {}\n", task.id, task.message));
    }
    text.push_str(&own_results(task));
    for key in ["stdout", "stderr"] {
        let printed = task.results.get(key).and_then(Value::as_str).unwrap_or_default();
        let printed = printed.trim_matches('\n');
        if !printed.is_empty() {
            text.push('\n');
            text.push_str(printed);
        }
    }
    text.trim_end_matches('\n').to_owned()
}

/// What the action itself set, as YAML.
fn own_results(task: &Task) -> String {
    if task.results.is_empty() {
        return format!("Task {} {}\n", task.id, task.status.as_str());
    }
    let own = task.results.iter().filter(|(key, _)| !SHOWN_APART.contains(&key.as_str()));
    let own: Map<_, _> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
    if own.is_empty() {
        return String::new();
    }
    format!("{}\n", print(&sorted(&Value::Object(own)), Format::Yaml))
}

/// What `juju exec` prints for people: what the commands printed, under their units' names when
/// there are several.
#[must_use]
pub fn printed(tasks: &[Task]) -> String {
    let mut tasks: Vec<&Task> = tasks.iter().collect();
    tasks.sort_by(|a, b| natural_order(a.unit.as_str(), b.unit.as_str()));
    let outputs = tasks.iter().map(|task| {
        let text = ["stdout", "stderr"].map(|key| {
            let text = task.results.get(key).and_then(Value::as_str).unwrap_or_default();
            if text.is_empty() || text.ends_with('\n') {
                text.to_owned()
            } else {
                format!("{text}\n")
            }
        });
        match tasks.len() {
            1 => text.concat(),
            _ => format!("{}:\n{}\n", task.unit, text.concat()),
        }
    });
    outputs.collect()
}

/// What Juju says, beside the results, of tasks that ended with an exit status other than 0; the
/// command then fails. A task that failed with exit status 0 is not among them.
#[must_use]
pub fn failure(tasks: &[Task]) -> Option<String> {
    let mut failed: Vec<String> = tasks
        .iter()
        .filter_map(|task| Some((task.id, task.return_code().filter(|code| *code > 0)?)))
        .map(|(id, code)| format!(" - id \"{id}\" with return code {code}"))
        .collect();
    failed.sort();
    let plural = match failed.len() {
        0 => return None,
        1 => "",
        _ => "s",
    };
    Some(format!(
        "the following task{plural} failed:\n{}\n\nuse 'juju show-task' to inspect the \
         failure{plural}\n",
        failed.join("\n")
    ))
}

/// What Juju says of a new operation before its results come.
#[must_use]
pub fn announcement(operation: u32, tasks: &[Task]) -> String {
    let plural = if tasks.len() > 1 { "s" } else { "" };
    let mut text = format!("Running operation {operation} with {} task{plural}\n", tasks.len());
    for task in tasks {
        text.push_str(&format!("  - task {} on unit-{}\n", task.id, task.unit.dashed()));
    }
    text
}

/// What Juju says when no unit could take the task; the command then prints no results, and does
/// not fail.
#[must_use]
pub fn not_scheduled(operation: u32, reasons: &[String]) -> String {
    format!("Operation {operation} failed to schedule any tasks:\n{}", reasons.join("\n"))
}

/// The form in which Go prints a moment.
fn moment(clock: Clock) -> String {
    let text = clock.timestamp();
    format!("{} +0000 UTC", text.trim_end_matches('Z'))
}

fn log(task: &Task) -> Vec<String> {
    task.log.iter().map(|line| format!("{} {}", moment(line.time), line.message)).collect()
}

fn timing(task: &Task) -> Value {
    Members::new()
        .filled("completed", task.completed.map(moment).unwrap_or_default())
        .with("enqueued", moment(task.enqueued))
        .filled("started", task.started.map(moment).unwrap_or_default())
        .done()
}

/// The results with the exit status as a number, and without empty outputs.
fn results(task: &Task) -> Value {
    let mut results = task.results.clone();
    for key in ["stdout", "stderr"] {
        match results.get(key).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => {
                let text = text.replace("\r\n", "\n");
                results.insert(key.to_owned(), Value::from(text));
            }
            _ => drop(results.remove(key)),
        }
    }
    if let Some(code) = task.return_code() {
        results.insert("return-code".to_owned(), Value::from(code));
    }
    sorted(&Value::Object(results))
}

/// The value with the members of every object sorted, as Go prints its maps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: std::collections::BTreeMap<_, _> =
                members.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            members.into_iter().collect()
        }
        Value::Array(entries) => entries.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TaskMessage;

    fn task(id: u32, unit: &str, code: i64) -> Task {
        let results =
            json!({"to": {"path": "/x"}, "count": "2", "return-code": code, "stdout": ""});
        Task {
            id,
            operation: 1,
            unit: unit.parse().unwrap(),
            action: "backup".to_owned(),
            parameters: Map::new(),
            status: TaskStatus::Completed,
            message: String::new(),
            results: results.as_object().cloned().unwrap(),
            log: vec![TaskMessage { time: Clock { seconds: 1 }, message: "half".to_owned() }],
            enqueued: Clock::default(),
            started: Some(Clock { seconds: 1 }),
            completed: Some(Clock { seconds: 2 }),
        }
    }

    #[test]
    fn results_have_the_shape_of_juju() {
        assert_eq!(
            document(&[task(2, "web/0", 0)]).to_string(),
            "{\"web/0\":{\"id\":\"2\",\"log\":[\"2025-01-01 00:00:01 +0000 UTC half\"],\
             \"results\":{\"count\":\"2\",\"return-code\":0,\"to\":{\"path\":\"/x\"}},\
             \"status\":\"completed\",\"timing\":{\"completed\":\"2025-01-01 00:00:02 +0000 UTC\",\
             \"enqueued\":\"2025-01-01 00:00:00 +0000 UTC\",\
             \"started\":\"2025-01-01 00:00:01 +0000 UTC\"},\"unit\":\"web/0\"}}"
        );
    }

    #[test]
    fn plain_results_are_those_of_the_action_and_what_it_printed() {
        let mut one = task(2, "web/0", 0);
        one.results.insert("stdout".to_owned(), json!("hello\n"));
        assert_eq!(plain(&[one.clone()]), "count: \"2\"\nto:\n  path: /x\n\nhello");
        one.status = TaskStatus::Failed;
        one.message = "no room".to_owned();
        one.results = Map::new();
        assert_eq!(plain(&[one]), "Action id 2 failed: no room\nTask 2 failed");
        let text = plain(&[task(3, "web/10", 0), task(2, "web/2", 0)]);
        let again: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(again["web/10"]["id"], "3");
        assert!(text.find("web/2").unwrap() < text.find("web/10").unwrap(), "{text}");
    }

    #[test]
    fn only_an_exit_status_makes_the_command_fail() {
        let mut failed = task(2, "web/0", 0);
        failed.status = TaskStatus::Failed;
        assert_eq!(failure(&[failed]), None);
        assert_eq!(
            failure(&[task(2, "web/0", 3), task(3, "web/1", 0)]).unwrap(),
            "the following task failed:\n - id \"2\" with return code 3\n\nuse 'juju show-task' to \
             inspect the failure\n"
        );
        assert!(
            failure(&[task(2, "web/0", 1), task(3, "web/1", 1)]).unwrap().contains("tasks fail")
        );
    }

    #[test]
    fn commands_print_under_their_units_names() {
        let mut one = task(2, "web/0", 0);
        one.results = json!({"stdout": "a", "stderr": "b\n"}).as_object().cloned().unwrap();
        assert_eq!(printed(std::slice::from_ref(&one)), "a\nb\n");
        let other = Task { unit: "web/1".parse().unwrap(), ..one.clone() };
        assert_eq!(printed(&[other, one]), "web/0:\na\nb\n\nweb/1:\na\nb\n\n");
    }

    #[test]
    fn an_operation_tells_its_tasks() {
        assert_eq!(operation(&[]), None);
        let document = operation(&[task(2, "web/0", 0), task(3, "web/1", 0)]).unwrap();
        assert_eq!(document["summary"], "backup run on web/0,web/1");
        assert_eq!(document["status"], "completed");
        assert_eq!(document["tasks"]["3"]["host"], "web/1");
        assert_eq!(
            announcement(1, &[task(2, "web/0", 0)]),
            "Running operation 1 with 1 task\n  - task 2 on unit-web-0\n"
        );
    }
}
