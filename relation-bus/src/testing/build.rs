//! What models run, built once per test process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{Failure, Unmet};
use crate::charm_folder::{CharmFolder, Profile, Program, build_binaries, workspace_of};
use crate::dispatch::{RootError, lock};
use crate::engine::Settings;

/// Programs that this process has built. The lock is held while cargo runs: it would only wait for
/// itself.
static BUILT: Mutex<BTreeSet<(PathBuf, String)>> = Mutex::new(BTreeSet::new());

/// The bus and its hook tools.
const OWN: [&str; 2] = ["relation-bus", "relation-bus-tool"];

/// The settings with a bus to act as the hook tools, and with the programs of charms built.
pub(super) fn settings(charms: &[&CharmFolder], settings: Settings) -> Result<Settings, Failure> {
    if settings.program.is_some() {
        return Ok(settings);
    }
    let (folder, profile) = folder()?;
    let own = workspace_of(Path::new(env!("CARGO_MANIFEST_DIR")));
    let own = own.into_iter().flat_map(|place| OWN.map(|name| (place.clone(), name.to_owned())));
    build(own.chain(needed(charms)).collect(), profile)?;
    Ok(Settings { program: Some(folder.join(OWN[0])), ..settings })
}

/// Builds the programs of charms.
pub(super) fn programs(charms: &[&CharmFolder]) -> Result<(), Failure> {
    let (_, profile) = folder()?;
    build(needed(charms).collect(), profile)
}

/// The programs of charms, each with its workspace.
fn needed(charms: &[&CharmFolder]) -> impl Iterator<Item = (PathBuf, String)> {
    charms.iter().filter_map(|charm| match &charm.program {
        Program::Binary(name) => Some((workspace_of(&charm.path)?, name.clone())),
        Program::Folder => None,
    })
}

fn build(mut programs: BTreeSet<(PathBuf, String)>, profile: Profile) -> Result<(), Failure> {
    let mut built = lock(&BUILT);
    programs.retain(|program| !built.contains(program));
    let mut places: BTreeMap<&Path, BTreeSet<&str>> = BTreeMap::new();
    for (workspace, name) in &programs {
        places.entry(workspace).or_default().insert(name);
    }
    for (workspace, names) in places {
        build_binaries(workspace, &names, profile).map_err(Unmet::from)?;
    }
    built.append(&mut programs);
    Ok(())
}

/// Where cargo puts programs: above the folder of this test, `target/debug/deps`.
fn folder() -> Result<(PathBuf, Profile), Failure> {
    let current = std::env::current_exe().map_err(|source| RootError::Program { source })?;
    let above = current.ancestors().skip(1);
    let folder = above.into_iter().find(|folder| !folder.ends_with("deps"));
    let folder = folder.unwrap_or(Path::new("/")).to_owned();
    let profile = if folder.ends_with("release") { Profile::Release } else { Profile::Debug };
    Ok((folder, profile))
}
