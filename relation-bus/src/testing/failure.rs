//! What a test did not find, and what helps to see why.

use std::error::Error;
use std::fmt;
use std::panic::Location;

use crate::charm_folder::{BuildError, LoadError};
use crate::dispatch::RootError;
use crate::engine::{EngineError, Noise};
use crate::model::StatusEntry;
use crate::model_file::ModelFileError;
use crate::names::{NameError, UnitName};

/// What was expected and is not so.
#[derive(Debug, thiserror::Error)]
pub enum Unmet {
    /// A model file can't be used.
    #[error("cannot begin")]
    File(#[from] ModelFileError),
    /// A charm can't be used.
    #[error("cannot deploy a charm")]
    Charm(#[from] LoadError),
    /// What the model runs can't be built.
    #[error("cannot build what the model runs")]
    Build(#[from] BuildError),
    /// There is no place that programs are built in.
    #[error("cannot tell where programs are built")]
    Place(#[from] RootError),
    /// A text in the test names nothing.
    #[error("cannot use a name")]
    Name(#[from] NameError),
    /// The bus refused an act, or could not run a hook.
    #[error("cannot do what the test asks for")]
    Engine(#[from] EngineError),
    /// The model did not come to rest in time.
    #[error("cannot settle within {limit} hooks: {noise}")]
    Hooks {
        /// How many were allowed.
        limit: usize,
        /// Who ran most, and what they wrote.
        noise: Noise,
    },
    /// Units are not active.
    #[error("cannot see every unit active: {}", statuses(.0))]
    NotActive(Vec<(UnitName, StatusEntry)>),
    /// A status is another one.
    #[error("cannot see status `{expected}` on `{unit}`: it is `{found}`")]
    Status {
        /// The unit.
        unit: UnitName,
        /// The word, or word and message.
        expected: String,
        /// The same of what is shown.
        found: String,
    },
    /// A hook over an unchanged model left something behind.
    #[error("cannot dispatch `{hook}` without a trace: {}", traces(.left))]
    Unsteady {
        /// The hook.
        hook: String,
        /// What each unit left behind.
        left: Vec<(UnitName, Vec<String>)>,
    },
    /// A hook made too many hook-tool calls.
    #[error(
        "cannot stay within {limit} hook-tool calls: `{hook}` on `{unit}` made {made} ({counts})"
    )]
    Calls {
        /// The unit.
        unit: UnitName,
        /// The hook.
        hook: String,
        /// How many were allowed.
        limit: usize,
        /// How many there were.
        made: usize,
        /// How often each tool was called.
        counts: String,
    },
    /// There is no such relation.
    #[error("cannot find a relation of `{end}` with `{remote}`; there are: {known}")]
    NoRelation {
        /// The end, as `application:endpoint`.
        end: String,
        /// The other application.
        remote: String,
        /// The relations that the application has.
        known: String,
    },
    /// A databag does not say what it should.
    #[error("cannot find what is expected on {bag}: {reason}")]
    Databag {
        /// Whose, on which relation.
        bag: String,
        /// What was expected and what is there.
        reason: String,
        /// The units that might tell why.
        units: Vec<UnitName>,
    },
}

impl Unmet {
    /// The units whose log may tell more.
    pub(super) fn units(&self) -> Vec<UnitName> {
        match self {
            Self::NotActive(units) => units.iter().map(|(unit, _)| unit.clone()).collect(),
            Self::Unsteady { left, .. } => left.iter().map(|(unit, _)| unit.clone()).collect(),
            Self::Status { unit, .. } | Self::Calls { unit, .. } => vec![unit.clone()],
            Self::Databag { units, .. } => units.clone(),
            _ => Vec::new(),
        }
    }
}

fn statuses(units: &[(UnitName, StatusEntry)]) -> String {
    let one = |(unit, status): &(UnitName, StatusEntry)| format!("`{unit}` is {}", shown(status));
    units.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A status as a test names it: the word, and after a colon the message if there is one.
pub(super) fn shown(status: &StatusEntry) -> String {
    match status.message.as_str() {
        "" => status.value.to_string(),
        message => format!("{}: {message}", status.value),
    }
}

fn traces(left: &[(UnitName, Vec<String>)]) -> String {
    let one = |(unit, traces): &(UnitName, Vec<String>)| format!("`{unit}`: {}", traces.join(", "));
    left.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What helps to see why, as titled lists of lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence(pub Vec<(String, Vec<String>)>);

impl Evidence {
    pub(super) fn add(&mut self, title: impl Into<String>, lines: Vec<String>) {
        if !lines.is_empty() {
            self.0.push((title.into(), lines));
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, lines) in &self.0 {
            write!(f, "\n\n{title}:")?;
            for line in lines {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

/// An expectation that was not met, with what helps to see why.
#[derive(Debug)]
pub struct Failure {
    /// What was expected.
    pub unmet: Box<Unmet>,
    /// Databag differences, hooks and logs.
    pub evidence: Evidence,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.unmet, self.evidence)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.unmet.source()
    }
}

impl<U: Into<Unmet>> From<U> for Failure {
    fn from(unmet: U) -> Self {
        Self { unmet: Box::new(unmet.into()), evidence: Evidence::default() }
    }
}

/// Gives the value, or ends the test with the failure and its causes, at the test's own line.
#[expect(clippy::panic, reason = "the assertions of tests panic")]
pub(super) fn met<T>(result: Result<T, Failure>, place: &Location<'_>) -> T {
    let failure = match result {
        Ok(value) => return value,
        Err(failure) => failure,
    };
    let causes = std::iter::successors(failure.source(), |error: &&dyn Error| (*error).source());
    let causes: String = causes.map(|cause| format!("\n  caused by: {cause}")).collect();
    panic!("{place}: {}{causes}{}", failure.unmet, failure.evidence)
}
