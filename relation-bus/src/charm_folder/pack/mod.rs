//! Packs a charm folder into a `.charm` that Juju takes, as charmcraft would lay it out.
//!
//! The same input gives the same bytes: entries are sorted, times are fixed, modes are 0755 for
//! what may be run and 0644 for the rest.

mod documents;
mod files;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::install::PYTHON_DISPATCH;
use super::{Archive, ArchiveError, LoadError, load};

/// Why a charm can't be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The folder is no charm, or the archive made of it is none that Juju takes.
    #[error("cannot pack `{}`", path.display())]
    Charm {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: Box<LoadError>,
    },
    /// A key of `charmcraft.yaml` is not of use.
    #[error("cannot pack `{}`: {reason}", path.display())]
    Project {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// A file can't be read or written.
    #[error("cannot pack `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive can't be written.
    #[error("cannot write `{}` as a zip archive", path.display())]
    Zip {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: ZipError,
    },
    /// The archive can't be read again.
    #[error("cannot unpack what was packed")]
    Again(#[from] ArchiveError),
    /// The charm's own program refuses a file of the charm.
    #[error("cannot pack `{}`: {reason}", path.display())]
    Solution {
        /// The file.
        path: PathBuf,
        /// What the program says.
        reason: String,
    },
}

/// Where an entry's content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    Text(String),
    Link(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    source: Source,
    is_executable: bool,
}

type Entries = BTreeMap<String, Entry>;

/// What to pack.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// The charm's folder.
    pub folder: &'a Path,
    /// The program that becomes `dispatch`; nothing: the folder has its own, or is Python.
    pub dispatch: Option<&'a Path>,
    /// The platform, by its name in `charmcraft.yaml`; nothing: the first one of this machine's
    /// architecture.
    pub platform: Option<&'a str>,
    /// Where the archive goes; nothing: `<name>_<platform>.charm` in the working directory.
    pub output: Option<&'a Path>,
}

/// A charm that has been packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The archive.
    pub path: PathBuf,
    /// Its entries, sorted.
    pub entries: Vec<String>,
}

/// Packs a charm, and reads it again as `deploy` would. A charm with a `solution.yaml` and a program
/// of its own is asked whether it can use that file.
///
/// # Errors
///
/// When the folder is no charm, a file can't be read or written, or the charm refuses itself.
pub fn pack(order: &Order<'_>) -> Result<Packed, PackError> {
    let folder = order.folder;
    let refuse = |source| PackError::Charm { path: folder.to_owned(), source: Box::new(source) };
    let charm = load(folder).map_err(refuse)?;
    let project = documents::project(folder).map_err(refuse)?;
    let platform = documents::platform(folder, &project, order.platform)?;
    let mut entries = files::collect(folder, &project)?;
    for (name, text) in documents::split(folder, &project, &platform)? {
        entries.insert(name.to_owned(), Entry { source: Source::Text(text), is_executable: false });
    }
    add_dispatch(&mut entries, order.dispatch);
    let output = order.output.map_or_else(
        || PathBuf::from(format!("{}_{}.charm", charm.metadata.name, platform.file_part())),
        ToOwned::to_owned,
    );
    write(&entries, &output)?;
    load(&output).map_err(refuse)?;
    check_solution(folder, &output)?;
    Ok(Packed { path: output, entries: entries.into_keys().collect() })
}

fn add_dispatch(entries: &mut Entries, program: Option<&Path>) {
    let source = match program {
        Some(program) => Source::File(program.to_owned()),
        None => {
            let has_own =
                entries.keys().any(|name| name == "dispatch" || name.starts_with("hooks/"));
            if has_own || !entries.contains_key("src/charm.py") {
                return;
            }
            Source::Text(PYTHON_DISPATCH.to_owned())
        }
    };
    entries.insert("dispatch".to_owned(), Entry { source, is_executable: true });
}

fn write(entries: &Entries, output: &Path) -> Result<(), PackError> {
    let refuse = |source| PackError::File { path: output.to_owned(), source };
    let refuse_zip = |source| PackError::Zip { path: output.to_owned(), source };
    let mut zip = ZipWriter::new(BufWriter::new(File::create(output).map_err(refuse)?));
    // The oldest time that a zip can tell.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    for (name, entry) in entries {
        let options = options.unix_permissions(if entry.is_executable { 0o755 } else { 0o644 });
        match &entry.source {
            Source::Link(target) => {
                zip.add_symlink(name, target, options).map_err(refuse_zip)?;
            }
            Source::Text(text) => {
                zip.start_file(name, options).map_err(refuse_zip)?;
                io::copy(&mut text.as_bytes(), &mut zip).map_err(refuse)?;
            }
            Source::File(path) => {
                let refuse = |source| PackError::File { path: path.clone(), source };
                let mut file = File::open(path).map_err(refuse)?;
                zip.start_file(name, options).map_err(refuse_zip)?;
                io::copy(&mut file, &mut zip).map_err(refuse)?;
            }
        }
    }
    let mut file = zip.finish().map_err(refuse_zip)?;
    io::Write::flush(&mut file).map_err(refuse)
}

