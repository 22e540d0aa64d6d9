//! The roles that an operator switched on.

use charm::metadata::Metadata;
use charm::snapshot::Snapshot;
use charm::status::Status;
use serde_json::Value;

const PREFIX: &str = "role-";
const ALL: &str = "all";

/// The roles of this worker, from boolean options named `role-<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    enabled: Vec<String>,
    example: Option<String>,
}

impl Roles {
    /// Reads them; sorted, so that every unit says the same.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut enabled: Vec<String> = snapshot
            .config
            .iter()
            .filter(|(_, value)| **value == Value::Bool(true))
            .filter_map(|(option, _)| option.strip_prefix(PREFIX).map(str::to_owned))
            .collect();
        enabled.sort();
        Self { enabled, example: example(&snapshot.metadata) }
    }

    /// The roles that are switched on.
    pub fn enabled(&self) -> &[String] {
        &self.enabled
    }

    /// The roles with a comma between two, as command lines and the coordinator take them.
    pub fn text(&self) -> String {
        self.enabled.join(",")
    }

    /// What the operator is told about the roles.
    pub fn status(&self, snapshot: &Snapshot) -> Status {
        let application = &snapshot.identity.application;
        match (&self.enabled[..], &self.example) {
            ([], Some(example)) => Status::blocked(format!(
                "Node offline: no role assigned. Please configure this worker to enable a role. \
                 For example: 'juju config {application} {example}=true'."
            )),
            ([], None) => Status::blocked(
                "[roles] the charm declares no option `role-<name>`: use a worker charm that does",
            ),
            ([only], _) if only == ALL => Status::active("(all roles) ready."),
            _ => Status::active(format!("{} ready.", self.text())),
        }
    }
}

/// The option that the operator is pointed to: every role, or the first one declared.
fn example(metadata: &Metadata) -> Option<String> {
    let all = format!("{PREFIX}{ALL}");
    if metadata.options.contains_key(&all) {
        return Some(all);
    }
    metadata.options.keys().find(|option| option.starts_with(PREFIX)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::metadata::OptionType;

    fn status(options: &[&str], config: &[(&str, Value)]) -> Status {
        let mut builder = Snapshot::for_test("loom-read/0");
        for option in options {
            builder = builder.option(option, OptionType::Boolean);
        }
        let mut snapshot = builder.build();
        snapshot.config =
            config.iter().map(|(option, value)| ((*option).to_owned(), value.clone())).collect();
        Roles::of(&snapshot).status(&snapshot)
    }

    #[test]
    fn roles_are_sorted_and_only_true_counts() {
        let on = Value::Bool(true);
        let config = [
            ("role-write", on.clone()),
            ("role-read", on.clone()),
            ("role-backend", Value::Bool(false)),
            ("role-text", "true".into()),
            ("other", on),
        ];
        assert_eq!(status(&["role-write"], &config), Status::active("read,write ready."));
    }

    #[test]
    fn every_role_has_a_text_of_its_own() {
        let config = [("role-all", Value::Bool(true))];
        assert_eq!(status(&["role-all"], &config), Status::active("(all roles) ready."));
    }

    #[test]
    fn without_a_role_an_option_is_named() {
        let message = |options: &[&str]| status(options, &[]).message;
        assert!(
            message(&["role-a", "role-all"]).ends_with("'juju config loom-read role-all=true'.")
        );
        assert!(message(&["other", "role-b"]).ends_with("'juju config loom-read role-b=true'."));
        assert!(message(&["other"]).starts_with("[roles] the charm declares no option"));
    }
}
