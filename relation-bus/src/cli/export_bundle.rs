//! `relation-bus export-bundle`.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::target::{Target, TargetError};
use super::{Exit, print, talk};
use crate::server::Parts;
use crate::shapes::bundle::export;
use crate::shapes::{ControllerFacts, View};

/// Print the bundle that deploys the model again.
#[derive(Debug, Args)]
pub(super) struct ExportBundle {
    /// Write it to this file instead.
    #[arg(long, value_name = "FILE")]
    filename: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

/// Why a model can't be exported.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportBundleError {
    /// There is no model.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The file can't be written.
    #[error("cannot write the bundle to `{}`", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ExportBundle {
    pub(super) fn run(&self) -> Result<Exit, ExportBundleError> {
        let shown = self.target.model(Parts::model())?;
        let view = View { model: &shown.model, controller: &ControllerFacts::default() };
        let bundle = export(view);
        match &self.filename {
            None => print(&bundle),
            Some(file) => {
                std::fs::write(file, format!("{bundle}\n"))
                    .map_err(|source| ExportBundleError::File { file: file.clone(), source })?;
                talk(&format!("Bundle successfully exported to {}", file.display()));
            }
        }
        Ok(Exit::Done)
    }
}
