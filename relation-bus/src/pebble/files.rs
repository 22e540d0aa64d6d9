//! The files API. Problems with single paths stand inside an answer of status 200.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::envelope::{Answer, ApiError, Reply, first, read_body, sync};
use super::journal::Action;
use super::multipart::{self, Part};
use super::tree::{Depth, FileError, FileErrorKind, Owner, Parents, Tree, parse_mode};
use super::workload::Inner;

/// Shortest boundary that the daemon takes.
const SHORTEST_BOUNDARY: usize = 32;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct FileEntry {
    #[serde(default)]
    path: String,
    #[serde(default)]
    make_dirs: Option<bool>,
    #[serde(default)]
    make_parents: Option<bool>,
    #[serde(default)]
    recursive: Option<bool>,
    #[serde(default)]
    permissions: Option<String>,
    user_id: Option<u32>,
    user: Option<String>,
    group_id: Option<u32>,
    group: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Request {
    #[serde(default)]
    action: String,
    #[serde(default)]
    files: Vec<FileEntry>,
    #[serde(default)]
    dirs: Vec<FileEntry>,
    #[serde(default)]
    paths: Vec<FileEntry>,
}

/// Reads or lists files.
pub(super) fn get(inner: &Inner, headers: &HeaderMap, query: &[(String, String)]) -> Response {
    match first(query, "action") {
        "read" => read(inner, headers, query).unwrap_or_else(ApiError::into_response),
        "list" => list(inner, query).into_response(),
        action => ApiError::bad_request(format!("invalid action {action:?}")).into_response(),
    }
}

/// Writes or removes files, or makes folders.
pub(super) fn post(inner: &Inner, headers: &HeaderMap, body: &[u8]) -> Reply {
    let given =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match multipart::content_type(given) {
        (media, _) if media.is_empty() => {
            Err(ApiError::bad_request(format!("invalid Content-Type {given:?}")))
        }
        (media, boundary) if media == "multipart/form-data" => {
            let boundary = boundary.unwrap_or_default();
            if boundary.len() < SHORTEST_BOUNDARY {
                return Err(ApiError::bad_request(format!("invalid boundary {boundary:?}")));
            }
            write(inner, body, &boundary)
        }
        (media, _) if media == "application/json" => {
            let request: Request = read_body(body, "request body")?;
            let results: Vec<Value> = match request.action.as_str() {
                "make-dirs" => request.dirs.iter().map(|entry| make_folder(inner, entry)).collect(),
                "remove" => request.paths.iter().map(|entry| remove(inner, entry)).collect(),
                "write" => {
                    return Err(ApiError::bad_request("must use multipart with \"write\" action"));
                }
                action => return Err(ApiError::bad_request(format!("invalid action {action:?}"))),
            };
            Ok(Answer::Sync(results.into()))
        }
        (media, _) => Err(ApiError::bad_request(format!("invalid media type {media:?}"))),
    }
}

fn result(path: &str, outcome: Result<(), FileError>) -> Value {
    match outcome {
        Ok(()) => json!({"path": path}),
        Err(error) => json!({"path": path, "error": error.to_json()}),
    }
}

fn read(
    inner: &Inner,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<Response, ApiError> {
    if headers.get(header::ACCEPT).is_none_or(|accept| accept != "multipart/form-data") {
        return Err(ApiError::bad_request("must accept multipart/form-data"));
    }
    let paths: Vec<&String> =
        query.iter().filter(|(key, _)| key == "path").map(|(_, path)| path).collect();
    if paths.is_empty() {
        return Err(ApiError::bad_request("must specify one or more paths"));
    }
    let mut parts = Vec::new();
    let mut results = Vec::new();
    inner.read(|state| {
        for path in paths {
            let content = state.tree.read(path).map(<[u8]>::to_vec);
            results.push(result(path, content.as_ref().map(|_| ()).map_err(Clone::clone)));
            if let Ok(content) = content {
                parts.push(Part { name: "files".to_owned(), filename: path.clone(), content });
            }
        }
    });
    let envelope = sync(results.into()).to_string().into_bytes();
    parts.push(Part { name: "response".to_owned(), filename: String::new(), content: envelope });
    let (body, boundary) = multipart::join(&parts);
    Ok(([(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))], body)
        .into_response())
}

fn list(inner: &Inner, query: &[(String, String)]) -> Reply {
    let path = first(query, "path");
    if path.is_empty() {
        return Err(ApiError::bad_request("must specify path"));
    }
    let itself = match first(query, "itself") {
        "" | "false" => false,
        "true" => true,
        _ => return Err(ApiError::bad_request("itself parameter must be \"true\" or \"false\"")),
    };
    if !path.starts_with('/') {
        return Err(ApiError::bad_request(format!("path must be absolute, got {path:?}")));
    }
    let pattern = first(query, "pattern");
    if !is_pattern(pattern) {
        return Err(ApiError::bad_request("syntax error in pattern")
            .with_kind(FileErrorKind::Generic.as_str()));
    }
    let found = inner.read(|state| {
        if itself { state.tree.stat(path).map(|info| vec![info]) } else { state.tree.list(path) }
    });
    let found = found.map_err(|FileError { kind, message }| {
        let status = match kind {
            FileErrorKind::NotFound => StatusCode::NOT_FOUND,
            FileErrorKind::Generic => StatusCode::BAD_REQUEST,
        };
        ApiError::new(status, message).with_kind(kind.as_str())
    })?;
    let matches = |info: &Value| {
        pattern.is_empty()
            || fits(pattern.as_bytes(), info["name"].as_str().unwrap_or_default().as_bytes())
    };
    Ok(Answer::Sync(found.into_iter().filter(matches).collect()))
}

fn write(inner: &Inner, body: &[u8], boundary: &str) -> Reply {
    let malformed =
        || ApiError::bad_request("cannot read multipart body: multipart: NextPart: EOF");
    let mut parts = multipart::parse(body, boundary).ok_or_else(malformed)?.into_iter();
    let metadata = parts.next().ok_or_else(malformed)?;
    if metadata.name != "request" {
        let name = metadata.name;
        return Err(ApiError::bad_request(format!(
            "metadata field name must be \"request\", got {name:?}"
        )));
    }
    let request: Request = read_body(&metadata.content, "request metadata")?;
    if request.action != "write" {
        return Err(ApiError::bad_request(format!(
            "multipart action must be \"write\", got {:?}",
            request.action
        )));
    }
    if request.files.is_empty() {
        return Err(ApiError::bad_request("must specify one or more files"));
    }
    let mut outcomes: BTreeMap<String, Result<(), FileError>> = BTreeMap::new();
    for part in parts {
        if part.name != "files" {
            return Err(ApiError::bad_request(format!(
                "field name must be \"files\", got {:?}",
                part.name
            )));
        }
        let Some(entry) = request.files.iter().find(|entry| entry.path == part.filename) else {
            return Err(ApiError::bad_request(format!("no metadata for path {:?}", part.filename)));
        };
        let outcome = inner.update(|state| {
            let mode = parse_mode(entry.permissions.as_deref().unwrap_or_default(), 0o644)?;
            let owner = owner(&state.tree, entry)?;
            let parents =
                if entry.make_dirs == Some(true) { Parents::Make } else { Parents::Require };
            state.tree.write(&entry.path, part.content, mode, owner, parents)?;
            state.journal.push(Action::WriteFile(entry.path.clone()));
            Ok(())
        });
        outcomes.insert(part.filename, outcome);
    }
    let results = request.files.iter().map(|entry| {
        let missing =
            || Err(FileError::generic(format!("no file content for path {:?}", entry.path)));
        result(&entry.path, outcomes.get(&entry.path).cloned().unwrap_or_else(missing))
    });
    Ok(Answer::Sync(results.collect()))
}

fn make_folder(inner: &Inner, entry: &FileEntry) -> Value {
    let outcome = inner.update(|state| {
        let mode = parse_mode(entry.permissions.as_deref().unwrap_or_default(), 0o755)?;
        let owner = owner(&state.tree, entry)?;
        let parents =
            if entry.make_parents == Some(true) { Parents::Make } else { Parents::Require };
        state.tree.make_folder(&entry.path, mode, owner, parents)
    });
    result(&entry.path, outcome)
}

fn remove(inner: &Inner, entry: &FileEntry) -> Value {
    let depth = if entry.recursive == Some(true) { Depth::All } else { Depth::Empty };
    let outcome = inner.update(|state| {
        let was_there = state.tree.stat(&entry.path).is_ok();
        state.tree.remove(&entry.path, depth)?;
        if was_there {
            state.journal.push(Action::RemovePath(entry.path.clone()));
        }
        Ok(())
    });
    result(&entry.path, outcome)
}

fn owner(tree: &Tree, entry: &FileEntry) -> Result<Owner, FileError> {
    let refuse =
        |message: String| FileError::generic(format!("cannot look up user and group: {message}"));
    let named = |text: &Option<String>| text.clone().filter(|name| !name.is_empty());
    let (user, group) = (named(&entry.user), named(&entry.group));
    if user.is_none() && entry.user_id.is_none() {
        if group.is_some() || entry.group_id.is_some() {
            return Err(refuse("must specify user, not just group".to_owned()));
        }
        return Ok(Owner::default());
    }
    let mut owner = match (&user, entry.user_id) {
        (Some(name), _) => {
            tree.user(name).ok_or_else(|| refuse(format!("user: unknown user {name}")))?
        }
        (None, Some(uid)) => tree.user(&uid.to_string()).unwrap_or(Owner { uid, gid: uid }),
        (None, None) => Owner::default(),
    };
    if let Some(uid) = entry.user_id.filter(|uid| *uid != owner.uid) {
        let name = user.unwrap_or_default();
        return Err(refuse(format!(
            "user {name:?} UID ({}) does not match user-id ({uid})",
            owner.uid
        )));
    }
    if let Some(name) = group {
        owner.gid =
            tree.group(&name).ok_or_else(|| refuse(format!("group: unknown group {name}")))?;
    } else if let Some(gid) = entry.group_id {
        owner.gid = gid;
    }
    Ok(owner)
}

// Whether every `[` of a pattern is closed and no backslash ends it.
fn is_pattern(pattern: &str) -> bool {
    let mut open = false;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => return false,
            '[' => open = true,
            ']' => open = false,
            _ => {}
        }
    }
    !open
}

