//! `juju refresh`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;

use super::charm_source::{Source, find, prepare};
use super::pairs::{pair, settings_of};
use super::target::Target;
use super::{CommandError, Exit};
use crate::controller::acts::{Act, Refresh as RefreshAct};
use crate::engine::InError;
use crate::server::protocol::Refusal;

/// Give an application another charm. Its pods are replaced one after another.
#[derive(Debug, Args)]
pub(super) struct Refresh {
    /// The application.
    application: String,
    /// The charm: a folder, or a `.charm` file.
    #[arg(long, value_name = "CHARM")]
    path: Option<String>,
    /// Another charm: like `--path`.
    #[arg(long, value_name = "CHARM", conflicts_with = "path")]
    switch: Option<String>,
    /// Don't wait for units in error.
    #[arg(long)]
    force_units: bool,
    /// A config option as `KEY=VALUE`, or a YAML file of them.
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    config: Vec<String>,
    /// Let the application use the cluster.
    #[arg(long)]
    trust: bool,
    #[command(flatten)]
    ignored: Ignored,
    #[command(flatten)]
    target: Target,
}

/// What Juju takes and what makes no difference here.
#[derive(Debug, Args)]
#[command(next_help_heading = "Taken for Juju's sake, without effect")]
struct Ignored {
    #[arg(long)]
    base: Option<String>,
    #[arg(long)]
    channel: Option<String>,
    #[arg(long)]
    force: bool,
    #[arg(long)]
    force_base: bool,
    #[arg(long)]
    force_series: bool,
    #[arg(long)]
    resource: Vec<String>,
    #[arg(long)]
    revision: Option<String>,
    #[arg(long)]
    storage: Vec<String>,
}

impl Refresh {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let named = self.path.as_ref().or(self.switch.as_ref()).ok_or_else(|| Refusal {
            message: "refreshing a local charm requires either --path or --switch".to_owned(),
        })?;
        let Source::Charm(charm) = find(named)? else {
            return Err(Refusal { message: format!("\"{named}\" is not a charm") }.into());
        };
        prepare(&charm)?;
        let mut config = BTreeMap::new();
        for text in &self.config {
            match pair(text) {
                Some((key, value)) => drop(config.insert(key, value)),
                None => config.extend(settings_of(&self.application, Path::new(text))?),
            }
        }
        let act = RefreshAct {
            application: self.application.clone(),
            charm,
            in_error: if self.force_units { InError::Forced } else { InError::Waits },
            config,
            trust: self.trust.then_some(crate::engine::Trust::Granted),
        };
        Ok(self.target.act_aloud(Act::Refresh(act))?)
    }
}
