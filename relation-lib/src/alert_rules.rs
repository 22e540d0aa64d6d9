//! The value of the `alert_rules` key, and the feedback that comes back as `event`.
//!
//! `loki_push_api`, `prometheus_scrape` and `prometheus_remote_write` carry rules in the same
//! form; only the order of members differs ([`crate::encoding::python_json_sorted`] on
//! `loki_push_api`). How rules are read from files and get their topology is in [`crate::rules`].
//!
//! ```
//! use relation_lib::alert_rules::AlertRules;
//! use relation_lib::encoding::python_json;
//! use serde_json::json;
//!
//! let group = json!({"name": "loom_rules", "rules": [{"alert": "Stuck", "expr": "up < 1"}]});
//! let rules = AlertRules::new(group.as_object().cloned().into_iter().collect());
//! assert_eq!(rules.identifier(None).as_deref(), Some("loom_rules"));
//! assert!(python_json(&rules).starts_with(r#"{"groups": [{"name": "loom_rules", "rules": [{"#));
//! assert_eq!(python_json(&AlertRules::default()), "{}");
//! ```

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::databag::{FromJson, Mismatch, Reader};
use crate::topology::JujuTopology;

/// A group of rules as it travels: `name`, `rules`, and what else Prometheus or Loki knows.
pub type RuleGroup = Map<String, Value>;

/// All rules of one sender: `{"groups": […]}`, or `{}` without any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertRules {
    /// The groups, in the order in which they were written.
    pub groups: Vec<RuleGroup>,
}

impl AlertRules {
    /// Rules out of groups.
    #[must_use]
    pub fn new(groups: Vec<RuleGroup>) -> Self {
        AlertRules { groups }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// What a reader names the rules of one relation after: model, first digits of the model
    /// uuid and application, from the labels of the first group whose first rule has all three,
    /// else from the metadata of the relation, else the name of the first group.
    ///
    /// `None` when there is no group with a name either.
    #[must_use]
    pub fn identifier(&self, metadata: Option<&JujuTopology>) -> Option<String> {
        self.groups
            .iter()
            .find_map(identifier_of_group)
            .or_else(|| metadata.map(JujuTopology::identifier))
            .or_else(|| self.groups.first()?.get("name")?.as_str().map(str::to_owned))
    }

    /// Reads a key; a group that is no object spoils only itself.
    pub(crate) fn read(reader: &mut Reader<'_>, key: &str) -> Option<Self> {
        let mut value: Map<String, Value> = reader.optional(key)?;
        let groups = match value.remove("groups") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(groups)) => groups,
            Some(other) => {
                let mismatch = Mismatch::new("a list", &other).at("groups");
                reader.skip(key, None, mismatch.to_string());
                return None;
            }
        };
        let mut out = Vec::with_capacity(groups.len());
        for (index, group) in groups.iter().enumerate() {
            match RuleGroup::from_json(group) {
                Ok(group) => out.push(group),
                Err(mismatch) => {
                    reader.skip(key, Some(format!("groups.{index}")), mismatch.to_string());
                }
            }
        }
        Some(AlertRules { groups: out })
    }
}

impl Serialize for AlertRules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.groups.is_empty() {
            map.serialize_entry("groups", &self.groups)?;
        }
        map.end()
    }
}

fn identifier_of_group(group: &RuleGroup) -> Option<String> {
    let labels = group.get("rules")?.get(0)?.get("labels")?;
    let label = |name: &str| labels.get(name)?.as_str().filter(|text| !text.is_empty());
    let uuid = label("juju_model_uuid")?;
    let short: String = uuid.chars().take(8).collect();
    let name = format!("{}_{short}_{}", label("juju_model")?, label("juju_application")?);
    Some(name.replace('/', "_"))
}

/// What a reader of rules and scrape jobs says about them: the value of `event`.
///
/// Members: `errors` (text, about rules), `scrape_job_errors` (text, about scrape jobs), `valid`
/// (true when absent). Members that are not ours to set are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Feedback(Map<String, Value>);

