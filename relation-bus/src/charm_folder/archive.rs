//! A `.charm` file: a zip archive with the layout that Juju unpacks.
//!
//! Every entry is checked before the first byte is unpacked: an archive with an entry that would
//! land outside of the charm directory is refused whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

/// More entries than this are no charm. A virtual environment has a few thousand.
const ENTRY_LIMIT: usize = 200_000;

/// Unpacked, a charm may be this big, in bytes.
const SIZE_LIMIT: u64 = 4 << 30;

/// A document that Juju reads (`metadata.yaml`, `config.yaml`, …) may be this big, in bytes.
const DOCUMENT_LIMIT: u64 = 16 << 20;

/// The longest target of a symbolic link, in bytes (`PATH_MAX`).
const LINK_LIMIT: u64 = 4096;

/// The bits of a mode that say what kind of file it is, and those kinds that a charm may have.
const KIND_MASK: u32 = 0o170_000;
const KIND_FILE: u32 = 0o100_000;
const KIND_FOLDER: u32 = 0o040_000;
const KIND_LINK: u32 = 0o120_000;

/// Why a file is no usable `.charm`.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no zip archive, or a broken one.
    #[error("cannot read `{}` as a zip archive", path.display())]
    Zip {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ZipError,
    },
    /// The archive as a whole is refused.
    #[error("cannot use `{}` as a charm: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// One entry is refused.
    #[error("cannot use `{}` as a charm: its entry `{entry}` {reason}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry.
        entry: String,
        /// Why.
        reason: String,
    },
    /// An entry cannot be written.
    #[error("cannot unpack `{}`", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What an entry becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    File { mode: u32, size: u64 },
    Folder,
    Link { target: String },
}

#[derive(Debug)]
struct Entry {
    index: usize,
    kind: Kind,
}

/// An opened `.charm` whose entries have all been found to be harmless.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// Opens a `.charm` and checks every entry.
    ///
    /// # Errors
    ///
    /// When the file is no zip archive, is too big, or has an entry that Juju would refuse:
    /// an absolute path, one that leads out of the charm, one that is there twice, a device.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = File::open(path)
            .map_err(|source| ArchiveError::Read { path: path.to_owned(), source })?;
        let refuse_zip = |source| ArchiveError::Zip { path: path.to_owned(), source };
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(refuse_zip)?;
        let refuse =
            |reason: &str| ArchiveError::Refused { path: path.to_owned(), reason: reason.into() };
        if zip.len() > ENTRY_LIMIT {
            return Err(refuse("it has too many entries"));
        }
        if zip.has_duplicate_names() {
            return Err(refuse("an entry is in it twice"));
        }
        if zip.has_overlapping_files().map_err(refuse_zip)? {
            return Err(refuse("its entries overlap"));
        }
        let mut entries = BTreeMap::new();
        let mut total: u64 = 0;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).map_err(refuse_zip)?;
            let name = entry.name().map_err(refuse_zip)?.into_owned();
            let refuse_entry = |reason: String| ArchiveError::Entry {
                path: path.to_owned(),
                entry: name.clone(),
                reason,
            };
            let place = place_of(&name).map_err(|reason| refuse_entry(reason.to_owned()))?;
            total = total.saturating_add(entry.size());
            let kind = kind_of(&mut entry).map_err(refuse_entry)?;
            if entries.insert(place, Entry { index, kind }).is_some() {
                return Err(refuse_entry("is in it twice".to_owned()));
            }
        }
        if total > SIZE_LIMIT {
            return Err(refuse("unpacked it would have more than 4 GiB"));
        }
        check_places(&entries).map_err(|(entry, reason)| ArchiveError::Entry {
            path: path.to_owned(),
            entry,
            reason,
        })?;
        Ok(Self { path: path.to_owned(), zip, entries })
    }

    /// The paths of its files and links, relative to the charm, sorted.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let is_file = |entry: &Entry| entry.kind != Kind::Folder;
        self.entries.iter().filter(move |(_, entry)| is_file(entry)).map(|(name, _)| name.as_str())
    }

    /// Whether there is a file of this path that may be run.
    #[must_use]
    pub fn is_executable(&self, name: &str) -> bool {
        matches!(self.entries.get(name), Some(Entry { kind: Kind::File { mode, .. }, .. })
            if mode & 0o111 != 0)
    }

    /// The text of a document; nothing when it isn't there.
    ///
    /// # Errors
    ///
    /// When it is no file, is not UTF-8, or has more than 16 MiB.
    pub fn document(&mut self, name: &str) -> Result<Option<String>, ArchiveError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let refuse = |reason: &str| ArchiveError::Entry {
            path: self.path.clone(),
            entry: name.to_owned(),
            reason: reason.to_owned(),
        };
        let Kind::File { size, .. } = entry.kind else { return Err(refuse("is not a file")) };
        if size > DOCUMENT_LIMIT {
            return Err(refuse("has more than 16 MiB"));
        }
        let mut file = self
            .zip
            .by_index(entry.index)
            .map_err(|source| ArchiveError::Zip { path: self.path.clone(), source })?;
        let mut bytes = Vec::new();
        (&mut file)
            .take(size.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| ArchiveError::Read { path: self.path.clone(), source })?;
        if bytes.len() as u64 != size {
            return Err(refuse("has not the size that the archive says"));
        }
        String::from_utf8(bytes).map(Some).map_err(|_| refuse("is not UTF-8"))
    }

    /// Unpacks everything into a folder, which is made when it isn't there. The modes are those of
    /// the archive; files below `hooks` become executable for their owner, as Juju makes them.
    ///
    /// # Errors
    ///
    /// When an entry is broken or can't be written.
    pub fn unpack(&mut self, target: &Path) -> Result<(), ArchiveError> {
        make_folder(target)?;
        for (name, entry) in &self.entries {
            let place = target.join(name);
            let refuse = |source| ArchiveError::Write { path: place.clone(), source };
            match &entry.kind {
                Kind::Folder => make_folder(&place)?,
                Kind::Link { target } => {
                    clear(&place).map_err(refuse)?;
                    symlink(target, &place).map_err(refuse)?;
                }
                Kind::File { mode, size } => {
                    clear(&place).map_err(refuse)?;
                    let mut source = self
                        .zip
                        .by_index(entry.index)
                        .map_err(|source| ArchiveError::Zip { path: self.path.clone(), source })?;
                    let mut file = File::create_new(&place).map_err(refuse)?;
                    let bound = &mut (&mut source).take(size.saturating_add(1));
                    if io::copy(bound, &mut file).map_err(refuse)? != *size {
                        return Err(ArchiveError::Entry {
                            path: self.path.clone(),
                            entry: name.clone(),
                            reason: "has not the size that the archive says".to_owned(),
                        });
                    }
                    let hook = if name.starts_with("hooks/") { 0o100 } else { 0 };
                    let mode = std::fs::Permissions::from_mode(mode & 0o777 | 0o600 | hook);
                    file.set_permissions(mode).map_err(refuse)?;
                }
            }
        }
        Ok(())
    }
}

