//! `juju config` and `juju trust`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::pairs::{options, settings_of};
use super::target::Target;
use super::{CommandError, Exit, print};
use crate::controller::acts::{Act, SetConfig, SetTrust};
use crate::engine::{EngineError, Trust as TrustState};
use crate::server::Parts;
use crate::server::protocol::Refusal;
use crate::shapes::config::{document, value};
use crate::shapes::{Format, print as printed};

/// Show, set or reset the config of an application.
#[derive(Debug, Args)]
pub(super) struct Config {
    /// The application.
    application: String,
    /// An option to show, or options to set as `KEY=VALUE`; `@FILE` stands for a file's text.
    #[arg(value_name = "KEY[=VALUE]")]
    keys: Vec<String>,
    /// Set what a YAML file says.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Options that go back to their default, separated by commas.
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    reset: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value = "yaml")]
    format: ConfigFormat,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ConfigFormat {
    Yaml,
    Json,
}

impl Config {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let (set, read): (Vec<String>, Vec<String>) =
            self.keys.iter().cloned().partition(|key| key.contains('='));
        let mut values = match &self.file {
            Some(file) => settings_of(&self.application, file)?,
            None => BTreeMap::new(),
        };
        values.extend(options(&set)?);
        if values.is_empty() && self.reset.is_empty() {
            return self.show(&read);
        }
        if let Some(key) = read.first() {
            let message = format!("cannot set and retrieve values simultaneously: \"{key}\"");
            return Err(Refusal { message }.into());
        }
        if let Some(trust) = values.remove("trust").map(|text| text.eq_ignore_ascii_case("true")) {
            let trust = if trust { TrustState::Granted } else { TrustState::Withheld };
            let act = SetTrust { application: self.application.clone(), trust };
            self.target.act(Act::SetTrust(act))?;
        }
        let act = SetConfig {
            application: self.application.clone(),
            set: values,
            reset: self.reset.iter().cloned().collect(),
        };
        Ok(self.target.act_aloud(Act::SetConfig(act))?)
    }

    fn show(&self, keys: &[String]) -> Result<Exit, CommandError> {
        let model = self.target.model(Parts::model())?.model;
        let application = model
            .applications
            .get(&self.application)
            .ok_or_else(|| Refusal::of(&EngineError::NoApplication(self.application.clone())))?;
        match keys {
            [] => {
                let format = match self.format {
                    ConfigFormat::Yaml => Format::Yaml,
                    ConfigFormat::Json => Format::Json,
                };
                print(&printed(&document(application), format));
            }
            [key] => print(&value(application, key).map_err(|error| Refusal::of(&error))?),
            _ => {
                let message = "can only retrieve a single value, or all values".to_owned();
                return Err(Refusal { message }.into());
            }
        }
        Ok(Exit::Done)
    }
}

/// Let an application use the cluster, or no more.
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// The application.
    application: String,
    /// Take the trust back.
    #[arg(long)]
    remove: bool,
    /// Taken for Juju's sake: there is one cluster.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    #[command(flatten)]
    target: Target,
}

impl Trust {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let trust = if self.remove { TrustState::Withheld } else { TrustState::Granted };
        let act = SetTrust { application: self.application.clone(), trust };
        Ok(self.target.act_aloud(Act::SetTrust(act))?)
    }
}
