//! Whether an outcome is what a case expects.
//!
//! Each part of an outcome has its own notion of equality: databags by meaning or byte for byte,
//! nginx files by words, other YAML by meaning, secrets by label, cluster writes by the last
//! object asked for. What the case marks as open is compared without order, by form, or not at
//! all.

mod cluster;
mod containers;
mod databags;
mod nginx;
mod products;
mod secrets;
mod values;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::case::{Generation, Input};
use super::outcome::{Openness, Outcome};

/// How strict databag values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// Spacing and key order of JSON values don't count.
    #[default]
    Meaning,
    /// Every byte counts.
    Bytes,
}

/// Which notion of equality applies where the published charms of a product have their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// That of the generic cases.
    #[default]
    Generic,
    /// That of the published charms: configuration texts by meaning, nginx files block by block.
    Product(Generation),
}

impl Profile {
    /// The profile for a case.
    #[must_use]
    pub fn of(input: &Input) -> Self {
        match input.product {
            Some(_) => Profile::Product(input.generation),
            None => Profile::Generic,
        }
    }
}

/// How outcomes are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules<'a> {
    /// How strict databag values are compared.
    pub strictness: Strictness,
    /// Which notion of equality applies.
    pub profile: Profile,
    /// Differences at or below these paths don't count. The path `raised` is among them when it
    /// was decided that ours works where the reference fails its hook.
    pub decided: &'a [String],
}

/// What comes out of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Both did the same, but for the differences that were decided on.
    Same {
        /// Differences at places that were decided on.
        decided: Vec<Difference>,
    },
    /// They differ.
    Different {
        /// In what, in the order of the parts of an outcome; never empty.
        differences: Vec<Difference>,
    },
    /// The reference fails its hook, and the outcome is that of a hook that works.
    CarriesOn {
        /// Why the reference fails.
        kind: String,
    },
}

/// One place where two outcomes differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Such as `relations/11/local_app_data/role`.
    pub path: String,
    /// Where inside the value, such as `[0].labels.job`; empty: all of it.
    pub within: String,
    /// What was expected there; `None`: nothing.
    pub expected: Option<String>,
    /// What was found; `None`: nothing.
    pub found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if !self.within.is_empty() {
            write!(f, " at {}", self.within)?;
        }
        for (side, text) in [("expected", &self.expected), ("found   ", &self.found)] {
            write!(f, "\n    {side} {}", text.as_deref().unwrap_or("nothing"))?;
        }
        Ok(())
    }
}

/// Compares an outcome with what a case expects.
#[must_use]
pub fn judge(expected: &Outcome, found: &Outcome, rules: Rules<'_>) -> Judgement {
    if let Some(raised) = &expected.raised {
        return if found.raised.is_some() || rules.decided.iter().any(|path| path == "raised") {
            Judgement::Same { decided: Vec::new() }
        } else {
            Judgement::CarriesOn { kind: raised.kind.clone() }
        };
    }
    let mut judge = Judge {
        strictness: rules.strictness,
        profile: rules.profile,
        open: expected.open.iter().map(|place| (place.path.as_str(), place.kind)).collect(),
        differences: Vec::new(),
    };
    match rules.profile {
        Profile::Product(generation) if found.raised.is_none() => judge.compare(
            &products::settled(expected, generation),
            &products::settled(found, generation),
        ),
        _ => judge.compare(expected, found),
    }
    let (decided, differences): (Vec<_>, Vec<_>) = judge
        .differences
        .into_iter()
        .partition(|difference| rules.decided.iter().any(|path| is_below(&difference.path, path)));
    if differences.is_empty() {
        Judgement::Same { decided }
    } else {
        Judgement::Different { differences }
    }
}

/// Whether `path` is `place` or lies below it.
fn is_below(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '#']))
}

struct Judge<'a> {
    strictness: Strictness,
    profile: Profile,
    open: BTreeMap<&'a str, Openness>,
    differences: Vec<Difference>,
}

