//! A query as tokens.

use super::QueryError;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A name: letters, digits, `_` and `-`.
    Name(String),
    /// A whole number.
    Integer(i64),
    /// A number with a dot.
    Float(f64),
    /// A text between double quotes.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// An operator or a mark of punctuation.
    Mark(&'static str),
    /// The end of the query.
    End,
}

impl Kind {
    /// How an error names it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Name(name) => format!("name `{name}`"),
            Self::Integer(number) => format!("number {number}"),
            Self::Float(number) => format!("number {number}"),
            Self::Text(_) => "a string".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Mark(mark) => (*mark).to_owned(),
            Self::End => "end of the query".to_owned(),
        }
    }
}

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Marks of the language, longer ones before their beginnings.
const MARKS: [&str; 16] =
    ["==", "=>", "!=", "&&", "||", "<=", ">=", "<", ">", "(", ")", "[", "]", ",", ".", ";"];

/// Splits a query into tokens, the end among them.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut tokens = Vec::new();
    let (mut rest, mut line, mut column) = (text, 1, 1);
    loop {
        let blank = rest.len() - rest.trim_start().len();
        for c in rest[..blank].chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        rest = &rest[blank..];
        let Some((kind, length)) =
            next(rest).map_err(|reason| QueryError::Syntax { line, column, reason })?
        else {
            tokens.push(Token { kind: Kind::End, line, column });
            return Ok(tokens);
        };
        tokens.push(Token { kind, line, column });
        column += rest[..length].chars().count();
        rest = &rest[length..];
    }
}

/// The token that a text begins with, and its length in bytes; none at the end.
fn next(rest: &str) -> Result<Option<(Kind, usize)>, String> {
    let Some(first) = rest.chars().next() else { return Ok(None) };
    if first == '"' {
        let inner = &rest[1..];
        return match inner.find(['"', '\n']) {
            Some(end) if inner[end..].starts_with('"') => {
                Ok(Some((Kind::Text(inner[..end].to_owned()), end + 2)))
            }
            _ => Err("string is not closed".to_owned()),
        };
    }
    if first.is_ascii_digit() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let text = &rest[..end];
        let kind = match text.contains('.') {
            true => text.parse().map(Kind::Float).ok(),
            false => text.parse().map(Kind::Integer).ok(),
        };
        let kind = kind.ok_or_else(|| format!("invalid number '{text}' found"))?;
        return Ok(Some((kind, end)));
    }
    if first.is_alphabetic() || first == '_' {
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        let kind = match name.to_lowercase().as_str() {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            _ => Kind::Name(name.to_owned()),
        };
        return Ok(Some((kind, end)));
    }
    match MARKS.into_iter().find(|mark| rest.starts_with(mark)) {
        Some(mark) => Ok(Some((Kind::Mark(mark), mark.len()))),
        None => Err(format!("invalid character '{first}' found")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_know_their_place() {
        let tokens = tokens("a-b ==\n \"x\"").unwrap();
        let places: Vec<_> = tokens.iter().map(|token| (token.line, token.column)).collect();
        assert_eq!(places, [(1, 1), (1, 5), (2, 2), (2, 5)]);
        assert_eq!(tokens[0].kind, Kind::Name("a-b".to_owned()));
        assert_eq!(tokens[2].kind, Kind::Text("x".to_owned()));
    }

    #[test]
    fn numbers_and_booleans_are_values() {
        let kinds: Vec<_> = tokens("1 2.5 TRUE").unwrap().into_iter().map(|t| t.kind).collect();
        assert_eq!(kinds, [Kind::Integer(1), Kind::Float(2.5), Kind::Bool(true), Kind::End]);
        assert!(tokens("1.2.3").is_err());
        assert!(tokens("99999999999999999999").is_err());
        assert!(tokens("€").is_err());
    }
}
