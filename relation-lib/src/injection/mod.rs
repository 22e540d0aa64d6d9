//! Injecting label matchers into the expressions of rules.
//!
//! A charm writes `up == 0` and means its own application. What it publishes is narrowed down:
//! `up{juju_application="loom",juju_model="prod"} == 0`. Python charms leave this to `cos-tool`, a helper
//! program; here it is done in both languages on a syntax tree, and printed the way the helper prints
//! ([`promql`], [`logql`]).
//!
//! Three properties hold for every expression that is taken: injecting again changes nothing; without the
//! injected matchers the result says what the expression said; a selector that names a label, with
//! whatever operator, gets no second matcher of it.

mod disguise;
mod error;
mod go;
pub mod logql;
mod play;
pub mod promql;
mod regexp;
mod token;

pub use error::InjectError;
pub use play::{PlayError, play};
pub use token::{TOKEN, fill_token, replace_token};

use crate::topology::Labels;

/// The language of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Of Prometheus and Mimir.
    PromQl,
    /// Of Loki.
    LogQl,
}

/// Adds a matcher for each label to every selector that has none of that name.
///
/// ```
/// use relation_lib::injection::{self, Language};
/// use relation_lib::topology::Labels;
///
/// let own = Labels::from_iter([("juju_model".to_owned(), "prod".to_owned())]);
/// let narrowed = injection::inject(Language::PromQl, "sum(rate(hits[60m])) by (job) > 1", &own)?;
/// assert_eq!(narrowed, r#"sum by (job) (rate(hits{juju_model="prod"}[1h])) > 1"#);
/// let narrowed = injection::inject(Language::LogQl, r#"rate({job=~".+"}[5m]) > 1"#, &own)?;
/// assert_eq!(narrowed, r#"(rate({job=~".+", juju_model="prod"}[5m]) > 1)"#);
/// # Ok::<(), injection::InjectError>(())
/// ```
///
/// # Errors
///
/// An expression that its server would refuse, or that is too long or too deep to look at. Whoever calls
/// keeps the expression as it is.
pub fn inject(
    language: Language,
    expression: &str,
    matchers: &Labels,
) -> Result<String, InjectError> {
    match language {
        Language::PromQl => promql::inject(expression, matchers),
        Language::LogQl => logql::inject(expression, matchers),
    }
}

/// Whether the server of that language would take the expression.
///
/// # Errors
///
/// Why it would not.
pub fn check(language: Language, expression: &str) -> Result<(), InjectError> {
    inject(language, expression, &Labels::new()).map(drop)
}
