//! Layers and the plan.

use serde_json::{Map, Value, json};

use super::{PebbleClient, PebbleError};
use crate::layer::{Layer, Plan};

/// What to do when there is a layer of that label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Merge the new one into it.
    Merge,
    /// Refuse.
    Refuse,
}

const SECTIONS: [&str; 3] = ["services", "checks", "log-targets"];

impl Layer {
    /// The layer in the form that Pebble reads: JSON, which is YAML. Empty parts are left out.
    pub fn to_pebble(&self) -> String {
        let mut document = Map::new();
        for (key, text) in [("summary", &self.summary), ("description", &self.description)] {
            if !text.is_empty() {
                document.insert(key.to_owned(), Value::from(text.as_str()));
            }
        }
        for (section, entries) in
            SECTIONS.into_iter().zip([&self.services, &self.checks, &self.log_targets])
        {
            if !entries.is_empty() {
                let entries: Map<_, _> = entries
                    .iter()
                    .map(|(name, members)| (name.clone(), Value::Object(members.clone())))
                    .collect();
                document.insert(section.to_owned(), Value::Object(entries));
            }
        }
        Value::Object(document).to_string()
    }
}

fn section(
    document: &mut Value,
    name: &str,
) -> std::collections::BTreeMap<String, Map<String, Value>> {
    let Some(Value::Object(entries)) = document.get_mut(name).map(Value::take) else {
        return std::collections::BTreeMap::new();
    };
    entries
        .into_iter()
        .filter_map(|(name, members)| match members {
            Value::Object(members) => Some((name, members)),
            _ => None,
        })
        .collect()
}

/// Reads the text that Pebble shows as its plan; sections of no interest are left out.
pub(super) fn parse_plan(text: &str) -> Option<Plan> {
    let mut document: Value = serde_yaml::from_str(text).ok()?;
    Some(Plan {
        services: section(&mut document, "services"),
        checks: section(&mut document, "checks"),
        log_targets: section(&mut document, "log-targets"),
    })
}

impl PebbleClient {
    /// Adds a layer on top, or combines it with the one of that label. Takes effect on the plan,
    /// on checks and on log targets at once, on services when they are next started.
    ///
    /// # Errors
    ///
    /// When the layer or the plan that would come of it is invalid; nothing has changed then.
    pub async fn add_layer(
        &self,
        label: &str,
        layer: &Layer,
        combine: Combine,
    ) -> Result<(), PebbleError> {
        let body = json!({
            "action": "add",
            "combine": combine == Combine::Merge,
            "label": label,
            "format": "yaml",
            "layer": layer.to_pebble(),
        });
        self.post("/v1/layers", &body).await.map(drop)
    }

    /// All layers combined.
    ///
    /// # Errors
    ///
    /// When Pebble can't be reached.
    pub async fn plan(&self) -> Result<Plan, PebbleError> {
        let path = "/v1/plan";
        let text: String = self.read(path, &[("format", "yaml".to_owned())]).await?;
        parse_plan(&text).ok_or_else(|| PebbleError::Protocol {
            request: path.to_owned(),
            expected: "a plan as YAML",
            source: None,
        })
    }
}
