//! What several charms decide in the same way: pure functions over a snapshot.
//!
//! Each module says what it needs to see ([`crate::needs::Needs`]) and what should then be true
//! ([`crate::desired::Desired`]); none of them reads or writes anything itself.

pub mod compute_resources;
pub mod log_forwarding;
pub mod pod_labels;
mod quantity;
pub mod solution_file;
pub mod template;

#[cfg(test)]
fn blank_snapshot(
    unit: &str,
    fill: impl FnOnce(&mut crate::snapshot::Snapshot),
) -> crate::snapshot::Snapshot {
    let mut snapshot = crate::snapshot::Snapshot::for_test(unit).build();
    fill(&mut snapshot);
    snapshot
}
