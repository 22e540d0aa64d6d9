//! The keys of a databag, as an interface defines them.

/// How a value is written into a databag; the names are those of the interface pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The plain text.
    Raw,
    /// JSON as Python writes it, see [`crate::encoding::python_json`].
    PythonJson,
    /// The same with sorted keys, see [`crate::encoding::python_json_sorted`].
    PythonJsonSorted,
    /// JSON without blanks, see [`crate::encoding::compact_json`].
    CompactJson,
    /// A YAML document.
    Yaml,
}

/// Whether a writer always sets a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A databag without the key is of no use to the reader.
    Required,
    /// The key is left out when there is nothing to say.
    Optional,
}

/// Whether a value may be shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidentiality {
    /// Anyone who may see the relation may see it.
    Public,
    /// The value gives access to something: masked wherever it is printed.
    Secret,
}

/// One key of a databag, as an interface defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// How its value is written.
    pub encoding: Encoding,
    /// Whether it is always there.
    pub presence: Presence,
    /// Whether its value may be shown.
    pub confidentiality: Confidentiality,
}

impl Key {
    /// A key that must be there.
    #[must_use]
    pub const fn required(name: &'static str, encoding: Encoding) -> Self {
        Key {
            name,
            encoding,
            presence: Presence::Required,
            confidentiality: Confidentiality::Public,
        }
    }

    /// A key that may be absent.
    #[must_use]
    pub const fn optional(name: &'static str, encoding: Encoding) -> Self {
        Key {
            name,
            encoding,
            presence: Presence::Optional,
            confidentiality: Confidentiality::Public,
        }
    }

    /// The same key, to be masked.
    #[must_use]
    pub const fn secret(self) -> Self {
        Key { confidentiality: Confidentiality::Secret, ..self }
    }
}
