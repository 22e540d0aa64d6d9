//! Tokens of LogQL, as Loki's lexer cuts them.

use super::literal;
use crate::injection::{InjectError, go};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    Number(f64),
    /// Nanoseconds.
    Duration(i64),
    /// Bytes.
    Size(u64),
    Text(String),
    /// What stands in square brackets, in milliseconds.
    Range(u64),
    /// `--strict` and the like.
    Flag(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 27] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=", "{", "}", "(", ")", ",", "|", "=",
    "<", ">", "+", "-", "*", "/", "%", "^", ".", "!",
];

/// Cuts an expression into tokens, each with the place where it starts.
pub(super) fn scan(expression: &str) -> Result<Vec<(usize, Token)>, InjectError> {
    let characters: Vec<char> = expression.chars().collect();
    let mut scanner = Scanner { characters: &characters, at: 0 };
    let mut tokens = Vec::new();
    while let Some(character) = scanner.peek(0) {
        let start = scanner.at;
        let token = match character {
            ' ' | '\t' | '\n' | '\r' => {
                scanner.at += 1;
                continue;
            }
            '#' => {
                scanner.skip_until("\n");
                continue;
            }
            '/' if scanner.starts_with("//") => {
                scanner.skip_until("\n");
                continue;
            }
            '/' if scanner.starts_with("/*") => {
                scanner.at += 2;
                if !scanner.skip_until("*/") {
                    return Err(InjectError::at(start, "the comment does not end"));
                }
                continue;
            }
            '"' | '`' => scanner.text(character)?,
            '[' => scanner.range()?,
            '-' if scanner.starts_with("--")
                && scanner.peek(2).is_some_and(|c| c.is_ascii_alphabetic()) =>
            {
                scanner.at += 2;
                Token::Flag(scanner.take_while(|c| c.is_ascii_alphabetic() || c == '-'))
            }
            _ if character == '_' || character.is_alphabetic() => {
                Token::Word(scanner.take_while(|c| c == '_' || c.is_alphanumeric()))
            }
            _ if scanner.at_number() => scanner.number()?,
            _ => {
                let symbol = SYMBOLS.into_iter().find(|symbol| scanner.starts_with(symbol));
                let Some(symbol) = symbol else {
                    return Err(InjectError::at(
                        start,
                        format!("unexpected character `{character}`"),
                    ));
                };
                scanner.at += symbol.len();
                Token::Symbol(symbol)
            }
        };
        tokens.push((start, token));
    }
    Ok(tokens)
}

struct Scanner<'a> {
    characters: &'a [char],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, c)| self.peek(offset) == Some(c))
    }

    /// Goes on behind a text; whether it was found.
    fn skip_until(&mut self, text: &str) -> bool {
        while self.at < self.characters.len() {
            if self.starts_with(text) {
                self.at += text.len();
                return true;
            }
            self.at += 1;
        }
        false
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
        self.slice(start)
    }

    fn slice(&self, start: usize) -> String {
        self.characters[start..self.at.min(self.characters.len())].iter().collect()
    }

    fn text(&mut self, quote: char) -> Result<Token, InjectError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                None => return Err(InjectError::at(start, "the string does not end")),
                Some('\\') if quote == '"' => self.at += 2,
                Some(character) => {
                    self.at += 1;
                    if character == quote {
                        break;
                    }
                }
            }
        }
        go::unquote(&self.slice(start))
            .map(Token::Text)
            .map_err(|reason| InjectError::at(start, reason))
    }

    fn range(&mut self) -> Result<Token, InjectError> {
        let start = self.at;
        self.at += 1;
        let inner = self.take_while(|c| c != ']');
        self.at += 1;
        let milliseconds = if inner == "0" { Some(0) } else { go::prometheus_duration(&inner) };
        let closed = self.at <= self.characters.len();
        milliseconds
            .filter(|_| closed)
            .map(Token::Range)
            .ok_or_else(|| InjectError::at(start, format!("`[{inner}` is no range")))
    }

    fn at_number(&self) -> bool {
        let digit = |ahead: usize| self.peek(ahead).is_some_and(|c| c.is_ascii_digit());
        digit(0) || self.peek(0) == Some('.') && digit(1)
    }

    /// A number; with what follows it may be a duration or, if not, a size.
    fn number(&mut self) -> Result<Token, InjectError> {
        let start = self.at;
        let hexadecimal =
            self.peek(0) == Some('0') && self.peek(1).is_some_and(|c| c.is_ascii_alphabetic());
        let mut previous = ' ';
        while let Some(character) = self.peek(0) {
            let exponent = matches!(character, 'e' | 'E')
                && self.peek(1).is_some_and(|c| c.is_ascii_digit() || matches!(c, '+' | '-'));
            let sign = matches!(character, '+' | '-') && matches!(previous, 'e' | 'E');
            if !(character.is_ascii_digit() || matches!(character, '.' | '_') || exponent || sign) {
                break;
            }
            previous = character;
            self.at += 1;
        }
        let end = self.at;
        self.take_while(|c| c.is_ascii_digit() || c == '.' || "nuµμmshdwy".contains(c));
        if self.at > end
            && let Some(nanoseconds) = literal::duration(&self.slice(start))
        {
            return Ok(Token::Duration(nanoseconds));
        }
        self.at = end;
        self.take_while(|c| "BbKkMmGgTtPpEeIi".contains(c));
        if self.at > end
            && let Some(bytes) = literal::size(&self.slice(start))
        {
            return Ok(Token::Size(bytes));
        }
        self.at = end;
        let text = self.slice(start);
        let value = literal::number(&text).filter(|_| !hexadecimal);
        value
            .map(Token::Number)
            .ok_or_else(|| InjectError::at(start, format!("`{text}` is no number")))
    }
}
