//! `grafana_dashboard`: dashboards for Grafana.
//!
//! Who owns dashboards is the provider, Grafana the requirer. Described is version 0, patch 52.
//! The leader of the provider writes [`DashboardProviderAppData`], the leader of Grafana answers
//! with [`DashboardRequirerAppData`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::grafana_dashboard::{DashboardProviderAppData, templates_of_files};
//! use relation_lib::topology::JujuTopology;
//!
//! let uuid = "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse()?;
//! let topology = JujuTopology::new("stage", uuid, "loom".parse()?);
//! let files = [("src/grafana_dashboards/overview.json", r#"{"title": "Loom"}"#)];
//! let (templates, problems) = templates_of_files("loom-coordinator-k8s", &topology, files);
//! assert!(problems.is_empty());
//!
//! let data = DashboardProviderAppData::updated(None, templates.clone());
//! let bag = patched(&Databag::new(), &data.encode());
//! let read = DashboardProviderAppData::decode(&bag).value;
//! assert!(read.dashboards.as_ref().unwrap().templates["file:overview"].content.unpack()?.contains("Loom"));
//! // The same dashboards again: the databag stays as it is.
//! assert_eq!(DashboardProviderAppData::updated(read.dashboards.as_ref(), templates), data);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod packed;
mod template;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

pub use packed::{PackedDashboard, UnpackError};
pub use template::{
    DashboardError, DashboardTemplate, DashboardTopology, alternative_uid, file_id,
    is_dashboard_file, programmatic_id, template_of_file, templates_of_files, uid_of_file,
};

use crate::databag::{
    Databag, DatabagPatch, Decoded, Encoding, FromJson, Key, Members, Mismatch, Reader, Writer,
};

/// The name of the interface.
pub const INTERFACE: &str = "grafana_dashboard";

/// The folder of a charm that holds its dashboards.
pub const FOLDER: &str = "src/grafana_dashboards";

/// All dashboards of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dashboards {
    /// The dashboards by id.
    pub templates: IndexMap<String, DashboardTemplate>,
    /// Changes with the templates; nobody reads it, but it makes Juju tell of a change.
    pub uuid: String,
}

/// What the leader of an application with dashboards says.
///
/// Provider application databag, `grafana_dashboard` v0 patch 52. Of `uuid`, patch 52 writes 16
/// hexadecimal digits, older ones a random UUID; ours has the form of a random UUID and follows
/// from the templates.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `dashboards` | Python-style JSON | object of `templates` (id → template) and `uuid` | `{"templates": {"file:overview": {"charm": "loom-coordinator-k8s", "content": "/Td6…", "juju_topology": {…}, "inject_dropdowns": true, "dashboard_alt_uid": "d712069cc6efdf28"}}, "uuid": "a398eb74ed7d0d4c"}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DashboardProviderAppData {
    /// `dashboards`: the dashboards; `None` where the sender has not spoken yet.
    pub dashboards: Option<Dashboards>,
}

impl DashboardProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::required("dashboards", Encoding::PythonJson)];

    /// What to say, given what was said before: with the same templates, in whatever order, it
    /// stays to the byte.
    #[must_use]
    pub fn updated(
        previous: Option<&Dashboards>,
        templates: IndexMap<String, DashboardTemplate>,
    ) -> Self {
        let dashboards = match previous {
            Some(previous) if previous.templates == templates => previous.clone(),
            _ => Dashboards { uuid: template::uuid_of(&templates), templates },
        };
        DashboardProviderAppData { dashboards: Some(dashboards) }
    }

    /// Reads the databag; a template that can't be read is left out. Whether its content can be
    /// unpacked is not looked at.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        const KEY: &str = "dashboards";
        let mut reader = Reader::new(bag);
        let Some(value) = reader.optional::<Map<String, Value>>(KEY) else {
            return reader.finish(DashboardProviderAppData { dashboards: None });
        };
        let mut templates = IndexMap::new();
        match value.get("templates").map(Map::<String, Value>::from_json).transpose() {
            Ok(entries) => {
                for (id, entry) in entries.unwrap_or_default() {
                    match DashboardTemplate::from_json(&entry) {
                        Ok(template) => {
                            templates.insert(id, template);
                        }
                        Err(mismatch) => reader.skip(KEY, Some(id), mismatch.to_string()),
                    }
                }
            }
            Err(mismatch) => reader.skip(KEY, None, mismatch.at("templates").to_string()),
        }
        let uuid = value.get("uuid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let dashboards = Some(Dashboards { templates, uuid });
        reader.finish(DashboardProviderAppData { dashboards })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("dashboards", self.dashboards.as_ref()).finish()
    }
}

/// What is wrong with one dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DashboardProblem {
    /// Its id.
    pub dashboard_id: String,
    /// What is wrong.
    pub error: String,
}

