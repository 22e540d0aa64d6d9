//! `juju models`, `show-model`, `controllers` and `show-controller`.

use serde_json::{Map, Value, json};

use super::members::Members;
use super::{Column, ControllerFacts, table};
use crate::model::Model;

/// A controller with its models, and the one that is switched to.
#[derive(Debug, Clone, Copy)]
pub struct Models<'a> {
    /// The controller.
    pub controller: &'a ControllerFacts,
    /// Its models, in the order they are listed.
    pub models: &'a [&'a Model],
    /// The name of the current one, if there is one.
    pub current: Option<&'a str>,
}

impl Models<'_> {
    /// The document of `juju models --format json`.
    #[must_use]
    pub fn document(&self) -> Value {
        let entries: Vec<_> = self
            .models
            .iter()
            .map(|model| {
                facts(model, self.controller)
                    .with("access", "admin")
                    .with("last-connection", "just now")
                    .with("agent-version", model.juju_version.as_str())
                    .done()
            })
            .collect();
        Members::new()
            .with("models", entries)
            .filled("current-model", self.current.unwrap_or_default())
            .done()
    }

    /// The tables of `juju models`.
    #[must_use]
    pub fn tabular(&self) -> String {
        use Column::{Left, Right};
        let rows = self.models.iter().map(|model| {
            let star = if self.current == Some(model.name.as_str()) { "*" } else { "" };
            vec![
                format!("{}{star}", model.name),
                cloud(self.controller),
                "kubernetes".to_owned(),
                "available".to_owned(),
                model.units().count().to_string(),
                "admin".to_owned(),
                "just now".to_owned(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let columns = [
            Left("Model"),
            Left("Cloud/Region"),
            Left("Type"),
            Left("Status"),
            Right("Units"),
            Left("Access"),
            Left("Last connection"),
        ];
        format!("Controller: {}\n\n{}", self.controller.name, table(&columns, &rows))
    }

    /// The document of `juju controllers --format json`.
    #[must_use]
    pub fn controllers(&self) -> Value {
        let controller = self.controller;
        let version = self.models.first().map_or("", |model| model.juju_version.as_str());
        let entry = Members::new()
            .filled("current-model", self.current.unwrap_or_default())
            .with("user", controller.user.as_str())
            .with("access", "superuser")
            .with("uuid", controller.uuid.as_str())
            .with("api-endpoints", json!([]))
            .with("ca-cert", "")
            .with("cloud", controller.cloud.as_str())
            .filled("region", controller.region.as_str())
            .filled("agent-version", version)
            .filled("model-count", self.models.len());
        json!({
            "controllers": {controller.name.as_str(): entry.done()},
            "current-controller": controller.name,
        })
    }

    /// The table of `juju controllers`.
    #[must_use]
    pub fn controllers_tabular(&self) -> String {
        use Column::Left;
        let controller = self.controller;
        let version = self.models.first().map_or("", |model| model.juju_version.as_str());
        let row = vec![
            format!("{}*", controller.name),
            self.current.unwrap_or("-").to_owned(),
            controller.user.clone(),
            "superuser".to_owned(),
            cloud(controller),
            self.models.len().to_string(),
            "1".to_owned(),
            "-".to_owned(),
            version.to_owned(),
        ];
        let columns = [
            Left("Controller"),
            Left("Model"),
            Left("User"),
            Left("Access"),
            Left("Cloud/Region"),
            Left("Models"),
            Left("Nodes"),
            Left("HA"),
            Left("Version"),
        ];
        table(&columns, &[row])
    }

    /// The document of `juju show-controller --format json`.
    #[must_use]
    pub fn show_controller(&self) -> Value {
        let controller = self.controller;
        let version = self.models.first().map_or("", |model| model.juju_version.as_str());
        let models = self.models.iter().map(|model| {
            let entry = json!({"model-uuid": model.uuid, "unit-count": model.units().count()});
            (model.name.clone(), entry)
        });
        let details = Members::new()
            .with("controller-uuid", controller.uuid.as_str())
            .with("api-endpoints", json!([]))
            .with("cloud", controller.cloud.as_str())
            .filled("region", controller.region.as_str())
            .filled("agent-version", version)
            .with("ca-cert", "");
        let current = self.current.map(|name| format!("{}/{name}", controller.user));
        let entry = Members::new()
            .with("details", details.done())
            .filled("models", models.collect::<Map<_, _>>())
            .filled("current-model", current.unwrap_or_default())
            .with("account", json!({"user": controller.user, "access": "superuser"}));
        json!({controller.name.as_str(): entry.done()})
    }
}

/// The document of `juju show-model --format json`: one model by its name.
#[must_use]
pub fn show(model: &Model, controller: &ControllerFacts) -> Value {
    let users = json!({controller.user.as_str(): {
        "display-name": controller.user, "access": "admin", "last-connection": "just now",
    }});
    let backends = json!({format!("{}-local", model.name): {
        "num-secrets": model.secrets.len(), "status": "active",
    }});
    let credential = json!({
        "name": controller.cloud, "owner": controller.user, "cloud": controller.cloud,
        "validity-check": "valid",
    });
    let features = json!([{
        "name": "juju", "description": "the version of Juju used by the model",
        "version": model.juju_version,
    }]);
    let entry = facts(model, controller)
        .with("users", users)
        .with("secret-backends", backends)
        .with("agent-version", model.juju_version.as_str())
        .with("credential", credential)
        .with("supported-features", features);
    json!({model.name.as_str(): entry.done()})
}

/// What both lists and details tell of a model.
fn facts(model: &Model, controller: &ControllerFacts) -> Members {
    Members::new()
        .with("name", format!("{}/{}", controller.user, model.name))
        .with("short-name", model.name.as_str())
        .with("model-uuid", model.uuid.as_str())
        .with("model-type", "caas")
        .with("controller-uuid", controller.uuid.as_str())
        .with("controller-name", controller.name.as_str())
        .with("is-controller", false)
        .with("owner", controller.user.as_str())
        .with("cloud", controller.cloud.as_str())
        .filled("region", controller.region.as_str())
        .with("type", "kubernetes")
        .with("life", "alive")
        .with("status", json!({"current": "available", "since": "just now"}))
}

fn cloud(controller: &ControllerFacts) -> String {
    match controller.region.as_str() {
        "" => controller.cloud.clone(),
        region => format!("{}/{region}", controller.cloud),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::samples;

    #[test]
    fn a_model_is_described_in_lists_and_alone() {
        let model = samples::model();
        let controller = ControllerFacts::default();
        let all = Models { controller: &controller, models: &[&model], current: Some("m") };
        let listed = all.document();
        assert_eq!(listed["current-model"], "m");
        assert_eq!(listed["models"][0]["name"], "admin/m");
        assert_eq!(listed["models"][0]["model-type"], "caas");
        let shown = show(&model, &controller);
        let entry = &shown["m"];
        assert_eq!(entry["short-name"], "m");
        assert_eq!(entry["model-uuid"], model.uuid);
        assert_eq!(entry["users"]["admin"]["access"], "admin");
        assert_eq!(entry["is-controller"], false);
        assert_eq!(
            all.tabular(),
            "\
Controller: relation-bus

Model  Cloud/Region   Type        Status     Units  Access  Last connection
m*     local/default  kubernetes  available      3  admin   just now
"
        );
    }

    #[test]
    fn a_controller_knows_its_models() {
        let model = samples::model();
        let controller = ControllerFacts::default();
        let all = Models { controller: &controller, models: &[&model], current: Some("m") };
        let shown = all.show_controller();
        let entry = &shown["relation-bus"];
        assert_eq!(entry["models"]["m"], json!({"model-uuid": model.uuid, "unit-count": 3}));
        assert_eq!(entry["current-model"], "admin/m");
        let listed = all.controllers();
        assert_eq!(listed["current-controller"], "relation-bus");
        assert_eq!(listed["controllers"]["relation-bus"]["model-count"], 1);
        assert!(all.controllers_tabular().contains("relation-bus*"));
    }
}
