//! Texts of a solution file that depend on the model.

use std::fmt;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// A text that is rendered with the model's facts, or one that is taken as it stands.
///
/// In the file a plain text is a [minijinja] template; `{verbatim: "text"}` is never evaluated.
/// An undefined name is an error, never an empty text.
///
/// Beyond minijinja's own filters there is `json`, which writes any value as JSON on one line
/// (and thereby as YAML that every parser reads alike).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Text);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Text {
    Verbatim(String),
    Source(String),
}

/// Why a template can't be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot render {what}: {reason}")]
pub struct RenderError {
    /// Which text of the solution.
    pub what: String,
    /// The engine's words, with the line in the template.
    pub reason: String,
}

impl Template {
    /// A text that is taken as it stands.
    pub fn verbatim(text: impl Into<String>) -> Self {
        Self(Text::Verbatim(text.into()))
    }

    /// A text that is rendered.
    ///
    /// # Errors
    /// When it isn't a template; the reason names the line.
    pub fn source(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        environment().template_from_str(&text).map_err(|error| describe(&error))?;
        Ok(Self(Text::Source(text)))
    }

    /// The text for a context; `what` is how errors call it.
    ///
    /// # Errors
    /// When the template names something that the context doesn't have.
    pub fn render(&self, what: &str, context: &Value) -> Result<String, RenderError> {
        match &self.0 {
            Text::Verbatim(text) => Ok(text.clone()),
            Text::Source(text) => environment()
                .render_str(text, context)
                .map_err(|error| RenderError { what: what.to_owned(), reason: describe(&error) }),
        }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true);
    environment.set_syntax(syntax.build().expect("the default delimiters are distinct"));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("json", |value: Value| {
        serde_json::to_string(&value).map_err(|error| {
            minijinja::Error::new(minijinja::ErrorKind::BadSerialization, error.to_string())
        })
    });
    environment
}

/// The engine's words without the excerpt of the template, which may hold a secret's place.
fn describe(error: &minijinja::Error) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("{detail} (line {line} of the template)"),
        None => detail,
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TemplateVisitor;

        impl<'de> Visitor<'de> for TemplateVisitor {
            type Value = Template;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a template, or `verbatim: text`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Template, E> {
                Template::source(text).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Template, A::Error> {
                let mut verbatim = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key != "verbatim" || verbatim.is_some() {
                        return Err(de::Error::unknown_field(&key, &["verbatim"]));
                    }
                    verbatim = Some(map.next_value::<String>()?);
                }
                verbatim.map(Template::verbatim).ok_or_else(|| de::Error::missing_field("verbatim"))
            }
        }

        deserializer.deserialize_any(TemplateVisitor)
    }
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    fn template(yaml: &str) -> Template {
        serde_yaml::from_str(yaml).expect("valid")
    }

    #[test]
    fn plain_texts_are_rendered_and_verbatim_ones_are_not() {
        let context = context! { name => "tally" };
        assert_eq!(template("'{{ name }}!'").render("it", &context), Ok("tally!".to_owned()));
        assert_eq!(
            template("verbatim: '{{ name }}'\n").render("it", &context),
            Ok("{{ name }}".to_owned())
        );
    }

    #[test]
    fn an_undefined_name_is_an_error_with_its_place() {
        let error = template("'a: {{ nope }}'").render("`workers_config`", &context! {});
        let error = error.expect_err("undefined").to_string();
        assert!(error.starts_with("cannot render `workers_config`: "), "{error}");
        assert!(error.ends_with("(line 1 of the template)"), "{error}");
    }

    #[test]
    fn a_text_that_is_no_template_is_refused_when_read() {
        assert!(serde_yaml::from_str::<Template>("'{{ name'").is_err());
        assert!(serde_yaml::from_str::<Template>("text: x\n").is_err());
    }

    #[test]
    fn the_json_filter_writes_values_that_yaml_reads_alike() {
        let context = context! { on => "yes", list => vec![1, 2] };
        assert_eq!(
            template("'a: {{ on|json }}, b: {{ list|json }}'").render("it", &context),
            Ok("a: \"yes\", b: [1,2]".to_owned())
        );
    }

    #[test]
    fn trailing_line_breaks_stay() {
        assert_eq!(template("\"a\\n\"").render("it", &context! {}), Ok("a\n".to_owned()));
    }
}
