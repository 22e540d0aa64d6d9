//! What the agent of a unit hears of a container: custom notices, and checks that fail or recover.

use std::collections::BTreeMap;

use serde_json::Map;

use super::clock::Timestamp;
use super::setup::ExecAnswer;
use super::workload::{Inner, Workload};

/// How far a container's notices were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoticeCursor(pub(super) Timestamp);

/// Something that happened in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The notice's id.
    pub id: String,
    /// What happened.
    pub what: Happening,
}

/// What happened in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A process left a notice of type `custom` with this key.
    Custom(String),
    /// The check of this name reached its threshold.
    CheckFailed(String),
    /// The check of this name passes again.
    CheckRecovered(String),
}

impl Workload {
    /// What happened after `after`, or at all, oldest first, and how far that is. Notices of other
    /// kinds are passed over, but count as read.
    #[must_use]
    pub fn occurrences(
        &self,
        after: Option<NoticeCursor>,
    ) -> (Vec<Occurrence>, Option<NoticeCursor>) {
        self.inner().read(|state| {
            let mut latest = after;
            let mut found = Vec::new();
            for notice in state.notices.after(after.map(|cursor| cursor.0)) {
                latest = Some(NoticeCursor(notice.repeated));
                let status = || {
                    let change = state.changes.find(notice.key)?;
                    Some(state.changes.get(change)["status"].as_str()?.to_owned())
                };
                let text = |key: &str| notice.data.get(key).and_then(|value| value.as_str());
                let check = || text("check-name").unwrap_or_default().to_owned();
                let what = match (notice.kind, text("kind")) {
                    ("custom", _) => Happening::Custom(notice.key.to_owned()),
                    ("change-update", Some("perform-check"))
                        if status().as_deref() == Some("Error") =>
                    {
                        Happening::CheckFailed(check())
                    }
                    ("change-update", Some("recover-check"))
                        if status().as_deref() == Some("Done") =>
                    {
                        Happening::CheckRecovered(check())
                    }
                    _ => continue,
                };
                found.push(Occurrence { id: notice.id.to_string(), what });
            }
            (found, latest)
        })
    }

    /// Leaves a custom notice, as `pebble notify` does. Gives its id; nothing when the key is not of
    /// the form `example.com/path`.
    pub fn notify(&self, key: &str, data: &BTreeMap<String, String>) -> Option<String> {
        if !super::notices::is_custom_key(key) {
            return None;
        }
        let data: Map<_, _> =
            data.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
        let id = self.inner().update(|state| state.notices.leave(key, data));
        Some(id.to_string())
    }

    /// Has a check of the plan go well or not, once, where checks are not real. Its threshold counts
    /// as ever. False when the plan has no such check that is being performed.
    pub fn perform_check(&self, name: &str, outcome: Result<(), String>) -> bool {
        self.inner().update(|state| {
            let run = state.checks.runs().find(|(running, ..)| running == name);
            let Some((_, _, run)) = run else { return false };
            state.record_check(name, run, &outcome);
            true
        })
    }
}

/// What `pebble notify KEY [NAME=VALUE]...` in a container does and prints. Nothing for another
/// command.
pub(super) fn notify_command(inner: &Inner, command: &[String]) -> Option<ExecAnswer> {
    let [program, verb, words @ ..] = command else { return None };
    if program.rsplit('/').next() != Some("pebble") || verb != "notify" {
        return None;
    }
    let mut words = words.iter().filter(|word| !word.starts_with("--"));
    let key = words.next().filter(|key| super::notices::is_custom_key(key));
    let answer = ExecAnswer { command: command.to_vec(), ..ExecAnswer::default() };
    let Some(key) = key else {
        let stderr = "error: invalid key (must be in \"example.com/path\" format)\n".to_owned();
        return Some(ExecAnswer { return_code: 1, stderr, ..answer });
    };
    let pairs = words.filter_map(|word| word.split_once('='));
    let data = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let id = inner.update(|state| state.notices.leave(key, data));
    Some(ExecAnswer { stdout: format!("Recorded notice {id}\n"), ..answer })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pebble::ContainerSetup;

    #[test]
    fn a_process_of_the_container_notifies() {
        let workload = Workload::new(ContainerSetup::default()).unwrap();
        let run = |line: &str| {
            let words: Vec<_> = line.split(' ').map(ToOwned::to_owned).collect();
            notify_command(workload.inner(), &words)
        };
        let done = run("/charm/bin/pebble notify example.com/a size=1").unwrap();
        assert_eq!((done.return_code, done.stdout.as_str()), (0, "Recorded notice 1\n"));
        assert_eq!(run("pebble notify bad").unwrap().return_code, 1);
        assert_eq!(run("pebble services"), None);
        let happened = Happening::Custom("example.com/a".to_owned());
        let (found, _) = workload.occurrences(None);
        assert_eq!(found, [Occurrence { id: "1".to_owned(), what: happened }]);
    }

    #[test]
    fn notices_and_checks_are_heard_once_each() {
        let layer = json!({"checks": {"up": {
            "override": "replace", "threshold": 2, "tcp": {"port": 1},
        }}});
        let layers = vec![("web".to_owned(), layer)];
        let workload =
            Workload::new(ContainerSetup { layers, ..ContainerSetup::default() }).unwrap();
        assert_eq!(workload.notify("bad", &BTreeMap::new()), None);
        workload.notify("example.com/a", &BTreeMap::new()).unwrap();
        let kinds =
            |found: Vec<Occurrence>| found.into_iter().map(|found| found.what).collect::<Vec<_>>();
        let (found, read) = workload.occurrences(None);
        assert_eq!(kinds(found), [Happening::Custom("example.com/a".to_owned())]);
        assert_eq!(workload.occurrences(read).0, []);
        assert!(workload.perform_check("up", Err("down".to_owned())));
        assert_eq!(workload.occurrences(read).0, []);
        workload.perform_check("up", Err("down".to_owned()));
        let (found, read) = workload.occurrences(read);
        assert_eq!(kinds(found), [Happening::CheckFailed("up".to_owned())]);
        workload.perform_check("up", Ok(()));
        let (found, _) = workload.occurrences(read);
        assert_eq!(kinds(found), [Happening::CheckRecovered("up".to_owned())]);
        assert_eq!(workload.occurrences(None).0.len(), 3);
        assert!(!workload.perform_check("nope", Ok(())));
    }
}
