use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::group::{Marker, group_name};
use super::{Fault, Injection, Problem, Recursion, RuleSet};
use crate::injection::Language;
use crate::topology::JujuTopology;
use crate::yaml::{self, Aliens, Content, Node, Scalar, YamlErrorKind};

/// Files by path, with `/` between folders: what a charm ships, or part of it.
pub type Files = BTreeMap<String, String>;

const EXTENSIONS: [&str; 4] = ["rule", "rules", "yml", "yaml"];

/// Reads rule files and marks the rules as somebody's.
#[derive(Debug, Clone, Copy)]
pub struct RuleReader<'a> {
    pub(super) marker: Marker<'a>,
    recursion: Recursion,
}

impl<'a> RuleReader<'a> {
    /// A reader of rules in one language: recursive, injecting, without topology.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let marker = Marker { language, topology: None, injection: Injection::On };
        Self { marker, recursion: Recursion::Recursive }
    }

    /// Whose the rules are. Without, they get no labels, and expressions stay as they are.
    #[must_use]
    pub fn with_topology(mut self, topology: &'a JujuTopology) -> Self {
        self.marker.topology = Some(topology);
        self
    }

    /// Whether matchers are injected.
    #[must_use]
    pub fn with_injection(mut self, injection: Injection) -> Self {
        self.marker.injection = injection;
        self
    }

    /// Whether files in sub-folders are read.
    #[must_use]
    pub fn with_recursion(mut self, recursion: Recursion) -> Self {
        self.recursion = recursion;
        self
    }

    /// Reads the rule files in a folder, or the one file that `root` names, in the order of their paths.
    ///
    /// Rule files end in `.rule`, `.rules`, `.yml` or `.yaml`; others are passed over. A folder that
    /// doesn't exist holds no rules.
    #[must_use]
    pub fn read(&self, files: &Files, root: &str) -> RuleSet {
        let root = root.trim_end_matches('/');
        let mut set = RuleSet::default();
        if let Some(text) = files.get(root) {
            self.read_file(root, "", text, &mut set);
            return set;
        }
        for (path, folder, text) in in_folder(files, root, self.recursion) {
            self.read_file(path, folder, text, &mut set);
        }
        set
    }

    /// Adds a group that comes from no file. Its name is the topology's identifier and `name`.
    pub(super) fn add(&self, name: &str, rules: Vec<Value>, set: &mut RuleSet) {
        let name = group_name(&self.marker.identifier(), "", name);
        let marked = rules.into_iter().map(|mut rule| {
            if let Value::Object(rule) = &mut rule {
                let outcome = self.marker.mark(rule);
                debug_assert!(outcome.is_ok(), "built-in expressions parse");
            }
            rule
        });
        let rules: Vec<Value> = marked.collect();
        set.rules.groups.push(Map::from_iter([
            ("name".to_owned(), name.into()),
            ("rules".to_owned(), rules.into()),
        ]));
    }

    pub(super) fn read_file(&self, path: &str, folder: &str, text: &str, set: &mut RuleSet) {
        let mut source = Source { path, set };
        let document = match yaml::read(text) {
            Ok(document) => document,
            Err(error) => return source.report(error.line, Fault::Yaml(error.kind)),
        };
        if document.content == Content::Scalar(Scalar::Null) {
            return;
        }
        if let Some(groups) = document.get("groups") {
            let Content::Sequence(groups) = &groups.content else {
                return source.report(groups.line, Fault::Groups);
            };
            for group in groups {
                self.read_group(group, folder, &mut source);
            }
        } else if document.get("expr").is_some()
            && (document.get("alert").is_some() || document.get("record").is_some())
        {
            let name = group_name(&self.marker.identifier(), folder, stem(path));
            if let Some(rule) = self.read_rule(&document, &mut source) {
                let rules = Value::Array(vec![rule]);
                let members = [("name".to_owned(), name.into()), ("rules".to_owned(), rules)];
                source.set.rules.groups.push(Map::from_iter(members));
            }
        } else {
            source.report(document.line, Fault::NeitherFormat);
        }
    }

    fn read_group(&self, group: &Node, folder: &str, source: &mut Source<'_>) {
        let Content::Mapping(entries) = &group.content else {
            return source.report(group.line, Fault::Group("expected a mapping"));
        };
        let name = match group.get("name").map(|name| &name.content) {
            Some(Content::Scalar(Scalar::Text(name))) => {
                group_name(&self.marker.identifier(), folder, name)
            }
            Some(_) => return source.report(group.line, Fault::Group("`name` is not a text")),
            None => return source.report(group.line, Fault::Group("it has no `name`")),
        };
        let rules = match group.get("rules").map(|rules| &rules.content) {
            Some(Content::Sequence(rules)) => rules,
            Some(_) => return source.report(group.line, Fault::Group("`rules` is not a list")),
            None => return source.report(group.line, Fault::Group("it has no `rules`")),
        };
        let usable: Vec<Value> =
            rules.iter().filter_map(|rule| self.read_rule(rule, source)).collect();
        if usable.is_empty() && !rules.is_empty() {
            // Each of them was reported.
            return;
        }
        let mut members = Map::new();
        for entry in entries {
            let value = match entry.key.as_str() {
                "name" => name.clone().into(),
                "rules" => Value::Array(usable.clone()),
                _ => match entry.value.to_json(Aliens::Refuse) {
                    Ok(value) => value,
                    Err(error) => {
                        let fault = Fault::Group("it holds a value that has no place in JSON");
                        return source.report(error.line, fault);
                    }
                },
            };
            members.insert(entry.key.clone(), value);
        }
        source.set.rules.groups.push(members);
    }

    fn read_rule(&self, node: &Node, source: &mut Source<'_>) -> Option<Value> {
        let fault = match node.get("expr").map(|expr| &expr.content) {
            _ if !matches!(node.content, Content::Mapping(_)) => Some("expected a mapping"),
            Some(Content::Scalar(Scalar::Text(_))) => None,
            Some(_) => Some("`expr` is not a text"),
            None => Some("it has no `expr`"),
        };
        let labels_ok = node.get("labels").is_none_or(|labels| {
            matches!(labels.content, Content::Mapping(_) | Content::Scalar(Scalar::Null))
        });
        if let Some(fault) = fault.or((!labels_ok).then_some("`labels` is not a mapping")) {
            source.report(node.line, Fault::Rule(fault));
            return None;
        }
        let mut value = match node.to_json(Aliens::Refuse) {
            Ok(value) => value,
            Err(error) => {
                let fault = match error.kind {
                    YamlErrorKind::Alien(alien) => Fault::RuleValue(alien),
                    kind => Fault::Yaml(kind),
                };
                source.report(error.line, fault);
                return None;
            }
        };
        if let Value::Object(rule) = &mut value
            && let Err(error) = self.marker.mark(rule)
        {
            let line = node.get("expr").map_or(node.line, |expr| expr.line);
            source.report(line, Fault::NotInjected(error));
        }
        Some(value)
    }
}

