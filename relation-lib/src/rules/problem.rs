use std::fmt;

use crate::injection::InjectError;
use crate::yaml::{Alien, YamlErrorKind};

/// Something in a rule file that could not be used, or not as intended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the file, as it was given.
    pub file: String,
    /// Line of the file, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file is not YAML.
    #[error("cannot read YAML: {0}")]
    Yaml(YamlErrorKind),
    /// The file holds neither groups nor a rule.
    #[error("cannot find `groups`, nor `expr` with `alert` or `record`")]
    NeitherFormat,
    /// `groups` is something else than a list.
    #[error("cannot use `groups`: expected a list")]
    Groups,
    /// A group lacks what makes it one.
    #[error("cannot use this group: {0}")]
    Group(&'static str),
    /// A rule lacks what makes it one.
    #[error("cannot use this rule: {0}")]
    Rule(&'static str),
    /// A value in a rule, such as a date, that no databag can hold.
    #[error("cannot use this rule: {0} has no place in JSON")]
    RuleValue(Alien),
    /// The expression could not be parsed, so it says nothing about whose series it means.
    #[error("cannot inject the topology: {0}")]
    NotInjected(InjectError),
}

/// What a fault costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The whole file is left out.
    FileLeftOut,
    /// The group is left out.
    GroupLeftOut,
    /// The rule is left out.
    RuleLeftOut,
    /// The rule is published with its expression as it stands.
    Published,
}

impl Fault {
    /// What the fault costs.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::Yaml(_) | Self::NeitherFormat | Self::Groups => Effect::FileLeftOut,
            Self::Group(_) => Effect::GroupLeftOut,
            Self::Rule(_) | Self::RuleValue(_) => Effect::RuleLeftOut,
            Self::NotInjected(_) => Effect::Published,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, line {}: {}", self.file, self.line, self.fault)
    }
}
