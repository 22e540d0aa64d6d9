//! `relation-bus up`: brings up a whole model from one file.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::Value;

use super::state::{SavedModel, StateError, StateOption};
use super::status::StatusFormat;
use super::{Exit, print, talk};
use crate::engine::{Bus, EngineError, Settings};
use crate::model::{Model, Role};
use crate::model_file::{ModelFileError, read};
use crate::shapes::status::{Sections, Selection, document, tabular};
use crate::shapes::{Column, ControllerFacts, Format, View, print as printed, table};

/// Bring up a model from a file: build its charms, deploy, relate, and run every hook until
/// nothing is left to do.
///
/// Exit status 0 when every unit is active, 1 when one is not.
#[derive(Debug, Args)]
pub(super) struct Up {
    /// The model file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print the result; the JSON has the keys of `juju status --format json`.
    #[arg(long, value_enum, default_value = "tabular")]
    format: StatusFormat,
    #[command(flatten)]
    state: StateOption,
}

/// Why a model did not come up.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpError {
    /// The file is wrong.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// The bus could not do what the file asks for.
    #[error("cannot bring up the model")]
    Engine(#[from] EngineError),
    /// The result could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Up {
    pub(super) async fn run(&self) -> Result<Exit, UpError> {
        let plan = read(&self.file)?;
        let units: u32 = plan.applications.iter().map(|(_, application)| application.units).sum();
        talk(&format!(
            "model `{}`: {} applications, {units} units, {} relations",
            plan.name,
            plan.applications.len(),
            plan.relations.len()
        ));
        let mut bus = Bus::start(&plan, Settings::default()).await?;
        talk("running hooks until nothing is left to do");
        let started = Instant::now();
        let settled = bus.settle().await?;
        let seconds = started.elapsed().as_secs_f32();
        talk(&format!("settled after {} hooks in {seconds:.1} s\n", settled.hooks));
        let saved = SavedModel::of(&bus);
        self.state.save(&saved)?;
        let view = View { model: &saved.model, controller: &ControllerFacts::default() };
        let all = Selection::default();
        match self.format {
            StatusFormat::Json => print(&printed(&document(view, &all), Format::Json)),
            StatusFormat::Yaml => print(&printed(&document(view, &all), Format::Yaml)),
            StatusFormat::Tabular => {
                print(&tabular(view, &all, Sections::default()));
                print(&summary(&saved.model));
            }
        }
        if bus.is_active() {
            return Ok(Exit::Done);
        }
        talk("not every unit is active; see `relation-bus debug-log --level WARNING`");
        Ok(Exit::No)
    }
}

/// The data that flows, in short, and what to try next.
fn summary(model: &Model) -> String {
    let mut text = String::new();
    let clusters = clusters(model);
    if !clusters.is_empty() {
        let header = ["Cluster", "Workers", "Role", "Configuration", "Loki", "Receivers", "Keys"];
        text.push_str(&table(&header.map(Column::Left), &clusters));
        text.push('\n');
    }
    let targets = scrape_targets(model);
    if !targets.is_empty() {
        let header = ["Scraped by", "Application", "Targets"];
        text.push_str(&table(&header.map(Column::Left), &targets));
        text.push('\n');
    }
    let unit = model.units().next().map_or("app/0", |(name, _)| name.as_str());
    text.push_str(&format!(
        "Next: `relation-bus inspect`, `relation-bus show-unit {unit}`, `relation-bus debug-log`, \
         `relation-bus status --relations`"
    ));
    text
}

/// What each coordinator tells its workers: interfaces whose name ends in `_cluster`.
fn clusters(model: &Model) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for relation in model.relations.values().filter(|r| r.interface.ends_with("_cluster")) {
        let end = |role| relation.sides.iter().find(|side| side.role == role);
        let (Some(coordinator), Some(worker)) = (end(Role::Provider), end(Role::Requirer)) else {
            continue;
        };
        let bag = &coordinator.bag.content;
        let count = |key: &str| {
            let parsed = bag.get(key).and_then(|text| serde_json::from_str::<Value>(text).ok());
            let length = parsed.and_then(|value| {
                value.as_object().map(serde_json::Map::len).or(value.as_array().map(Vec::len))
            });
            length.map_or("-".to_owned(), |length| length.to_string())
        };
        let role = worker.bag.content.get("role");
        let role = role.and_then(|text| serde_json::from_str::<String>(text).ok());
        let config = bag.get("worker_config").map_or("-".to_owned(), |text| {
            let decoded = serde_json::from_str::<String>(text).unwrap_or_default();
            format!("{} lines", decoded.lines().count())
        });
        rows.push(vec![
            format!("{}:{}", coordinator.application, coordinator.endpoint),
            format!("{} ({})", worker.application, worker.in_scope().count()),
            role.unwrap_or_else(|| "-".to_owned()),
            config,
            count("loki_endpoints"),
            count("workload_tracing_receivers"),
            bag.len().to_string(),
        ]);
    }
    rows
}

/// The jobs that providers of metrics have published.
fn scrape_targets(model: &Model) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for relation in model.relations.values().filter(|r| r.interface == "prometheus_scrape") {
        let scraper = relation.sides.iter().find(|side| side.role == Role::Requirer);
        let scraper = scraper.map_or("-", |side| side.application.as_str());
        for side in relation.sides.iter().filter(|side| side.role == Role::Provider) {
            let jobs = side.bag.content.get("scrape_jobs");
            let jobs = jobs.and_then(|text| serde_json::from_str::<Value>(text).ok());
            for job in jobs.iter().filter_map(Value::as_array).flatten() {
                let targets: Vec<_> = job["static_configs"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|group| group["targets"].as_array())
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                rows.push(vec![scraper.to_owned(), side.application.clone(), targets.join(" ")]);
            }
        }
    }
    rows
}
