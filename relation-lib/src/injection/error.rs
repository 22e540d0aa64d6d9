use thiserror::Error;

/// Why nothing was injected into an expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InjectError {
    /// The expression breaks the grammar of its language, or does not fit together.
    #[error("cannot parse the expression: {0}")]
    Syntax(String),
    /// The expression breaks the grammar at a certain place.
    #[error("cannot parse the expression at character {at}: {reason}")]
    At {
        /// The place, counted in characters from 1.
        at: usize,
        /// What was expected and what was found.
        reason: String,
    },
    /// The expression is longer than its server takes.
    #[error("cannot parse an expression of {length} bytes: the limit is {limit}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The first length that is refused.
        limit: usize,
    },
    /// Operators, calls and parentheses are nested deeper than we follow.
    #[error("cannot parse an expression that is nested so deep")]
    TooDeep,
}

impl InjectError {
    pub(super) fn syntax(reason: impl Into<String>) -> Self {
        Self::Syntax(reason.into())
    }

    /// `index` counts from 0.
    pub(super) fn at(index: usize, reason: impl Into<String>) -> Self {
        Self::At { at: index + 1, reason: reason.into() }
    }
}
