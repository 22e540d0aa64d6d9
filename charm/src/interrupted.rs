//! What a dispatch leaves behind when it is killed between a change and the restart that it calls
//! for: the next one finds files and layers as they should be, and would see no reason to act.
//!
//! Before a container is changed, the triggers are noted in a file of the charm's folder; when its
//! services are as they should be, the note is taken away. The folder lives exactly as long as the
//! containers do: both go with the pod.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::desired::Trigger;
use crate::names::ContainerName;

#[derive(Serialize, Deserialize)]
struct Note {
    files: BTreeSet<String>,
    layers: BTreeSet<String>,
}

fn path(charm_dir: &Path) -> PathBuf {
    charm_dir.join(".interrupted.json")
}

/// What is noted. A note that can't be read is no note: it was cut off while being written, so
/// nothing had been changed.
pub(crate) fn read(charm_dir: &Path) -> BTreeMap<ContainerName, Trigger> {
    let notes: BTreeMap<String, Note> = fs::read(path(charm_dir))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    notes
        .into_iter()
        .filter_map(|(name, note)| {
            Some((name.parse().ok()?, Trigger { files: note.files, layers: note.layers }))
        })
        .collect()
}

/// Notes triggers in place of what was noted; none take the note away.
pub(crate) fn write(
    charm_dir: &Path,
    triggers: &BTreeMap<ContainerName, Trigger>,
) -> io::Result<()> {
    let path = path(charm_dir);
    if triggers.is_empty() {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let notes: BTreeMap<&str, Note> = triggers
        .iter()
        .map(|(name, trigger)| {
            let note = Note { files: trigger.files.clone(), layers: trigger.layers.clone() };
            (name.as_str(), note)
        })
        .collect();
    fs::write(path, serde_json::to_vec(&notes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_kept_until_taken_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let trigger = Trigger { files: BTreeSet::from(["/a".to_owned()]), layers: BTreeSet::new() };
        let triggers = BTreeMap::from([("loki".parse().expect("valid"), trigger)]);
        write(folder.path(), &triggers).expect("written");
        assert_eq!(read(folder.path()), triggers);
        write(folder.path(), &BTreeMap::new()).expect("removed");
        write(folder.path(), &BTreeMap::new()).expect("still removed");
        assert_eq!(read(folder.path()), BTreeMap::new());
    }
}
