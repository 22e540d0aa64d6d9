//! Alert and recording rules: from a charm's files to the `alert_rules` of a databag.
//!
//! Rules travel on `loki_push_api`, `prometheus_scrape` and `prometheus_remote_write` as
//! `{"groups": [...]}`. On the way from file to databag each group gets a name that is unique in the
//! model, each rule gets labels that say whose it is, and each selector of its expression is narrowed
//! down to the series or streams of that application (cosl 1.11.3, coordinated-workers 4.1.4):
//!
//! | step | where |
//! |---|---|
//! | find the files, read both formats | [`RuleReader::read`] |
//! | name groups, add labels, fill in the topology token, inject matchers | [`RuleReader`] |
//! | rules that the libraries add by themselves | [`RuleReader::host_health`], [`RuleReader::aggregator_host_health`] |
//! | one set of rules for each worker application, and the coordinator's own | [`Consolidation`] |
//! | what a receiver does with rules from a databag | [`received`] |
//!
//! Nothing here touches a disk: files are a map from path to text. What is faulty is left out and listed
//! in [`RuleSet::problems`] with file and line; the rest goes its way.
//!
//! ```
//! use relation_lib::injection::Language;
//! use relation_lib::rules::{Injection, RuleReader};
//! use relation_lib::topology::JujuTopology;
//!
//! let topology = JujuTopology::new(
//!     "stage",
//!     "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse()?,
//!     "loom-read".parse()?,
//! );
//! let files = [("rules/stuck.rule".to_owned(), "alert: Stuck\nexpr: up < 1\n".to_owned())].into();
//! let reader = RuleReader::new(Language::PromQl).with_topology(&topology).with_injection(Injection::Off);
//! let set = reader.read(&files, "rules");
//! assert_eq!(set.rules.groups[0]["name"], "stage_20d3ed5c_loom_read_stuck_rules");
//! # Ok::<(), relation_lib::topology::NameError>(())
//! ```

mod consolidation;
mod generic;
mod group;
mod problem;
mod reader;
mod received;

use crate::alert_rules::AlertRules;

pub use consolidation::{Consolidation, Folders};
pub use generic::CharmKind;
pub use group::group_name;
pub use problem::{Effect, Fault, Problem};
pub use reader::{Files, RuleReader};
pub use received::received;

/// Whether matchers of the topology are injected into the expressions.
///
/// The Python libraries do so only where the charm ships a helper program for it; conformance cases are
/// recorded without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Injection {
    /// Every selector gets the matchers that it doesn't name itself.
    #[default]
    On,
    /// Only the topology token is filled in.
    Off,
}

/// Whether rule files in sub-folders count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recursion {
    /// They do; their folder becomes part of the group's name.
    #[default]
    Recursive,
    /// Only files directly in the folder.
    TopLevel,
}

/// Groups of rules, ready for a databag, and what is wrong with the files that they come from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleSet {
    /// The rules, their members in the order in which they are written.
    pub rules: AlertRules,
    /// What is wrong with the files, in the order in which it was met.
    pub problems: Vec<Problem>,
}

impl RuleSet {
    /// Adds the groups and problems of another set. A problem that is known already is not repeated.
    pub fn append(&mut self, other: RuleSet) {
        self.rules.groups.extend(other.rules.groups);
        for problem in other.problems {
            self.report(problem);
        }
    }

    fn report(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}
