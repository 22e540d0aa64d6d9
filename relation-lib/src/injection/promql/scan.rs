//! Tokens of PromQL, as Prometheus' lexer cuts them.

use crate::injection::{InjectError, go};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword, the name of a metric, function or label.
    Word(String),
    Number(f64),
    /// Milliseconds.
    Duration(u64),
    /// What a string literal stands for.
    Text(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 25] = [
    "==", "!=", ">=", "<=", "=~", "!~", "(", ")", "{", "}", "[", "]", ",", ":", "+", "-", "*", "/",
    "%", "^", "@", "<", ">", "=", "!",
];

/// What brackets a token is in: names and colons are cut differently there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Braces,
    Brackets,
}

/// Cuts an expression into tokens, each with the place where it starts.
pub(super) fn scan(expression: &str) -> Result<Vec<(usize, Token)>, InjectError> {
    let characters: Vec<char> = expression.chars().collect();
    let mut scanner = Scanner { characters: &characters, at: 0 };
    let mut within = Within::Nothing;
    let mut tokens = Vec::new();
    while let Some(character) = scanner.peek(0) {
        let start = scanner.at;
        let starts_word = character.is_ascii_alphabetic() || character == '_';
        let token = match character {
            ' ' | '\t' | '\n' | '\r' => {
                scanner.at += 1;
                continue;
            }
            '#' => {
                scanner.skip_while(|c| !matches!(c, '\n' | '\r'));
                continue;
            }
            '"' | '\'' | '`' => scanner.text(character)?,
            _ if starts_word || character == ':' && within == Within::Nothing => {
                let colons = within == Within::Nothing;
                let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || colons && c == ':';
                Token::Word(scanner.take_while(part))
            }
            _ if within != Within::Braces && scanner.at_number() => scanner.number()?,
            _ => {
                let symbol = SYMBOLS.into_iter().find(|symbol| scanner.starts_with(symbol));
                let Some(symbol) = symbol else {
                    return Err(InjectError::at(
                        start,
                        format!("unexpected character `{character}`"),
                    ));
                };
                scanner.at += symbol.len();
                within = match symbol {
                    "{" => Within::Braces,
                    "[" => Within::Brackets,
                    "}" | "]" => Within::Nothing,
                    _ => within,
                };
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

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let start = self.at;
        self.skip_while(wanted);
        self.characters[start..self.at].iter().collect()
    }

    fn text(&mut self, quote: char) -> Result<Token, InjectError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                None => return Err(InjectError::at(start, "the string does not end")),
                Some('\\') if quote != '`' => self.at += 2,
                Some(character) => {
                    self.at += 1;
                    if character == quote {
                        break;
                    }
                }
            }
        }
        let end = self.at.min(self.characters.len());
        let literal: String = self.characters[start..end].iter().collect();
        go::unquote(&literal).map(Token::Text).map_err(|reason| InjectError::at(start, reason))
    }

    fn at_number(&self) -> bool {
        let digit = |ahead: usize| self.peek(ahead).is_some_and(|c| c.is_ascii_digit());
        digit(0) || self.peek(0) == Some('.') && digit(1)
    }

    fn number(&mut self) -> Result<Token, InjectError> {
        let start = self.at;
        let hexadecimal = self.peek(0) == Some('0') && matches!(self.peek(1), Some('x' | 'X'));
        let mut previous = ' ';
        while let Some(character) = self.peek(0) {
            let exponent_sign =
                matches!(character, '+' | '-') && matches!(previous, 'e' | 'E') && !hexadecimal;
            if !(character.is_ascii_alphanumeric()
                || matches!(character, '.' | '_')
                || exponent_sign)
            {
                break;
            }
            previous = character;
            self.at += 1;
        }
        let literal: String = self.characters[start..self.at].iter().collect();
        if let Some(value) = go::number(&literal) {
            return Ok(Token::Number(value));
        }
        let duration = go::prometheus_duration(&literal).map(Token::Duration);
        duration.ok_or_else(|| {
            InjectError::at(start, format!("`{literal}` is neither number nor duration"))
        })
    }
}
