//! `relation-bus up`: brings up a whole model from one file.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::Value;

use super::status::StatusFormat;
use super::target::{Target, TargetError};
use super::{Exit, print, talk};
use crate::charm_folder::{BuildError, build_programs};
use crate::dispatch::{RootError, find_program};
use crate::engine::PebbleKind;
use crate::model::{Model, Role, StatusValue};
use crate::model_file::{ModelFileError, read};
use crate::server::protocol::{ModelProgress, Request};
use crate::server::{ClientError, Parts};
use crate::shapes::status::{Sections, Selection, document, tabular};
use crate::shapes::{Column, ControllerFacts, Format, View, print as printed, table};

/// Hooks that a model may run before it counts as restless.
const HOOK_LIMIT: usize = 2000;

/// Bring up a model from a file: build its charms, deploy, relate, and wait until no hook is left
/// to run. The model lives on: drive it with further commands.
///
/// A model of the same name is replaced. Exit status 0 when every unit is active, 1 when one is
/// not.
#[derive(Debug, Args)]
pub(super) struct Up {
    /// The model file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print the result; the JSON has the keys of `juju status --format json`.
    #[arg(long, value_enum, default_value = "tabular")]
    format: StatusFormat,
    /// Run a real Pebble daemon in every container that has an image in the model file.
    ///
    /// The program is the one that the environment variable PEBBLE_DAEMON names, else `pebble` on
    /// the PATH. Needs Linux with `unshare`, and root or user namespaces for everybody.
    #[arg(long)]
    real: bool,
    #[command(flatten)]
    target: Target,
}

/// The program of real daemons.
fn pebble_program() -> Result<PathBuf, UpError> {
    let found = match std::env::var_os("PEBBLE_DAEMON") {
        Some(program) => Some(PathBuf::from(program)),
        None => std::env::var_os("PATH").and_then(|paths| {
            std::env::split_paths(&paths)
                .map(|folder| folder.join("pebble"))
                .find(|program| program.is_file())
        }),
    };
    let program = found.filter(|program| program.is_file()).ok_or(UpError::NoPebble)?;
    Ok(std::path::absolute(&program).unwrap_or(program))
}

/// Why a model did not come up.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpError {
    /// The file is wrong.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// A charm's program can't be had.
    #[error("cannot build the charms")]
    Build(#[from] BuildError),
    /// The program of the bus isn't there.
    #[error(transparent)]
    Program(#[from] RootError),
    /// The bus could not be asked, or refused.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// There is no Pebble to run.
    #[error("cannot find a Pebble: expected its path in PEBBLE_DAEMON, or `pebble` on the PATH")]
    NoPebble,
    /// The model is gone.
    #[error("cannot find model `{0}` any more: another command has taken it away")]
    Gone(String),
    /// The model doesn't come to rest.
    #[error("cannot settle the model within {HOOK_LIMIT} hooks: it goes on running them")]
    Restless,
}

impl From<ClientError> for UpError {
    fn from(error: ClientError) -> Self {
        Self::Target(error.into())
    }
}

impl Up {
    pub(super) fn run(&self) -> Result<Exit, UpError> {
        let plan = read(&self.file)?;
        let units: u32 = plan.applications.iter().map(|(_, application)| application.units).sum();
        talk(&format!(
            "model `{}`: {} applications, {units} units, {} relations",
            plan.name,
            plan.applications.len(),
            plan.relations.len()
        ));
        let charms: Vec<_> = plan.applications.iter().map(|(_, plan)| &plan.charm).collect();
        build_programs(&charms, &find_program()?)?;
        let file = std::path::absolute(&self.file).unwrap_or_else(|_| self.file.clone());
        let started = Instant::now();
        let pebble = match self.real {
            true => Some(PebbleKind::Real(pebble_program()?)),
            false => None,
        };
        self.target.ask(&Request::Up { file, pebble })?;
        talk("running hooks until nothing is left to do");
        let hooks = self.wait(&plan.name)?;
        let seconds = started.elapsed().as_secs_f32();
        talk(&format!("settled after {hooks} hooks in {seconds:.1} s\n"));
        let view = self.target.view(Parts::model())?.take(Some(&plan.name));
        let model = view.map_err(TargetError::from)?.model;
        let view = View { model: &model, controller: &ControllerFacts::default() };
        let all = Selection::default();
        match self.format {
            StatusFormat::Json => print(&printed(&document(view, &all), Format::Json)),
            StatusFormat::Yaml => print(&printed(&document(view, &all), Format::Yaml)),
            StatusFormat::Tabular => {
                print(&tabular(view, &all, Sections::default()));
                print(&summary(&model));
            }
        }
        if model.units().all(|(_, unit)| unit.shown_status().value == StatusValue::Active) {
            return Ok(Exit::Done);
        }
        talk("not every unit is active; see `relation-bus debug-log --level WARNING`");
        Ok(Exit::No)
    }

    /// Waits until the model has nothing left to do, and gives how many hooks it has run.
    fn wait(&self, model: &str) -> Result<usize, UpError> {
        let mut revision = 0;
        loop {
            let progress = self.target.progress(revision)?;
            revision = progress.revision;
            match progress.models.get(model) {
                None => return Err(UpError::Gone(model.to_owned())),
                Some(ModelProgress { hooks, settled: true }) => return Ok(*hooks),
                Some(ModelProgress { hooks, .. }) if *hooks > HOOK_LIMIT => {
                    return Err(UpError::Restless);
                }
                Some(_) => {}
            }
        }
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
