//! `solution.yaml` of a charm: how it is found, read and refused.
//!
//! What is in it is the charm's own; that it is read once, and refused with file, line and what was
//! expected, is the same for all.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};

/// The file's name in a charm's root folder.
pub const FILE_NAME: &str = "solution.yaml";

/// Why a solution can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SolutionError {
    /// The file can't be read.
    #[error("cannot read `{file}`")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not YAML, or not of the schema.
    #[error("cannot read `{file}`, line {line}, column {column}: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// Line, from 1; 0 where the parser doesn't say.
        line: u64,
        /// Column, from 1; 0 where the parser doesn't say.
        column: u64,
        /// What was found and what was expected.
        reason: String,
    },
    /// The parts contradict each other.
    #[error("cannot use `{file}`: {}", join(findings))]
    Contradictory {
        /// The file.
        file: String,
        /// All that is wrong, at least one.
        findings: Vec<Finding>,
    },
}

/// One thing that is wrong in a solution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Finding {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong, and what was expected.
    pub reason: String,
}

fn join(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("; ")
}

/// The text of the solution in a charm's root folder.
///
/// # Errors
///
/// When there is no such file, or it can't be read.
pub fn text(charm_root: &Path) -> Result<String, SolutionError> {
    std::fs::read_to_string(charm_root.join(FILE_NAME))
        .map_err(|source| SolutionError::Unreadable { file: FILE_NAME.to_owned(), source })
}

/// Reads the text of a solution; `file` is what errors call it.
///
/// # Errors
///
/// When the text isn't of the schema.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, SolutionError> {
    serde_yaml::from_str(text).map_err(|error| {
        let location = error.location();
        SolutionError::Malformed {
            file: file.to_owned(),
            line: location.map_or(0, |place| place.line()),
            column: location.map_or(0, |place| place.column()),
            reason: reason(&error),
        }
    })
}

/// The parser's words without the place, which stands beside them, and without its excerpt.
fn reason(error: &serde_yaml::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.rsplit_once(" at line ").map_or(line, |(reason, _)| reason).to_owned()
}

/// Reads a name through its own parser: for `#[serde(deserialize_with)]`.
///
/// # Errors
///
/// When it is none; the parser's words say why.
pub fn name<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    deserializer: D,
) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// Reads a name through its own parser; null: there is none.
///
/// # Errors
///
/// When it is none; the parser's words say why.
pub fn optional_name<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(|text| text.parse().map_err(D::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::names::ContainerName;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Small {
        #[serde(deserialize_with = "name")]
        container: ContainerName,
        #[serde(default, deserialize_with = "optional_name")]
        other: Option<ContainerName>,
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let small: Small = parse("s.yaml", "container: loki\nother: null\n").expect("valid");
        assert_eq!((small.container.as_str(), small.other), ("loki", None));
        let refused = |text| parse::<Small>("s.yaml", text).expect_err("refused").to_string();
        let unknown = refused("container: loki\ncolour: red\n");
        assert_eq!(
            unknown,
            "cannot read `s.yaml`, line 2, column 1: \
             unknown field `colour`, expected one of container, other"
        );
        assert!(
            refused("container: a b\n").starts_with("cannot read `s.yaml`, line 1, column 12: ")
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = text(Path::new("/no/such/folder")).expect_err("refused");
        assert_eq!(error.to_string(), "cannot read `solution.yaml`");
    }

    #[test]
    fn all_contradictions_are_told() {
        let finding = |line, reason: &str| Finding { line, reason: reason.to_owned() };
        let findings = vec![finding(1, "a"), finding(3, "b")];
        let error = SolutionError::Contradictory { file: "s.yaml".to_owned(), findings };
        assert_eq!(error.to_string(), "cannot use `s.yaml`: line 1: a; line 3: b");
    }
}
