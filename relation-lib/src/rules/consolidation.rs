use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use super::reader::in_folder;
use super::{Files, Injection, Recursion, RuleReader, RuleSet};
use crate::alert_rules::AlertRules;
use crate::injection::Language;
use crate::topology::JujuTopology;
use crate::yaml;

/// Folders of rule files in a coordinator charm, relative to its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Rules that hold for each worker application.
    pub workers: String,
    /// Rules that hold for the coordinator itself.
    pub own: String,
    /// The folder that a Python coordinator collects rules in. What a charm ships there is read too, but
    /// for files named `consolidated_*`.
    pub consolidated: String,
}

impl Folders {
    /// Where a coordinator has its metric rules.
    #[must_use]
    pub fn metrics() -> Self {
        Self {
            workers: "src/prometheus_alert_rules/workers".to_owned(),
            own: "src/prometheus_alert_rules/nginx".to_owned(),
            consolidated: "src/prometheus_alert_rules/consolidated_rules".to_owned(),
        }
    }

    /// Where a coordinator has its log rules: the same files for the workers and for itself.
    #[must_use]
    pub fn logs() -> Self {
        Self {
            workers: "src/loki_alert_rules".to_owned(),
            own: "src/loki_alert_rules".to_owned(),
            consolidated: "src/loki_alert_rules/consolidated_rules".to_owned(),
        }
    }
}

/// The rules that a coordinator publishes for its workers and for itself.
///
/// A Python coordinator writes one file for each worker application into a folder, copies its own rule
/// files there, and reads that folder again. So the groups come in the order of the paths there, those of
/// workers as if from `consolidated_<application>.rules`, with all keys sorted. The same comes out here
/// without writing any file.
#[derive(Debug, Clone, Copy)]
pub struct Consolidation<'a> {
    /// The files of the charm, relative to its root.
    pub files: &'a Files,
    /// The topology of the coordinator, with its charm name.
    pub coordinator: &'a JujuTopology,
    /// The topologies of the workers. The first of an application speaks for it.
    pub workers: &'a [JujuTopology],
    /// Whether matchers are injected.
    pub injection: Injection,
}

/// Something in the consolidated folder.
enum Document<'a> {
    /// A file of the charm: its path, and its text.
    File(&'a str, &'a str),
    /// The rules of one worker application.
    Worker(RuleSet),
}

impl Consolidation<'_> {
    /// The rules of the metrics endpoint, the generic ones ([`RuleReader::host_health`]) last.
    #[must_use]
    pub fn metrics(&self, folders: &Folders) -> RuleSet {
        let mut set = self.rules(Language::PromQl, folders);
        set.append(self.reader(Language::PromQl, self.coordinator).host_health());
        set
    }

    /// The rules for log backends.
    #[must_use]
    pub fn logs(&self, folders: &Folders) -> RuleSet {
        self.rules(Language::LogQl, folders)
    }

    fn reader<'t>(&self, language: Language, topology: &'t JujuTopology) -> RuleReader<'t> {
        RuleReader::new(language).with_topology(topology).with_injection(self.injection)
    }

    fn rules(&self, language: Language, folders: &Folders) -> RuleSet {
        let reader = self.reader(language, self.coordinator);
        let mut set = RuleSet::default();
        // A path sorts as the list of its parts.
        let mut documents: BTreeMap<Vec<String>, (String, Document<'_>)> = BTreeMap::new();
        let mut place = |folder: &str, name: String, document| {
            let parts = folder.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
            documents.insert(parts.chain([name]).collect(), (folder.to_owned(), document));
        };

        let shipped = in_folder(self.files, &folders.consolidated, Recursion::Recursive);
        for (path, folder, text) in shipped {
            let name = file_name(path);
            if !(folder.is_empty() && name.starts_with("consolidated_")) {
                place(folder, name, Document::File(path, text));
            }
        }
        let mut known = HashSet::new();
        for worker in self.workers.iter().filter(|worker| known.insert(&worker.application)) {
            let rules = self.of_folder(&self.reader(language, worker), &folders.workers, folders);
            place(
                "",
                format!("consolidated_{}.rules", worker.application),
                Document::Worker(rules),
            );
        }
        for (path, folder, text) in self.sources(&folders.own, folders) {
            place(folder, file_name(path), Document::File(path, text));
        }

        for (folder, document) in documents.into_values() {
            match document {
                Document::File(path, text) => reader.read_file(path, &folder, text, &mut set),
                Document::Worker(rules) => {
                    let RuleSet { rules, problems } = rules;
                    set.append(RuleSet { rules: reread(&reader, &rules), problems });
                }
            }
        }
        set
    }

    fn of_folder(&self, reader: &RuleReader<'_>, folder: &str, folders: &Folders) -> RuleSet {
        let mut set = RuleSet::default();
        for (path, below, text) in self.sources(folder, folders) {
            reader.read_file(path, below, text, &mut set);
        }
        set
    }

    /// The rule files below a source folder, which may hold the consolidated one.
    fn sources(&self, folder: &str, folders: &Folders) -> Vec<(&str, &str, &str)> {
        let consolidated = format!("{}/", folders.consolidated);
        let mut found = in_folder(self.files, folder, Recursion::Recursive);
        found.retain(|(path, ..)| !path.starts_with(&consolidated));
        found
    }
}

/// What the coordinator makes of groups that were written to a file for a worker application and read
/// again: keys are sorted, and what is missing is filled in. Problems were reported when they were read
/// first.
fn reread(reader: &RuleReader<'_>, rules: &AlertRules) -> AlertRules {
    let mut again = RuleSet::default();
    if !rules.is_empty() {
        let text = yaml::dump_sorted(&json!({ "groups": rules.groups }));
        reader.read_file("", "", &text, &mut again);
    }
    again.rules
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
