//! Whole models in tests: start one, act on it, say what must be true.
//!
//! ```no_run
//! use relation_bus::testing::TestModel;
//! use serde_json::json;
//!
//! # async fn test() {
//! let mut model = TestModel::from_file("../fixtures/models/cos.yaml").await;
//! model.settle_within(200).await;
//! model.assert_active();
//!
//! model.remove_relation("tally:logging", "loki");
//! model.settle_within(40).await;
//! model.app_databag("tally:tally-cluster", "tally-read").assert_json("loki_endpoints", json!({}));
//! model.assert_steady().await;
//! # }
//! ```
//!
//! Every model has processes, sockets and a folder of its own, so tests run side by side. What
//! they run is built once per test process.
//!
//! Each check comes twice: `check_...` and `try_...` give a [`Failure`] as a value, `assert_...` and
//! the plain verbs panic with it. A failure says what was expected and found, which databags have
//! changed since the model last came to rest, which hooks ran, and what the units concerned have
//! logged. Values of secrets are masked in it.

mod act;
mod budget;
mod build;
mod databag;
mod databags;
mod difference;
mod failure;
mod model;

pub use databag::Databag;
pub use databags::{Databags, Difference};
pub use failure::{Evidence, Failure, Unmet};
pub use model::TestModel;
