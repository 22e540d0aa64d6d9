//! The workload's Pebble layer, from the solution.

use std::collections::BTreeMap;
use std::fmt;

use charm::layer::Layer;
use charm::patterns::template::{RenderError, Template};
use charm::snapshot::Proxies;
use relation_lib::yaml;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

/// The check that says whether the workload is ready.
pub const READY_CHECK: &str = "ready";

/// Where the layer comes from: `{template: text}`, which renders to YAML, or `{verbatim: layer}`.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerSource {
    /// A template that renders to a layer in YAML.
    Template(Template),
    /// The layer itself.
    Verbatim(LayerFile),
}

/// A layer as it is written; the members are those of Pebble's layer schema.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LayerFile {
    summary: String,
    description: String,
    services: BTreeMap<String, Map<String, Value>>,
    checks: BTreeMap<String, Map<String, Value>>,
    #[serde(rename = "log-targets")]
    log_targets: BTreeMap<String, Map<String, Value>>,
}

/// Why there is no layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// A template names something that isn't there.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// What was rendered is not YAML.
    #[error("cannot read the rendered layer")]
    Yaml(#[from] yaml::YamlError),
    /// What was rendered is no layer.
    #[error("cannot use the rendered layer: {0}")]
    Shape(String),
}

impl LayerError {
    /// The error and its cause in one line, for a status.
    pub fn in_one_line(&self) -> String {
        match self {
            Self::Yaml(cause) => format!("{self}: {cause}"),
            other => other.to_string(),
        }
    }
}

impl LayerSource {
    /// The layer for a context, with the readiness check and the model's proxies.
    ///
    /// # Errors
    ///
    /// When a template can't be rendered, or renders to something that is no layer.
    pub fn layer(
        &self,
        context: &minijinja::Value,
        readiness_endpoint: Option<&Template>,
        proxies: &Proxies,
    ) -> Result<Layer, LayerError> {
        let file = match self {
            Self::Verbatim(file) => file.clone(),
            Self::Template(template) => {
                let text = template.render("`layer`", context)?;
                let value = yaml::parse_with(&text, yaml::Aliens::AsText)?;
                let value = if value.is_null() { json!({}) } else { value };
                serde_json::from_value(value).map_err(|e| LayerError::Shape(e.to_string()))?
            }
        };
        let mut layer = Layer {
            summary: file.summary,
            description: file.description,
            services: file.services,
            checks: file.checks,
            log_targets: file.log_targets,
        };
        if let Some(template) = readiness_endpoint {
            let url = template.render("`readiness_endpoint`", context)?;
            if !url.is_empty() {
                layer.checks.insert(READY_CHECK.to_owned(), ready_check(&url));
            }
        }
        for (name, service) in &mut layer.services {
            let environment = service.entry("environment").or_insert_with(|| json!({}));
            let Value::Object(environment) = environment else {
                let reason = format!("service `{name}`: expected a mapping for `environment`");
                return Err(LayerError::Shape(reason));
            };
            environment.extend(proxy_variables(proxies));
            environment.values_mut().for_each(as_text);
            if environment.is_empty() {
                service.remove("environment");
            }
        }
        Ok(layer)
    }
}

fn ready_check(url: &str) -> Map<String, Value> {
    [
        ("override", json!("replace")),
        ("level", json!("ready")),
        ("threshold", json!(3)),
        ("http", json!({"url": url})),
    ]
    .map(|(member, value)| (member.to_owned(), value))
    .into_iter()
    .collect()
}

/// Both spellings: programs disagree about which one they read.
fn proxy_variables(proxies: &Proxies) -> impl Iterator<Item = (String, Value)> {
    [("https_proxy", &proxies.https), ("http_proxy", &proxies.http), ("no_proxy", &proxies.no)]
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| (name, value)))
        .flat_map(|(name, value)| {
            [name.to_owned(), name.to_uppercase()].map(|name| (name, value.as_str().into()))
        })
}

