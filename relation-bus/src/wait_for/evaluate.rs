//! Judges a query over an entity.

use std::cell::RefCell;
use std::cmp::Ordering;

use serde_json::Value;

use super::parser::{Expression, Operator};
use super::scope::option;
use super::{QueryError, Scope, Seen};
use crate::model::Model;

/// A value while a query is judged.
#[derive(Debug, Clone)]
pub(super) enum Held<'a> {
    Integer(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    /// The options of a model, by name.
    Config(&'a Model),
    /// One entity.
    Scope(Scope<'a>),
    /// Several entities, to go through with `forEach`.
    Scopes(Vec<Scope<'a>>),
}

impl Held<'_> {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Whether it counts as an answer: nothing empty, no zero, not `false`.
    fn is_something(&self) -> bool {
        match self {
            Self::Integer(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bool(value) => *value,
            Self::Scopes(scopes) => !scopes.is_empty(),
            Self::Config(_) | Self::Scope(_) => true,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "integer",
            Self::Float(_) => "float",
            Self::Text(_) => "string",
            Self::Bool(_) => "boolean",
            Self::Config(_) => "map",
            Self::Scope(_) => "entity",
            Self::Scopes(_) => "list of entities",
        }
    }

    /// As a plain value, for the summary.
    pub(super) fn to_json(&self) -> Option<Value> {
        Some(match self {
            Self::Integer(number) => Value::from(*number),
            Self::Float(number) => Value::from(*number),
            Self::Text(text) => Value::from(text.as_str()),
            Self::Bool(value) => Value::from(*value),
            Self::Config(_) | Self::Scope(_) | Self::Scopes(_) => return None,
        })
    }
}

/// What names mean: the entity that is waited for, and the arguments of the lambdas around.
struct Names<'a, 'n> {
    base: Scope<'a>,
    arguments: Vec<(&'n str, Scope<'a>)>,
    seen: &'n RefCell<Seen>,
}

/// Whether a query's answer is yes. Of several expressions the first one counts.
pub(super) fn holds<'a>(
    expressions: &[Expression],
    scope: &Scope<'a>,
    seen: &RefCell<Seen>,
) -> Result<bool, QueryError> {
    let Some(first) = expressions.first() else { return Ok(false) };
    let mut names = Names { base: *scope, arguments: Vec::new(), seen };
    Ok(names.value(first)?.is_something())
}

fn fail<T>(reason: String) -> Result<T, QueryError> {
    Err(QueryError::Runtime(reason))
}

impl<'a, 'n> Names<'a, 'n> {
    fn value(&mut self, expression: &'n Expression) -> Result<Held<'a>, QueryError> {
        match expression {
            Expression::Integer(number) => Ok(Held::Integer(*number)),
            Expression::Float(number) => Ok(Held::Float(*number)),
            Expression::Text(text) => Ok(Held::Text(text.clone())),
            Expression::Bool(value) => Ok(Held::Bool(*value)),
            Expression::Name(name) => {
                let argument = self.arguments.iter().rev().find(|(known, _)| known == name);
                match argument {
                    Some((_, scope)) => Ok(Held::Scope(*scope)),
                    None => self.property(self.base, name),
                }
            }
            Expression::Member(value, name) => match self.value(value)? {
                Held::Scope(scope) => self.property(scope, name),
                other => fail(format!("no `.{name}` on a {}", other.kind())),
            },
            Expression::Index(value, index) => match self.value(value)? {
                Held::Config(model) => match self.value(index)? {
                    Held::Text(name) => {
                        let found = option(model, &name).map(|value| match value {
                            Value::Bool(value) => Held::Bool(value),
                            Value::String(text) => Held::Text(text),
                            other => Held::Text(other.to_string()),
                        });
                        found.ok_or_else(|| {
                            QueryError::Runtime(format!("unexpected index {name} accessing map"))
                        })
                    }
                    other => fail(format!("unexpected index type {} accessing map", other.kind())),
                },
                other => fail(format!("unexpected index expression on a {}", other.kind())),
            },
            Expression::Call(name, arguments) => self.call(name, arguments),
            Expression::Lambda(..) => fail("unexpected lambda".to_owned()),
            Expression::Chain(first, links) => {
                let mut left = self.value(first)?;
                for (operator, right) in links {
                    left = Held::Bool(self.infix(&left, *operator, right)?);
                }
                Ok(left)
            }
        }
    }

    fn property(&mut self, scope: Scope<'a>, name: &str) -> Result<Held<'a>, QueryError> {
        let value = scope.get(name).ok_or_else(|| QueryError::Identifier {
            name: name.to_owned(),
            kind: scope.kind(),
            known: scope.known().join(", "),
        })?;
        self.seen.borrow_mut().record(&self.base, &scope, name);
        Ok(value)
    }

    /// An operator's answer. The right side is looked at only where it matters.
    fn infix(
        &mut self,
        left: &Held<'a>,
        operator: Operator,
        right: &'n Expression,
    ) -> Result<bool, QueryError> {
        let boolean = |value: &Held<'_>, mark: &str| match value {
            Held::Bool(value) => Ok(*value),
            other => fail(format!("`{mark}` only works on booleans, found a {}", other.kind())),
        };
        match operator {
            Operator::And => {
                return Ok(boolean(left, "&&")? && boolean(&self.value(right)?, "&&")?);
            }
            Operator::Or => {
                return Ok(boolean(left, "||")? || boolean(&self.value(right)?, "||")?);
            }
            _ => {}
        }
        let order = compare(left, &self.value(right)?);
        Ok(match operator {
            Operator::Equal => order == Some(Ordering::Equal),
            Operator::NotEqual => order != Some(Ordering::Equal),
            Operator::Less => order == Some(Ordering::Less),
            Operator::LessOrEqual => order.is_some_and(Ordering::is_le),
            Operator::Greater => order == Some(Ordering::Greater),
            Operator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Operator::And | Operator::Or => false,
        })
    }

    fn call(&mut self, name: &str, arguments: &'n [Expression]) -> Result<Held<'a>, QueryError> {
        let wanted = match name {
            "len" | "print" => 1,
            "forEach" | "startsWith" | "endsWith" => 2,
            _ => return fail(format!("no function {name:?}")),
        };
        if arguments.len() != wanted {
            let plural = if wanted == 1 { "" } else { "s" };
            return fail(format!(
                "{name} takes {wanted} argument{plural}, found {}",
                arguments.len()
            ));
        }
        let first = self.value(&arguments[0])?;
        match name {
            "len" => match first {
                Held::Text(text) => Ok(Held::Integer(count(text.len()))),
                Held::Scopes(scopes) => Ok(Held::Integer(count(scopes.len()))),
                other => fail(format!("unexpected type {} passed to len", other.kind())),
            },
            "forEach" => match (first, &arguments[1]) {
                (Held::Scopes(scopes), Expression::Lambda(argument, body)) => {
                    self.for_each(&scopes, argument, body)
                }
                (Held::Scopes(_), _) => fail("forEach expects a lambda, `x => …`".to_owned()),
                (other, _) => fail(format!("unexpected lambda values of type {}", other.kind())),
            },
            "startsWith" | "endsWith" => match (first, self.value(&arguments[1])?) {
                (Held::Text(text), Held::Text(part)) if name == "startsWith" => {
                    Ok(Held::Bool(text.starts_with(&part)))
                }
                (Held::Text(text), Held::Text(part)) => Ok(Held::Bool(text.ends_with(&part))),
                (one, other) => fail(format!(
                    "{name} expects strings, found {} and {}",
                    one.kind(),
                    other.kind()
                )),
            },
            // What `print` prints is for who writes the query; here nobody listens.
            _ => Ok(first),
        }
    }

    /// Whether the lambda's last answer is yes for each one. For nobody the answer is no, as in
    /// Juju.
    fn for_each(
        &mut self,
        scopes: &[Scope<'a>],
        argument: &'n str,
        body: &'n [Expression],
    ) -> Result<Held<'a>, QueryError> {
        for scope in scopes {
            self.arguments.push((argument, *scope));
            let mut last = Ok(Held::Bool(false));
            for expression in body {
                last = self.value(expression);
                if last.is_err() {
                    break;
                }
            }
            self.arguments.pop();
            if !last?.is_something() {
                return Ok(Held::Bool(false));
            }
        }
        Ok(Held::Bool(!scopes.is_empty()))
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// How two values stand to each other; not at all when they are of different types.
fn compare(one: &Held<'_>, other: &Held<'_>) -> Option<Ordering> {
    // Counts and what people type are far below the numbers that a float can't hold.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let number = |value: &Held<'_>| match value {
        Held::Integer(number) => Some(*number as f64),
        Held::Float(number) => Some(*number),
        _ => None,
    };
    match (one, other) {
        (Held::Text(one), Held::Text(other)) => Some(one.cmp(other)),
        (Held::Bool(one), Held::Bool(other)) => Some(one.cmp(other)),
        _ => number(one)?.partial_cmp(&number(other)?),
    }
}