/// Unpacks the charm as Juju would and asks its program about `solution.yaml`.
fn check_solution(folder: &Path, output: &Path) -> Result<(), PackError> {
    let mut archive = Archive::open(output)?;
    if !archive.files().any(|name| name == "solution.yaml") || !archive.is_executable("dispatch") {
        return Ok(());
    }
    let refuse = |source| PackError::File { path: output.to_owned(), source };
    let place = tempfile::tempdir().map_err(refuse)?;
    archive.unpack(place.path())?;
    let answer = Command::new(place.path().join("dispatch"))
        .arg("--check")
        .current_dir(place.path())
        .env_clear()
        .output()
        .map_err(refuse)?;
    if answer.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&answer.stderr);
    let reason = said.trim().trim_start_matches("error: ").to_owned();
    Err(PackError::Solution { path: folder.join("solution.yaml"), reason })
}

/// A key of a document as text.
fn text<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    document[key].as_str()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn charm(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    const PROJECT: &str = "type: charm\nname: web\ntitle: Web\nsummary: s\ndescription: d\n\
                           base: ubuntu@24.04\nplatforms: {amd64: , arm64: , riscv64: }\nparts: \
                           {charm: {plugin: uv, source: .}}\nconfig: {options: {port: {type: int, \
                           default: 80, description: p}}}\n";

    fn packed(folder: &Path, dispatch: Option<&Path>) -> Result<(Packed, Vec<u8>), PackError> {
        let output = tempfile::Builder::new().suffix(".charm").tempfile().unwrap();
        let order =
            Order { folder, dispatch, platform: Some("amd64"), output: Some(output.path()) };
        let packed = pack(&order)?;
        Ok((packed, std::fs::read(output.path()).unwrap()))
    }

    #[test]
    fn a_python_charm_is_packed_with_what_it_needs() {
        let folder = charm(&[
            ("charmcraft.yaml", PROJECT),
            ("src/charm.py", "import ops\n"),
            ("src/__pycache__/charm.pyc", ""),
            ("lib/charms/web/v0/web.py", ""),
            ("venv/lib/python3/site-packages/ops/__init__.py", ""),
            ("README.md", "# Web\n"),
            ("tests/test_charm.py", ""),
            (".git/config", ""),
        ]);
        let (packed, bytes) = packed(folder.path(), None).unwrap();
        let expected = [
            "README.md",
            "config.yaml",
            "dispatch",
            "lib/charms/web/v0/web.py",
            "manifest.yaml",
            "metadata.yaml",
            "src/charm.py",
            "venv/lib/python3/site-packages/ops/__init__.py",
        ];
        assert_eq!(packed.entries, expected);
        let archive = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(archive.path(), bytes).unwrap();
        let mut archive = Archive::open(archive.path()).unwrap();
        assert!(archive.is_executable("dispatch"));
        assert!(!archive.is_executable("src/charm.py"));
        let config = archive.document("config.yaml").unwrap().unwrap();
        assert_eq!(
            config,
            "options:\n  port:\n    default: 80\n    description: p\n    type: int\n"
        );
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let files = [("charmcraft.yaml", PROJECT), ("dispatch", "#!/bin/sh\n"), ("src/a", "1")];
        let (one, other) = (charm(&files), charm(&files));
        for folder in [&one, &other] {
            let mode = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(folder.path().join("dispatch"), mode).unwrap();
        }
        let time = std::time::SystemTime::UNIX_EPOCH;
        File::open(other.path().join("src/a")).unwrap().set_modified(time).unwrap();
        assert_eq!(packed(one.path(), None).unwrap().1, packed(other.path(), None).unwrap().1);
    }

    #[test]
    fn a_program_is_asked_about_its_solution() {
        let folder = charm(&[("charmcraft.yaml", PROJECT), ("solution.yaml", "roles: 1\n")]);
        let program = |text: &str| {
            let path = folder.path().join("program");
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            packed(folder.path(), Some(&path)).map(|(packed, _)| packed.entries)
        };
        let refusal = program("echo \"error: $1 $(cat solution.yaml)\" >&2; exit 2").unwrap_err();
        let place = folder.path().join("solution.yaml");
        let expected = format!("cannot pack `{}`: --check roles: 1", place.display());
        assert_eq!(refusal.to_string(), expected);
        let entries =
            ["config.yaml", "dispatch", "manifest.yaml", "metadata.yaml", "solution.yaml"];
        assert_eq!(program("exit 0").unwrap(), entries);
    }

    #[test]
    fn a_charm_without_a_program_is_refused_in_juju_s_words() {
        let folder = charm(&[("charmcraft.yaml", PROJECT)]);
        let error = packed(folder.path(), None).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "invalid charm \"web\": has no hooks nor dispatch file");
    }
}
