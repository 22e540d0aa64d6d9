//! Layers and the plan.

use serde_json::{Map, Value, json};

use super::{Client, PebbleError, result};
use crate::layer::{Layer, Plan};

impl Client {
    /// Adds a layer, or merges it into the one of the same label.
    ///
    /// Every addition, even of an identical layer, makes Pebble send its buffered log lines to all
    /// log targets again: add a layer only when the plan changes by it.
    ///
    /// # Errors
    /// When the container is not up, or Pebble refuses the layer; the plan is then unchanged.
    pub async fn add_layer(&self, label: &str, layer: &Layer) -> Result<(), PebbleError> {
        let action = format!("add layer `{label}`");
        // JSON is YAML, and has no treacherous scalars.
        let text = Value::Object(layer_members(layer)).to_string();
        let body = json!({
            "action": "add", "combine": true, "label": label, "format": "yaml", "layer": text,
        });
        self.post(&action, "/v1/layers", &body).await?;
        Ok(())
    }

    /// All layers combined.
    ///
    /// # Errors
    /// When the container is not up, or the plan can't be read.
    pub async fn plan(&self) -> Result<Plan, PebbleError> {
        let action = "read the plan";
        let text: String =
            result(action, self.get(action, "/v1/plan", &[("format", "yaml")]).await?)?;
        let plan: Value = serde_yaml::from_str(&text).map_err(|error| PebbleError::Protocol {
            action: action.to_owned(),
            reason: error.to_string(),
        })?;
        let section = |name: &str| {
            let entries = plan.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
            entries
                .into_iter()
                .filter_map(|(name, entry)| match entry {
                    Value::Object(members) => Some((name, members)),
                    _ => None,
                })
                .collect()
        };
        Ok(Plan {
            services: section("services"),
            checks: section("checks"),
            log_targets: section("log-targets"),
        })
    }
}

fn layer_members(layer: &Layer) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, text) in [("summary", &layer.summary), ("description", &layer.description)] {
        if !text.is_empty() {
            members.insert(name.to_owned(), json!(text));
        }
    }
    let sections = [
        ("services", &layer.services),
        ("checks", &layer.checks),
        ("log-targets", &layer.log_targets),
    ];
    for (name, entries) in sections {
        if !entries.is_empty() {
            members.insert(name.to_owned(), json!(entries));
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_sections_are_left_out_of_a_layer() {
        let mut layer = Layer { summary: "web".to_owned(), ..Layer::default() };
        let Value::Object(members) = json!({"override": "replace", "command": "/bin/web: x"})
        else {
            unreachable!("an object was written")
        };
        layer.services.insert("web".to_owned(), members);
        assert_eq!(
            Value::Object(layer_members(&layer)).to_string(),
            r#"{"summary":"web","services":{"web":{"override":"replace","command":"/bin/web: x"}}}"#
        );
    }
}
