//! What operators can ask a solution.

use serde::Deserialize;

use super::{Ordered, Template};

/// What an action answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Name of a result → its value. One that is empty when rendered is left out.
    pub results: Ordered<Template>,
    /// Why the action fails; one that is empty when rendered lets it answer.
    #[serde(default)]
    pub failure: Option<Template>,
    /// What must hold for an answer; else the action fails.
    #[serde(default)]
    pub requires: Requirement,
}

/// What must hold for an action to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    /// Nothing.
    #[default]
    Nothing,
    /// The deployment is coherent and has the object store that it needs.
    Coherent,
}

/// Whether Juju takes a text for the name of a result: lower-case letters, digits, hyphens and
/// dots, no hyphen or dot at either end (`action-set` of Juju 3).
pub(super) fn is_result_name(text: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_end)
        && text.ends_with(is_end)
        && text.chars().all(|c| is_end(c) || matches!(c, '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::is_result_name;

    #[test]
    fn names_of_results_are_those_of_juju() {
        for name in ["otlp-http", "a", "a.b-1"] {
            assert!(is_result_name(name), "{name}");
        }
        for name in ["", "otlp_http", "-a", "a.", "A"] {
            assert!(!is_result_name(name), "{name}");
        }
    }
}
