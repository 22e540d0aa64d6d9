//! `juju show-application`.

use serde_json::{Map, Value, json};

use super::members::Members;
use super::status::{base, endpoint_bindings};
use super::{View, architecture};
use crate::model::{Application, Life};

/// An application that is not in the model. The text is Juju's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("application \"{0}\" not found")]
pub struct NoApplication(pub String);

/// The document of `juju show-application`: applications by name.
///
/// # Errors
///
/// When one of the applications is not in the model.
pub fn document(view: View<'_>, names: &[String]) -> Result<Value, NoApplication> {
    let mut document = Map::new();
    for name in names {
        let application = view.model.applications.get(name);
        let application = application.ok_or_else(|| NoApplication(name.clone()))?;
        document.insert(name.clone(), describe(application));
    }
    Ok(Value::Object(document))
}

fn describe(application: &Application) -> Value {
    let base = base();
    let base = [&base["name"], &base["channel"]].map(|text| text.as_str().unwrap_or_default());
    Members::new()
        .with("charm", application.charm.name.as_str())
        .with("base", base.join("@"))
        .with("constraints", json!({"arch": architecture()}))
        .with("principal", true)
        .with("exposed", false)
        .with("remote", false)
        .with("life", if application.life == Life::Alive { "alive" } else { "dying" })
        .with("endpoint-bindings", endpoint_bindings(application))
        .done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::samples;

    #[test]
    fn an_application_is_described_as_juju_does() {
        let model = samples::model();
        let shown = document(samples::view(&model), &["db".to_owned()]).unwrap();
        assert_eq!(
            shown["db"],
            json!({
                "charm": "db-k8s", "base": "ubuntu@24.04", "constraints": {"arch": architecture()},
                "principal": true, "exposed": false, "remote": false, "life": "alive",
                "endpoint-bindings": {"": "alpha", "sql": "alpha"},
            })
        );
        let refused = document(samples::view(&model), &["x".to_owned()]).unwrap_err();
        assert_eq!(refused.to_string(), "application \"x\" not found");
    }
}
