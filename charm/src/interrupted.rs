//! What a dispatch leaves behind when it is killed between a change and the restart that it calls
//! for: the next one finds files and layers as they should be, and would see no reason to act.
//!
//! Before a container is changed, what fires and what differs are noted in a file of the charm's
//! folder; when its services are as they should be, the note is taken away. A reload that the
//! workload refused stays noted too, and is tried again in each dispatch. The folder lives exactly as long as the
//! containers do: both go with the pod.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::desired::{Causes, Interrupted, Renewal, Trigger};
use crate::names::ContainerName;

#[derive(Serialize, Deserialize)]
struct Note {
    files: BTreeSet<String>,
    layers: BTreeSet<String>,
    #[serde(default)]
    causes: BTreeMap<String, String>,
}

impl Note {
    fn of(interrupted: &Interrupted) -> Self {
        let Interrupted { trigger, causes } = interrupted;
        let causes =
            causes.iter().map(|(subject, class)| (subject.clone(), class.as_str().to_owned()));
        Self {
            files: trigger.files.clone(),
            layers: trigger.layers.clone(),
            causes: causes.collect(),
        }
    }

    fn read(self) -> Interrupted {
        let causes: Causes = self
            .causes
            .into_iter()
            .filter_map(|(subject, word)| Some((subject, Renewal::of_word(&word)?)))
            .collect();
        Interrupted { trigger: Trigger { files: self.files, layers: self.layers }, causes }
    }
}

fn path(charm_dir: &Path) -> PathBuf {
    charm_dir.join(".interrupted.json")
}

/// What is noted. A note that can't be read is no note: it was cut off while being written, so
/// nothing had been changed.
pub(crate) fn read(charm_dir: &Path) -> BTreeMap<ContainerName, Interrupted> {
    let notes: BTreeMap<String, Note> = fs::read(path(charm_dir))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    notes.into_iter().filter_map(|(name, note)| Some((name.parse().ok()?, note.read()))).collect()
}

/// Notes what is left to do in place of what was noted; nothing takes the note away.
pub(crate) fn write(
    charm_dir: &Path,
    interrupted: &BTreeMap<ContainerName, Interrupted>,
) -> io::Result<()> {
    let path = path(charm_dir);
    if interrupted.is_empty() {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let notes: BTreeMap<&str, Note> =
        interrupted.iter().map(|(name, left)| (name.as_str(), Note::of(left))).collect();
    fs::write(path, serde_json::to_vec(&notes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_kept_until_taken_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let trigger = Trigger { files: BTreeSet::from(["/a".to_owned()]), layers: BTreeSet::new() };
        let causes = Causes::from([("configuration".to_owned(), Renewal::Reload)]);
        let left = Interrupted { trigger, causes };
        let left = BTreeMap::from([("loki".parse().expect("valid"), left)]);
        write(folder.path(), &left).expect("written");
        assert_eq!(read(folder.path()), left);
        write(folder.path(), &BTreeMap::new()).expect("removed");
        write(folder.path(), &BTreeMap::new()).expect("still removed");
        assert_eq!(read(folder.path()), BTreeMap::new());
    }
}