struct Source<'a> {
    path: &'a str,
    set: &'a mut RuleSet,
}

impl Source<'_> {
    fn report(&mut self, line: usize, fault: Fault) {
        self.set.report(Problem { file: self.path.to_owned(), line, fault });
    }
}

/// The rule files of a folder with their folders below it, in the order of their paths: folder by folder,
/// by bytes.
pub(super) fn in_folder<'f>(
    files: &'f Files,
    root: &str,
    recursion: Recursion,
) -> Vec<(&'f str, &'f str, &'f str)> {
    let mut found: Vec<(&str, &str, &str)> = files
        .iter()
        .filter_map(|(path, text)| {
            let below =
                if root.is_empty() { path } else { path.strip_prefix(root)?.strip_prefix('/')? };
            let (folder, name) = below.rsplit_once('/').unwrap_or(("", below));
            let wanted = recursion == Recursion::Recursive || folder.is_empty();
            (wanted && is_rule_file(name)).then_some((path.as_str(), folder, text.as_str()))
        })
        .collect();
    found.sort_by(|left, right| left.0.split('/').cmp(right.0.split('/')));
    found
}

fn is_rule_file(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(stem, extension)| !stem.is_empty() && EXTENSIONS.contains(&extension))
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && !extension.is_empty() => stem,
        _ => name,
    }
}
