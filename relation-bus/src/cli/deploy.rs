//! `juju deploy`.

use std::path::Path;

use clap::Args;

use super::charm_source::{Source, find, prepare};
use super::pairs::{pair, settings_of};
use super::target::Target;
use super::{CommandError, Exit, deploy_bundle};
use crate::charm_folder::load;
use crate::controller::acts::{Act, Deploy as DeployAct};
use crate::engine::Trust;
use crate::server::protocol::Refusal;

/// Deploy a charm (a folder, a `.charm` file, or a built-in such as `cos:prometheus`), or a bundle
/// file.
///
/// When there is no model yet, one named `default` is made.
#[derive(Debug, Args)]
pub(super) struct Deploy {
    /// The charm.
    #[arg(value_name = "CHARM")]
    charm: String,
    /// The application's name [default: the charm's].
    application: Option<String>,
    /// How many units.
    #[arg(short = 'n', long, value_name = "N", default_value = "1")]
    num_units: u32,
    /// A config option as `KEY=VALUE`, or a YAML file of them.
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    config: Vec<String>,
    /// A resource: an image reference, or a file.
    #[arg(long, value_name = "NAME=VALUE")]
    resource: Vec<String>,
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
pub(super) struct Ignored {
    #[arg(long)]
    base: Option<String>,
    #[arg(long)]
    bind: Option<String>,
    #[arg(long)]
    channel: Option<String>,
    #[arg(long)]
    constraints: Vec<String>,
    #[arg(long)]
    device: Vec<String>,
    #[arg(long)]
    force: bool,
    #[arg(long)]
    revision: Option<String>,
    #[arg(long)]
    series: Option<String>,
    #[arg(long)]
    storage: Vec<String>,
    #[arg(long)]
    attach_storage: Vec<String>,
    #[arg(long)]
    to: Option<String>,
}

impl Deploy {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        match find(&self.charm)? {
            Source::Charm(path) => self.deploy_charm(&path),
            Source::Bundle(path) => {
                let trust = if self.trust { Trust::Granted } else { Trust::Withheld };
                deploy_bundle::deploy(&self.target, &path, trust)
            }
        }
    }

    fn deploy_charm(&self, path: &Path) -> Result<Exit, CommandError> {
        prepare(path)?;
        let charm = load(path).map_err(|error| Refusal::of(&error))?;
        let name = self.application.as_ref().unwrap_or(&charm.metadata.name);
        let mut config = std::collections::BTreeMap::new();
        for text in &self.config {
            match pair(text) {
                Some((key, value)) => drop(config.insert(key, value)),
                None => config.extend(settings_of(name, Path::new(text))?),
            }
        }
        let act = DeployAct {
            charm: path.to_owned(),
            application: self.application.clone(),
            units: self.num_units,
            config,
            trust: if self.trust { Trust::Granted } else { Trust::Withheld },
        };
        Ok(self.target.act_aloud(Act::Deploy(act))?)
    }
}
