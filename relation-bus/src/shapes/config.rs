//! `juju config` and `juju model-config`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::members::Members;
use super::{Column, Format, View, print, table};
use crate::charm_folder::ConfigOption;
use crate::model::{Application, ConfigValue};

/// A key that is no option. The texts are Juju's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// Of an application.
    #[error("key \"{key}\" not found in \"{application}\" application config or charm settings")]
    Application {
        /// The application.
        application: String,
        /// The key.
        key: String,
    },
    /// Of a model.
    #[error("key \"{key}\" not found in \"{model}\" model")]
    Model {
        /// The model.
        model: String,
        /// The key.
        key: String,
    },
}

/// The document of `juju config APP --format json`: every option with its value, its default and
/// where the value comes from.
#[must_use]
pub fn document(application: &Application) -> Value {
    let settings = application
        .charm
        .config
        .iter()
        .map(|(name, option)| (name.clone(), setting(option, application.config.get(name))));
    json!({
        "application": application.name,
        "application-config": {"trust": trust(application)},
        "charm": application.charm.name,
        "settings": settings.collect::<Map<_, _>>(),
    })
}

fn setting(option: &ConfigOption, set: Option<&ConfigValue>) -> Value {
    let default = option.default.clone().unwrap_or_default();
    let set = set.filter(|value| !value.is_null());
    let (source, value) = match set {
        Some(value) => ("user", value.clone()),
        None if default.is_null() => ("unset", Value::Null),
        None => ("default", default.clone()),
    };
    let entry = match default {
        Value::Null => Members::new(),
        default => Members::new().with("default", default),
    };
    let entry = entry
        .with("description", option.description.as_str())
        .with("source", source)
        .with("type", option.kind.as_str());
    match value {
        Value::Null => entry.done(),
        value => entry.with("value", value).done(),
    }
}

fn trust(application: &Application) -> Value {
    json!({
        "default": false,
        "description": "Does this application have access to trusted credentials",
        "source": if application.trusted { "user" } else { "default" },
        "type": "bool",
        "value": application.trusted,
    })
}

/// What `juju config APP KEY` prints: the value as YAML; an option without one as an empty text.
///
/// # Errors
///
/// When there is no such option.
pub fn value(application: &Application, key: &str) -> Result<String, NoKey> {
    let set = match application.charm.config.get(key) {
        Some(option) => application.config.get(key).or(option.default.as_ref()).cloned(),
        None if key == "trust" => Some(json!(application.trusted)),
        None => {
            let (application, key) = (application.name.clone(), key.to_owned());
            return Err(NoKey::Application { application, key });
        }
    };
    let value = set.filter(|value| !value.is_null()).unwrap_or_else(|| json!(""));
    Ok(print(&value, Format::Yaml))
}

/// What `--config KEY=VALUE` and `juju config APP KEY=VALUE` set: the text read as the option's
/// type.
///
/// # Errors
///
/// Juju's text when the option takes no such value.
pub fn parse(option: &ConfigOption, name: &str, text: &str) -> Result<ConfigValue, String> {
    let refuse = || format!("option \"{name}\" expected {}, got \"{text}\"", option.kind);
    match option.kind.as_str() {
        "boolean" => match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(json!(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(json!(false)),
            _ => Err(refuse()),
        },
        "int" => text.parse::<i64>().map(Value::from).map_err(|_| refuse()),
        "float" => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(Value::from).ok_or_else(refuse)
        }
        _ => Ok(json!(text)),
    }
}

/// Options of a model that charms or tests meet, with Juju 3.6's defaults.
const MODEL_DEFAULTS: [(&str, &str); 31] = [
    ("agent-stream", "released"),
    ("automatically-retry-hooks", "true"),
    ("charmhub-url", ""),
    ("default-base", ""),
    ("default-space", ""),
    ("development", "false"),
    ("disable-network-management", "false"),
    ("disable-telemetry", "false"),
    ("egress-subnets", ""),
    ("enable-os-refresh-update", "true"),
    ("enable-os-upgrade", "true"),
    ("firewall-mode", "instance"),
    ("ftp-proxy", ""),
    ("http-proxy", ""),
    ("https-proxy", ""),
    ("image-stream", "released"),
    ("juju-ftp-proxy", ""),
    ("juju-http-proxy", ""),
    ("juju-https-proxy", ""),
    ("juju-no-proxy", "127.0.0.1,localhost,::1"),
    ("logging-config", "<root>=INFO"),
    ("max-action-results-age", "336h"),
    ("max-action-results-size", "5G"),
    ("max-status-history-age", "336h"),
    ("max-status-history-size", "5G"),
    ("no-proxy", "127.0.0.1,localhost,::1"),
    ("provisioner-harvest-mode", "destroyed"),
    ("secret-backend", "auto"),
    ("ssl-hostname-verification", "true"),
    ("test-mode", "false"),
    ("update-status-hook-interval", "5m"),
];

/// Whether a model has an option of this name. Juju takes any other name too, and says that it
/// doesn't know it.
#[must_use]
pub fn is_model_option(key: &str) -> bool {
    MODEL_DEFAULTS.iter().any(|(name, _)| *name == key)
}

