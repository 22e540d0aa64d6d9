//! What a container with real processes does by itself: it performs checks and forwards logs.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::forward::{self, Protocol};
use super::layer::text;
use super::probe;
use super::workload::Inner;

/// Begins each check that is running and each log target that appears. Ends, with all of them, when it is aborted.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut tasks = JoinSet::new();
    let mut runs = BTreeSet::new();
    let mut targets = BTreeSet::new();
    loop {
        let (checks, new_targets) = inner
            .wait_for(|state| {
                let checks: Vec<_> =
                    state.checks.runs().filter(|(_, _, run)| !runs.contains(run)).collect();
                let new: Vec<_> = (state.plan.log_targets().iter())
                    .filter(|(name, _)| !targets.contains(*name))
                    .map(|(name, target)| {
                        (
                            name.clone(),
                            Protocol::named(text(target, "type")),
                            text(target, "location").to_owned(),
                        )
                    })
                    .collect();
                (!checks.is_empty() || !new.is_empty()).then_some((checks, new))
            })
            .await;
        for (name, config, run) in checks {
            runs.insert(run);
            tasks.spawn(probe::repeat(Arc::clone(&inner), name, config, run));
        }
        for (name, protocol, location) in new_targets {
            if let Some(protocol) = protocol {
                tasks.spawn(forward::run(Arc::clone(&inner), name.clone(), protocol, location));
            }
            targets.insert(name);
        }
        while tasks.try_join_next().is_some() {}
    }
}
