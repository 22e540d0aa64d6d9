//! Juju topology: who sent something, as labels, matchers, identifier and baggage.
//!
//! The object that travels is `{"model", "model_uuid", "application", "unit", "charm_name"}`, in
//! this order (cosl 1.11.3).

use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::databag::{FromJson, Members, Mismatch};

/// Labels of a series, rule or log stream, in the order in which they are written.
pub type Labels = IndexMap<String, String>;

/// Why a text is no name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not lower-case letters, digits and hyphens, starting with a letter.
    #[error("cannot take `{0}` for the name of an application")]
    Application(String),
    /// Not an application, `/` and a number.
    #[error("cannot take `{0}` for the name of a unit: it reads like `app/0`")]
    Unit(String),
    /// Not a UUID in lower-case hexadecimal with hyphens.
    #[error("cannot take `{0}` for the uuid of a model")]
    ModelUuid(String),
}

macro_rules! text_newtype {
    ($name:ident) => {
        impl $name {
            /// The name as a text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

/// The name of an application, such as `loki` or `loom-read`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApplicationName(String);

text_newtype!(ApplicationName);

impl FromStr for ApplicationName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // Cross-model proxies are named `remote-` and 32 hexadecimal digits, so digits may stand
        // anywhere but in front.
        let mut characters = text.chars();
        let starts = characters.next().is_some_and(|c| c.is_ascii_lowercase());
        let continues =
            characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if starts && continues && !text.ends_with('-') {
            Ok(ApplicationName(text.to_owned()))
        } else {
            Err(NameError::Application(text.to_owned()))
        }
    }
}

/// The name of a unit, such as `loki/0`.
///
/// Sorted by application, then number, which is not the order of the texts: `a/2` is before
/// `a/10`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(String);

text_newtype!(UnitName);

impl UnitName {
    /// The application that the unit belongs to.
    #[must_use]
    pub fn application(&self) -> ApplicationName {
        ApplicationName(self.split().0.to_owned())
    }

    /// The number of the unit.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.split().1.parse().expect("the parser saw a number")
    }

    /// The name with `-` for `/`, as it appears in URLs and host names.
    #[must_use]
    pub fn hyphenated(&self) -> String {
        self.0.replace('/', "-")
    }

    fn split(&self) -> (&str, &str) {
        self.0.split_once('/').expect("the parser saw a slash")
    }
}

impl Ord for UnitName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.split().0, self.number()).cmp(&(other.split().0, other.number()))
    }
}

impl PartialOrd for UnitName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for UnitName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = || NameError::Unit(text.to_owned());
        let (application, number) = text.split_once('/').ok_or_else(error)?;
        let digits = number.bytes().all(|b| b.is_ascii_digit());
        let padded = number.len() > 1 && number.starts_with('0');
        if ApplicationName::from_str(application).is_err()
            || !digits
            || padded
            || number.parse::<u32>().is_err()
        {
            return Err(error());
        }
        Ok(UnitName(text.to_owned()))
    }
}

/// The UUID of a model, in lower-case hexadecimal with hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelUuid(String);

text_newtype!(ModelUuid);

impl ModelUuid {
    /// The first eight digits, which identifiers carry.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..8]
    }

    /// Whether it is a random UUID (version 4). The Python libraries refuse all others.
    #[must_use]
    pub fn is_random(&self) -> bool {
        let bytes = self.0.as_bytes();
        bytes[14] == b'4' && matches!(bytes[19], b'8' | b'9' | b'a' | b'b')
    }
}

impl FromStr for ModelUuid {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let shaped = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            });
        if shaped { Ok(ModelUuid(text.to_owned())) } else { Err(NameError::ModelUuid(text.into())) }
    }
}

/// Who sent something.
///
/// ```
/// use relation_lib::topology::JujuTopology;
/// let topology = JujuTopology::new(
///     "stage",
///     "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse()?,
///     "loom-read".parse()?,
/// )
/// .with_unit("loom-read/0".parse()?)
/// .with_charm_name("loom-worker-k8s");
/// assert_eq!(topology.identifier(), "stage_20d3ed5c_loom-read");
/// assert_eq!(topology.labels()["juju_charm"], "loom-worker-k8s");
/// # Ok::<(), relation_lib::topology::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JujuTopology {
    /// Name of the model.
    pub model: String,
    /// UUID of the model.
    pub model_uuid: ModelUuid,
    /// Name of the application.
    pub application: ApplicationName,
    /// Name of the unit; `None` when a whole application is meant.
    pub unit: Option<UnitName>,
    /// Name of the charm in its metadata, which is not the name of the application.
    pub charm_name: Option<String>,
}

impl JujuTopology {
    /// The topology of an application.
    pub fn new(
        model: impl Into<String>,
        model_uuid: ModelUuid,
        application: ApplicationName,
    ) -> Self {
        JujuTopology { model: model.into(), model_uuid, application, unit: None, charm_name: None }
    }

    /// The same of one unit.
    #[must_use]
    pub fn with_unit(self, unit: UnitName) -> Self {
        JujuTopology { unit: Some(unit), ..self }
    }

