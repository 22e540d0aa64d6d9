//! `relation-bus inject`: plays a file of label matcher injections.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use relation_lib::injection::{Language, PlayError, play};

use super::{Exit, print};

/// Inject label matchers into the expressions of a file, and print what comes out.
///
/// The file is a JSON list of {expr, matchers, token?}. Printed is a JSON list of {"output": …},
/// or {"error": true} where an expression was left alone.
#[derive(Debug, Args)]
pub(super) struct Inject {
    /// The language of the expressions.
    #[arg(long, value_enum)]
    format: Format,
    /// The file.
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Of Prometheus and Mimir.
    Promql,
    /// Of Loki.
    Logql,
}

/// Why a file of expressions could not be played.
#[derive(Debug, thiserror::Error)]
pub(super) enum InjectError {
    /// The file can't be read.
    #[error("cannot read `{}`", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no JSON.
    #[error("cannot use `{}` as a list of expressions", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Where, and what was expected.
        source: serde_json::Error,
    },
    /// The file has another shape.
    #[error("cannot use `{}` as a list of expressions", file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// Which entry, and what was expected.
        source: PlayError,
    },
}

impl Inject {
    /// Plays the file and prints the results.
    ///
    /// # Errors
    ///
    /// When the file can't be read or has another shape.
    pub(super) fn run(self) -> Result<Exit, InjectError> {
        let Inject { format, file } = self;
        let text = fs::read_to_string(&file)
            .map_err(|source| InjectError::File { file: file.clone(), source })?;
        let entries = serde_json::from_str(&text)
            .map_err(|source| InjectError::Json { file: file.clone(), source })?;
        let language = match format {
            Format::Promql => Language::PromQl,
            Format::Logql => Language::LogQl,
        };
        let results =
            play(language, &entries).map_err(|source| InjectError::Shape { file, source })?;
        print(&format!("{results:#}"));
        Ok(Exit::Done)
    }
}
