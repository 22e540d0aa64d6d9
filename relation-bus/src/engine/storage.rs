//! Storage of units: folders below the root of each.

use super::{Bus, EngineError};
use crate::dispatch::{RootError, lock};
use crate::model::{StorageInstance, StorageKind};
use crate::names::UnitName;

impl Bus {
    /// The storage instances of a unit, those that are not attached yet included.
    #[must_use]
    pub fn storage(&self, unit: &UnitName) -> Vec<StorageInstance> {
        lock(&self.model).storage_of(unit).cloned().collect()
    }

    /// Makes the folder of each instance of a unit that has none yet.
    pub(super) fn make_storage_folders(&self, unit: &UnitName) -> Result<(), EngineError> {
        for instance in self.storage(unit) {
            if instance.kind == StorageKind::Filesystem {
                let path = std::path::PathBuf::from(instance.location);
                std::fs::create_dir_all(&path)
                    .map_err(|source| RootError::Make { path, source })?;
            }
        }
        Ok(())
    }
}