    /// The same with the name of the charm.
    #[must_use]
    pub fn with_charm_name(self, charm_name: impl Into<String>) -> Self {
        JujuTopology { charm_name: Some(charm_name.into()), ..self }
    }

    /// `<model>_<first 8 digits of the model uuid>_<application>`, every `/` turned into `_`.
    #[must_use]
    pub fn identifier(&self) -> String {
        format!("{}_{}_{}", self.model, self.model_uuid.short(), self.application).replace('/', "_")
    }

    /// The labels of rules and scrape targets: model, model uuid, application, charm; never the
    /// unit, and none that is empty.
    #[must_use]
    pub fn labels(&self) -> Labels {
        let mut labels = self.matchers();
        if let Some(charm) = self.charm_name.as_deref().filter(|charm| !charm.is_empty()) {
            labels.insert("juju_charm".to_owned(), charm.to_owned());
        }
        labels
    }

    /// The labels that selectors of rule expressions match on: model, model uuid, application.
    #[must_use]
    pub fn matchers(&self) -> Labels {
        [
            ("juju_model", self.model.as_str()),
            ("juju_model_uuid", self.model_uuid.as_str()),
            ("juju_application", self.application.as_str()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// The topology as the value of a `baggage` header, as Juju workload tracing sends it.
    #[must_use]
    pub fn baggage(&self) -> String {
        format!(
            "juju_model={},juju_model_uuid={},juju_application={},juju_unit={},juju_charm={}",
            self.model,
            self.model_uuid,
            self.application,
            self.unit.as_ref().map_or("", UnitName::as_str),
            self.charm_name.as_deref().unwrap_or_default(),
        )
    }
}

impl FromJson for JujuTopology {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(JujuTopology {
            model: members.required("model")?,
            model_uuid: members.required("model_uuid")?,
            application: members.required("application")?,
            unit: members.optional("unit")?,
            charm_name: members.optional("charm_name")?,
        })
    }
}

/// A name is read through the same parser as everywhere else.
macro_rules! name_from_json {
    ($name:ident, $expected:literal) => {
        impl FromJson for $name {
            fn from_json(value: &Value) -> Result<Self, Mismatch> {
                let text = value.as_str().unwrap_or_default();
                text.parse().map_err(|_| Mismatch::new($expected, value))
            }
        }
    };
}

name_from_json!(ApplicationName, "the name of an application");
name_from_json!(UnitName, "the name of a unit");
name_from_json!(ModelUuid, "the uuid of a model");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::python_json;

    fn loom() -> JujuTopology {
        JujuTopology::new(
            "stage",
            "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse().unwrap(),
            "loom".parse().unwrap(),
        )
        .with_unit("loom/0".parse().unwrap())
        .with_charm_name("loom-coordinator-k8s")
    }

    #[test]
    fn labels_are_ordered_and_leave_the_unit_out() {
        let labels: Vec<_> = loom().labels().into_iter().collect();
        let expected = [
            ("juju_model", "stage"),
            ("juju_model_uuid", "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11"),
            ("juju_application", "loom"),
            ("juju_charm", "loom-coordinator-k8s"),
        ];
        assert_eq!(labels, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(loom().matchers().len(), 3);
    }

    #[test]
    fn travels_as_the_object_of_five_members() {
        let text = "{\"model\": \"stage\", \"model_uuid\": \
                    \"20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11\", \"application\": \"loom\", \
                    \"unit\": \"loom/0\", \"charm_name\": \"loom-coordinator-k8s\"}";
        assert_eq!(python_json(&loom()), text);
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(JujuTopology::from_json(&value), Ok(loom()));
    }

    #[test]
    fn baggage_has_all_five() {
        assert_eq!(
            loom().baggage(),
            "juju_model=stage,juju_model_uuid=20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11,\
             juju_application=loom,juju_unit=loom/0,juju_charm=loom-coordinator-k8s"
        );
    }

    #[test]
    fn names_are_checked() {
        assert!("loom-read/10".parse::<UnitName>().is_ok());
        for bad in
            ["loom", "loom/", "loom/x", "loom/01", "/0", "Loom/0", "loom/0/1", "l/99999999999"]
        {
            assert!(bad.parse::<UnitName>().is_err(), "{bad}");
        }
        for bad in ["", "Loom", "0loom", "loom-", "lo om"] {
            assert!(bad.parse::<ApplicationName>().is_err(), "{bad}");
        }
        assert!("20D3ED5C-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse::<ModelUuid>().is_err());
        let version_1: ModelUuid = "20d3ed5c-1f6c-1d2a-9a5e-3f1b6d0c7a11".parse().unwrap();
        assert!(!version_1.is_random());
    }

    #[test]
    fn units_sort_by_number() {
        let mut units: Vec<UnitName> =
            ["b/0", "a/10", "a/2"].map(|unit| unit.parse().unwrap()).to_vec();
        units.sort();
        assert_eq!(units.iter().map(UnitName::as_str).collect::<Vec<_>>(), ["a/2", "a/10", "b/0"]);
    }
}