fn make_folder(path: &Path) -> Result<(), ArchiveError> {
    std::fs::create_dir_all(path)
        .map_err(|source| ArchiveError::Write { path: path.to_owned(), source })
}

/// Removes what an earlier revision left at a place, and makes the folder above it.
fn clear(place: &Path) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where an entry lies below the charm, without the slash that marks a folder.
fn place_of(name: &str) -> Result<String, &'static str> {
    let path = name.strip_suffix('/').unwrap_or(name);
    if path.starts_with('/') {
        return Err("has an absolute path");
    }
    if path.contains(['\\', '\0']) {
        return Err("has a character that no path of a charm has");
    }
    for part in path.split('/') {
        match part {
            ".." => return Err("leads out of the charm"),
            "" | "." => return Err("has an empty part"),
            _ => {}
        }
    }
    Ok(path.to_owned())
}

/// What an entry becomes; the target of a link is read.
fn kind_of(entry: &mut zip::read::ZipFile<'_, BufReader<File>>) -> Result<Kind, String> {
    if entry.encrypted() {
        return Err("is encrypted".to_owned());
    }
    let mode = entry.unix_mode().unwrap_or(KIND_FILE | 0o644);
    let size = entry.size();
    match mode & KIND_MASK {
        _ if entry.is_dir() => Ok(Kind::Folder),
        KIND_FOLDER => Ok(Kind::Folder),
        0 | KIND_FILE => Ok(Kind::File { mode, size }),
        KIND_LINK => {
            let mut target = String::new();
            let read = entry.take(LINK_LIMIT).read_to_string(&mut target);
            read.map_err(|error| format!("is a symbolic link that can't be read: {error}"))?;
            Ok(Kind::Link { target })
        }
        _ => Err("is neither a file nor a folder nor a symbolic link".to_owned()),
    }
}

/// Refuses entries below something that is no folder, and links that lead out of the charm.
fn check_places(entries: &BTreeMap<String, Entry>) -> Result<(), (String, String)> {
    let links: BTreeSet<&str> = entries
        .iter()
        .filter(|(_, entry)| matches!(entry.kind, Kind::Link { .. }))
        .map(|(name, _)| name.as_str())
        .collect();
    for (name, entry) in entries {
        for (end, _) in name.match_indices('/') {
            if entries.get(&name[..end]).is_some_and(|above| above.kind != Kind::Folder) {
                let reason = format!("lies below `{}`, which is not a folder", &name[..end]);
                return Err((name.clone(), reason));
            }
        }
        if let Kind::Link { target } = &entry.kind {
            check_link(name, target, &links).map_err(|reason| (name.clone(), reason))?;
        }
    }
    Ok(())
}

