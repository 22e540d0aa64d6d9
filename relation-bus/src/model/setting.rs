//! Settings of the model that change what the bus plays (`juju model-config`).

use serde_json::{Value, json};

use super::Model;

/// Why a setting was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Not a duration as Go writes it.
    #[error(
        "invalid update status hook interval in model configuration: time: invalid duration {0:?}"
    )]
    Interval(String),
    /// Neither true nor false.
    #[error("automatically-retry-hooks: expected bool, got string({0:?})")]
    Retry(String),
}

impl Model {
    /// Sets a setting, or with nothing resets it.
    ///
    /// # Errors
    ///
    /// When the value is not of the setting's type.
    pub fn set_setting(&mut self, name: &str, value: Option<Value>) -> Result<(), SettingError> {
        let Some(value) = value else {
            self.config.remove(name);
            return Ok(());
        };
        let text = plain(&value);
        let value = match name {
            "update-status-hook-interval" => {
                go_duration(&text).ok_or_else(|| SettingError::Interval(text.clone()))?;
                value
            }
            "automatically-retry-hooks" => {
                let parsed = text.to_ascii_lowercase().parse::<bool>();
                json!(parsed.map_err(|_| SettingError::Retry(text.clone()))?)
            }
            _ => value,
        };
        self.config.insert(name.to_owned(), value);
        Ok(())
    }

    /// A setting that an operator made, as text; empty when nobody made it.
    #[must_use]
    pub fn setting_text(&self, name: &str) -> String {
        self.config.get(name).map(plain).unwrap_or_default()
    }

    /// Whether failed hooks are tried again by themselves.
    #[must_use]
    pub fn retries_hooks(&self) -> bool {
        self.config.get("automatically-retry-hooks") != Some(&Value::Bool(false))
    }

    /// Seconds between two `update-status`, before the spread of 20 % to both sides: 5 minutes
    /// unless it is set, at least one second.
    #[must_use]
    pub fn update_status_interval(&self) -> u64 {
        go_duration(&self.setting_text("update-status-hook-interval")).unwrap_or(300).max(1)
    }
}

/// A value as Juju prints it: a text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Seconds of a duration as Go writes it: `10s`, `1h30m`. Fractions of a second are cut off.
#[must_use]
pub fn go_duration(text: &str) -> Option<u64> {
    crate::pebble::clock::parse_duration(text).ok().map(|duration| duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_types_and_can_be_reset() {
        let mut model = Model::new("m", "u", "3.6.8");
        assert_eq!(model.update_status_interval(), 300);
        assert!(model.retries_hooks());
        model.set_setting("update-status-hook-interval", Some(json!("10s"))).unwrap();
        model.set_setting("automatically-retry-hooks", Some(json!("False"))).unwrap();
        model.set_setting("nope", Some(json!("kept"))).unwrap();
        assert_eq!(model.update_status_interval(), 10);
        assert!(!model.retries_hooks());
        assert_eq!(model.setting_text("nope"), "kept");
        model.set_setting("update-status-hook-interval", None).unwrap();
        assert_eq!(model.update_status_interval(), 300);
        let refused = model.set_setting("update-status-hook-interval", Some(json!("often")));
        assert_eq!(refused, Err(SettingError::Interval("often".to_owned())));
    }
}