impl Judge<'_> {
    fn compare(&mut self, expected: &Outcome, found: &Outcome) {
        if let Some(raised) = &found.raised {
            self.differ("raised", String::new(), None, Some(raised.kind.clone()));
            return;
        }
        self.json("unit_status", &json(&expected.unit_status), &json(&found.unit_status));
        self.json("app_status", &json(&expected.app_status), &json(&found.app_status));
        self.relations("relations", &expected.relations, &found.relations);
        self.relations("peers", &expected.peers, &found.peers);
        self.containers(&expected.containers, &found.containers);
        self.files(
            "charm_container_files",
            &expected.charm_container_files,
            &found.charm_container_files,
        );
        self.json("charm_tracing", &json(&expected.charm_tracing), &json(&found.charm_tracing));
        self.json(
            "workload_version",
            &json(&expected.workload_version),
            &json(&found.workload_version),
        );
        let ports = |outcome: &Outcome| {
            let mut ports = outcome.opened_ports.clone();
            ports.sort();
            json(&ports)
        };
        self.json("opened_ports", &ports(expected), &ports(found));
        self.secrets(&expected.secrets, &found.secrets);
        self.cluster_writes(&expected.k8s, &found.k8s);
        self.json("action_results", &json(&expected.action_results), &json(&found.action_results));
        if let (Some(expected), Some(found)) = (&expected.derived, &found.derived) {
            for (name, want) in expected {
                if let Some(got) = found.get(name) {
                    self.json(&format!("derived/{name}"), want, got);
                }
            }
        }
    }

    /// Compares two plain values, honouring what the case leaves open at this place.
    fn json(&mut self, path: &str, expected: &Value, found: &Value) {
        match self.open.get(path) {
            Some(Openness::Choice | Openness::Generated) => {}
            Some(Openness::Order) => {
                let (want, got) = (values::without_order(expected), values::without_order(found));
                if !values::same(&want, &got) {
                    self.differ_in(path, &want, &got);
                }
            }
            None if values::same(expected, found) => {}
            None => self.differ_in(path, expected, found),
        }
    }

    /// Notes the first place inside two values where they part.
    fn differ_in(&mut self, path: &str, expected: &Value, found: &Value) {
        let (within, expected, found) = values::first_parting(expected, found);
        self.differ(
            path,
            within,
            expected.map(ToString::to_string),
            found.map(ToString::to_string),
        );
    }

    fn differ(
        &mut self,
        path: &str,
        within: String,
        expected: Option<String>,
        found: Option<String>,
    ) {
        let (expected, found) = (expected.map(shortened), found.map(shortened));
        self.differences.push(Difference { path: path.to_owned(), within, expected, found });
    }

    fn missing(&mut self, path: &str, expected: impl Into<String>) {
        self.differ(path, String::new(), Some(expected.into()), None);
    }

    fn unexpected(&mut self, path: &str, found: impl Into<String>) {
        self.differ(path, String::new(), None, Some(found.into()));
    }
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("parts of an outcome have texts for keys")
}

/// As much of a text as a person reads.
fn shortened(text: String) -> String {
    const SHOWN: usize = 400;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::outcome::{OpenPlace, RelationOutcome, Status};

    /// An outcome with one relation whose application databag has one key.
    pub(super) fn with_value(key: &str, value: &str) -> Outcome {
        Outcome {
            relations: vec![RelationOutcome {
                id: 5,
                local_app_data: [(key.to_owned(), value.to_owned())].into(),
                ..RelationOutcome::default()
            }],
            ..Outcome::default()
        }
    }

    pub(super) fn paths(expected: &Outcome, found: &Outcome) -> Vec<String> {
        match judge(expected, found, Rules::default()) {
            Judgement::Different { differences } => {
                differences.into_iter().map(|difference| difference.path).collect()
            }
            _ => Vec::new(),
        }
    }

    fn decided_on(decided: &[String]) -> Rules<'_> {
        Rules { decided, ..Rules::default() }
    }

    fn order_open(outcome: Outcome, path: &str) -> Outcome {
        let open = vec![OpenPlace { path: path.to_owned(), kind: Openness::Order }];
        Outcome { open, ..outcome }
    }

    #[test]
    fn a_decided_difference_passes_and_others_do_not() {
        let (want, got) = (with_value("role", "\"a\""), with_value("role", "\"b\""));
        let decided = |path: &str| judge(&want, &got, decided_on(&[path.to_owned()]));
        assert!(
            matches!(decided("relations/5"), Judgement::Same { decided } if decided.len() == 1)
        );
        assert!(matches!(decided("relations/50"), Judgement::Different { .. }));
        assert!(matches!(decided("relations/5/local_app"), Judgement::Different { .. }));
    }

    #[test]
    fn order_counts_unless_the_case_leaves_it_open() {
        let (want, got) = (with_value("jobs", "[1, 2]"), with_value("jobs", "[2,1]"));
        let path = "relations/5/local_app_data/jobs";
        assert_eq!(paths(&want, &got), [path]);
        assert_eq!(paths(&order_open(want.clone(), path), &got), [""; 0]);
        assert_eq!(paths(&order_open(want, path), &with_value("jobs", "[2,2]")), [path]);
    }

    #[test]
    fn a_hook_that_fails_must_be_expected() {
        let fails = Outcome::failed("missing-key");
        let works = Outcome::default();
        assert_eq!(paths(&works, &fails), ["raised"]);
        assert_eq!(paths(&fails, &Outcome::failed("other")), [""; 0]);
        assert_eq!(
            judge(&fails, &works, Rules::default()),
            Judgement::CarriesOn { kind: "missing-key".into() }
        );
        assert!(matches!(
            judge(&fails, &works, decided_on(&["raised".into()])),
            Judgement::Same { .. }
        ));
    }

    #[test]
    fn statuses_and_ports_are_compared() {
        let status = |message: &str| Outcome {
            unit_status: Some(Status { name: "active".into(), message: message.into() }),
            opened_ports: vec!["tcp/1".into(), "tcp/2".into()],
            ..Outcome::default()
        };
        let reversed = Outcome { opened_ports: vec!["tcp/2".into(), "tcp/1".into()], ..status("") };
        assert_eq!(paths(&status(""), &reversed), [""; 0]);
        assert_eq!(paths(&status(""), &status("x")), ["unit_status"]);
    }
}