impl Feedback {
    /// What is wrong with the rules.
    #[must_use]
    pub fn errors(&self) -> Option<&str> {
        self.text("errors")
    }

    /// What is wrong with the scrape jobs.
    #[must_use]
    pub fn scrape_job_errors(&self) -> Option<&str> {
        self.text("scrape_job_errors")
    }

    /// Whether the reader took everything.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.0.get("valid").is_none_or(|valid| valid.as_bool().unwrap_or(true))
            && self.errors().is_none()
            && self.scrape_job_errors().is_none()
    }

    /// Whether nothing was said; senders take that for no answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same with other errors about rules; `None` removes the member.
    #[must_use]
    pub fn with_errors(self, errors: Option<&str>) -> Self {
        self.with("errors", errors)
    }

    /// The same with other errors about scrape jobs; `None` removes the member.
    #[must_use]
    pub fn with_scrape_job_errors(self, errors: Option<&str>) -> Self {
        self.with("scrape_job_errors", errors)
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member)?.as_str().filter(|text| !text.is_empty())
    }

    fn with(mut self, member: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.0.insert(member.to_owned(), Value::String(text.to_owned())),
            None => self.0.shift_remove(member),
        };
        self
    }
}

impl FromJson for Feedback {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        Map::from_json(value).map(Feedback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::Databag;
    use crate::encoding::python_json;
    use serde_json::json;

    fn read(value: &Value) -> (Option<AlertRules>, Vec<String>) {
        let bag = Databag::from([("alert_rules".to_owned(), value.to_string())]);
        let mut reader = Reader::new(&bag);
        let rules = AlertRules::read(&mut reader, "alert_rules");
        (rules, reader.finish(()).skipped.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn no_group_is_written_as_an_empty_object() {
        assert_eq!(python_json(&AlertRules::default()), "{}");
        assert_eq!(read(&json!({})), (Some(AlertRules::default()), vec![]));
    }

    #[test]
    fn a_group_that_is_no_object_spoils_only_itself() {
        let (rules, skipped) = read(&json!({"groups": [7, {"name": "a", "rules": []}]}));
        assert_eq!(rules.unwrap().groups.len(), 1);
        assert_eq!(skipped, ["`groups.0` of `alert_rules`: expected an object, found a number"]);
        let (rules, skipped) = read(&json!({"groups": "x"}));
        assert_eq!(rules, None);
        assert_eq!(skipped, ["`alert_rules`: expected a list, found a string at `groups`"]);
    }

    #[test]
    fn rules_are_named_after_labels_then_metadata_then_group() {
        let labelled = json!({"name": "b", "rules": [{"labels": {
            "juju_model": "m", "juju_model_uuid": "0123456789", "juju_application": "a/b"}}]});
        let plain = json!({"name": "g", "rules": [{"labels": {"juju_model": "m"}}]});
        let rules = |groups: &[&Value]| {
            AlertRules::new(groups.iter().map(|g| g.as_object().unwrap().clone()).collect())
        };
        let metadata = JujuTopology::new(
            "stage",
            "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse().unwrap(),
            "loom".parse().unwrap(),
        );
        assert_eq!(
            rules(&[&plain, &labelled]).identifier(Some(&metadata)).as_deref(),
            Some("m_01234567_a_b")
        );
        assert_eq!(
            rules(&[&plain]).identifier(Some(&metadata)).as_deref(),
            Some("stage_20d3ed5c_loom")
        );
        assert_eq!(rules(&[&plain]).identifier(None).as_deref(), Some("g"));
        assert_eq!(rules(&[]).identifier(None), None);
    }

    #[test]
    fn feedback_sets_and_removes_its_own_member_only() {
        let feedback = Feedback::from_json(&json!({"other": 1, "errors": "old"})).unwrap();
        let feedback = feedback.with_scrape_job_errors(Some("bad job")).with_errors(None);
        assert_eq!(python_json(&feedback), r#"{"other": 1, "scrape_job_errors": "bad job"}"#);
        assert!(!feedback.is_valid());
        assert!(Feedback::default().is_valid() && Feedback::default().is_empty());
    }
}
