//! Literals, set aside.
//!
//! The parser's tree keeps neither `90m` apart from `5400`, nor `+x` from `x`; it knows no `1_000`, and
//! panics at a duration of `1e30`. So it never sees a literal as it was written: each one is remembered
//! here in the order of the text, and a stand-in goes to the parser. Walking the tree in the order of the
//! text, the printer meets them again one by one.

use std::collections::VecDeque;

use indexmap::IndexSet;

use super::NESTING_LIMIT;
use super::scan::{Token, scan};
use crate::injection::{InjectError, go, regexp};

/// An expression for the parser, and what its literals mean.
pub(super) struct Prepared {
    pub(super) text: String,
    pub(super) literals: Literals,
}

/// What was set aside. Each list is in the order of the text.
#[derive(Default)]
pub(super) struct Literals {
    /// Strings, by the number in their stand-in.
    strings: IndexSet<String>,
    /// What stood in brackets, brackets included.
    pub(super) ranges: VecDeque<String>,
    /// Offsets, their sign included; none for an offset of zero.
    pub(super) offsets: VecDeque<Option<String>>,
    /// Instants after `@`.
    pub(super) instants: VecDeque<String>,
    /// Signs and numbers.
    pub(super) scalars: VecDeque<Scalar>,
}

/// A sign before an operand, or a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar {
    Plus,
    Minus,
    Number(f64),
    /// A number that was written as a duration, in milliseconds.
    Duration(u64),
}

impl Literals {
    /// What a string of the tree stands for.
    pub(super) fn string<'a>(&'a self, stand_in: &'a str) -> &'a str {
        let number = stand_in.trim_start_matches('(').trim_end_matches(")?").strip_prefix('~');
        let number = number.and_then(|number| number.strip_suffix('~')?.parse::<usize>().ok());
        number.and_then(|number| self.strings.get_index(number)).map_or(stand_in, String::as_str)
    }

    /// Equal strings have equal stand-ins. Those that could do no harm stand for themselves. The parser asks
    /// of a matcher whether it is content with nothing, so a stand-in gives the same answer as its string.
    fn set_aside(&mut self, string: String) -> String {
        if string.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return string;
        }
        let nothing = regexp::check(&string) == Ok(regexp::OnNothing::Matches);
        let (number, _) = self.strings.insert_full(string);
        if nothing { format!("(~{number}~)?") } else { format!("~{number}~") }
    }
}

/// What parentheses hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parentheses {
    Expressions,
    /// Labels of `by` and `without`, which may end an operand.
    Grouping,
    /// Labels of `on` and the like, after which an operand comes.
    Matching,
    /// The value of `fill`, which is no expression.
    Fill,
}

/// Reads an expression and sets its literals aside.
pub(super) fn prepare(expression: &str) -> Result<Prepared, InjectError> {
    let mut preparer = Preparer {
        tokens: scan(expression)?,
        at: 0,
        text: String::new(),
        literals: Literals::default(),
        open: Vec::new(),
        opening: Parentheses::Expressions,
        after_operand: false,
        nesting: 0,
    };
    while preparer.at < preparer.tokens.len() {
        preparer.step()?;
    }
    Ok(Prepared { text: preparer.text, literals: preparer.literals })
}

struct Preparer {
    tokens: Vec<(usize, Token)>,
    at: usize,
    text: String,
    literals: Literals,
    open: Vec<Parentheses>,
    /// What the next parenthesis opens.
    opening: Parentheses,
    /// An operand ends here, so a sign would be an operator.
    after_operand: bool,
    nesting: usize,
}

