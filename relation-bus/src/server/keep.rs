//! The saved models of a state folder.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::folder::StateFolder;
use super::protocol::VERSION;
use super::view::{ModelView, View};
use crate::controller::SavedController;

/// The saved models are of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// They can't be read or written.
    #[error("cannot use the saved models in `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// They are damaged, or of another version.
    #[error("cannot read the saved models in `{}`: they are of version {version}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The version that wrote them; `unknown` when that can't be read either.
        version: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The version that wrote it.
    version: String,
    controller: SavedController,
}

/// Keeps the models: wholly or not at all, for their owner only, since they hold secrets.
pub(super) fn write(folder: &StateFolder, controller: SavedController) -> Result<(), KeepError> {
    let path = folder.saved();
    let kept = Kept { version: VERSION.to_owned(), controller };
    let form = |source| KeepError::Form { path: path.clone(), version: VERSION.to_owned(), source };
    let text = serde_json::to_vec(&kept).map_err(form)?;
    let refuse = |source| KeepError::File { path: path.clone(), source };
    let fresh = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&fresh).and_then(|mut file| file.write_all(&text)).map_err(refuse)?;
    std::fs::rename(&fresh, &path).map_err(refuse)
}

/// The kept models, if there are any.
pub(super) fn read(folder: &StateFolder) -> Result<Option<SavedController>, KeepError> {
    let path = folder.saved();
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeepError::File { path, source }),
    };
    match serde_json::from_slice::<Kept>(&text) {
        Ok(kept) => Ok(Some(kept.controller)),
        Err(source) => {
            let version = serde_json::from_slice::<serde_json::Value>(&text).ok();
            let version = version.and_then(|value| value["version"].as_str().map(str::to_owned));
            let version = version.unwrap_or_else(|| "unknown".to_owned());
            Err(KeepError::Form { path, version, source })
        }
    }
}

/// The kept models as reading commands see them, if there are any.
///
/// # Errors
///
/// When they can't be read.
pub fn saved_view(folder: &StateFolder) -> Result<Option<View>, KeepError> {
    let Some(controller) = read(folder)? else { return Ok(None) };
    let models = controller.models.into_iter().map(|(name, saved)| {
        let bus = saved.bus;
        let view = ModelView {
            hooks: bus.journals.len(),
            model: bus.model,
            plans: bus.plans,
            journals: bus.journals,
            tasks: bus.tasks,
            settled: false,
        };
        (name, view)
    });
    Ok(Some(View { revision: 0, current: controller.current, models: models.collect() }))
}

/// Forgets the kept models, their charms, and the files of their units.
pub fn forget(folder: &StateFolder) {
    std::fs::remove_file(folder.saved()).ok();
    std::fs::remove_dir_all(folder.charms()).ok();
    folder.remove_units();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_in_a_fresh_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(outer.path());
        assert!(read(&folder).unwrap().is_none());
        write(&folder, SavedController::default()).unwrap();
        assert!(read(&folder).unwrap().unwrap().models.is_empty());
        forget(&folder);
        assert!(read(&folder).unwrap().is_none());
    }

    #[test]
    fn a_file_of_another_version_says_which() {
        let outer = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(outer.path());
        std::fs::write(folder.saved(), r#"{"version": "9.9.9", "models": []}"#).unwrap();
        let error = read(&folder).unwrap_err().to_string();
        assert!(error.ends_with("they are of version 9.9.9"), "{error}");
    }
}
