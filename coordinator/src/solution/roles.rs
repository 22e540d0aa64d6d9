//! Roles of a solution, and what must or should be deployed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Ordered;

/// The roles of a solution. Checked: every name that is used is a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// All role names, meta roles among them.
    pub all: BTreeSet<String>,
    /// Meta role → the roles that it stands for.
    pub meta: Ordered<Vec<String>>,
    /// Roles without which the deployment is not coherent.
    pub minimal: BTreeSet<String>,
    /// How many units each role should have; empty: nothing is recommended.
    pub recommended: BTreeMap<String, u32>,
    /// What the active status says while the recommended deployment isn't reached; `None`: nothing.
    pub below_recommended_message: Option<String>,
}

impl Roles {
    /// The roles that an advertised text stands for: split at commas, blanks trimmed, meta roles
    /// replaced by their members. A role that the solution doesn't know stays: its workers are
    /// served all the same.
    pub fn expand(&self, text: &str) -> BTreeSet<String> {
        text.split(',')
            .map(str::trim)
            .flat_map(|role| match self.meta.get(role) {
                Some(members) => members.clone(),
                None => vec![role.to_owned()],
            })
            .collect()
    }
}

/// How the question "is the deployment coherent" is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coherence {
    /// It is when every role of the minimal deployment has a unit.
    #[default]
    Roles,
    /// It always is.
    Always,
    /// It never is.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles() -> Roles {
        Roles {
            meta: Ordered::from([("all".to_owned(), vec!["read".to_owned(), "write".to_owned()])]),
            ..Roles::default()
        }
    }

    #[test]
    fn meta_roles_are_replaced_by_their_members() {
        let expanded: Vec<_> = roles().expand("backend,all").into_iter().collect();
        assert_eq!(expanded, ["backend", "read", "write"]);
    }

    #[test]
    fn blanks_around_roles_do_not_count() {
        let expanded: Vec<_> = roles().expand("read, write").into_iter().collect();
        assert_eq!(expanded, ["read", "write"]);
    }
}
