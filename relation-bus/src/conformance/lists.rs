//! The two lists that go with a folder of cases: where we differ on purpose, and which cases
//! don't pass yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Case name to the paths of its outcome at or below which ours differs on purpose.
///
/// The path `raised` says that ours works where the reference fails its hook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided(BTreeMap<String, Vec<String>>);

impl Decided {
    /// Reads the list from a JSON file: `{case: [path, …]}`.
    ///
    /// # Errors
    ///
    /// When the file can't be read or has another shape.
    pub fn read(path: &Path) -> Result<Self, ListError> {
        let text = read(path)?;
        serde_json::from_str(&text)
            .map(Decided)
            .map_err(|source| ListError::Malformed { path: path.to_owned(), source })
    }

    /// The paths of a case; none when it isn't in the list.
    #[must_use]
    pub fn of(&self, case: &str) -> &[String] {
        self.0.get(case).map_or(&[], Vec::as_slice)
    }
}

/// The names of cases that don't pass yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending(BTreeSet<String>);

impl Pending {
    /// Reads the list: one name a line; blank lines and lines that begin with `#` don't count.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ListError> {
        Ok(Pending::parse(&read(path)?))
    }

    /// Reads the list from its text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let names = text.lines().map(str::trim);
        let names = names.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Pending(names.map(str::to_owned).collect())
    }

    /// Whether a case is in the list.
    #[must_use]
    pub fn contains(&self, case: &str) -> bool {
        self.0.contains(case)
    }

    /// The part of the list whose names contain a text.
    #[must_use]
    pub fn containing(&self, text: &str) -> Self {
        Pending(self.0.iter().filter(|name| name.contains(text)).cloned().collect())
    }

    /// The names in the list that are none of `cases`.
    pub fn without<'a>(&'a self, cases: &BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(String::as_str).filter(|name| !cases.contains(name))
    }
}

/// Why a list can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file can't be read.
    #[error("cannot read the list `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has another shape.
    #[error("cannot use `{}` as a list of case names and paths", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected.
        source: serde_json::Error,
    },
}

fn read(path: &Path) -> Result<String, ListError> {
    fs::read_to_string(path)
        .map_err(|source| ListError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_names_stand_one_a_line() {
        let pending = Pending::parse("# why\nfirst\n\n  second \n");
        assert!(pending.contains("first") && pending.contains("second"));
        assert!(!pending.contains("# why"));
        let cases = BTreeSet::from(["first"]);
        assert_eq!(pending.without(&cases).collect::<Vec<_>>(), ["second"]);
    }

    #[test]
    fn a_case_without_decisions_has_no_paths() {
        assert_eq!(Decided::default().of("any"), [""; 0]);
    }
}
