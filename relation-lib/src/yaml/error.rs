use thiserror::Error;

use super::Alien;

/// Why a YAML text could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot read YAML at line {line}, column {column}: {kind}")]
pub struct YamlError {
    /// Line in the text, counted from 1.
    pub line: usize,
    /// Column in that line in characters, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: YamlErrorKind,
}

/// What is wrong with a YAML text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum YamlErrorKind {
    /// The text breaks the grammar of YAML.
    #[error("{0}")]
    Syntax(String),
    /// A control character that YAML does not allow.
    #[error("the character U+{:04X} is not allowed", *.0 as u32)]
    Character(char),
    /// The text goes on after the first document.
    #[error("expected a single document, found another one")]
    SecondDocument,
    /// An alias refers to a node that it is part of, so the value would have no end.
    #[error("an alias contains itself")]
    RecursiveAlias,
    /// Aliases expand to more values than any real file holds.
    #[error("the aliases expand to too many values")]
    TooManyValues,
    /// Collections are nested deeper than we follow.
    #[error("the collections are nested too deep")]
    TooDeep,
    /// A tag that PyYAML's safe loader has no constructor for, or that does not suit its value.
    #[error("the tag `{0}` does not suit this value")]
    Tag(String),
    /// A scalar that says what it is, but is not, such as `!!int x`; or one that crashes Python, as `0b_`.
    #[error("`{0}` is not a value of its type")]
    Value(String),
    /// `<<` with something other than a mapping or a list of mappings.
    #[error("expected a mapping for `<<`")]
    Merge,
    /// A mapping or a sequence is the key of a mapping.
    #[error("a collection cannot be a key")]
    Key,
    /// A value that JSON has no type for.
    #[error("{0} has no place in JSON")]
    Alien(Alien),
}
