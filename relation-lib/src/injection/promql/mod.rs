//! PromQL: matchers into every vector selector, printed as Prometheus 3.8 prints.
//!
//! Three steps. `literal` reads the text as Prometheus' lexer does and writes it down again with every
//! literal in a form that cannot be misread, keeping what the literals mean. The parser of
//! `promql-parser` makes a tree of that: grammar, precedence and types are its matter. `print` walks the
//! tree, takes each literal from where it was kept, and adds matchers to the selectors.
//!
//! What is printed: matchers sorted and joined by `,`; the clause of an aggregation before its
//! parentheses; durations and numbers in their shortest form; keywords in lower case; parentheses as they
//! were.

mod literal;
mod print;
mod scan;

use crate::topology::Labels;

use super::{InjectError, Language, disguise};

/// Operators, calls and parentheses beyond this number are refused: the parser's tree could get so deep
/// that walking it overflows the stack.
const NESTING_LIMIT: usize = 400;

/// Adds a matcher for each label to every selector that has none of that name.
///
/// # Errors
///
/// An expression that Prometheus would refuse, or one with more than 400 operators and parentheses.
pub fn inject(expression: &str, matchers: &Labels) -> Result<String, InjectError> {
    if let Some(disguised) = disguise::disguised(Language::PromQl, expression) {
        narrowed(&disguised, matchers)?;
    }
    narrowed(expression, matchers)
}

fn narrowed(expression: &str, matchers: &Labels) -> Result<String, InjectError> {
    let prepared = literal::prepare(expression)?;
    let tree = promql_parser::parser::parse(&prepared.text).map_err(InjectError::Syntax)?;
    print::print(&tree, prepared.literals, matchers)
}

/// Whether a name can be written without quotes.
fn is_plain_label(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
