//! `relation-bus inspect`: databags in words.

use clap::{Args, ValueEnum};

use super::target::{Target, TargetError};
use super::{Exit, print, talk};
use crate::inspect::{Inspection, Subject};
use crate::server::Parts;

/// Show what stands on relations: both sides decoded, secrets masked, and what is wrong in words.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// An application, a unit such as `loki/0`, or a relation such as `logging:7` or `7`
    /// [default: every relation].
    subject: Option<Subject>,
    /// How to print; JSON has the whole values.
    #[arg(long, value_enum, default_value = "text")]
    format: InspectFormat,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InspectFormat {
    Text,
    Json,
}

/// Why relations can't be inspected.
#[derive(Debug, thiserror::Error)]
pub(super) enum InspectError {
    /// There is no model.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The model has no such thing.
    #[error("cannot find {0} in the model")]
    Nothing(String),
}

impl Inspect {
    pub(super) fn run(&self) -> Result<Exit, InspectError> {
        let saved = self.target.model(Parts::model())?;
        if let Some(subject) = self.subject.as_ref().filter(|subject| !subject.is_in(&saved.model))
        {
            return Err(InspectError::Nothing(subject.to_string()));
        }
        let inspection = Inspection::of(&saved.model, self.subject.as_ref());
        match self.format {
            InspectFormat::Json => print(&format!("{:#}", inspection.to_json())),
            InspectFormat::Text if inspection.is_empty() => talk("no relations"),
            InspectFormat::Text => print(inspection.to_string().trim_end()),
        }
        Ok(Exit::Done)
    }
}