/// Pebble's plan shows every variable as text: a number would look changed for ever.
fn as_text(value: &mut Value) {
    match value {
        Value::String(_) => {}
        Value::Null => *value = "".into(),
        other => *other = other.to_string().into(),
    }
}

impl<'de> Deserialize<'de> for LayerSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SourceVisitor;

        impl<'de> Visitor<'de> for SourceVisitor {
            type Value = LayerSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`template: text` or `verbatim: layer`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LayerSource, A::Error> {
                let mut source = None;
                while let Some(key) = map.next_key::<String>()? {
                    if source.is_some() {
                        return Err(de::Error::custom(format!(
                            "expected either `template` or `verbatim`, found `{key}` besides"
                        )));
                    }
                    source = Some(match key.as_str() {
                        "template" => LayerSource::Template(
                            Template::source(map.next_value::<String>()?)
                                .map_err(de::Error::custom)?,
                        ),
                        "verbatim" => LayerSource::Verbatim(map.next_value()?),
                        _ => return Err(de::Error::unknown_field(&key, &["template", "verbatim"])),
                    });
                }
                source.ok_or_else(|| de::Error::invalid_length(0, &self))
            }
        }

        deserializer.deserialize_map(SourceVisitor)
    }
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    fn source(yaml: &str) -> LayerSource {
        serde_yaml::from_str(yaml).expect("valid")
    }

    fn built(yaml: &str) -> Result<Layer, LayerError> {
        let context = context! { role_text => "read" };
        source(yaml).layer(&context, None, &Proxies::default())
    }

    #[test]
    fn a_template_renders_to_a_layer() {
        let layer = built(
            "template: |\n  services:\n    web:\n      override: replace\n      command: /bin/web -target {{ role_text }}\n",
        )
        .expect("valid");
        assert_eq!(layer.services["web"]["command"], "/bin/web -target read");
        assert!(!layer.services["web"].contains_key("environment"));
    }

    #[test]
    fn what_is_verbatim_is_never_evaluated() {
        let layer = built("verbatim: {services: {web: {command: '{{ nope }}'}}}").expect("valid");
        assert_eq!(layer.services["web"]["command"], "{{ nope }}");
    }

    #[test]
    fn a_layer_that_cannot_be_built_says_why() {
        for (yaml, reason) in [
            (
                "template: '{{ nope }}'",
                "cannot render `layer`: `nope` is undefined (line 1 of the template)",
            ),
            ("template: 'services: 1'", "cannot use the rendered layer: invalid type: "),
            ("template: 'servces: {}'", "cannot use the rendered layer: unknown field `servces`"),
            ("template: '{'", "cannot read the rendered layer: cannot read YAML at line 1"),
            (
                "template: 'services: {web: {environment: [a]}}'",
                "cannot use the rendered layer: service `web`: expected a mapping",
            ),
        ] {
            let error = built(yaml).expect_err(yaml).in_one_line();
            assert!(error.starts_with(reason), "{yaml}: {error}");
        }
    }

    #[test]
    fn readiness_and_proxies_are_added_to_every_service() {
        let proxies = Proxies { http: Some("http://p:1".to_owned()), ..Proxies::default() };
        let url = Template::verbatim("http://localhost/ready");
        let layer = source("verbatim: {services: {a: {environment: {N: 5}}, b: {}}}")
            .layer(&context! {}, Some(&url), &proxies)
            .expect("valid");
        let expected = json!({"N": "5", "http_proxy": "http://p:1", "HTTP_PROXY": "http://p:1"});
        assert_eq!(layer.services["a"]["environment"], expected);
        assert_eq!(layer.services["b"]["environment"]["HTTP_PROXY"], "http://p:1");
        assert_eq!(layer.checks["ready"]["http"], json!({"url": "http://localhost/ready"}));
    }

    #[test]
    fn other_sources_are_refused() {
        for yaml in ["{}", "text", "{file: x}", "{template: '', verbatim: {}}", "{template: '{{'}"]
        {
            assert!(serde_yaml::from_str::<LayerSource>(yaml).is_err(), "{yaml}");
        }
    }
}
