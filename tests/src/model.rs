//! Whole models on the bus, with the shipped binaries.

use relation_bus::engine::{Bus, Settings};
use relation_bus::model_file;
use relation_bus::testing::TestModel;

use crate::workspace;

/// A model of `fixtures/models`, brought up and settled.
///
/// # Panics
/// When it can't be brought up, or doesn't come to rest.
pub async fn settled(file: &str) -> TestModel {
    let path = workspace().join("fixtures/models").join(file);
    let mut model = TestModel::from_file(path).await;
    model.settle_within(2000).await;
    model
}

/// Some applications of a model of `fixtures/models`, with the relations among them, settled.
///
/// # Panics
/// When they can't be brought up, or don't come to rest.
pub async fn part_of(file: &str, applications: &[&str], settings: Settings) -> TestModel {
    let path = workspace().join("fixtures/models").join(file);
    let mut plan = model_file::read(&path).expect("a fixture is a model file");
    let is_wanted = |name: &str| applications.contains(&name);
    plan.applications.retain(|(name, _)| is_wanted(name));
    plan.relations
        .retain(|(one, other, _)| is_wanted(&one.application) && is_wanted(&other.application));
    let bus = Bus::empty(&plan.name, &plan.uuid, &plan.juju_version, settings).await;
    let mut bus = bus.expect("a model can be made");
    bus.play(&plan).await.expect("the model can be deployed");
    let mut model = TestModel::around(bus);
    model.settle_within(2000).await;
    model
}
