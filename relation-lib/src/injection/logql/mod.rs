//! LogQL: matchers into every stream selector, printed as the Python side's helper prints.
//!
//! `scan` cuts the text into tokens as Loki's lexer does, `parse` and `pipeline` make a `tree` of
//! them, which takes the matchers and prints itself. The grammar is that of Loki 3, less what the helper's
//! older parser refuses on purpose (blanks within `[5m]`, a comma before `}`).
//!
//! What is printed: matchers in their order, the injected ones after them by name; every binary operation
//! in parentheses; arithmetic on two literals computed; ranges in Prometheus' form, other durations in
//! Go's.

mod literal;
mod parse;
mod pipeline;
mod print;
mod scan;
mod tree;

use crate::topology::Labels;

use super::InjectError;

/// Loki refuses queries from this length on, in bytes.
const LENGTH_LIMIT: usize = 5120;

/// Adds a matcher for each label to every stream selector that has none of that name.
///
/// Label filters in the pipeline are no matchers: `| json | juju_model="x"` does not count.
///
/// # Errors
///
/// An expression that Loki would refuse, or one of 5,120 bytes or more.
pub fn inject(expression: &str, matchers: &Labels) -> Result<String, InjectError> {
    if expression.len() >= LENGTH_LIMIT {
        return Err(InjectError::TooLong { length: expression.len(), limit: LENGTH_LIMIT });
    }
    let mut tree = parse::parse(expression)?;
    if let Some(disguised) = super::disguise::disguised(super::Language::LogQl, expression) {
        parse::parse(&disguised)?;
    }
    let mut sorted: Vec<(&String, &String)> = matchers.iter().collect();
    sorted.sort();
    tree.narrow_down(&sorted);
    Ok(tree.to_string())
}
