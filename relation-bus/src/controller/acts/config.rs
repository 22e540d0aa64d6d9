//! Config options and trust.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Outcome;
use crate::charm_folder::CharmMetadata;
use crate::controller::ControllerError;
use crate::engine::{Bus, EngineError, Trust};
use crate::shapes::config::{model_default, parse};

/// `juju config APP key=value…` and `--reset key,…`.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetConfig {
    /// The application.
    pub application: String,
    /// Values as they were typed, by option.
    pub set: BTreeMap<String, String>,
    /// Options that go back to their default.
    pub reset: BTreeSet<String>,
}

impl SetConfig {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        let charm = {
            let model = bus.model();
            let application = model.applications.get(&self.application);
            let missing = || EngineError::NoApplication(self.application.clone());
            application.ok_or_else(missing)?.charm.clone()
        };
        if let Some(option) = self.reset.iter().find(|option| !charm.config.contains_key(*option)) {
            return Err(ControllerError::UnknownOption(option.clone()));
        }
        let values = typed(&charm, &self.set)?;
        for option in &self.reset {
            bus.configure(&self.application, option, None)?;
        }
        for (option, value) in values {
            bus.configure(&self.application, &option, Some(value))?;
        }
        Ok(Outcome::Done)
    }
}

/// Reads values by the types that the charm declares.
pub(super) fn typed(
    charm: &CharmMetadata,
    values: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, ControllerError> {
    let read = |(option, text): (&String, &String)| {
        let declared = charm
            .config
            .get(option)
            .ok_or_else(|| ControllerError::UnknownOption(option.clone()))?;
        let value = parse(declared, option, text).map_err(ControllerError::OptionType)?;
        Ok((option.clone(), value))
    };
    values.iter().map(read).collect()
}

/// `juju trust APP`, and with `--remove`.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetTrust {
    /// The application.
    pub application: String,
    /// Whether it may use the cluster.
    pub trust: Trust,
}

impl SetTrust {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        bus.trust(&self.application, self.trust)?;
        Ok(Outcome::Done)
    }
}

/// `juju model-config key=value…` and `--reset key,…`.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetModelConfig {
    /// Values as they were typed, by option.
    pub set: BTreeMap<String, String>,
    /// Options that go back to their default.
    pub reset: BTreeSet<String>,
}

impl SetModelConfig {
    pub(super) fn apply(self, bus: &mut Bus) -> Result<Outcome, ControllerError> {
        for (option, text) in self.set {
            let is_boolean = model_default(&option).is_some_and(|default| default.is_boolean());
            let value = match text.as_str() {
                "true" if is_boolean => Value::Bool(true),
                "false" if is_boolean => Value::Bool(false),
                _ => Value::from(text),
            };
            bus.set_model_config(&option, Some(value))?;
        }
        for option in &self.reset {
            bus.set_model_config(option, None)?;
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn charm() -> CharmMetadata {
        let options = json!({"options": {
            "port": {"type": "int"}, "debug": {"type": "boolean"}, "rate": {"type": "float"},
            "name": {"type": "string"}, "token": {"type": "secret"},
        }});
        CharmMetadata::from_documents(&json!({"name": "web"}), &options, &Value::Null).unwrap()
    }

    fn read(option: &str, text: &str) -> Result<Value, String> {
        let values = BTreeMap::from([(option.to_owned(), text.to_owned())]);
        let read = typed(&charm(), &values).map_err(|error| error.to_string())?;
        Ok(read[option].clone())
    }

    #[test]
    fn values_have_the_types_of_their_options() {
        assert_eq!(read("port", "80"), Ok(json!(80)));
        assert_eq!(read("debug", "True"), Ok(json!(true)));
        assert_eq!(read("rate", "0.5"), Ok(json!(0.5)));
        assert_eq!(read("name", "80"), Ok(json!("80")));
        assert_eq!(read("token", "secret:abc"), Ok(json!("secret:abc")));
    }

    #[test]
    fn values_of_other_types_are_refused_in_jujus_words() {
        let refused = |option, text| read(option, text).unwrap_err();
        assert_eq!(refused("port", "x"), "option \"port\" expected int, got \"x\"");
        assert_eq!(refused("debug", "yes"), "option \"debug\" expected boolean, got \"yes\"");
        assert_eq!(refused("nope", "x"), "unknown option \"nope\"");
    }
}