// Shell patterns: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a literal.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|skip| fits(rest, &name[skip..])),
        [b'?', rest @ ..] => !name.is_empty() && fits(rest, &name[1..]),
        [b'[', class @ ..] => {
            let (Some(end), [c, after @ ..]) = (class.iter().position(|byte| *byte == b']'), name)
            else {
                return false;
            };
            let (wanted, class) = match &class[..end] {
                [b'^', class @ ..] => (false, class),
                class => (true, class),
            };
            let mut within = false;
            let mut at = 0;
            while at < class.len() {
                if class.get(at + 1) == Some(&b'-') && at + 2 < class.len() {
                    within |= (class[at]..=class[at + 2]).contains(c);
                    at += 3;
                } else {
                    within |= class[at] == *c;
                    at += 1;
                }
            }
            within == wanted && fits(&pattern[end + 2..], after)
        }
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => {
            name.first() == Some(literal) && fits(rest, &name[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_patterns() {
        for (pattern, name, wanted) in [
            ("*.txt", "x.txt", true),
            ("*.txt", "x.txt.bak", false),
            ("[a-c]?", "bz", true),
            ("[^a-c]?", "bz", false),
            ("[ab", "a", false),
            ("\\*", "*", true),
            ("", "", true),
            ("a*b*c", "a--b--c", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), wanted, "{pattern} {name}");
        }
        assert!(!is_pattern("[") && is_pattern("[a]*"));
    }
}