/// The default of a model's option.
#[must_use]
pub fn model_default(key: &str) -> Option<Value> {
    MODEL_DEFAULTS.iter().find(|(name, _)| *name == key).map(|(_, value)| as_option(value))
}

/// A text as the type that Juju keeps model options in: booleans, else texts.
fn as_option(text: &str) -> Value {
    match text {
        "true" => json!(true),
        "false" => json!(false),
        text => json!(text),
    }
}

/// Every option of a model: its value, and where it comes from.
fn model_options(
    view: View<'_>,
    set: &BTreeMap<String, Value>,
) -> BTreeMap<String, (Value, &'static str)> {
    let mut options: BTreeMap<_, _> = MODEL_DEFAULTS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (as_option(value), "default")))
        .collect();
    let version = json!(view.model.juju_version);
    options.insert("agent-version".to_owned(), (version, "model"));
    options.extend(set.iter().map(|(name, value)| (name.clone(), (value.clone(), "model"))));
    options
}

/// The document of `juju model-config`. Its members are spelled `Value` and `Source` in JSON, and
/// small in YAML, as Juju does.
#[must_use]
pub fn model_document(view: View<'_>, set: &BTreeMap<String, Value>, format: Format) -> Value {
    let (value_key, source_key) = match format {
        Format::Json => ("Value", "Source"),
        Format::Yaml => ("value", "source"),
    };
    let entries = model_options(view, set).into_iter().map(|(name, (value, source))| {
        (name, Members::new().with(value_key, value).with(source_key, source).done())
    });
    Value::Object(entries.collect())
}

/// The table of `juju model-config`.
#[must_use]
pub fn model_tabular(view: View<'_>, set: &BTreeMap<String, Value>) -> String {
    use Column::Left;
    let rows = model_options(view, set)
        .into_iter()
        .map(|(name, (value, source))| vec![name, source.to_owned(), plain(&value)]);
    let rows: Vec<_> = rows.collect();
    table(&[Left("Attribute"), Left("From"), Left("Value")], &rows)
}

/// What `juju model-config KEY` prints.
///
/// # Errors
///
/// When there is no such option.
pub fn model_value(
    view: View<'_>,
    set: &BTreeMap<String, Value>,
    key: &str,
) -> Result<String, NoKey> {
    let missing = || NoKey::Model { model: view.model.name.clone(), key: key.to_owned() };
    let (value, _) = model_options(view, set).remove(key).ok_or_else(missing)?;
    Ok(plain(&value))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::samples;

    #[test]
    fn options_are_shown_with_value_default_and_source() {
        let mut model = samples::model();
        let web = model.applications.get_mut("web").unwrap();
        web.config.insert("port".to_owned(), json!(8080));
        let document = document(web);
        assert_eq!(
            document["settings"].to_string(),
            "{\"name\":{\"description\":\"\",\"source\":\"unset\",\"type\":\"string\"},\
             \"port\":{\"default\":80,\"description\":\"Where.\",\"source\":\"user\",\
             \"type\":\"int\",\"value\":8080}}"
        );
        assert_eq!(document["charm"], "web-k8s");
        assert_eq!(document["application-config"]["trust"]["value"], false);
        assert_eq!(value(web, "port").unwrap(), "8080");
        assert_eq!(value(web, "name").unwrap(), "\"\"");
        assert_eq!(
            value(web, "x").unwrap_err().to_string(),
            "key \"x\" not found in \"web\" application config or charm settings"
        );
        let db = &model.applications["db"];
        assert_eq!(super::document(db)["settings"]["port"]["source"], "default");
    }

    #[test]
    fn texts_are_read_as_the_options_type() {
        let option = |kind: &str| ConfigOption {
            kind: kind.to_owned(),
            default: None,
            description: String::new(),
        };
        assert_eq!(parse(&option("int"), "n", "3"), Ok(json!(3)));
        assert_eq!(parse(&option("boolean"), "n", "True"), Ok(json!(true)));
        assert_eq!(parse(&option("float"), "n", "0.5"), Ok(json!(0.5)));
        assert_eq!(parse(&option("string"), "n", "3"), Ok(json!("3")));
        assert_eq!(
            parse(&option("int"), "n", "x"),
            Err("option \"n\" expected int, got \"x\"".to_owned())
        );
        assert!(parse(&option("float"), "n", "NaN").is_err());
    }

    #[test]
    fn model_options_show_where_they_come_from() {
        let model = samples::model();
        let view = samples::view(&model);
        let set = BTreeMap::from([("update-status-hook-interval".to_owned(), json!("10s"))]);
        let document = model_document(view, &set, Format::Json);
        assert_eq!(
            document["update-status-hook-interval"],
            json!({"Value": "10s", "Source": "model"})
        );
        assert_eq!(
            document["automatically-retry-hooks"],
            json!({"Value": true, "Source": "default"})
        );
        assert_eq!(model_document(view, &set, Format::Yaml)["agent-version"]["value"], "3.6.8");
        assert_eq!(model_value(view, &set, "logging-config").unwrap(), "<root>=INFO");
        assert_eq!(
            model_value(view, &set, "nope").unwrap_err().to_string(),
            "key \"nope\" not found in \"m\" model"
        );
        assert!(model_tabular(view, &set).contains("update-status-hook-interval  model    10s\n"));
    }
}
