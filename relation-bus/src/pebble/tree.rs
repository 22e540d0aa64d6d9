//! The files of a container, in memory.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::clock::Timestamp;

/// Folders that every image has.
const USUAL: [&str; 14] = [
    "/bin",
    "/dev",
    "/etc",
    "/home",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/usr/bin",
    "/usr/local/share",
    "/var/cache",
    "/var/lib",
    "/var/log",
];

/// What can go wrong with one path, in the daemon's classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileErrorKind {
    NotFound,
    Generic,
}

impl FileErrorKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Generic => "generic-file-error",
        }
    }
}

/// A problem with one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileError {
    pub(super) kind: FileErrorKind,
    pub(super) message: String,
}

impl FileError {
    pub(super) fn generic(message: impl Into<String>) -> Self {
        Self { kind: FileErrorKind::Generic, message: message.into() }
    }

    fn not_found(action: &str, path: &str) -> Self {
        Self {
            kind: FileErrorKind::NotFound,
            message: format!("{action} {path}: no such file or directory"),
        }
    }

    /// As it stands beside its path in an answer.
    pub(super) fn to_json(&self) -> Value {
        json!({"message": self.message, "kind": self.kind.as_str()})
    }
}

/// Who owns a file, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Whether missing parents are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parents {
    Make,
    Require,
}

/// Whether a folder is removed with what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    All,
    Empty,
}

#[derive(Debug, Clone)]
struct Node {
    // None: a folder.
    content: Option<Vec<u8>>,
    mode: u32,
    owner: Owner,
    modified: Timestamp,
}

