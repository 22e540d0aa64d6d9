//! Which differences of the workload's inputs call for a reload or a restart, by the solution's
//! rules.
//!
//! Every input of the process (its configuration, its entry in the layer, its environment, its
//! certificate, the authorities that it trusts) is compared with what the container has now. Each
//! difference is classed, and the runtime does the least that serves them all, once.

use std::collections::{BTreeMap, BTreeSet};

use charm::desired::{Causes, FileGoal, Reload, Renewal};
use charm::difference::{file_differs, layer_difference};
use charm::layer::Layer;
use charm::patterns::template::{RenderError, Template};
use charm::snapshot::{ContainerState, FileRead};
use indexmap::IndexMap;
use relation_lib::yaml;
use serde::Deserialize;
use serde_json::Value;

use crate::paths;

/// What differs, in the words of statuses and of [`Classes`].
mod subject {
    pub(super) const CONFIGURATION: &str = "configuration";
    pub(super) const LAYER: &str = "layer";
    pub(super) const ENVIRONMENT: &str = "environment";
    pub(super) const CHECKS: &str = "checks";
    pub(super) const CERTIFICATE: &str = "certificate";
    pub(super) const TRUST_STORE: &str = "trust store";
}

/// `restart` of a solution: the rules.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "RulesEntry")]
pub struct RestartRules {
    classes: Classes,
    paths: Vec<(Vec<String>, Renewal)>,
    reload: Option<ReloadRule>,
    rolling: Rolling,
}

/// The rules as they are written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RulesEntry {
    on: Classes,
    paths: IndexMap<String, Class>,
    reload: Option<ReloadRule>,
    rolling: Rolling,
}

impl Default for RulesEntry {
    fn default() -> Self {
        let (on, reload, rolling) = (Classes::default(), None, Rolling::default());
        Self { on, paths: IndexMap::new(), reload, rolling }
    }
}

/// What a difference of each kind calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Classes {
    configuration: Class,
    layer: Class,
    environment: Class,
    checks: Class,
    certificate: Class,
    trust_store: Class,
}

impl Default for Classes {
    /// As the published workers do it.
    fn default() -> Self {
        let restart = Class::Restart;
        Self {
            configuration: restart,
            layer: restart,
            environment: restart,
            checks: restart,
            certificate: restart,
            trust_store: restart,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Class {
    None,
    Reload,
    Restart,
}

impl From<Class> for Renewal {
    fn from(class: Class) -> Self {
        match class {
            Class::None => Self::Nothing,
            Class::Reload => Self::Reload,
            Class::Restart => Self::Restart,
        }
    }
}

/// How the workload is told to read its inputs again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadRule {
    /// A command in the container.
    Command(Vec<String>),
    /// The URL of a POST request.
    Post(Template),
    /// A signal to the process, such as `SIGHUP`.
    Signal(String),
}

/// Whether units take turns when they restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Rolling {
    /// Every unit restarts when its inputs change.
    #[default]
    #[serde(rename = "off", alias = "false")]
    Off,
    /// One after another, when the coordinator can order them.
    #[serde(rename = "on", alias = "true")]
    On,
}

/// Why rules can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Something is to be reloaded, and nothing says how.
    #[error(
        "`reload` is missing: expected `command`, `post` or `signal`, as something is to be reloaded"
    )]
    NoReload,
    /// A part of the layer, which only a restart brings to the process.
    #[error("`{0}` can't be reloaded: expected `none` or `restart`")]
    OnlyByRestart(&'static str),
    /// A path with nothing between two dots.
    #[error("`{0}` is no path: expected names joined by dots")]
    Path(String),
    /// An empty command.
    #[error("`command` is empty: expected a program and its arguments")]
    Command,
    /// A signal that Pebble doesn't know.
    #[error("`{0}` is no signal: expected a name such as `SIGHUP`")]
    Signal(String),
}

impl TryFrom<RulesEntry> for RestartRules {
    type Error = RulesError;

