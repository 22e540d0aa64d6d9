//! A charm from a `.charm` file, or from a folder: as packed (`metadata.yaml`), or as source
//! (`charmcraft.yaml`).

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Archive, ArchiveError, CharmMetadata, MetadataError};

/// Where a charm's `dispatch` comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// It lies in the folder or archive. A Python charm without one gets the one that charmcraft
    /// would write.
    Folder,
    /// A binary of the workspace, which cargo builds.
    Binary(String),
}

/// A charm that can be installed.
#[derive(Debug, Clone)]
pub struct CharmFolder {
    /// Where it is: a folder, or a `.charm` file.
    pub path: PathBuf,
    /// What it declares.
    pub metadata: CharmMetadata,
    /// What runs its hooks.
    pub program: Program,
}

/// Why a folder or file is no charm.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Neither of the two files is there.
    #[error(
        "cannot load charm `{}`: expected `charmcraft.yaml` or `metadata.yaml` in it",
        path.display()
    )]
    NotACharm {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not YAML.
    #[error("cannot read `{}` as YAML: {reason}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Where and why, in the words of the parser.
        reason: String,
    },
    /// A `.charm` file that can't be opened.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A `.charm` file without a document that it must have.
    #[error("cannot use `{}` as a charm: it has no `{document}`", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is missing.
        document: &'static str,
    },
    /// A `.charm` file that Juju refuses; these are Juju's words.
    #[error("invalid charm \"{name}\": {reason}")]
    Invalid {
        /// The charm's name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file does not declare a charm.
    #[error("cannot use `{}` as a charm", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// Why.
        source: MetadataError,
    },
}

/// Loads a charm from a folder, or from a `.charm` file.
///
/// # Errors
///
/// When it is none, or a file in it is wrong.
pub fn load(path: &Path) -> Result<CharmFolder, LoadError> {
    if path.is_file() {
        return load_archive(path);
    }
    let craft = path.join("charmcraft.yaml");
    let packed = path.join("metadata.yaml");
    let (file, metadata, config, actions, program) = if craft.is_file() && !packed.is_file() {
        let document = read(&craft)?;
        let program = program(&document);
        let actions = match document["actions"].is_object() {
            true => document["actions"].clone(),
            false => read_optional(&path.join("actions.yaml"))?,
        };
        let config = match document["config"].is_object() {
            true => document["config"].clone(),
            false => read_optional(&path.join("config.yaml"))?,
        };
        (craft, document, config, actions, program)
    } else if packed.is_file() {
        let config = read_optional(&path.join("config.yaml"))?;
        let actions = read_optional(&path.join("actions.yaml"))?;
        let document = read(&packed)?;
        // The older layout: what builds the charm stands apart from what it declares.
        let program = match path.join("dispatch").exists() {
            true => Program::Folder,
            false => program(&read_optional(&craft)?),
        };
        (packed, document, config, actions, program)
    } else {
        return Err(LoadError::NotACharm { path: path.to_owned() });
    };
    let metadata = CharmMetadata::from_documents(&metadata, &config, &actions)
        .map_err(|source| LoadError::Metadata { path: file, source })?;
    Ok(CharmFolder { path: path.to_owned(), metadata, program })
}

/// What Juju checks of an archive before it takes it.
fn load_archive(path: &Path) -> Result<CharmFolder, LoadError> {
    let mut archive = Archive::open(path)?;
    let mut document = |name: &'static str| -> Result<Option<Value>, LoadError> {
        let Some(text) = archive.document(name)? else { return Ok(None) };
        parse(&path.join(name), &text).map(Some)
    };
    let absent = |document| LoadError::Document { path: path.to_owned(), document };
    let metadata = document("metadata.yaml")?.ok_or_else(|| absent("metadata.yaml"))?;
    let manifest = document("manifest.yaml")?;
    let config = document("config.yaml")?;
    let actions = document("actions.yaml")?.unwrap_or_default();
    if manifest.is_none() {
        return Err(absent("manifest.yaml"));
    }
    let name = metadata["name"].as_str().unwrap_or_default();
    let invalid = |reason| LoadError::Invalid { name: name.to_owned(), reason };
    if config.as_ref().is_some_and(Value::is_null) {
        return Err(invalid("invalid config: empty configuration"));
    }
    let has_program = archive.files().any(|file| file == "dispatch" || file.starts_with("hooks/"));
    if !has_program {
        return Err(invalid("has no hooks nor dispatch file"));
    }
    let config = config.unwrap_or_default();
    let metadata = CharmMetadata::from_documents(&metadata, &config, &actions)
        .map_err(|source| LoadError::Metadata { path: path.join("metadata.yaml"), source })?;
    Ok(CharmFolder { path: path.to_owned(), metadata, program: Program::Folder })
}