/// A file tree. Paths are absolute; `//`, `.` and `..` in them are understood.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    /// The usual folders, `directories`, and `files` with their folders.
    pub(super) fn new(files: &BTreeMap<String, Vec<u8>>, directories: &BTreeSet<String>) -> Self {
        let mut tree = Self { nodes: BTreeMap::new() };
        tree.put_folder("/", 0o755, Owner::default());
        for folder in USUAL.into_iter().chain(directories.iter().map(String::as_str)) {
            tree.make_all(&clean(folder), 0o755, Owner::default());
        }
        for (path, content) in files {
            let path = clean(path);
            tree.make_all(parent(&path), 0o755, Owner::default());
            let node = Node {
                content: Some(content.clone()),
                mode: 0o644,
                owner: Owner::default(),
                modified: Timestamp::now(),
            };
            tree.nodes.insert(path, node);
        }
        tree
    }

    /// All files with their content.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = self
            .nodes
            .iter()
            .filter_map(|(path, node)| Some((path.clone(), node.content.clone()?)));
        files.collect()
    }

    /// Writes a whole file; its folder must be there, or is made with the usual rights.
    pub(super) fn write(
        &mut self,
        path: &str,
        content: Vec<u8>,
        mode: u32,
        owner: Owner,
        parents: Parents,
    ) -> Result<(), FileError> {
        let at = absolute(path)?;
        let folder = parent(&at).to_owned();
        if parents == Parents::Make {
            self.check_folders(&folder)?;
            self.make_all(&folder, 0o755, owner);
        }
        match self.nodes.get(&folder) {
            None => return Err(FileError::not_found("open", path)),
            Some(node) if node.content.is_some() => {
                return Err(FileError::generic(format!("open {path}: not a directory")));
            }
            Some(_) => {}
        }
        if self.nodes.get(&at).is_some_and(|node| node.content.is_none()) {
            return Err(FileError::generic(format!("rename {path}: file exists")));
        }
        self.nodes
            .insert(at, Node { content: Some(content), mode, owner, modified: Timestamp::now() });
        Ok(())
    }

    /// The content of a file.
    pub(super) fn read(&self, path: &str) -> Result<&[u8], FileError> {
        let at = absolute(path)?;
        let node = self.nodes.get(&at).ok_or_else(|| FileError::not_found("stat", path))?;
        node.content
            .as_deref()
            .ok_or_else(|| FileError::generic(format!("can only read a regular file: {path:?}")))
    }

    /// Whether there is a folder at `path`.
    pub(super) fn is_folder(&self, path: &str) -> bool {
        absolute(path)
            .is_ok_and(|at| self.nodes.get(&at).is_some_and(|node| node.content.is_none()))
    }

    /// What lies in a folder, sorted by name, or the path itself if it is a file.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Value>, FileError> {
        let at = absolute(path)?;
        let node = self.nodes.get(&at).ok_or_else(|| FileError::not_found("stat", path))?;
        if node.content.is_some() {
            return Ok(vec![self.info(&at, node)]);
        }
        let children = self.below(&at).filter(|(child, _)| parent(child) == at);
        Ok(children.map(|(child, node)| self.info(child, node)).collect())
    }

    /// What is known about the path itself.
    pub(super) fn stat(&self, path: &str) -> Result<Value, FileError> {
        let at = absolute(path)?;
        let node = self.nodes.get(&at).ok_or_else(|| FileError::not_found("stat", path))?;
        Ok(self.info(&at, node))
    }

    /// Makes a folder; with [`Parents::Make`] also those above it, and none of them need be new.
    pub(super) fn make_folder(
        &mut self,
        path: &str,
        mode: u32,
        owner: Owner,
        parents: Parents,
    ) -> Result<(), FileError> {
        let at = absolute(path)?;
        if parents == Parents::Make {
            self.check_folders(&at)?;
            self.make_all(&at, mode, owner);
            return Ok(());
        }
        if self.nodes.contains_key(&at) {
            return Err(FileError::generic(format!("mkdir {path}: file exists")));
        }
        match self.nodes.get(parent(&at)) {
            None => Err(FileError::not_found("mkdir", path)),
            Some(node) if node.content.is_some() => {
                Err(FileError::generic(format!("mkdir {path}: not a directory")))
            }
            Some(_) => {
                self.put_folder(&at, mode, owner);
                Ok(())
            }
        }
    }

    /// Removes a file or folder. With [`Depth::All`] it may be missing.
    pub(super) fn remove(&mut self, path: &str, depth: Depth) -> Result<(), FileError> {
        let at = absolute(path)?;
        let within: Vec<String> = self.below(&at).map(|(child, _)| child.clone()).collect();
        if depth == Depth::Empty {
            if !self.nodes.contains_key(&at) {
                return Err(FileError::not_found("remove", path));
            }
            if !within.is_empty() {
                return Err(FileError::generic(format!("remove {path}: directory not empty")));
            }
        }
        for child in within {
            self.nodes.remove(&child);
        }
        if at != "/" {
            self.nodes.remove(&at);
        }
        Ok(())
    }

    /// The user of this name or number, from the container's `/etc/passwd`; root is always known. Gives uid and gid.
    pub(super) fn user(&self, wanted: &str) -> Option<Owner> {
        let field = |line: &str, at: usize| line.split(':').nth(at).map(str::to_owned);
        let found = self.lines("/etc/passwd").into_iter().find(|line| {
            field(line, 0).as_deref() == Some(wanted) || field(line, 2).as_deref() == Some(wanted)
        });
        match found {
            Some(line) => Some(Owner {
                uid: field(&line, 2)?.parse().ok()?,
                gid: field(&line, 3)?.parse().ok()?,
            }),
            None => (wanted == "root" || wanted == "0").then_some(Owner::default()),
        }
    }

    /// The number of a group, from the container's `/etc/group`; root is always known.
    pub(super) fn group(&self, wanted: &str) -> Option<u32> {
        let lines = self.lines("/etc/group");
        let found = lines
            .iter()
            .find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':')?.split(':').nth(1));
        found.and_then(|number| number.parse().ok()).or_else(|| (wanted == "root").then_some(0))
    }

    fn lines(&self, path: &str) -> Vec<String> {
        let content =
            self.nodes.get(path).and_then(|node| node.content.as_deref()).unwrap_or_default();
        String::from_utf8_lossy(content).lines().map(str::to_owned).collect()
    }

    fn name_of(&self, file: &str, id: u32) -> String {
        let id = id.to_string();
        let line =
            self.lines(file).into_iter().find(|line| line.split(':').nth(2) == Some(id.as_str()));
        match line {
            Some(line) => line.split(':').next().unwrap_or_default().to_owned(),
            None if id == "0" => "root".to_owned(),
            None => String::new(),
        }
    }

    fn info(&self, path: &str, node: &Node) -> Value {
        let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("/");
        let mut info = json!({"path": path, "name": name});
        match &node.content {
            Some(content) => {
                info["type"] = "file".into();
                info["size"] = content.len().into();
            }
            None => info["type"] = "directory".into(),
        }
        info["permissions"] = format!("{:03o}", node.mode).into();
        info["last-modified"] = node.modified.seconds().into();
        info["user-id"] = node.owner.uid.into();
        info["user"] = self.name_of("/etc/passwd", node.owner.uid).into();
        info["group-id"] = node.owner.gid.into();
        info["group"] = self.name_of("/etc/group", node.owner.gid).into();
        info
    }

    fn below(&self, at: &str) -> impl Iterator<Item = (&String, &Node)> {
        let prefix = if at == "/" { "/".to_owned() } else { format!("{at}/") };
        let from = prefix.clone();
        (self.nodes.range(from..))
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .filter(move |(path, _)| *path != "/")
    }

    // Refuses a path that leads through a file.
    fn check_folders(&self, at: &str) -> Result<(), FileError> {
        let blocked = self_and_parents(at)
            .find(|path| self.nodes.get(*path).is_some_and(|node| node.content.is_some()));
        blocked.map_or(Ok(()), |path| {
            Err(FileError::generic(format!("mkdir {path}: not a directory")))
        })
    }

    fn make_all(&mut self, at: &str, mode: u32, owner: Owner) {
        for path in self_and_parents(at) {
            if !self.nodes.contains_key(path) {
                self.put_folder(path, mode, owner);
            }
        }
    }

    fn put_folder(&mut self, at: &str, mode: u32, owner: Owner) {
        self.nodes
            .insert(at.to_owned(), Node { content: None, mode, owner, modified: Timestamp::now() });
    }
}

