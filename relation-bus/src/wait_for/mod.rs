//! `juju wait-for`: a goal as a small expression over what a model shows.
//!
//! ```text
//! life=="alive" && status=="active" && forEach(units, u => u.workload-status == "active")
//! ```
//!
//! A [`Query`] is parsed once and judged as often as the model changes. Both are pure; whoever
//! waits asks again when something moved. The language is Juju's (`cmd/juju/waitfor/query`):
//! comparisons, `&&`, `||`, parentheses, indices, and calls of `len`, `print`, `forEach`,
//! `startsWith` and `endsWith`.

mod evaluate;
mod lexer;
mod parser;
mod scope;
mod summary;

use std::cell::RefCell;

pub use scope::{Scope, ScopeKind};
pub use summary::{Seen, summary};

/// Longer queries are refused: nobody types them, and judging one takes as long as it is deep.
const LONGEST: usize = 4096;

/// A parsed query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    expressions: Vec<parser::Expression>,
}

/// Why a query can't be parsed or judged. The texts are Juju's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is not of the language.
    #[error("Syntax Error: <:{line}:{column}> {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It asks for something that isn't there.
    #[error("Runtime Error: {0}")]
    Runtime(String),
    /// It names something that a model, application or unit doesn't have.
    #[error("\"{name}\" on {kind}: invalid identifier; expected one of {known}")]
    Identifier {
        /// What it names.
        name: String,
        /// Where it was looked for.
        kind: ScopeKind,
        /// What is there instead.
        known: String,
    },
}

impl Query {
    /// Parses a query.
    ///
    /// # Errors
    ///
    /// When it is not of the language.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > LONGEST {
            let reason = format!("query of {} bytes is longer than {LONGEST}", text.len());
            return Err(QueryError::Syntax { line: 1, column: 1, reason });
        }
        let expressions = parser::parse(&lexer::tokens(text)?)?;
        Ok(Self { expressions })
    }

    /// Judges the query over a model, an application or a unit as it is now: whether the goal is
    /// reached, and what was looked at to say so.
    ///
    /// # Errors
    ///
    /// When the query asks for something that isn't there.
    pub fn judge(&self, scope: &Scope<'_>) -> Result<(bool, Seen), QueryError> {
        let seen = RefCell::new(Seen::default());
        let holds = evaluate::holds(&self.expressions, scope, &seen)?;
        Ok((holds, seen.into_inner()))
    }

    /// Like [`Query::judge`], for who only wants to know whether the goal is reached.
    ///
    /// # Errors
    ///
    /// When the query asks for something that isn't there.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, QueryError> {
        self.judge(scope).map(|(holds, _)| holds)
    }
}

/// What Juju waits for when no query is given.
#[must_use]
pub fn default_query(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Model => r#"life=="alive" && status=="available""#,
        ScopeKind::Application => r#"life=="alive" && status=="active""#,
        ScopeKind::Unit => r#"life=="alive" && workload-status=="active""#,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, StatusValue};
    use crate::names::UnitName;
    use crate::shapes::samples;

    fn scope<'a>(model: &'a Model, name: &str) -> Scope<'a> {
        match name.parse::<UnitName>() {
            Ok(unit) => Scope::unit(model, &unit).unwrap(),
            Err(_) if name == model.name => Scope::model(model),
            Err(_) => Scope::application(model, name).unwrap(),
        }
    }

    fn check(name: &str, query: &str) -> Result<bool, String> {
        let model = samples::model();
        let query = Query::parse(query).map_err(|error| error.to_string())?;
        query.holds(&scope(&model, name)).map_err(|error| error.to_string())
    }

    #[test]
    fn goals_are_judged() {
        for (name, query, expected) in [
            ("web", default_query(ScopeKind::Application), true),
            ("web/0", default_query(ScopeKind::Unit), true),
            ("m", default_query(ScopeKind::Model), true),
            ("web", r#"status == "blocked" || len(units) == 2"#, true),
            ("web", r#"status == "active" && len(units) > 2"#, false),
            ("web", "len(units) >= 2 && len(units) <= 2 && len(units) < 2.5", true),
            ("web", r#"(name == "x" || name == "web") && exposed != true"#, true),
            ("web", r#"forEach(units, unit => unit.workload-status == "active")"#, true),
            ("web", r#"forEach(units, u => u.name == "web/0")"#, false),
            ("web", r#"forEach(units, u => startsWith(u.name, "web/"))"#, true),
            ("web", r#"endsWith(charm-url, "k8s-0")"#, true),
            ("m", r#"forEach(applications, a => a.status == "active" && len(a.units) > 0)"#, true),
            (
                "m",
                r#"forEach(applications, app => forEach(units, u => u.agent-status == "idle"))"#,
                true,
            ),
            ("m", "len(machines) == 0 && is-controller == false", true),
            ("m", r#"forEach(machines, m => true)"#, false),
            ("web/0", r#"workload-message != """#, true),
            ("web/0", "name", true),
            ("web/0", "principal", false),
            ("web/0", "1 == 1.0", true),
            ("web/0", r#"name < "web/1""#, true),
            ("web", "", false),
        ] {
            assert_eq!(check(name, query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (query, expected) in [
            ("status ==", "Syntax Error: <:1:10> unexpected end of the query"),
            ("status = 1", "Syntax Error: <:1:8> invalid character '=' found"),
            (
                "(status == \"x\"",
                "Syntax Error: <:1:15> expected token to be ), got end of the query instead",
            ),
            ("status == \"x", "Syntax Error: <:1:11> string is not closed"),
            ("nope == 1", "\"nope\" on Application: invalid identifier"),
            ("name && true", "Runtime Error: `&&` only works on booleans, found a string"),
            ("len(1)", "Runtime Error: unexpected type integer passed to len"),
            ("grow(1)", "Runtime Error: no function \"grow\""),
            ("len()", "Runtime Error: len takes 1 argument, found 0"),
            ("units[1]", "Runtime Error: unexpected index expression on a list of entities"),
        ] {
            let error = check("web", query).unwrap_err();
            assert!(error.starts_with(expected), "{query}: {error}");
        }
    }

    #[test]
    fn what_is_asked_for_too_deeply_is_refused() {
        let deep = format!("{}1{}", "(".repeat(500), ")".repeat(500));
        assert!(check("web", &deep).unwrap_err().contains("nested too deeply"));
        let long = vec!["true"; 1000].join(" && ");
        assert!(check("web", &long).unwrap_err().contains("is longer than 4096"));
        let chain = vec!["1"; 1300].join("<");
        assert_eq!(check("web", &chain), Ok(false));
    }

    #[test]
    fn config_of_a_model_can_be_indexed() {
        assert_eq!(check("m", r#"config["automatically-retry-hooks"] == true"#), Ok(true));
        assert!(check("m", r#"config["x"] == true"#).is_err());
    }

    #[test]
    fn a_goal_is_reached_when_the_model_says_so() {
        let mut model = samples::model();
        let unit = UnitName::new("web", 1);
        let status = crate::model::StatusEntry::new(StatusValue::Waiting, "", model.clock);
        model.unit_mut(&unit).unwrap().set_status(status);
        let query = Query::parse(default_query(ScopeKind::Application)).unwrap();
        assert_eq!(query.holds(&scope(&model, "web")), Ok(false));
        let (_, seen) = query.judge(&scope(&model, "web")).unwrap();
        assert_eq!(
            summary(&scope(&model, "web"), &seen).to_string(),
            r#"{"properties":{"life":"alive","status":"waiting"}}"#
        );
    }
}
