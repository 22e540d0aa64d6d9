//! A query as a tree, by Juju's precedence: `||`, `&&`, equality, order, calls, then `.` and `[]`.

use super::QueryError;
use super::lexer::{Kind, Token};

/// Deeper queries are refused: each level is a frame of the stack.
const DEEPEST: usize = 64;

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    fn of(mark: &str) -> Option<Self> {
        Some(match mark {
            "||" => Self::Or,
            "&&" => Self::And,
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn binds(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal | Self::NotEqual => 3,
            _ => 4,
        }
    }
}

/// A part of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Name(String),
    Integer(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    /// `a.b`.
    Member(Box<Expression>, String),
    /// `a[b]`.
    Index(Box<Expression>, Box<Expression>),
    /// `f(a, b)`.
    Call(String, Vec<Expression>),
    /// `x => a; b`: the last one counts.
    Lambda(String, Vec<Expression>),
    /// A first value, and operators of one strength with theirs, from left to right. A list and
    /// no tree, so that a long chain is not a deep one.
    Chain(Box<Expression>, Vec<(Operator, Expression)>),
}

struct Parser<'a> {
    tokens: &'a [Token],
    place: usize,
    depth: usize,
}

/// Parses tokens that end with the end. Expressions may follow one another, with or without `;`.
pub(super) fn parse(tokens: &[Token]) -> Result<Vec<Expression>, QueryError> {
    let mut parser = Parser { tokens, place: 0, depth: 0 };
    let mut expressions = Vec::new();
    while parser.kind() != &Kind::End {
        expressions.push(parser.expression(0)?);
        parser.take(";");
    }
    Ok(expressions)
}

impl Parser<'_> {
    /// The token at hand; the last one is the end and stays there.
    fn kind(&self) -> &Kind {
        self.tokens.get(self.place).map_or(&Kind::End, |token| &token.kind)
    }

    fn step(&mut self) {
        if self.place + 1 < self.tokens.len() {
            self.place += 1;
        }
    }

    fn take(&mut self, mark: &'static str) -> bool {
        let is_there = self.kind() == &Kind::Mark(mark);
        if is_there {
            self.step();
        }
        is_there
    }

    fn expect(&mut self, mark: &'static str) -> Result<(), QueryError> {
        if self.take(mark) {
            return Ok(());
        }
        let found = self.kind().shown();
        self.refuse(format!("expected token to be {mark}, got {found} instead"))
    }

    fn refuse<T>(&self, reason: String) -> Result<T, QueryError> {
        let (line, column) =
            self.tokens.get(self.place).map_or((1, 1), |token| (token.line, token.column));
        Err(QueryError::Syntax { line, column, reason })
    }

    /// An expression of operators that bind stronger than `above`.
    fn expression(&mut self, above: u8) -> Result<Expression, QueryError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.refuse("query is nested too deeply".to_owned());
        }
        let mut left = self.value()?;
        while let Some(operator) = self.operator().filter(|operator| operator.binds() > above) {
            let binds = operator.binds();
            let mut links = Vec::new();
            while let Some(operator) = self.operator().filter(|other| other.binds() == binds) {
                self.step();
                links.push((operator, self.expression(binds)?));
            }
            left = Expression::Chain(Box::new(left), links);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&self) -> Option<Operator> {
        match self.kind() {
            Kind::Mark(mark) => Operator::of(mark),
            _ => None,
        }
    }

    /// A value with what is asked of it: members, indices, calls.
    fn value(&mut self) -> Result<Expression, QueryError> {
        let mut value = match self.kind().clone() {
            Kind::Name(name) => {
                self.step();
                if self.take("=>") {
                    return self.lambda(name);
                }
                if self.take("(") {
                    let arguments = self.arguments()?;
                    Expression::Call(name, arguments)
                } else {
                    Expression::Name(name)
                }
            }
            Kind::Integer(number) => self.literal(Expression::Integer(number)),
            Kind::Float(number) => self.literal(Expression::Float(number)),
            Kind::Text(text) => self.literal(Expression::Text(text)),
            Kind::Bool(value) => self.literal(Expression::Bool(value)),
            Kind::Mark("(") => {
                self.step();
                let inner = self.expression(0)?;
                self.expect(")")?;
                inner
            }
            Kind::Mark(mark) => return self.refuse(format!("invalid character '{mark}' found")),
            Kind::End => return self.refuse("unexpected end of the query".to_owned()),
        };
        // Each turn adds a level, so the turns are counted like levels.
        let mut turns = 0;
        loop {
            turns += 1;
            if turns > DEEPEST {
                return self.refuse("query is nested too deeply".to_owned());
            }
            if self.take(".") {
                let Kind::Name(name) = self.kind().clone() else {
                    let found = self.kind().shown();
                    return self
                        .refuse(format!("expected token to be a name, got {found} instead"));
                };
                self.step();
                value = Expression::Member(Box::new(value), name);
            } else if self.take("[") {
                let index = self.expression(0)?;
                self.expect("]")?;
                value = Expression::Index(Box::new(value), Box::new(index));
            } else {
                return Ok(value);
            }
        }
    }

    fn literal(&mut self, value: Expression) -> Expression {
        self.step();
        value
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, QueryError> {
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(0)?);
            if !self.take(",") {
                self.expect(")")?;
                return Ok(arguments);
            }
        }
    }

    fn lambda(&mut self, name: String) -> Result<Expression, QueryError> {
        let mut expressions = vec![self.expression(0)?];
        while self.take(";") {
            expressions.push(self.expression(0)?);
        }
        Ok(Expression::Lambda(name, expressions))
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokens;
    use super::*;

    fn parsed(text: &str) -> Expression {
        let mut all = parse(&tokens(text).unwrap()).unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn and_binds_stronger_than_or() {
        let bool = |value| Box::new(Expression::Bool(value));
        let and = Expression::Chain(bool(false), vec![(Operator::And, Expression::Bool(true))]);
        assert_eq!(
            parsed("true || false && true"),
            Expression::Chain(bool(true), vec![(Operator::Or, and.clone())])
        );
        assert_eq!(
            parsed("false && true || true"),
            Expression::Chain(Box::new(and), vec![(Operator::Or, Expression::Bool(true))])
        );
    }

    #[test]
    fn members_bind_to_names_and_lambdas_take_the_rest() {
        let name = |text: &str| Box::new(Expression::Name(text.to_owned()));
        let member = Expression::Member(name("u"), "name".to_owned());
        let body =
            Expression::Chain(Box::new(member), vec![(Operator::Equal, Expression::Integer(1))]);
        assert_eq!(
            parsed("forEach(units, u => u.name == 1)"),
            Expression::Call(
                "forEach".to_owned(),
                vec![*name("units"), Expression::Lambda("u".to_owned(), vec![body])]
            )
        );
    }

    #[test]
    fn expressions_follow_one_another() {
        assert_eq!(parse(&tokens("1; 2 3").unwrap()).unwrap().len(), 3);
        assert!(parse(&tokens(")").unwrap()).is_err());
        assert!(parse(&tokens("a.").unwrap()).is_err());
    }
}
