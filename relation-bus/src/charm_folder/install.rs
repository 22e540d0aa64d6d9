//! A charm in a unit's charm directory: the files that Juju reads and the program it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Archive, ArchiveError, CharmMetadata};

/// Runs `src/charm.py` with the interpreter of the charm's virtual environment, or with the
/// machine's; modules come from `lib` and `src`, shared libraries from the charm. What charmcraft's
/// own script does.
pub(super) const PYTHON_DISPATCH: &str = r#"#!/bin/sh
charm=$(dirname "$(realpath "$0")")
if [ ! -e "$charm/venv/bin/python" ]; then
    mkdir -p "$charm/venv/bin"
    ln -s "$(command -v python3)" "$charm/venv/bin/python"
fi
export PYTHONPATH="$charm/lib:$charm/src"
export LD_LIBRARY_PATH="$charm/usr/lib:$charm/lib:$charm/usr/lib/$(uname -m)-linux-gnu"
exec "$charm/venv/bin/python" "$charm/src/charm.py"
"#;

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
    /// A `.charm` file could not be unpacked.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
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
    /// A folder whose files are all taken over, or a `.charm` file that is unpacked.
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
    match content.folder {
        Some(archive) if archive.is_file() => Archive::open(archive)?.unpack(target)?,
        Some(folder) => copy_folder(folder, target)?,
        None => {}
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
    if content.dispatch.is_none() {
        write_python_dispatch(target)?;
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

/// Copies a folder. What it links to outside of itself stays a link: a virtual environment that
/// several charms share is not copied for every unit.
fn copy_folder(from: &Path, to: &Path) -> Result<(), InstallError> {
    let inside = from
        .canonicalize()
        .map_err(|source| InstallError::File { path: from.to_owned(), source })?;
    copy_below(&inside, &inside, to)
}

fn copy_below(root: &Path, from: &Path, to: &Path) -> Result<(), InstallError> {
    let refuse = |source| InstallError::File { path: from.to_owned(), source };
    make_folder(to)?;
    for entry in std::fs::read_dir(from).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let place = |source| InstallError::File { path: target.clone(), source };
        let meta = std::fs::metadata(&path).map_err(refuse)?;
        if meta.is_dir() && entry.file_type().map_err(refuse)?.is_symlink() {
            let linked = path.canonicalize().map_err(refuse)?;
            if !linked.starts_with(root) {
                let _ = std::fs::remove_file(&target);
                symlink(linked, &target).map_err(place)?;
                continue;
            }
        }
        if meta.is_dir() {
            copy_below(root, &path, &target)?;
        } else if meta.is_file() {
            std::fs::copy(&path, &target).map_err(place)?;
        }
    }
    Ok(())
}

/// Gives a Python charm the `dispatch` that charmcraft would give it: for a charm that brings
/// neither `dispatch` nor `hooks`, but `src/charm.py`.
fn write_python_dispatch(charm: &Path) -> Result<(), InstallError> {
    let path = charm.join("dispatch");
    if path.exists() || charm.join("hooks").is_dir() || !charm.join("src/charm.py").is_file() {
        return Ok(());
    }
    let refuse = |source| InstallError::File { path: path.clone(), source };
    std::fs::write(&path, PYTHON_DISPATCH).map_err(refuse)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(folder: &Path) -> tempfile::TempDir {
        let target = tempfile::tempdir().unwrap();
        let metadata = CharmMetadata { name: "web".to_owned(), ..CharmMetadata::default() };
        let content = Content {
            metadata: &metadata,
            folder: Some(folder),
            files: &BTreeMap::new(),
            folders: &BTreeSet::new(),
            dispatch: None,
        };
        install(&content, target.path()).unwrap();
        target
    }

    #[test]
    fn a_python_charm_gets_a_dispatch_and_keeps_its_linked_environment() {
        let (charm, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(shared.path().join("bin")).unwrap();
        symlink("/bin/echo", shared.path().join("bin/python")).unwrap();
        std::fs::create_dir(charm.path().join("src")).unwrap();
        std::fs::write(charm.path().join("src/charm.py"), "").unwrap();
        symlink(shared.path(), charm.path().join("venv")).unwrap();
        symlink("src", charm.path().join("lib")).unwrap();
        let target = installed(charm.path());
        assert!(target.path().join("venv").is_symlink());
        assert!(target.path().join("lib").symlink_metadata().unwrap().is_dir());
        let output = std::process::Command::new(target.path().join("dispatch")).output().unwrap();
        let script = target.path().canonicalize().unwrap().join("src/charm.py");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n", script.display()));
    }

    #[test]
    fn a_charm_with_hooks_gets_no_dispatch() {
        let charm = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(charm.path().join("hooks")).unwrap();
        std::fs::create_dir_all(charm.path().join("src")).unwrap();
        std::fs::write(charm.path().join("src/charm.py"), "").unwrap();
        assert!(!installed(charm.path()).path().join("dispatch").exists());
    }
}
