//! `relation-bus secrets` and `show-secret`.

use clap::Args;

use super::format::{Document, Listing};
use super::target::{Target, TargetError};
use super::{Exit, print};
use crate::server::Parts;
use crate::shapes::secret::{Detail, list, show, tabular};
use crate::shapes::{ControllerFacts, View, print as printed};

/// List the secrets of the model.
#[derive(Debug, Args)]
pub(super) struct Secrets {
    /// Only secrets of this owner, such as `application-loki` or `unit-loki-0`.
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// How to print; JSON and YAML have the keys of Juju.
    #[arg(long, value_enum, default_value = "tabular")]
    format: Listing,
    #[command(flatten)]
    target: Target,
}

/// Show a secret: whose it is, its revisions, who may read it; its content when it is revealed.
#[derive(Debug, Args)]
pub(super) struct ShowSecret {
    /// The secret: its id, its URI, or the name that its user gave it.
    #[arg(value_name = "SECRET")]
    secret: String,
    /// Show the content.
    #[arg(long, conflicts_with = "revisions")]
    reveal: bool,
    /// List the revisions.
    #[arg(long, conflicts_with = "revision")]
    revisions: bool,
    /// The revision that is meant [default: the newest].
    #[arg(long, short, value_name = "NUMBER")]
    revision: Option<u32>,
    /// How to print; both have the keys of Juju.
    #[arg(long, value_enum, default_value = "yaml")]
    format: Document,
    #[command(flatten)]
    target: Target,
}

impl Secrets {
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let shown = self.target.model(Parts::model())?;
        let view = View { model: &shown.model, controller: &ControllerFacts::default() };
        let owner = self.owner.as_deref();
        match self.format.document() {
            Some(format) => print(&printed(&list(view, owner), format)),
            None => {
                let heading = "ID  Name  Owner  Rotation  Revision  Last updated";
                let table = tabular(view, owner);
                print(table.as_deref().map_or(heading, str::trim_end));
            }
        }
        Ok(Exit::Done)
    }
}

impl ShowSecret {
    pub(super) fn run(&self) -> Result<Exit, TargetError> {
        let shown = self.target.model(Parts::model())?;
        let view = View { model: &shown.model, controller: &ControllerFacts::default() };
        let detail = match (self.reveal, self.revisions) {
            (true, _) => Detail::Content(self.revision),
            (false, true) => Detail::Revisions,
            (false, false) => Detail::Facts,
        };
        let format = self.format.into();
        let document = show(view, &self.secret, detail, format);
        let document = document.map_err(|error| TargetError::absent(&error))?;
        print(&printed(&document, format));
        Ok(Exit::Done)
    }
}
