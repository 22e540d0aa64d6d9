//! Copies of the `.charm` files that were deployed, so that the originals may go away.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::folder::StateFolder;
use super::protocol::Request;
use crate::controller::Controller;
use crate::controller::acts::Act;

/// A `.charm` file could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep a copy of `{}`", path.display())]
pub(super) struct CharmError {
    /// The file.
    path: PathBuf,
    /// Why.
    source: io::Error,
}

/// Copies the `.charm` file that a request names, and lets the request name the copy. Folders stay
/// where they are.
pub(super) fn keep(folder: &StateFolder, request: &mut Request) -> Result<(), CharmError> {
    let charm = match request {
        Request::Act { act: Act::Deploy(deploy), .. } => &mut deploy.charm,
        Request::Act { act: Act::Refresh(refresh), .. } => &mut refresh.charm,
        _ => return Ok(()),
    };
    if charm.is_file() {
        let kept = copy(&folder.charms(), charm);
        *charm = kept.map_err(|source| CharmError { path: charm.clone(), source })?;
    }
    Ok(())
}

/// Removes the copies that no application of the controller needs any more.
pub(super) fn forget_unused(folder: &StateFolder, controller: &Controller) {
    let buses = controller.models().values().map(|hosted| &hosted.bus);
    let used: Vec<&Path> = buses.flat_map(|bus| bus.charm_paths()).collect();
    let Ok(entries) = std::fs::read_dir(folder.charms()) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if !used.contains(&path.as_path()) {
            // What can't be removed takes room, and harms nobody.
            std::fs::remove_file(path).ok();
        }
    }
}

/// A copy by its content, so that the same charm is kept once. It comes into its place whole.
fn copy(charms: &Path, original: &Path) -> io::Result<PathBuf> {
    let mut digest = Sha256::new();
    io::copy(&mut File::open(original)?, &mut digest)?;
    let name: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = charms.join(format!("{name}.charm"));
    if !kept.is_file() {
        std::fs::create_dir_all(charms)?;
        let fresh = kept.with_extension("new");
        std::fs::copy(original, &fresh)?;
        std::fs::rename(&fresh, &kept)?;
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::controller::acts::Deploy;
    use crate::engine::{Settings, Trust};

    fn deploy(charm: &Path) -> Request {
        let act = Act::Deploy(Deploy {
            charm: charm.to_owned(),
            application: None,
            units: 1,
            config: BTreeMap::new(),
            trust: Trust::Withheld,
        });
        Request::Act { model: None, act }
    }

    fn charm_of(request: &Request) -> &Path {
        let Request::Act { act: Act::Deploy(deploy), .. } = request else { panic!() };
        &deploy.charm
    }

    #[test]
    fn a_file_is_kept_once_and_a_folder_stays_where_it_is() {
        let outer = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&outer.path().join("state"));
        folder.make().unwrap();
        let original = outer.path().join("web.charm");
        std::fs::write(&original, "PK").unwrap();
        let mut first = deploy(&original);
        keep(&folder, &mut first).unwrap();
        let mut second = deploy(&original);
        keep(&folder, &mut second).unwrap();
        std::fs::remove_file(&original).unwrap();
        assert_eq!(charm_of(&first), charm_of(&second));
        assert!(charm_of(&first).starts_with(folder.charms()));
        assert_eq!(std::fs::read(charm_of(&first)).unwrap(), b"PK");

        let mut of_folder = deploy(outer.path());
        keep(&folder, &mut of_folder).unwrap();
        assert_eq!(charm_of(&of_folder), outer.path());

        forget_unused(&folder, &Controller::new(Settings::default()));
        assert!(!charm_of(&first).exists());
    }
}