pub(super) fn read(path: &Path) -> Result<Value, LoadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Value, LoadError> {
    serde_yaml::from_str(text)
        .map_err(|error| LoadError::Yaml { path: path.to_owned(), reason: error.to_string() })
}

pub(super) fn read_optional(path: &Path) -> Result<Value, LoadError> {
    if path.is_file() { read(path) } else { Ok(Value::Null) }
}

/// The binary that a part puts in the place of `dispatch`.
fn program(document: &Value) -> Program {
    let parts = document["parts"].as_object();
    parts
        .into_iter()
        .flatten()
        .filter_map(|(_, part)| part["organize"].as_object())
        .flatten()
        .find(|(_, target)| target.as_str() == Some("dispatch"))
        .and_then(|(source, _)| source.strip_prefix("bin/"))
        .map_or(Program::Folder, |binary| Program::Binary(binary.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    #[test]
    fn a_source_folder_names_its_binary() {
        let source = folder(&[(
            "charmcraft.yaml",
            "name: web\nrequires: {db: {interface: sql}}\nconfig: {options: {port: {type: int, \
             default: 80}}}\nparts: {charm: {plugin: rust, organize: {bin/web-charm: dispatch}}}\n",
        )]);
        let charm = load(source.path()).unwrap();
        assert_eq!(charm.program, Program::Binary("web-charm".to_owned()));
        assert_eq!(charm.metadata.config["port"].default, Some(80.into()));
    }

    #[test]
    fn a_packed_folder_brings_its_dispatch() {
        let packed = folder(&[("metadata.yaml", "name: web\n"), ("dispatch", "#!/bin/sh\n")]);
        assert_eq!(load(packed.path()).unwrap().program, Program::Folder);
    }

    #[test]
    fn the_older_layout_names_its_binary_too() {
        let parts = "parts: {charm: {plugin: rust, organize: {bin/web-charm: dispatch}}}\n";
        let mut files = vec![("metadata.yaml", "name: web\n"), ("charmcraft.yaml", parts)];
        let binary = Program::Binary("web-charm".to_owned());
        assert_eq!(load(folder(&files).path()).unwrap().program, binary);
        files.push(("dispatch", ""));
        assert_eq!(load(folder(&files).path()).unwrap().program, Program::Folder);
    }

    #[test]
    fn an_archive_is_held_to_what_juju_demands() {
        let packed = |files: &[(&str, &str)]| {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
            for (name, text) in files {
                zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
                std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
            }
            zip.finish().unwrap();
            load(file.path())
        };
        let (metadata, manifest) = (("metadata.yaml", "name: web"), ("manifest.yaml", "bases: []"));
        let dispatch = ("dispatch", "");
        let charm = packed(&[metadata, manifest, dispatch]).unwrap();
        assert_eq!((charm.metadata.name.as_str(), charm.program), ("web", Program::Folder));
        let refusal = |files: &[(&str, &str)]| packed(files).unwrap_err().to_string();
        assert!(refusal(&[manifest, dispatch]).ends_with("it has no `metadata.yaml`"));
        assert!(refusal(&[metadata, dispatch]).ends_with("it has no `manifest.yaml`"));
        assert_eq!(
            refusal(&[metadata, manifest]),
            "invalid charm \"web\": has no hooks nor dispatch file"
        );
        assert_eq!(
            refusal(&[metadata, manifest, dispatch, ("config.yaml", "")]),
            "invalid charm \"web\": invalid config: empty configuration"
        );
    }

    #[test]
    fn says_what_a_charm_needs() {
        let empty = folder(&[]);
        let text = load(empty.path()).unwrap_err().to_string();
        assert!(text.ends_with("expected `charmcraft.yaml` or `metadata.yaml` in it"), "{text}");
        let broken = folder(&[("metadata.yaml", "name: [\n")]);
        assert!(matches!(load(broken.path()), Err(LoadError::Yaml { .. })));
    }
}
