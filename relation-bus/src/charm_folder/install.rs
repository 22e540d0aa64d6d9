//! A charm in a unit's charm directory: the files that Juju reads and the program it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::CharmMetadata;

/// Why a charm could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A file could not be written or read.
    #[error("cannot install the charm's file `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A document could not be written as YAML.
    #[error("cannot write `{name}` as YAML: {reason}")]
    Document {
        /// The document.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

/// What goes into a charm directory.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Written as `metadata.yaml`, `config.yaml`, `actions.yaml` and `manifest.yaml`, unless the
    /// folder has its own.
    pub metadata: &'a CharmMetadata,
    /// A folder whose files are all taken over.
    pub folder: Option<&'a Path>,
    /// Further files, by relative path.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// Folders that exist even when empty.
    pub folders: &'a BTreeSet<String>,
    /// The program that becomes `dispatch`; without one the folder has its own.
    pub dispatch: Option<&'a Path>,
}

/// Fills a charm directory.
///
/// # Errors
///
/// When a file cannot be read or written.
pub fn install(content: &Content<'_>, target: &Path) -> Result<(), InstallError> {
    make_folder(target)?;
    if let Some(folder) = content.folder {
        copy_folder(folder, target)?;
    }
    for folder in content.folders {
        make_folder(&target.join(folder))?;
    }
    for (path, bytes) in content.files {
        let path = target.join(path);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        std::fs::write(&path, bytes).map_err(|source| InstallError::File { path, source })?;
    }
    let manifest = json!({
        "charmcraft-version": "4.0.0",
        "bases": [{"name": "ubuntu", "channel": "24.04", "architectures": ["amd64"]}],
    });
    let actions = &content.metadata.actions;
    let documents = [
        ("metadata.yaml", Some(content.metadata.metadata_document())),
        ("config.yaml", content.metadata.config_document()),
        ("actions.yaml", (!actions.is_empty()).then(|| Value::Object(actions.clone()))),
        ("manifest.yaml", Some(manifest)),
    ];
    for (name, document) in documents {
        let path = target.join(name);
        let Some(document) = document.filter(|_| !path.exists()) else { continue };
        let text = serde_yaml::to_string(&document)
            .map_err(|error| InstallError::Document { name, reason: error.to_string() })?;
        std::fs::write(&path, text).map_err(|source| InstallError::File { path, source })?;
    }
    if let Some(program) = content.dispatch {
        link_program(program, &target.join("dispatch"))?;
    }
    Ok(())
}

/// A hard link is enough and costs nothing; across file systems it is a copy.
fn link_program(program: &Path, target: &Path) -> Result<(), InstallError> {
    let refuse = |source| InstallError::File { path: target.to_owned(), source };
    if target.exists() {
        std::fs::remove_file(target).map_err(refuse)?;
    }
    if std::fs::hard_link(program, target).is_err() {
        std::fs::copy(program, target)
            .map_err(|source| InstallError::File { path: program.to_owned(), source })?;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(target, mode).map_err(refuse)?;
    }
    Ok(())
}

fn make_folder(path: &Path) -> Result<(), InstallError> {
    std::fs::create_dir_all(path)
        .map_err(|source| InstallError::File { path: path.to_owned(), source })
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), InstallError> {
    let refuse = |source| InstallError::File { path: from.to_owned(), source };
    make_folder(to)?;
    for entry in std::fs::read_dir(from).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let meta = std::fs::metadata(&path).map_err(refuse)?;
        if meta.is_dir() {
            copy_folder(&path, &target)?;
        } else if meta.is_file() {
            std::fs::copy(&path, &target)
                .map_err(|source| InstallError::File { path: target, source })?;
        }
    }
    Ok(())
}
