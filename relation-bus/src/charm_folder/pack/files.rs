//! Which files of a charm's folder are packed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Entries, Entry, PackError, Source, text};

/// What every charm may have at its root. The documents of Juju are written anew.
const USUAL: [&str; 15] = [
    "LICENSE",
    "README.md",
    "dispatch",
    "hooks",
    "icon.svg",
    "lib",
    "lxd-profile.yaml",
    "mod",
    "revision",
    "solution.yaml",
    "src",
    "templates",
    "usr",
    "venv",
    "version",
];

/// What is never packed, wherever it lies.
const NEVER: [&str; 4] = ["__pycache__", ".git", ".mypy_cache", ".pytest_cache"];

/// What is not packed when a part takes a whole folder.
const NOT_AT_THE_ROOT: [&str; 3] = ["charmcraft.yaml", "target", "tests"];

/// Collects the files of a folder: what charms usually have, and what `dump` parts take in.
pub(super) fn collect(folder: &Path, project: &Value) -> Result<Entries, PackError> {
    let mut entries = Entries::new();
    let root = canonical(folder)?;
    for name in USUAL {
        add(&mut entries, &root, &root.join(name), name)?;
    }
    for (part, declared) in project["parts"].as_object().into_iter().flatten() {
        if text(declared, "plugin").unwrap_or(part) == "dump" {
            dump(&mut entries, &root, part, declared)?;
        }
    }
    Ok(entries)
}

fn canonical(path: &Path) -> Result<PathBuf, PackError> {
    path.canonicalize().map_err(|source| PackError::File { path: path.to_owned(), source })
}

/// Adds what a `dump` part takes in: its whole source, or what `stage` or `prime` name.
fn dump(entries: &mut Entries, root: &Path, part: &str, declared: &Value) -> Result<(), PackError> {
    let refuse = |reason: String| PackError::Project { path: root.join("charmcraft.yaml"), reason };
    let source = canonical(&root.join(text(declared, "source").unwrap_or(".")))?;
    let names = |key: &str| {
        let list = declared[key].as_array()?;
        Some(list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect::<Vec<_>>())
    };
    let (wanted, unwanted): (Vec<_>, Vec<_>) = names("prime")
        .or_else(|| names("stage"))
        .unwrap_or_default()
        .into_iter()
        .filter(|name| name != "*")
        .partition(|name| !name.starts_with('-'));
    if let Some(pattern) = wanted.iter().chain(&unwanted).find(|name| name.contains(['*', '?'])) {
        let place = format!("part `{part}` names `{pattern}`");
        return Err(refuse(format!("expected paths without patterns, but {place}")));
    }
    let taken = if wanted.is_empty() { everything(&source)? } else { wanted };
    for name in taken {
        let path = source.join(&name);
        if !path.exists() {
            return Err(refuse(format!("expected `{name}` of part `{part}`, found no such file")));
        }
        let target = declared["organize"][&name].as_str().unwrap_or(&name);
        add(entries, &source, &path, target.trim_end_matches('/'))?;
    }
    for name in unwanted {
        let name = name.trim_start_matches('-').trim_end_matches('/');
        let below = format!("{name}/");
        entries.retain(|entry, _| entry != name && !entry.starts_with(&below));
    }
    Ok(())
}

/// The names in a folder, but for hidden ones, archives and what only builds a charm.
fn everything(folder: &Path) -> Result<Vec<String>, PackError> {
    let is_wanted = |name: &String| {
        !name.starts_with('.')
            && !NOT_AT_THE_ROOT.contains(&name.as_str())
            && Path::new(name).extension().is_none_or(|extension| extension != "charm")
    };
    Ok(sorted_names(folder)?.into_iter().filter(is_wanted).collect())
}