    fn try_from(entry: RulesEntry) -> Result<Self, RulesError> {
        let RulesEntry { on, paths, reload, rolling } = entry;
        let of_layer = [
            (subject::LAYER, on.layer),
            (subject::ENVIRONMENT, on.environment),
            (subject::CHECKS, on.checks),
        ];
        if let Some((subject, _)) = of_layer.into_iter().find(|(_, class)| *class == Class::Reload)
        {
            return Err(RulesError::OnlyByRestart(subject));
        }
        match &reload {
            Some(ReloadRule::Command(command)) if command.is_empty() => {
                return Err(RulesError::Command);
            }
            Some(ReloadRule::Signal(signal)) if !is_signal(signal) => {
                return Err(RulesError::Signal(signal.clone()));
            }
            _ => {}
        }
        let mut classes = [on.configuration, on.certificate, on.trust_store]
            .into_iter()
            .chain(paths.values().copied());
        if reload.is_none() && classes.any(|class| class == Class::Reload) {
            return Err(RulesError::NoReload);
        }
        let paths = paths
            .into_iter()
            .map(|(path, class)| match path.split('.').map(str::to_owned).collect::<Vec<_>>() {
                names if names.iter().any(String::is_empty) => Err(RulesError::Path(path)),
                names => Ok((names, class.into())),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { classes: on, paths, reload, rolling })
    }
}

fn is_signal(name: &str) -> bool {
    let rest = name.strip_prefix("SIG");
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric()))
}

impl RestartRules {
    /// Whether units take turns.
    pub fn rolling(&self) -> Rolling {
        self.rolling
    }

    /// How the workload is told to read its inputs again, if it can be.
    ///
    /// # Errors
    ///
    /// When the URL can't be rendered.
    pub fn reload(
        &self,
        context: &minijinja::Value,
        ca: Option<&str>,
    ) -> Result<Option<Reload>, RenderError> {
        Ok(match &self.reload {
            None => None,
            Some(ReloadRule::Command(command)) => Some(Reload::Command(command.clone())),
            Some(ReloadRule::Signal(signal)) => Some(Reload::Signal(signal.clone())),
            Some(ReloadRule::Post(url)) => {
                let url = url.render("`restart.reload.post`", context)?;
                Some(Reload::Post { url, ca: ca.map(str::to_owned) })
            }
        })
    }

    /// What differs between a container and what should be in it, and what that calls for.
    pub fn causes(
        &self,
        state: &ContainerState,
        files: &BTreeMap<String, FileGoal>,
        layer: &Layer,
    ) -> Causes {
        let mut causes = Causes::new();
        let mut add = |subject: &str, class: Renewal| {
            let known = causes.entry(subject.to_owned()).or_insert(class);
            *known = class.max(*known);
        };
        for (path, goal) in files {
            let found = state.files.get(path);
            if !file_differs(goal, found) {
                continue;
            }
            match path.as_str() {
                paths::CONFIG => add(subject::CONFIGURATION, self.of_configuration(found, goal)),
                paths::SERVER_CERT | paths::PRIVATE_KEY => {
                    add(subject::CERTIFICATE, self.classes.certificate.into());
                }
                _ => add(subject::TRUST_STORE, self.classes.trust_store.into()),
            }
        }
        let difference = layer_difference(&state.plan, layer);
        for members in difference.services.values() {
            let of_environment = members.iter().filter(|member| *member == "environment").count();
            if of_environment > 0 {
                add(subject::ENVIRONMENT, self.classes.environment.into());
            }
            if of_environment < members.len() || members.is_empty() {
                add(subject::LAYER, self.classes.layer.into());
            }
        }
        if !difference.checks.is_empty() {
            add(subject::CHECKS, self.classes.checks.into());
        }
        causes
    }

    /// What the difference between two configurations calls for. A place that no rule is about, and
    /// a configuration that can't be compared, have the class of all configurations.
    fn of_configuration(&self, found: Option<&FileRead>, goal: &FileGoal) -> Renewal {
        let meaning = |text: &str| yaml::parse_with(text, yaml::Aliens::AsText).ok();
        let (Some(FileRead::Content(old)), FileGoal::Present { content, .. }) = (found, goal)
        else {
            return self.classes.configuration.into();
        };
        let old = std::str::from_utf8(old).ok().and_then(meaning);
        let (Some(old), Some(new)) = (old, meaning(content.reveal())) else {
            return self.classes.configuration.into();
        };
        let places = differing(&old, &new);
        let class = places.iter().map(|place| self.of_place(place)).max();
        class.unwrap_or(self.classes.configuration.into())
    }

