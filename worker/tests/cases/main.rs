//! Recorded worker cases, played through the pure function alone: a case becomes a snapshot, and
//! what is desired is done to a picture of the unit. The same cases run through the shipped binary
//! on the relation bus; here a difference is found in a second.

mod picture;
mod view;

use std::path::{Path, PathBuf};

use charm::Charm;
use relation_bus::conformance::case::{Case, Role};
use relation_bus::conformance::compare::{Judgement, Rules, Strictness, judge};
use relation_bus::conformance::folder::case_files;
use relation_bus::conformance::lists::Decided;
use relation_bus::conformance::solution::{Injection, translate};
use worker::Worker;
use worker::solution::Solution;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/conformance")
}

fn worker(case: &Case) -> Worker {
    let solution = case.input.solution.as_ref().expect("a generic case has a solution");
    let text = translate(solution, Role::Worker, Injection::On).to_string();
    Worker::new(Solution::parse("solution.yaml", &text).expect("a translated solution is valid"))
}

#[test]
fn recorded_cases_have_the_recorded_outcomes() {
    let decided = Decided::read(&fixtures().join("decided.json")).expect("the list is readable");
    let mut failures = Vec::new();
    let mut played = 0;
    for file in case_files(&fixtures().join("cases")).expect("the folder is readable") {
        let case = Case::read(&file).expect("a recorded case is readable");
        if case.input.role != Role::Worker {
            continue;
        }
        played += 1;
        let worker = worker(&case);
        let snapshot = view::snapshot(&case.input, &worker);
        let desired = worker.reconcile(&snapshot);
        let outcome = picture::after(&case.input, &desired);
        let name = &case.input.name;
        let rules =
            Rules { strictness: Strictness::Bytes, decided: decided.of(name), ..Rules::default() };
        match judge(&case.expected, &outcome, rules) {
            Judgement::Same { .. } => {}
            Judgement::CarriesOn { kind } => failures.push(format!("{name}: carries on ({kind})")),
            Judgement::Different { differences } => {
                let shown: Vec<_> = differences.iter().map(ToString::to_string).collect();
                failures.push(format!("{name}: {}", shown.join("\n  ")));
            }
        }
    }
    assert!(played > 0, "there are no worker cases");
    assert!(failures.is_empty(), "{} of {played} differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_second_pass_asks_for_nothing_new() {
    for file in case_files(&fixtures().join("cases")).expect("the folder is readable") {
        let case = Case::read(&file).expect("a recorded case is readable");
        if case.input.role == Role::Worker {
            let worker = worker(&case);
            let snapshot = view::snapshot(&case.input, &worker);
            let once = worker.reconcile(&snapshot);
            let outcome = picture::after(&case.input, &once);
            if outcome.raised.is_some() {
                continue;
            }
            let next = picture::continued(&case.input, &outcome);
            let second = view::snapshot(&next, &worker);
            let still = picture::after(&next, &worker.reconcile(&second));
            let changes = picture::changes(&next, &still);
            assert_eq!(changes, Vec::<String>::new(), "{}", case.input.name);
        }
    }
}
