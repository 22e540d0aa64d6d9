//! `juju version`.

use clap::{Args, ValueEnum};

use super::{CommandError, Exit, print};
use crate::model_file::DEFAULT_JUJU_VERSION;
use crate::shapes::version::{all, text};
use crate::shapes::{Format, print as printed};

/// Show the version of Juju that is played.
#[derive(Debug, Args)]
pub(super) struct Version {
    /// Show more than the version.
    #[arg(long)]
    all: bool,
    /// How to print.
    #[arg(long, value_enum, default_value = "smart")]
    format: VersionFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VersionFormat {
    Smart,
    Json,
    Yaml,
}

impl Version {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let document = match self.all {
            true => all(DEFAULT_JUJU_VERSION),
            false => text(DEFAULT_JUJU_VERSION).into(),
        };
        print(&match (self.format, self.all) {
            (VersionFormat::Smart, false) => text(DEFAULT_JUJU_VERSION),
            (VersionFormat::Json, _) => printed(&document, Format::Json),
            (VersionFormat::Yaml | VersionFormat::Smart, _) => printed(&document, Format::Yaml),
        });
        Ok(Exit::Done)
    }
}
