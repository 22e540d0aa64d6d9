//! What becomes of a group and its rules.

use serde_json::{Map, Value};

use super::Injection;
use crate::injection::{self, InjectError, Language};
use crate::topology::{JujuTopology, Labels};
use crate::yaml::number_text;

/// Labels of a rule whose values its own selectors are narrowed down to.
const MATCHED: [&str; 3] = ["juju_model", "juju_model_uuid", "juju_application"];

/// The name under which a group is published.
///
/// That is the topology's identifier, the folder of the file below the scanned one and the group's own
/// name, as far as they are not empty, joined by `_`, with `_rules` at the end, every character outside
/// `[A-Za-z0-9_:]` turned into `_`. A name that carries an identifier already stays as it is, so that
/// rules which were named for a worker keep its name.
///
/// ```
/// use relation_lib::rules::group_name;
/// assert_eq!(group_name("stage_20d3ed5c_loom-read", "sub/deep", "two-b"), "stage_20d3ed5c_loom_read_sub_deep_two_b_rules");
/// assert_eq!(group_name("stage_20d3ed5c_loom", "", "stage_20d3ed5c_zz_pre_rules"), "stage_20d3ed5c_zz_pre_rules");
/// ```
#[must_use]
pub fn group_name(identifier: &str, folder: &str, name: &str) -> String {
    let full = if carries_identifier(name) {
        name.to_owned()
    } else {
        let parts: Vec<&str> =
            [identifier, folder, name].into_iter().filter(|part| !part.is_empty()).collect();
        let joined = parts.join("_");
        if joined.ends_with("_rules") { joined } else { joined + "_rules" }
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    full.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}

/// Eight hexadecimal digits between underscores, and `rules` at the end of what follows.
fn carries_identifier(name: &str) -> bool {
    let bytes = name.as_bytes();
    let digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let found = bytes.windows(10).enumerate().any(|(at, window)| {
        window[0] == b'_'
            && window[9] == b'_'
            && window[1..9].iter().all(digit)
            && bytes[at + 10..].ends_with(b"rules")
    });
    found && !name.contains('\n')
}

/// How the rules of one owner are marked as theirs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marker<'a> {
    pub(super) language: Language,
    pub(super) topology: Option<&'a JujuTopology>,
    pub(super) injection: Injection,
}

impl Marker<'_> {
    pub(super) fn identifier(&self) -> String {
        self.topology.map(JujuTopology::identifier).unwrap_or_default()
    }

    /// Adds labels to a rule and narrows its expression down. The rule has a text as `expr`, and labels
    /// that are a mapping, if it has any.
    ///
    /// The error says why the expression was not narrowed down; the rule is usable all the same.
    pub(super) fn mark(&self, rule: &mut Map<String, Value>) -> Result<(), InjectError> {
        let labels = rule.entry("labels").or_insert_with(|| Value::Object(Map::new()));
        if labels.is_null() {
            *labels = Value::Object(Map::new());
        }
        let Some(topology) = self.topology else { return Ok(()) };
        let mut matchers = Labels::new();
        if let Value::Object(labels) = labels {
            for (name, value) in topology.labels() {
                labels.entry(name).or_insert(Value::String(value));
            }
            matchers = own_matchers(labels);
        }
        let Some(Value::String(expression)) = rule.get_mut("expr") else { return Ok(()) };
        *expression = injection::fill_token(self.language, expression);
        match self.injection {
            Injection::Off => Ok(()),
            Injection::On => {
                *expression = injection::inject(self.language, expression, &matchers)?;
                Ok(())
            }
        }
    }
}

/// The matchers that follow from a rule's own labels.
pub(super) fn own_matchers(labels: &Map<String, Value>) -> Labels {
    let own = MATCHED
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), python_text(labels.get(*name)?)?)));
    own.collect()
}

/// The text that Python turns a value into, for those that make sense as the value of a label.
fn python_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number_text(number)),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_groups() {
        for (folder, name, expected) in [
            ("", "one", "stage_20d3ed5c_loom_read_one_rules"),
            ("", "my group_rules", "stage_20d3ed5c_loom_read_my_group_rules"),
            ("", "c:d-e", "stage_20d3ed5c_loom_read_c:d_e_rules"),
            ("", "x_20d3ed5c_y-z rules", "x_20d3ed5c_y_z_rules"),
            ("", "x_20D3ED5C_y_rules", "stage_20d3ed5c_loom_read_x_20D3ED5C_y_rules"),
            ("", "x_20d3ed5c_rules", "x_20d3ed5c_rules"),
        ] {
            assert_eq!(group_name("stage_20d3ed5c_loom-read", folder, name), expected);
        }
        assert_eq!(group_name("", "", "é"), "__rules");
    }
}