fn sorted_names(folder: &Path) -> Result<Vec<String>, PackError> {
    let refuse = |source| PackError::File { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refuse)? {
        // A name that is no text can't be in an archive that Juju reads.
        names.extend(entry.map_err(refuse)?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Adds a file, or a folder with all that is in it. Links are followed, as charmcraft does, but for
/// two: one that stays inside `root` stays a link, and an interpreter of the machine in a virtual
/// environment is left out, since `dispatch` makes that anew.
fn add(entries: &mut Entries, root: &Path, path: &Path, name: &str) -> Result<(), PackError> {
    let refuse = |source| PackError::File { path: path.to_owned(), source };
    let Ok(meta) = path.symlink_metadata() else { return Ok(()) };
    let last = name.rsplit('/').next().unwrap_or(name);
    if NEVER.contains(&last) || last.ends_with(".pyc") {
        return Ok(());
    }
    let (mut root, mut meta) = (root.to_owned(), meta);
    if meta.is_symlink() {
        let (target, place) =
            (std::fs::read_link(path).map_err(refuse)?, path.canonicalize().map_err(refuse)?);
        if target.is_relative() && place.starts_with(&root) {
            let target = target.to_string_lossy().into_owned();
            let entry = Entry { source: Source::Link(target), is_executable: false };
            entries.insert(name.to_owned(), entry);
            return Ok(());
        }
        if name.starts_with("venv/bin/python") {
            return Ok(());
        }
        meta = std::fs::metadata(path).map_err(refuse)?;
        root = place;
    }
    if meta.is_dir() {
        let folder = canonical(path)?;
        for child in sorted_names(&folder)? {
            add(entries, &root, &folder.join(&child), &format!("{name}/{child}"))?;
        }
    } else if meta.is_file() {
        let is_executable = meta.permissions().mode() & 0o111 != 0;
        entries.insert(
            name.to_owned(),
            Entry { source: Source::File(path.to_owned()), is_executable },
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        folder
    }

    fn names(folder: &Path, project: &Value) -> Vec<String> {
        collect(folder, project).unwrap().into_keys().collect()
    }

    #[test]
    fn parts_add_what_they_name() {
        let folder = folder(&["rules/a.rule", "rules/b.rule", "notes.txt", "tests/x"]);
        let part = |part: Value| json!({"parts": {"data": part}});
        let named =
            part(json!({"plugin": "dump", "source": ".", "stage": ["rules", "-rules/b.rule"]}));
        assert_eq!(names(folder.path(), &named), ["rules/a.rule"]);
        let all =
            part(json!({"plugin": "dump", "source": ".", "organize": {"notes.txt": "doc/n"}}));
        assert_eq!(names(folder.path(), &all), ["doc/n", "rules/a.rule", "rules/b.rule"]);
        let nothing = part(json!({"plugin": "rust", "source": "."}));
        assert_eq!(names(folder.path(), &nothing), [""; 0]);
        let refusal = |stage: &str| {
            let project = part(json!({"plugin": "dump", "source": ".", "stage": [stage]}));
            let text = collect(folder.path(), &project).unwrap_err().to_string();
            text.split_once(".yaml`: ").unwrap().1.to_owned()
        };
        assert_eq!(
            refusal("rules/*"),
            "expected paths without patterns, but part `data` names `rules/*`"
        );
        assert_eq!(refusal("absent"), "expected `absent` of part `data`, found no such file");
    }

    #[test]
    fn a_virtual_environment_elsewhere_is_taken_in() {
        let (charm, shared) = (folder(&["src/charm.py"]), folder(&["lib/python3/x.py", "bin/pip"]));
        symlink("lib", shared.path().join("lib64")).unwrap();
        symlink("/bin/sh", shared.path().join("bin/python3")).unwrap();
        symlink("python3", shared.path().join("bin/python")).unwrap();
        symlink(shared.path(), charm.path().join("venv")).unwrap();
        let entries = collect(charm.path(), &Value::Null).unwrap();
        let names: Vec<_> = entries.keys().collect();
        let expected = ["src/charm.py", "venv/bin/pip", "venv/lib/python3/x.py", "venv/lib64"];
        assert_eq!(names, expected);
        assert_eq!(entries["venv/lib64"].source, Source::Link("lib".to_owned()));
    }
}