/// A link's target must stay within the charm whatever other links there are, so it may not go
/// through one of them.
fn check_link(name: &str, target: &str, links: &BTreeSet<&str>) -> Result<(), String> {
    if target.starts_with('/') {
        return Err(format!("is a symbolic link to an absolute path, `{target}`"));
    }
    let mut place: Vec<&str> = name.split('/').collect();
    place.pop();
    for part in target.split('/') {
        if links.contains(place.join("/").as_str()) {
            return Err(format!("is a symbolic link through another one, `{target}`"));
        }
        match part {
            "" | "." => {}
            ".." if place.pop().is_none() => {
                return Err(format!("is a symbolic link out of the charm, `{target}`"));
            }
            ".." => {}
            part => place.push(part),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    enum Made<'a> {
        File(&'a str, u32, &'a str),
        Link(&'a str, &'a str),
    }
    use Made::{File as F, Link as L};

    fn archive(entries: &[Made<'_>]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = ZipWriter::new(file.reopen().unwrap());
        for entry in entries {
            match entry {
                F(name, mode, text) => {
                    let options = SimpleFileOptions::default().unix_permissions(*mode);
                    zip.start_file(*name, options).unwrap();
                    zip.write_all(text.as_bytes()).unwrap();
                }
                L(name, target) => {
                    zip.add_symlink(*name, *target, SimpleFileOptions::default()).unwrap();
                }
            }
        }
        zip.finish().unwrap();
        file
    }

    fn refusal(entries: &[Made<'_>]) -> String {
        let file = archive(entries);
        let text = Archive::open(file.path()).unwrap_err().to_string();
        text.split_once("as a charm: ").map_or(text.clone(), |(_, reason)| reason.to_owned())
    }

    #[test]
    fn unpacks_with_the_modes_of_the_archive() {
        let file = archive(&[
            F("dispatch", 0o755, "#!/bin/sh\n"),
            F("hooks/start", 0o644, ""),
            F("src/charm.py", 0o444, "pass\n"),
            L("lib/current", "../src"),
        ]);
        let target = tempfile::tempdir().unwrap();
        let mut charm = Archive::open(file.path()).unwrap();
        charm.unpack(target.path()).unwrap();
        charm.unpack(target.path()).unwrap();
        let mode = |name: &str| {
            target.path().join(name).symlink_metadata().unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode("dispatch"), 0o755);
        assert_eq!(mode("hooks/start"), 0o744);
        assert_eq!(mode("src/charm.py"), 0o644);
        let through = target.path().join("lib/current/charm.py");
        assert_eq!(std::fs::read_to_string(through).unwrap(), "pass\n");
        assert!(charm.is_executable("dispatch"));
        assert!(!charm.is_executable("src/charm.py"));
        let files: Vec<_> = charm.files().collect();
        assert_eq!(files, ["dispatch", "hooks/start", "lib/current", "src/charm.py"]);
        assert_eq!(charm.document("src/charm.py").unwrap().as_deref(), Some("pass\n"));
        assert_eq!(charm.document("absent").unwrap(), None);
    }

    #[test]
    fn refuses_what_would_land_elsewhere() {
        let cases = [
            ("/etc/passwd", "its entry `/etc/passwd` has an absolute path"),
            ("src/../../x", "its entry `src/../../x` leads out of the charm"),
            ("src/./x", "its entry `src/./x` has an empty part"),
            ("a\\b", "its entry `a\\b` has a character that no path of a charm has"),
        ];
        for (name, message) in cases {
            assert_eq!(refusal(&[F(name, 0o644, "")]), message);
        }
    }

    #[test]
    fn refuses_links_that_lead_out() {
        assert_eq!(
            refusal(&[L("lib/x", "/etc")]),
            "its entry `lib/x` is a symbolic link to an absolute path, `/etc`"
        );
        assert_eq!(
            refusal(&[L("lib/x", "../../etc")]),
            "its entry `lib/x` is a symbolic link out of the charm, `../../etc`"
        );
        assert!(Archive::open(archive(&[L("lib/x", "..")]).path()).is_ok());
    }

    #[test]
    fn refuses_links_that_only_together_lead_out() {
        let text = refusal(&[L("a/b/up", "../.."), L("out", "a/b/up/../x")]);
        assert_eq!(text, "its entry `out` is a symbolic link through another one, `a/b/up/../x`");
        let text = refusal(&[L("src", "lib"), F("src/charm.py", 0o644, "")]);
        assert_eq!(text, "its entry `src/charm.py` lies below `src`, which is not a folder");
    }

    #[test]
    fn refuses_an_entry_that_is_there_twice() {
        // The writer refuses to write one, so a name of the same length is renamed in the bytes.
        let file = archive(&[F("one", 0o644, "1"), F("two", 0o644, "2")]);
        let mut bytes = std::fs::read(file.path()).unwrap();
        for at in 0..bytes.len() - 3 {
            if &bytes[at..at + 3] == b"two" {
                bytes[at..at + 3].copy_from_slice(b"one");
            }
        }
        std::fs::write(file.path(), &bytes).unwrap();
        let text = Archive::open(file.path()).unwrap_err().to_string();
        assert!(text.ends_with("an entry is in it twice"), "{text}");
        assert_eq!(
            refusal(&[F("a", 0o644, ""), F("a/", 0o644, "")]),
            "its entry `a/` is in it twice"
        );
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for bytes in [&b""[..], b"PK\x05\x06", b"name: web\n"] {
            std::fs::write(file.path(), bytes).unwrap();
            assert!(matches!(Archive::open(file.path()), Err(ArchiveError::Zip { .. })));
        }
    }
}
