//! `juju add-secret`, `update-secret`, `remove-secret`, `grant-secret` and `revoke-secret`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use super::pairs::{pair, read_document};
use super::target::Target;
use super::{CommandError, Exit};
use crate::controller::acts::{
    Access, Act, AddSecret as AddAct, RemoveSecret as RemoveAct, ShareSecret,
    UpdateSecret as UpdateAct,
};
use crate::model::SecretContent;
use crate::server::protocol::Refusal;
use crate::shapes::secret::read_content;

/// What a secret is to hold.
#[derive(Debug, Args)]
struct Content {
    /// Its content; `KEY#file=PATH` takes a file's text, `KEY#base64=TEXT` bytes.
    #[arg(value_name = "KEY=VALUE")]
    pairs: Vec<String>,
    /// A YAML file with the content.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Content {
    fn is_given(&self) -> bool {
        !self.pairs.is_empty() || self.file.is_some()
    }

    fn read(&self) -> Result<SecretContent, Refusal> {
        let mut document = match &self.file {
            Some(file) => read_document(file)?,
            None => Value::Object(Map::new()),
        };
        for text in &self.pairs {
            let refuse = || Refusal { message: format!("key value {text:?} not valid") };
            let (key, value) = pair(text).ok_or_else(refuse)?;
            let (key, value) = match key.strip_suffix("#file") {
                Some(key) => (key.to_owned(), read_text(Path::new(&value))?),
                None => (key, value),
            };
            document[key.as_str()] = Value::from(value);
        }
        read_content(&document).map(SecretContent::new).map_err(|message| Refusal { message })
    }
}

fn read_text(path: &Path) -> Result<String, Refusal> {
    std::fs::read_to_string(path)
        .map_err(|error| Refusal { message: format!("reading {:?}: {error}", path.display()) })
}

/// Add a secret to the model, and print its URI. Nobody may read it until it is granted.
#[derive(Debug, Args)]
pub(super) struct AddSecret {
    /// Its name.
    name: String,
    #[command(flatten)]
    content: Content,
    /// Free text.
    #[arg(long, value_name = "TEXT", default_value = "")]
    info: String,
    #[command(flatten)]
    target: Target,
}

impl AddSecret {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let content = self.content.read()?;
        let act = AddAct { name: self.name.clone(), content, info: self.info.clone() };
        Ok(self.target.act_aloud(Act::AddSecret(act))?)
    }
}

/// Give a secret of the model new content, another name, or other free text.
#[derive(Debug, Args)]
pub(super) struct UpdateSecret {
    /// Its name or URI.
    secret: String,
    #[command(flatten)]
    content: Content,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Free text.
    #[arg(long, value_name = "TEXT")]
    info: Option<String>,
    /// Remove revisions that nobody tracks.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    auto_prune: Option<bool>,
    #[command(flatten)]
    target: Target,
}

impl UpdateSecret {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let content = self.content.is_given().then(|| self.content.read()).transpose()?;
        let act = UpdateAct {
            secret: self.secret.clone(),
            content,
            name: self.name.clone(),
            info: self.info.clone(),
            auto_prune: self.auto_prune,
        };
        Ok(self.target.act_aloud(Act::UpdateSecret(act))?)
    }
}

/// Remove a secret of the model, or one revision of it.
#[derive(Debug, Args)]
pub(super) struct RemoveSecret {
    /// Its name or URI.
    secret: String,
    /// The revision.
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u32>,
    #[command(flatten)]
    target: Target,
}

impl RemoveSecret {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let act = RemoveAct { secret: self.secret.clone(), revision: self.revision };
        Ok(self.target.act_aloud(Act::RemoveSecret(act))?)
    }
}

/// Let applications read a secret of the model.
#[derive(Debug, Args)]
pub(super) struct GrantSecret {
    #[command(flatten)]
    share: Share,
}

/// Let applications read a secret of the model no more.
#[derive(Debug, Args)]
pub(super) struct RevokeSecret {
    #[command(flatten)]
    share: Share,
}

#[derive(Debug, Args)]
struct Share {
    /// Its name or URI.
    secret: String,
    /// The applications, separated by commas.
    #[arg(required = true, value_delimiter = ',', value_name = "APP")]
    applications: Vec<String>,
    #[command(flatten)]
    target: Target,
}

impl Share {
    fn run(&self, access: Access) -> Result<Exit, CommandError> {
        let act = ShareSecret {
            secret: self.secret.clone(),
            applications: self.applications.clone(),
            access,
        };
        Ok(self.target.act_aloud(Act::ShareSecret(act))?)
    }
}

impl GrantSecret {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        self.share.run(Access::Granted)
    }
}

impl RevokeSecret {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        self.share.run(Access::Revoked)
    }
}
