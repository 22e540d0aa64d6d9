//! Whatever an operator did on the way, a model ends as if it had been built that way at once.
//!
//! Under each seed a model is deployed in a random order, at least twelve random things are done to
//! it, some of them before the last one has come to rest, and its end is compared with that of a
//! model built directly in the same form: databags of all relations, plans, files, services,
//! statuses, ports, secrets with their grants, and the cluster's objects. Seeds run side by side;
//! `SHUFFLE_SEED=17` runs one.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

mod play;
mod random;
mod shape;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use relation_bus::engine::Settings;
use tests::in_process::{quick_settings, shipped_settings};

/// Plays seeds side by side and gives the reports of those that ended otherwise.
fn failures(seeds: std::ops::Range<u64>, settings: &(dyn Fn() -> Settings + Sync)) -> Vec<String> {
    let seeds = match std::env::var("SHUFFLE_SEED").ok().and_then(|text| text.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => seeds,
    };
    let next = AtomicU64::new(seeds.start);
    let reports = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Err(report) = runtime.block_on(play::compare(seed, settings)) {
                        // Who watches a long run sees it at once.
                        print!("{report}");
                        reports.lock().unwrap().push(report);
                    }
                }
            });
        }
    });
    reports.into_inner().unwrap()
}

fn assert_none(reports: &[String]) {
    let titles: Vec<_> = reports.iter().filter_map(|report| report.lines().next()).collect();
    assert!(
        reports.is_empty(),
        "{} seeds end otherwise:\n{}\n\nthe first ones:\n{}",
        reports.len(),
        titles.join("\n"),
        reports.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn a_hundred_ways_lead_to_the_same_end() {
    assert_none(&failures(0..100, &quick_settings));
}

#[test]
fn the_shipped_binaries_end_the_same_way() {
    assert_none(&failures(1000..1001, &shipped_settings));
}