    fn of_place(&self, place: &[String]) -> Renewal {
        let rules = self.paths.iter().filter(|(path, _)| place.starts_with(path));
        let nearest = rules.max_by_key(|(path, _)| path.len());
        nearest.map_or(self.classes.configuration.into(), |(_, class)| *class)
    }
}

/// The places in which two documents differ: the names that lead there. Lists are compared as a
/// whole.
fn differing(old: &Value, new: &Value) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    compare(Some(old), Some(new), &mut Vec::new(), &mut found);
    found
}

fn compare(
    old: Option<&Value>,
    new: Option<&Value>,
    place: &mut Vec<String>,
    found: &mut BTreeSet<Vec<String>>,
) {
    if old == new {
        return;
    }
    // A mapping that appears or goes is looked into, so that rules about its members count.
    let members = |value: Option<&Value>| match value {
        None => Some(Default::default()),
        Some(Value::Object(members)) => Some(members.clone()),
        Some(_) => None,
    };
    let (Some(before), Some(after)) = (members(old), members(new)) else {
        found.insert(place.clone());
        return;
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    if names.is_empty() {
        found.insert(place.clone());
    }
    for name in names {
        place.push(name.clone());
        compare(before.get(name), after.get(name), place, found);
        place.pop();
    }
}

#[cfg(test)]
mod tests {
    use charm::desired::Comparison;
    use charm::secret::SecretText;
    use serde_json::json;

    use super::*;

    fn rules(yaml: &str) -> RestartRules {
        serde_yaml::from_str(yaml).expect("valid")
    }

    fn refused(yaml: &str) -> String {
        let error = serde_yaml::from_str::<RestartRules>(yaml).expect_err(yaml);
        error.without_snippet().to_string()
    }

    fn config(value: &Value) -> FileGoal {
        let content = SecretText::new(yaml::dump_sorted(value));
        FileGoal::Present { content, mode: 0o644, comparison: Comparison::Yaml }
    }

    /// What a change of the configuration calls for.
    fn of_change(rules: &RestartRules, old: Value, new: Value) -> Option<Renewal> {
        let mut state = ContainerState::default();
        let old = FileRead::Content(yaml::dump_sorted(&old).into_bytes());
        state.files.insert(paths::CONFIG.to_owned(), old);
        let files = BTreeMap::from([(paths::CONFIG.to_owned(), config(&new))]);
        let mut causes = rules.causes(&state, &files, &Layer::default());
        assert!(causes.len() < 2, "{causes:?}");
        causes.remove("configuration")
    }

    #[test]
    fn whatever_differs_calls_for_a_restart_by_default() {
        let rules = RestartRules::default();
        assert_eq!(of_change(&rules, json!({"a": 1}), json!({"a": 1})), None);
        assert_eq!(of_change(&rules, json!({"a": 1}), json!({"a": 2})), Some(Renewal::Restart));
        let files: BTreeMap<String, FileGoal> =
            paths::ALL.map(|path| (path.to_owned(), FileGoal::text("x"))).into();
        let causes = rules.causes(&ContainerState::default(), &files, &Layer::default());
        let subjects: Vec<&str> = causes.keys().map(String::as_str).collect();
        assert_eq!(subjects, ["certificate", "configuration", "trust store"]);
        assert!(causes.values().all(|class| *class == Renewal::Restart));
    }

    #[test]
    fn rules_are_about_what_lies_below_their_path() {
        let rules = rules(
            "{on: {configuration: restart}, reload: {signal: SIGHUP}, \
             paths: {overrides: reload, overrides.late: restart, memberlist.join: none}}",
        );
        let base = json!({"overrides": {"a": 1}, "memberlist": {"join": ["x"], "port": 1}});
        let with = |pointer: &str, value: Value| {
            let mut changed = base.clone();
            *changed.pointer_mut(pointer).expect("there") = value;
            of_change(&rules, base.clone(), changed)
        };
        assert_eq!(with("/overrides/a", json!(2)), Some(Renewal::Reload));
        assert_eq!(with("/overrides", json!({"a": 1, "late": 2})), Some(Renewal::Restart));
        assert_eq!(with("/overrides", json!({})), Some(Renewal::Reload));
        assert_eq!(with("/overrides", json!("text")), Some(Renewal::Reload));
        assert_eq!(with("/memberlist/join", json!(["y", "z"])), Some(Renewal::Nothing));
        assert_eq!(with("/memberlist/port", json!(2)), Some(Renewal::Restart));
        // No rule is about the whole.
        assert_eq!(with("/memberlist", json!("text")), Some(Renewal::Restart));
        let only_overrides = json!({"overrides": {"a": 1}});
        assert_eq!(of_change(&rules, json!({}), only_overrides), Some(Renewal::Reload));
    }

    #[test]
    fn the_environment_is_told_from_the_rest_of_a_service() {
        let rules = rules("{on: {layer: none, checks: none}}");
        let service = |command: &str, variable: &str| {
            let members = json!({"override": "replace", "command": command,
                "environment": {"A": variable}});
            let members = members.as_object().expect("an object").clone();
            Layer { services: [("web".to_owned(), members)].into(), ..Layer::default() }
        };
        let mut state = ContainerState::default();
        state.plan.services = service("x", "1").services;
        let of = |layer: &Layer| rules.causes(&state, &BTreeMap::new(), layer);
        assert_eq!(of(&service("x", "1")), Causes::new());
        let environment = ("environment".to_owned(), Renewal::Restart);
        assert_eq!(of(&service("x", "2")), Causes::from([environment.clone()]));
        let layer = ("layer".to_owned(), Renewal::Nothing);
        assert_eq!(of(&service("y", "2")), Causes::from([environment, layer]));
        let check = json!({"override": "replace", "tcp": {"port": 1}});
        let mut checked = service("x", "1");
        checked.checks.insert("up".to_owned(), check.as_object().expect("an object").clone());
        assert_eq!(of(&checked), Causes::from([("checks".to_owned(), Renewal::Nothing)]));
    }

    #[test]
    fn a_configuration_that_cannot_be_compared_has_the_class_of_all() {
        let rules = rules("{paths: {a: none}}");
        for found in [FileRead::Content(b"{".to_vec()), FileRead::Missing] {
            let class = rules.of_configuration(Some(&found), &config(&json!({"a": 1})));
            assert_eq!(class, Renewal::Restart, "{found:?}");
        }
    }

    #[test]
    fn the_ways_to_reload() {
        let context = minijinja::context! { fqdn => "w-0" };
        let of = |yaml: &str| rules(yaml).reload(&context, Some("CA")).expect("rendered");
        assert_eq!(of("{}"), None);
        assert_eq!(of("{reload: {command: [kill]}}"), Some(Reload::Command(vec!["kill".into()])));
        assert_eq!(
            of("{reload: {post: 'https://{{ fqdn }}/-/reload'}}"),
            Some(Reload::Post { url: "https://w-0/-/reload".into(), ca: Some("CA".into()) })
        );
        let undefined = rules("{reload: {post: '{{ nope }}'}}").reload(&context, None);
        assert!(undefined.expect_err("undefined").to_string().contains("`restart.reload.post`"));
    }

    #[test]
    fn rules_that_cannot_hold_are_refused() {
        for (yaml, reason) in [
            ("{on: {certificate: reload}}", "`reload` is missing: "),
            ("{paths: {a: reload}}", "`reload` is missing: "),
            ("{on: {layer: reload}, reload: {signal: SIGHUP}}", "`layer` can't be reloaded: "),
            ("{paths: {a..b: none}}", "`a..b` is no path: "),
            ("{reload: {command: []}}", "`command` is empty: "),
            ("{reload: {signal: HUP}}", "`HUP` is no signal: "),
            ("{on: {colour: none}}", "unknown field `colour`"),
            ("{reload: {shout: x}}", "unknown variant"),
        ] {
            let found = refused(yaml);
            assert!(found.contains(reason), "{yaml}: {found}");
        }
    }
}
