//! One databag, as a test looks at it.

use std::panic::Location;

use serde_json::Value;

use super::databags::title;
use super::failure::met;
use super::{Failure, TestModel, Unmet};
use crate::model::DataBag;
use crate::names::{RelationId, UnitName};

/// One databag of a model, as it stands now.
#[derive(Debug, Clone)]
pub struct Databag<'m> {
    model: &'m TestModel,
    relation: RelationId,
    /// An application or a unit.
    owner: String,
    content: DataBag,
}

impl TestModel {
    /// The databag that an application wrote on its relation with another: the end as
    /// `app:endpoint`.
    ///
    /// # Panics
    ///
    /// When there is no such relation.
    #[must_use]
    #[track_caller]
    pub fn app_databag(&self, end: &str, remote: &str) -> Databag<'_> {
        let relation = met(self.find_relation(end, remote), Location::caller());
        let owner = end.split_once(':').map_or(end, |(application, _)| application).to_owned();
        let content = self.bus.application_databag(relation, &owner);
        Databag { model: self, relation, owner, content }
    }

    /// The databag that a unit wrote on a relation of its application: the end as
    /// `app/0:endpoint`.
    ///
    /// # Panics
    ///
    /// When there is no such unit or relation.
    #[must_use]
    #[track_caller]
    pub fn unit_databag(&self, end: &str, remote: &str) -> Databag<'_> {
        let (name, endpoint) = end.split_once(':').unwrap_or((end, ""));
        let unit = self.unit(name);
        let application = format!("{}:{endpoint}", unit.application());
        let relation = met(self.find_relation(&application, remote), Location::caller());
        let content = self.bus.unit_databag(relation, &unit);
        Databag { model: self, relation, owner: name.to_owned(), content }
    }
}

impl Databag<'_> {
    /// All keys and values.
    #[must_use]
    pub fn content(&self) -> &DataBag {
        &self.content
    }

    /// The value of a key, if it is there.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.content.get(key).map(String::as_str)
    }

    /// The value of a key as JSON; `null` when it is not there or not JSON.
    #[must_use]
    pub fn json(&self, key: &str) -> Value {
        self.text(key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Whether a key is there.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn check_has(&self, key: &str) -> Result<(), Failure> {
        if self.content.contains_key(key) {
            return Ok(());
        }
        let keys: Vec<_> = self.content.keys().map(|key| format!("`{key}`")).collect();
        let there = if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
        Err(self.failure(format!("expected key `{key}`, found {there}")))
    }

    /// Asserts that a key is there.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn assert_has(&self, key: &str) {
        met(self.check_has(key), Location::caller());
    }

    /// Whether a key has a value, byte by byte; `None`: whether it is absent.
    ///
    /// # Errors
    ///
    /// When it has another one.
    pub fn check_text(&self, key: &str, expected: Option<&str>) -> Result<(), Failure> {
        if self.text(key) == expected {
            return Ok(());
        }
        let quoted = |value: Option<&str>| {
            value.map_or_else(|| "nothing".to_owned(), |text| format!("`{text}`"))
        };
        let (expected, found) = (quoted(expected), quoted(self.text(key)));
        Err(self.failure(format!("expected {expected} under key `{key}`, found {found}")))
    }

    /// Asserts that a key has a value, byte by byte.
    ///
    /// # Panics
    ///
    /// When it has another one or none.
    #[track_caller]
    pub fn assert_text(&self, key: &str, expected: &str) {
        met(self.check_text(key, Some(expected)), Location::caller());
    }

    /// Asserts that a key is absent.
    ///
    /// # Panics
    ///
    /// When it is there.
    #[track_caller]
    pub fn assert_absent(&self, key: &str) {
        met(self.check_text(key, None), Location::caller());
    }

    /// Whether a key's value means the same JSON, whatever its spelling.
    ///
    /// # Errors
    ///
    /// When it means another one or is none.
    pub fn check_json(&self, key: &str, expected: &Value) -> Result<(), Failure> {
        let found = self.json(key);
        if found == *expected && self.content.contains_key(key) {
            return Ok(());
        }
        self.check_has(key)?;
        let places = super::difference::places(Some(expected), Some(&found));
        let lines: Vec<_> = places.iter().flat_map(|place| place.lines(key)).collect();
        let lines = match lines.is_empty() {
            true => format!("no JSON: `{}`", self.text(key).unwrap_or_default()),
            false => lines.join("\n    "),
        };
        Err(self.failure(format!("expected (-) and found (+):\n    {lines}")))
    }

    /// Asserts that a key's value means the same JSON, whatever its spelling.
    ///
    /// # Panics
    ///
    /// When it means another one, is none, or the key is absent.
    #[track_caller]
    pub fn assert_json(&self, key: &str, expected: impl Into<Value>) {
        met(self.check_json(key, &expected.into()), Location::caller());
    }

    fn failure(&self, reason: String) -> Failure {
        let application = self.owner.split_once('/').map_or(self.owner.as_str(), |(name, _)| name);
        let (bag, units) = {
            let model = self.model.bus.model();
            let relation = model.relations.get(&self.relation);
            let title =
                relation.and_then(|relation| Some(title(relation, relation.side(application)?)));
            let writer: Option<UnitName> = match self.owner.parse() {
                Ok(unit) => Some(unit),
                Err(_) => model.applications.get(application).and_then(|app| app.leader.clone()),
            };
            (format!("{}, databag of {}", title.unwrap_or_default(), self.owner), writer)
        };
        let units = units.into_iter().collect();
        self.model.failure(Unmet::Databag { bag, reason, units })
    }
}