impl Preparer {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(_, token)| token)
    }

    fn is_next(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.peek(ahead), Some(Token::Symbol(next)) if *next == symbol)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.is_next(0, symbol);
        self.at += usize::from(found);
        found
    }

    fn error(&self, reason: &str) -> InjectError {
        let end = self.tokens.last().map_or(0, |(at, _)| at + 1);
        InjectError::at(self.tokens.get(self.at).map_or(end, |(at, _)| *at), reason)
    }

    fn emit(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push(' ');
    }

    fn nest(&mut self) -> Result<(), InjectError> {
        self.nesting += 1;
        if self.nesting > NESTING_LIMIT { Err(InjectError::TooDeep) } else { Ok(()) }
    }

    /// In parentheses that hold expressions, where literals become part of the tree.
    fn in_expression(&self) -> bool {
        self.open.last().is_none_or(|parentheses| *parentheses == Parentheses::Expressions)
    }

    fn step(&mut self) -> Result<(), InjectError> {
        let Some((_, token)) = self.tokens.get(self.at).cloned() else { return Ok(()) };
        match token {
            Token::Word(word) => return self.word(&word),
            Token::Text(string) => {
                let stand_in = self.literals.set_aside(string);
                self.emit(&format!("\"{stand_in}\""));
                self.after_operand = true;
            }
            Token::Number(value) => self.number(Scalar::Number(value)),
            Token::Duration(milliseconds) => self.number(Scalar::Duration(milliseconds)),
            Token::Symbol("{") => return self.selector(),
            Token::Symbol("[") => return self.range(),
            Token::Symbol("@") => return self.instant(),
            Token::Symbol(symbol) => self.symbol(symbol)?,
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self, scalar: Scalar) {
        if self.in_expression() {
            self.literals.scalars.push_back(scalar);
            self.emit("1");
        } else if let Scalar::Number(value) = scalar {
            self.emit(&format!("{value:?}"));
        } else {
            self.emit("1m");
        }
        self.after_operand = true;
    }

    fn symbol(&mut self, symbol: &'static str) -> Result<(), InjectError> {
        match symbol {
            "(" => {
                self.nest()?;
                self.open.push(self.opening);
                self.opening = Parentheses::Expressions;
                self.after_operand = false;
                self.emit(symbol);
            }
            ")" => {
                let closed = self.open.pop();
                self.after_operand =
                    matches!(closed, Some(Parentheses::Expressions | Parentheses::Grouping));
                self.emit(symbol);
            }
            "+" | "-" if !self.after_operand && self.in_expression() => {
                self.nest()?;
                self.literals.scalars.push_back(if symbol == "+" {
                    Scalar::Plus
                } else {
                    Scalar::Minus
                });
                // The parser forgets a plus.
                self.emit("-");
            }
            _ => {
                if symbol != "," {
                    self.nest()?;
                }
                self.after_operand = false;
                self.emit(symbol);
            }
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), InjectError> {
        let keyword = word.to_ascii_lowercase();
        let called = self.is_next(1, "(");
        let operator = match keyword.as_str() {
            _ if !self.in_expression() => false,
            "offset" if self.after_operand && self.at_duration(1) => return self.offset(),
            "anchored" | "smoothed" if self.after_operand && self.text.ends_with("] ") => {
                // The parser doesn't know these, which are about how a range is cut.
                if let Some(range) = self.literals.ranges.back_mut() {
                    range.push(' ');
                    range.push_str(&keyword);
                }
                self.at += 1;
                return Ok(());
            }
            "by" | "without" if called => {
                self.opening = Parentheses::Grouping;
                false
            }
            "on" | "ignoring" | "group_left" | "group_right" => {
                self.opening =
                    if called { Parentheses::Matching } else { Parentheses::Expressions };
                true
            }
            "fill" | "fill_left" | "fill_right" if called => {
                self.opening = Parentheses::Fill;
                false
            }
            "and" | "or" | "unless" | "atan2" => {
                self.nest()?;
                self.after_operand
            }
            "bool" => true,
            "inf" | "nan" => {
                let value = if keyword == "inf" { f64::INFINITY } else { f64::NAN };
                self.number(Scalar::Number(value));
                self.at += 1;
                return Ok(());
            }
            _ => false,
        };
        self.emit(word);
        self.after_operand = !operator;
        self.at += 1;
        Ok(())
    }

    /// Copies a selector's matchers.
    fn selector(&mut self) -> Result<(), InjectError> {
        while let Some((_, token)) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            match token {
                Token::Word(word) => {
                    if matches!(self.peek(0), Some(Token::Word(_))) {
                        return Err(self.error("two names in a row"));
                    }
                    self.text.push_str(&word);
                }
                Token::Text(string) => {
                    let stand_in = self.literals.set_aside(string);
                    self.text.push_str(&format!("\"{stand_in}\""));
                }
                Token::Symbol("}") => {
                    self.emit("}");
                    self.after_operand = true;
                    return Ok(());
                }
                Token::Symbol(symbol) => self.text.push_str(symbol),
                // The scanner makes none within braces.
                Token::Number(_) | Token::Duration(_) => break,
            }
        }
        Err(self.error("a `{` without `}`"))
    }

    /// `[5m]`, `[1h:]` or `[1h:5m]`.
    fn range(&mut self) -> Result<(), InjectError> {
        self.at += 1;
        let mut written = format!("[{}", self.positive_duration()?);
        let mut stand_in = "[1m".to_owned();
        if self.take(":") {
            written.push(':');
            stand_in.push(':');
            if !self.is_next(0, "]") {
                written.push_str(&self.positive_duration()?);
                stand_in.push_str("1m");
            }
        }
        if !self.take("]") {
            return Err(self.error("expected `]`"));
        }
        written.push(']');
        self.literals.ranges.push_back(written);
        self.emit(&(stand_in + "]"));
        self.after_operand = true;
        Ok(())
    }

    fn positive_duration(&mut self) -> Result<String, InjectError> {
        let start = self.at;
        let written = self.duration_sum(0)?;
        // What is computed from more than a literal is for the server to judge.
        let zero = self.at == start + 1 && self.literal_duration(start) == Some(0);
        let negative = self.at == start + 2 && written.starts_with('-');
        if zero || negative {
            self.at = start;
            return Err(self.error("a duration must be greater than 0"));
        }
        Ok(written)
    }

    /// Milliseconds of the number or duration at a place; a bare number counts seconds.
    fn literal_duration(&self, at: usize) -> Option<u64> {
        match self.tokens.get(at)?.1 {
            Token::Duration(milliseconds) => Some(milliseconds),
            Token::Number(seconds) => {
                let milliseconds = (seconds * 1000.0).floor();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "the bounds are checked"
                )]
                let fits = (0.0..go::DURATION_LIMIT as f64)
                    .contains(&milliseconds)
                    .then_some(milliseconds as u64);
                fits
            }
            _ => None,
        }
    }

    /// Whether a duration, perhaps with a sign, comes `ahead` tokens from here.
    fn at_duration(&self, ahead: usize) -> bool {
        let signed = self.is_next(ahead, "+") || self.is_next(ahead, "-");
        let ahead = ahead + usize::from(signed);
        match self.peek(ahead) {
            Some(Token::Number(_) | Token::Duration(_) | Token::Symbol("(")) => true,
            Some(Token::Word(word)) => {
                matches!(word.to_ascii_lowercase().as_str(), "step" | "min" | "max")
                    && self.is_next(ahead + 1, "(")
            }
            _ => false,
        }
    }

    fn offset(&mut self) -> Result<(), InjectError> {
        self.at += 1;
        let negative = self.is_next(0, "-");
        self.at += usize::from(negative || self.is_next(0, "+"));
        let start = self.at;
        let written = self.duration_primary()?;
        let zero = self.at == start + 1 && self.literal_duration(start) == Some(0);
        let sign = if negative { "-" } else { "" };
        self.literals.offsets.push_back((!zero).then(|| format!("{sign}{written}")));
        self.emit("offset 1m");
        self.after_operand = true;
        Ok(())
    }

    fn instant(&mut self) -> Result<(), InjectError> {
        self.at += 1;
        self.nest()?;
        if let Some(Token::Word(word)) = self.peek(0)
            && matches!(word.to_ascii_lowercase().as_str(), "start" | "end")
            && self.is_next(1, "(")
            && self.is_next(2, ")")
        {
            let word = word.to_ascii_lowercase();
            self.at += 3;
            self.literals.instants.push_back(format!("{word}()"));
        } else {
            let negative = self.is_next(0, "-");
            self.at += usize::from(negative || self.is_next(0, "+"));
            let Some(Token::Number(seconds)) = self.peek(0).cloned() else {
                return Err(self.error("expected an instant after `@`"));
            };
            let milliseconds = (seconds * 1000.0).round();
            if milliseconds >= 9.2e18 {
                return Err(self.error("an instant out of bounds after `@`"));
            }
            self.at += 1;
            // Up to 2^53 milliseconds this is exact, as it is for Prometheus.
            let sign = if negative && milliseconds > 0.0 { "-" } else { "" };
            self.literals.instants.push_back(format!("{sign}{:.3}", milliseconds / 1000.0));
        }
        self.emit("@ 1");
        self.after_operand = true;
        Ok(())
    }

    /// Arithmetic on durations, which a specially configured server takes, from a precedence on.
    fn duration_sum(&mut self, least: u8) -> Result<String, InjectError> {
        self.nest()?;
        let mut left = self.duration_primary()?;
        while let Some(Token::Symbol(operator)) = self.peek(0) {
            let (operator, precedence) = match *operator {
                "+" | "-" => (*operator, 1),
                "*" | "/" | "%" => (*operator, 2),
                "^" => (*operator, 3),
                _ => break,
            };
            if precedence <= least {
                break;
            }
            self.at += 1;
            // Powers bind to the right.
            let right =
                self.duration_sum(if operator == "^" { precedence - 1 } else { precedence })?;
            left = format!("{left} {operator} {right}");
        }
        Ok(left)
    }

    fn duration_primary(&mut self) -> Result<String, InjectError> {
        self.nest()?;
        if let Some(sign) = ["-", "+"].into_iter().find(|sign| self.is_next(0, sign)) {
            self.at += 1;
            return Ok(format!("{sign}{}", self.duration_primary()?));
        }
        if self.take("(") {
            let inner = self.duration_sum(0)?;
            return if self.take(")") {
                Ok(format!("({inner})"))
            } else {
                Err(self.error("expected `)`"))
            };
        }
        match self.peek(0).cloned() {
            Some(Token::Duration(milliseconds)) => {
                self.at += 1;
                Ok(go::prometheus_duration_text(milliseconds))
            }
            // Within arithmetic a number may be a mere factor.
            Some(Token::Number(value)) => {
                let alone = !matches!(
                    self.peek(1),
                    Some(Token::Symbol("+" | "-" | "*" | "/" | "%" | "^" | ")" | ","))
                ) && !self.follows_arithmetic();
                let milliseconds = self.literal_duration(self.at);
                let written = match milliseconds {
                    Some(milliseconds) if alone => go::prometheus_duration_text(milliseconds),
                    None if alone => return Err(self.error("a duration out of bounds")),
                    _ => go::number_text(value),
                };
                self.at += 1;
                Ok(written)
            }
            Some(Token::Word(word)) => self.duration_function(&word.to_ascii_lowercase()),
            _ => Err(self.error("expected a duration")),
        }
    }

    fn follows_arithmetic(&self) -> bool {
        let previous = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        matches!(previous, Some((_, Token::Symbol("*" | "/" | "%" | "^" | "("))))
    }

    fn duration_function(&mut self, name: &str) -> Result<String, InjectError> {
        if !matches!(name, "step" | "min" | "max") || !self.is_next(1, "(") {
            return Err(self.error("expected a duration"));
        }
        self.at += 2;
        let arguments = if name == "step" {
            String::new()
        } else {
            let left = self.duration_sum(0)?;
            if !self.take(",") {
                return Err(self.error("expected `,`"));
            }
            format!("{left}, {}", self.duration_sum(0)?)
        };
        if self.take(")") {
            Ok(format!("{name}({arguments})"))
        } else {
            Err(self.error("expected `)`"))
        }
    }
}