/// Reads permissions: exactly three octal digits, or nothing for the default.
pub(super) fn parse_mode(text: &str, default: u32) -> Result<u32, FileError> {
    match text {
        "" => Ok(default),
        _ if text.len() == 3 && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) => {
            u32::from_str_radix(text, 8)
                .map_err(|_| FileError::generic("permissions must be a 3-digit octal string"))
        }
        _ => Err(FileError::generic(format!(
            "permissions must be a 3-digit octal string, got {text:?}"
        ))),
    }
}

fn absolute(path: &str) -> Result<String, FileError> {
    if path.starts_with('/') {
        Ok(clean(path))
    } else {
        Err(FileError::generic(format!("paths must be absolute, got {path:?}")))
    }
}

/// The path without `.`, `..`, and doubled or trailing slashes. Nothing lies above the root.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

fn parent(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(at) => &path[..at],
    }
}

fn self_and_parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| (*path != "/").then(|| parent(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::new(&BTreeMap::from([("/d/x.txt".to_owned(), b"hello".to_vec())]), &BTreeSet::new())
    }

    #[test]
    fn paths_are_cleaned() {
        for (path, wanted) in
            [("/", "/"), ("//a/./b//", "/a/b"), ("/a/../../b", "/b"), ("/a/..", "/")]
        {
            assert_eq!(clean(path), wanted);
        }
    }

    #[test]
    fn write_needs_its_folder_unless_told_to_make_it() {
        let mut tree = tree();
        let mut write =
            |path: &str, parents| tree.write(path, b"z".to_vec(), 0o640, Owner::default(), parents);
        assert_eq!(write("/no/a", Parents::Require).unwrap_err().kind, FileErrorKind::NotFound);
        assert_eq!(
            write("/d/x.txt/a", Parents::Make).unwrap_err().message,
            "mkdir /d/x.txt: not a directory"
        );
        assert_eq!(write("/no/a", Parents::Make), Ok(()));
        assert_eq!(
            write("rel", Parents::Make).unwrap_err().message,
            "paths must be absolute, got \"rel\""
        );
        assert_eq!(write("/d", Parents::Make).unwrap_err().kind, FileErrorKind::Generic);
        assert_eq!(tree.read("/no/../no/a"), Ok(b"z".as_slice()));
        assert_eq!(tree.stat("/no").unwrap()["permissions"], "755");
    }

    #[test]
    fn folders_list_their_own_children_only() {
        let mut tree = tree();
        tree.make_folder("/d/sub/deep", 0o750, Owner::default(), Parents::Make).unwrap();
        let names = |tree: &Tree| {
            let listed = tree.list("/d").unwrap();
            listed.iter().map(|info| info["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&tree), ["sub", "x.txt"]);
        assert_eq!(
            tree.remove("/d/sub", Depth::Empty).unwrap_err().message,
            "remove /d/sub: directory not empty"
        );
        assert_eq!(tree.remove("/d/sub", Depth::All), Ok(()));
        assert_eq!(tree.remove("/d/sub", Depth::All), Ok(()));
        assert_eq!(names(&tree), ["x.txt"]);
        assert_eq!(tree.list("/d/x.txt").unwrap()[0]["size"], 5);
    }

    #[test]
    fn users_come_from_the_container() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/:/bin/false\n".to_vec();
        let tree =
            Tree::new(&BTreeMap::from([("/etc/passwd".to_owned(), passwd)]), &BTreeSet::new());
        assert_eq!(tree.user("web"), Some(Owner { uid: 101, gid: 102 }));
        assert_eq!(tree.user("root"), Some(Owner::default()));
        assert_eq!(tree.user("nosuchuser"), None);
    }
}
