//! Storage instances.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Life, Model};
use crate::charm_folder::CharmMetadata;
use crate::names::UnitName;

/// What a storage is to the charm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A folder.
    #[default]
    Filesystem,
    /// A device.
    Block,
}

impl StorageKind {
    /// The word as `storage-get` prints it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Block => "block",
        }
    }
}

impl fmt::Display for StorageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A storage instance of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageInstance {
    /// Its name in the metadata.
    pub name: String,
    /// `data/0`: the number counts all instances of the model.
    pub id: String,
    /// What it is.
    pub kind: StorageKind,
    /// Where the charm finds it.
    pub location: String,
    /// Whether it is on its way out.
    pub life: Life,
}

impl Model {
    /// Makes instances of a storage for a unit. The unit need not be there yet.
    pub fn make_storage(
        &mut self,
        charm: &CharmMetadata,
        name: &str,
        count: u32,
        locate: impl Fn(&str) -> String,
    ) -> Vec<StorageInstance> {
        let declared = charm.storage.get(name).cloned().unwrap_or_default();
        let kind = match declared["type"].as_str() {
            Some("block") => StorageKind::Block,
            _ => StorageKind::Filesystem,
        };
        (0..count)
            .map(|_| {
                let id = format!("{name}/{}", self.next_storage);
                self.next_storage += 1;
                // A storage of which there may be many has a folder for each below its location.
                let location = match (declared["location"].as_str(), &declared["multiple"]) {
                    (Some(location), serde_json::Value::Null) => location.to_owned(),
                    (Some(location), _) => format!("{}/{id}", location.trim_end_matches('/')),
                    (None, _) => format!("/var/lib/juju/storage/{id}"),
                };
                let location = locate(&location);
                StorageInstance { name: name.to_owned(), id, kind, location, life: Life::Alive }
            })
            .collect()
    }

    /// The storage instances of a unit, by id.
    pub fn storage_of(&self, unit: &UnitName) -> impl Iterator<Item = &StorageInstance> {
        self.unit(unit).into_iter().flat_map(|unit| unit.storage.values())
    }
}

/// How many instances a storage has at least: one, or what `multiple.range` says.
#[must_use]
pub(crate) fn least_count(declared: &serde_json::Value) -> u32 {
    let range = &declared["multiple"]["range"];
    let text = range.as_str().map_or_else(|| range.to_string(), ToOwned::to_owned);
    let least = text.split(['-', '+']).next().and_then(|first| first.trim().parse().ok());
    least.unwrap_or(1)
}

/// How many instances a storage may have; nothing when there is no limit.
#[must_use]
pub(crate) fn most_count(declared: &serde_json::Value) -> Option<u32> {
    let multiple = &declared["multiple"];
    if multiple.is_null() {
        return Some(1);
    }
    let range = &multiple["range"];
    let text = range.as_str().map_or_else(|| range.to_string(), ToOwned::to_owned);
    match text.split_once('-') {
        Some((_, most)) => most.trim().parse().ok(),
        None if text.ends_with('+') => None,
        None => text.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_range_says_how_many() {
        for (declared, least, most) in [
            (json!({}), 1, Some(1)),
            (json!({"multiple": {"range": "0-3"}}), 0, Some(3)),
            (json!({"multiple": {"range": "2+"}}), 2, None),
            (json!({"multiple": {"range": "1-"}}), 1, None),
            (json!({"multiple": {"range": 2}}), 2, Some(2)),
        ] {
            assert_eq!(
                (least_count(&declared), most_count(&declared)),
                (least, most),
                "{declared}"
            );
        }
    }

    #[test]
    fn instances_count_over_the_model_and_lie_below_their_location() {
        let metadata = json!({"name": "web", "storage": {
            "data": {"type": "filesystem", "location": "/data"},
            "logs": {"type": "filesystem", "location": "/logs", "multiple": {"range": "0+"}},
            "disk": {"type": "block"},
        }});
        let nothing = serde_json::Value::Null;
        let charm = CharmMetadata::from_documents(&metadata, &nothing, &nothing).unwrap();
        let mut model = Model::new("m", "u", "3.6.8");
        let mut made = Vec::new();
        for (name, count) in [("data", 1), ("logs", 2), ("disk", 1)] {
            made.extend(model.make_storage(&charm, name, count, |path| format!("/root{path}")));
        }
        let shown: Vec<_> =
            made.iter().map(|made| (made.id.as_str(), made.location.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("data/0", "/root/data"),
                ("logs/1", "/root/logs/logs/1"),
                ("logs/2", "/root/logs/logs/2"),
                ("disk/3", "/root/var/lib/juju/storage/disk/3"),
            ]
        );
        assert_eq!(made[3].kind, StorageKind::Block);
    }
}
