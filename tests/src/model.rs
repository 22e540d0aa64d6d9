//! Whole models on the bus, with the shipped binaries.

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
