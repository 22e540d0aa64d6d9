//! Whole models on the bus, with the shipped binaries.

use relation_bus::engine::{Bus, Settings};
use relation_bus::hook::{Hook, Journal, LifeCycle};
use relation_bus::names::{RelationId, UnitName};
use serde_json::Value;

use crate::{binaries, workspace};

/// Settings with the shipped relation bus as hook tools.
pub fn settings() -> Settings {
    Settings { program: Some(binaries().join("relation-bus")), ..Settings::default() }
}

/// A model of `fixtures/models`, brought up and settled.
///
/// # Panics
/// When it can't be brought up.
pub async fn settled(file: &str) -> Bus {
    let path = workspace().join("fixtures/models").join(file);
    let plan = relation_bus::model_file::read(&path).expect("a fixture is a model file");
    let mut bus = Bus::start(&plan, settings()).await.expect("the model can be deployed");
    bus.settle().await.expect("the model comes to rest");
    bus
}

/// A unit's name.
///
/// # Panics
/// When it is none.
pub fn unit(name: &str) -> UnitName {
    name.parse().expect("a test names units rightly")
}

/// Runs a life-cycle hook on a unit of a settled model.
///
/// # Panics
/// When the hook can't be tried.
pub async fn dispatch(bus: &mut Bus, unit: &UnitName, hook: LifeCycle) -> Journal {
    bus.redispatch(unit, Hook::LifeCycle(hook)).await.expect("the hook can be tried")
}

/// Everything that a dispatch has left behind: in the model, in containers, in the cluster.
///
/// Empty after a dispatch over an unchanged model.
pub async fn traces_of(bus: &mut Bus, unit: &UnitName, hook: LifeCycle) -> Vec<String> {
    let containers: Vec<String> =
        bus.plans().remove(unit).unwrap_or_default().into_keys().collect();
    for container in &containers {
        if let Some(workload) = bus.workload(unit, container) {
            workload.clear_journal();
        }
    }
    bus.cluster().clear_journal();
    let journal = dispatch(bus, unit, hook).await;
    let mut traces: Vec<String> = Vec::new();
    if !journal.succeeded {
        traces.push(format!("the hook failed:\n{}", bus.log(unit).join("\n")));
    }
    traces.extend(journal.writes.iter().map(|write| format!("{write:?}")));
    for container in &containers {
        let Some(workload) = bus.workload(unit, container) else { continue };
        traces.extend(workload.journal().iter().map(|action| format!("{container}: {action:?}")));
    }
    traces.extend(bus.cluster().journal().iter().map(|write| write.to_json().to_string()));
    traces
}

/// A databag value as JSON; `null` where there is none.
pub fn app_value(bus: &Bus, relation: RelationId, application: &str, key: &str) -> Value {
    let bag = bus.application_databag(relation, application);
    bag.get(key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The shown status of a unit: word and message.
pub fn status(bus: &Bus, unit: &UnitName) -> (String, String) {
    let status = bus.status(unit);
    (status.value.as_str().to_owned(), status.message)
}
