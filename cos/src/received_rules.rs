//! Rules that a relation brings: checked, and as a file for the server.

use relation_lib::alert_rules::{AlertRules, Feedback};
use relation_lib::injection::{self, Language};
use relation_lib::rules::{Injection, received};
use relation_lib::topology::JujuTopology;
use relation_lib::yaml;
use serde_json::{Value, json};

/// What became of the rules of one relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    /// There are none.
    None,
    /// They are good.
    Good {
        /// What the file is named after.
        identifier: String,
        /// The file, for Prometheus or Loki.
        file: String,
    },
    /// At least one is faulty, so none is taken, as the published charms do.
    Faulty {
        /// What is wrong, in one text.
        errors: String,
    },
}

impl Received {
    /// Checks the rules of one relation.
    pub(crate) fn check(
        rules: &AlertRules,
        metadata: Option<&JujuTopology>,
        language: Language,
    ) -> Self {
        let Some(identifier) = rules.identifier(metadata) else { return Self::None };
        let (taken, mut errors) = received(rules, language, Injection::On);
        for group in &taken.groups {
            let rules = group.get("rules").and_then(Value::as_array);
            for rule in rules.into_iter().flatten() {
                let expression = rule.get("expr").and_then(Value::as_str).unwrap_or_default();
                if let Err(error) = injection::check(language, expression) {
                    let name = ["alert", "record"].iter().find_map(|key| rule.get(*key)?.as_str());
                    errors.push(format!("rule `{}`: {error}", name.unwrap_or_default()));
                }
            }
        }
        if errors.is_empty() {
            let file = yaml::dump_sorted(&json!({"groups": taken.groups}));
            Self::Good { identifier, file }
        } else {
            let errors = errors
                .into_iter()
                .map(|error| format!("error validating {identifier}: {error}"))
                .collect::<Vec<_>>();
            Self::Faulty { errors: errors.join(", ") }
        }
    }

    /// The feedback for the sender, given what it was told before.
    pub(crate) fn feedback(&self, before: Feedback) -> Feedback {
        match self {
            Self::None | Self::Good { .. } => before.with_errors(None),
            Self::Faulty { errors } => before.with_errors(Some(errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(expression: &str) -> AlertRules {
        let group = json!({"name": "g", "rules": [{
            "alert": "A", "expr": expression,
            "labels": {"juju_model": "m", "juju_model_uuid": "01234567-89", "juju_application": "a/b"},
        }]});
        AlertRules::new(group.as_object().cloned().into_iter().collect())
    }

    #[test]
    fn good_rules_are_narrowed_down_and_named() {
        let found = Received::check(&rules("up > 0"), None, Language::PromQl);
        let Received::Good { identifier, file } = found else { unreachable!("{found:?}") };
        assert_eq!(identifier, "m_01234567_a_b");
        assert!(file.contains("juju_application=\"a/b\""), "{file}");
    }

    #[test]
    fn faulty_rules_are_refused_with_their_name() {
        let found = Received::check(&rules("up >"), None, Language::PromQl);
        let Received::Faulty { errors } = &found else { unreachable!("{found:?}") };
        assert!(errors.starts_with("error validating m_01234567_a_b: rule `A`: "), "{errors}");
        let feedback = found.feedback(Feedback::default());
        assert_eq!(feedback.errors(), Some(errors.as_str()));
        assert!(Received::None.feedback(feedback).is_empty());
    }

    #[test]
    fn no_rules_are_nothing() {
        let found = Received::check(&AlertRules::default(), None, Language::LogQl);
        assert_eq!(found, Received::None);
    }
}