impl FromJson for DashboardProblem {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(DashboardProblem {
            dashboard_id: members.required("dashboard_id")?,
            error: members.required("error")?,
        })
    }
}

/// What the leader of Grafana answers.
///
/// Requirer application databag, `grafana_dashboard` v0 patch 52.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `event` | Python-style JSON | object; `errors` is a list of `{"dashboard_id", "error"}`, absent when there are none | `{"errors": [{"dashboard_id": "file:a", "error": "…"}]}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DashboardRequirerAppData {
    /// `event`: what is wrong with the dashboards; `None` where Grafana has not spoken.
    pub problems: Option<Vec<DashboardProblem>>,
}

impl DashboardRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("event", Encoding::PythonJson)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let event: Option<Map<String, Value>> = reader.optional("event");
        let mut problems = event.as_ref().map(|_| Vec::new());
        if let (Some(problems), Some(errors)) =
            (&mut problems, event.as_ref().and_then(|event| event.get("errors")))
        {
            match Vec::<Value>::from_json(errors) {
                Ok(errors) => {
                    for (index, error) in errors.iter().enumerate() {
                        match DashboardProblem::from_json(error) {
                            Ok(problem) => problems.push(problem),
                            Err(mismatch) => {
                                let entry = Some(format!("errors.{index}"));
                                reader.skip("event", entry, mismatch.to_string());
                            }
                        }
                    }
                }
                Err(mismatch) => reader.skip("event", None, mismatch.at("errors").to_string()),
            }
        }
        reader.finish(DashboardRequirerAppData { problems })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let event = self.problems.as_ref().map(|problems| {
            let mut event = IndexMap::new();
            if !problems.is_empty() {
                event.insert("errors", problems);
            }
            event
        });
        Writer::default().json("event", event.as_ref()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    const RECORDED: &str = r#"{"templates": {"file:overview": {"charm": "loom-coordinator-k8s", "content": "/Td6WFoAAATm1rRGAgAhARQAAAD/5+wJ4ACRAINdAD2IiobUVOndN3jT8guPYUqAAsgYn3pH+qToMs4nNOOfwl+FMvNMiYBOodOtRNOf4oeso1Ivvi4TCaQfv9ER4Xw/5QM8hOOCVklm+E8GnNNvQUQR93MJLH04bPGun45be6A7uRbemUf3DQwsCROv4t9vpPhkBkuxvGVwQ/0RCA4+NdgvAACWs94nHqB5vwABnwGSAQAA4xqOBLHEZ/sCAAAAAARZWg==", "juju_topology": {"model": "stage", "model_uuid": "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11", "application": "loom", "unit": "loom/0"}, "inject_dropdowns": true, "dashboard_alt_uid": "d712069cc6efdf28"}}, "uuid": "a398eb74ed7d0d4c"}"#;

    #[test]
    fn provider_databag_holds_to_the_byte() {
        let bag = Databag::from([("dashboards".to_owned(), RECORDED.to_owned())]);
        let read = DashboardProviderAppData::decode(&bag);
        assert_eq!(read.skipped, []);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), bag);
    }

    #[test]
    fn the_uuid_of_another_revision_is_kept_while_templates_stay() {
        let bag = Databag::from([("dashboards".to_owned(), RECORDED.to_owned())]);
        let said = DashboardProviderAppData::decode(&bag).value.dashboards.unwrap();
        let same = DashboardProviderAppData::updated(Some(&said), said.templates.clone());
        assert_eq!(same.dashboards.as_ref(), Some(&said));
        let other = DashboardProviderAppData::updated(Some(&said), IndexMap::new());
        assert_ne!(other.dashboards.unwrap().uuid, said.uuid);
    }

    #[test]
    fn a_template_without_content_spoils_only_itself() {
        let text =
            r#"{"templates": {"a": {"charm": "c"}, "b": {"content": "x", "juju_topology": {}}}}"#;
        let bag = Databag::from([("dashboards".to_owned(), text.to_owned())]);
        let read = DashboardProviderAppData::decode(&bag);
        let dashboards = read.value.dashboards.unwrap();
        assert_eq!(dashboards.templates.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(dashboards.templates["b"].juju_topology, None);
        assert_eq!(
            read.skipped[0].to_string(),
            "`a` of `dashboards`: expected a value, found nothing at `content`"
        );
    }

    #[test]
    fn feedback_has_no_errors_when_clean() {
        let clean = DashboardRequirerAppData { problems: Some(vec![]) };
        assert_eq!(clean.encode()["event"].as_deref(), Some("{}"));
        let text = r#"{"errors": [{"dashboard_id": "file:a", "error": "bad"}]}"#;
        let bag = Databag::from([("event".to_owned(), text.to_owned())]);
        let read = DashboardRequirerAppData::decode(&bag);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), bag);
    }
}
