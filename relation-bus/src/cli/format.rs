//! The `--format` of commands that show something.

use clap::ValueEnum;

use crate::shapes::Format;

/// Of commands whose output is a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Document {
    Yaml,
    Json,
}

impl From<Document> for Format {
    fn from(document: Document) -> Self {
        match document {
            Document::Yaml => Self::Yaml,
            Document::Json => Self::Json,
        }
    }
}

/// Of commands that print a table unless a document is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Listing {
    Tabular,
    Yaml,
    Json,
}

impl Listing {
    /// The form of the document; nothing for the table.
    pub(super) fn document(self) -> Option<Format> {
        match self {
            Self::Tabular => None,
            Self::Yaml => Some(Format::Yaml),
            Self::Json => Some(Format::Json),
        }
    }
}
