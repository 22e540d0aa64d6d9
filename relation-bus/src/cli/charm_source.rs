//! Where a charm or bundle that is named on the command line lies.

use std::path::{Path, PathBuf};

use super::CommandError;
use crate::charm_folder::{build_programs, load, workspace_of};
use crate::dispatch::find_program;
use crate::server::protocol::Refusal;

/// What can be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A charm: a folder or a `.charm` file, by its absolute path.
    Charm(PathBuf),
    /// A bundle file, by its absolute path.
    Bundle(PathBuf),
}

/// Finds what a text names: a path, `cos:NAME`, or the name of a built-in charm.
pub(super) fn find(text: &str) -> Result<Source, Refusal> {
    if let Some(name) = text.strip_prefix("cos:") {
        return built_in(name).map(Source::Charm).ok_or_else(|| unknown(text));
    }
    let path = Path::new(text.strip_prefix("local:").unwrap_or(text));
    let absolute = || path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let has = |name: &str| path.join(name).is_file();
    let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    if has("charmcraft.yaml") || has("metadata.yaml") || (path.is_file() && !is_yaml) {
        return Ok(Source::Charm(absolute()));
    }
    if path.is_file() {
        return Ok(Source::Bundle(absolute()));
    }
    if has("bundle.yaml") {
        return Ok(Source::Bundle(absolute().join("bundle.yaml")));
    }
    let name = text.strip_prefix("ch:").unwrap_or(text);
    built_in(name).map(Source::Charm).ok_or_else(|| unknown(text))
}

/// Builds the program of a charm, if it needs one and lies in a workspace.
pub(super) fn prepare(charm: &Path) -> Result<(), CommandError> {
    let folder = load(charm).map_err(|error| Refusal::of(&error))?;
    build_programs(&[&folder], &find_program()?)?;
    Ok(())
}

/// The folder of a built-in charm, by its own name or its folder's.
fn built_in(name: &str) -> Option<PathBuf> {
    let charms = built_ins()?;
    if !name.is_empty() && !name.contains(['/', '.']) && charms.join(name).is_dir() {
        return Some(charms.join(name));
    }
    let folders = std::fs::read_dir(charms).ok()?.filter_map(Result::ok);
    let mut found = folders
        .map(|entry| entry.path())
        .filter(|path| load(path).is_ok_and(|charm| charm.metadata.name == name));
    found.next()
}

fn built_ins() -> Option<PathBuf> {
    let near = workspace_of(Path::new(".")).filter(|path| path.join("cos/charms").is_dir());
    let workspace = near.or_else(|| workspace_of(&std::env::current_exe().ok()?))?;
    Some(workspace.join("cos/charms")).filter(|path| path.is_dir())
}

fn unknown(text: &str) -> Refusal {
    let names = built_ins().and_then(|charms| std::fs::read_dir(charms).ok());
    let names = names.into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<_> =
        names.map(|entry| format!("cos:{}", entry.file_name().display())).collect();
    names.sort();
    Refusal {
        message: format!(
            "charm or bundle \"{text}\" not found: expected the path of a charm or bundle, or one \
             of {}",
            names.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_a_file_and_a_bundle_are_told_apart() {
        let outer = tempfile::tempdir().unwrap();
        let charm = outer.path().join("web");
        std::fs::create_dir(&charm).unwrap();
        std::fs::write(charm.join("metadata.yaml"), "name: web\n").unwrap();
        let packed = outer.path().join("web.charm");
        std::fs::write(&packed, "PK").unwrap();
        let bundle = outer.path().join("all.yaml");
        std::fs::write(&bundle, "applications: {}\n").unwrap();
        let found = |path: &Path| find(path.to_str().unwrap()).unwrap();
        assert!(matches!(found(&charm), Source::Charm(path) if path.ends_with("web")));
        assert!(matches!(found(&packed), Source::Charm(path) if path.ends_with("web.charm")));
        assert!(matches!(found(&bundle), Source::Bundle(path) if path.ends_with("all.yaml")));
    }

    #[test]
    fn built_in_charms_have_two_names() {
        let folder = find("cos:prometheus").unwrap();
        assert!(matches!(&folder, Source::Charm(path) if path.ends_with("cos/charms/prometheus")));
        assert_eq!(find("prometheus-k8s").unwrap(), folder);
        let refused = find("no-such-charm").unwrap_err().message;
        assert!(refused.starts_with("charm or bundle \"no-such-charm\" not found"), "{refused}");
    }
}
