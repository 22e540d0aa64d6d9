//! Files of the container.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use futures_util::stream;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tracing::Instrument as _;

use super::multipart::{Event, Reader};
use super::{Envelope, PebbleClient, PebbleError, decode, in_context, open};
use crate::snapshot::FileRead;

/// How long passing a large file on may take.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(300);

/// How much of a large file is held at a time.
const PIECE: usize = 64 * 1024;

/// Who owns what is written; the default is the user that Pebble runs as.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileOwner {
    /// A user's name.
    pub user: Option<String>,
    /// A group's name; needs a user.
    pub group: Option<String>,
}

/// A file to write. Folders on the way are made.
#[derive(Clone, PartialEq, Eq)]
pub struct FileWrite {
    /// Absolute path.
    pub path: String,
    /// Content. May hold secrets, so it shows nowhere.
    pub content: Vec<u8>,
    /// Permission bits, the lowest nine.
    pub mode: u32,
    /// Owner.
    pub owner: FileOwner,
}

/// Whether a removal goes down into folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// One file or empty folder, which must be there.
    Single,
    /// Everything below; nothing to remove is fine.
    Recursive,
}

/// Whether folders on the way are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MakeParents {
    /// They are made, and a folder that exists is fine.
    Yes,
    /// The parent must exist and the folder must not.
    No,
}

/// What a listing says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileInfo {
    /// Absolute path.
    pub path: String,
    /// Its last segment.
    pub name: String,
    /// `file`, `directory`, `symlink`, `socket`, `named-pipe`, `device` or `unknown`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes; only for files.
    #[serde(default)]
    pub size: Option<u64>,
    /// Permission bits as three octal digits.
    #[serde(default)]
    pub permissions: String,
    /// The owner's name; empty where the uid has none.
    #[serde(default)]
    pub user: String,
    /// The group's name; empty where the gid has none.
    #[serde(default)]
    pub group: String,
}

#[derive(Deserialize)]
struct PathResult {
    path: String,
    #[serde(default)]
    error: Option<PathProblem>,
}

#[derive(Deserialize)]
struct PathProblem {
    #[serde(default)]
    message: String,
    #[serde(default)]
    kind: String,
}

impl PathProblem {
    fn into_error(self, verb: &'static str, path: String) -> PebbleError {
        PebbleError::Path { verb, path, kind: self.kind, message: self.message }
    }
}

fn first_problem(verb: &'static str, path: &str, envelope: Envelope) -> Result<(), PebbleError> {
    let results: Vec<PathResult> = decode::<Option<_>>(path, envelope.result)?.unwrap_or_default();
    let problem = results.into_iter().find_map(|result| Some((result.error?, result.path)));
    problem.map_or(Ok(()), |(problem, path)| Err(problem.into_error(verb, path)))
}

fn metadata(path: &str, mode: u32, owner: &FileOwner) -> Value {
    let mut file = Map::new();
    file.insert("path".to_owned(), path.into());
    file.insert("make-dirs".to_owned(), true.into());
    file.insert("permissions".to_owned(), format!("{:03o}", mode & 0o777).into());
    for (key, name) in [("user", &owner.user), ("group", &owner.group)] {
        if let Some(name) = name {
            file.insert(key.to_owned(), name.as_str().into());
        }
    }
    Value::Object(file)
}

fn form(files: Vec<Value>) -> Form {
    let request = json!({"action": "write", "files": files}).to_string();
    Form::new().part("request", Part::text(request))
}

impl PebbleClient {
    /// Reads files, all in one request. A missing file is a finding, not an error.
    ///
    /// # Errors
    ///
    /// When Pebble can't be reached.
    pub async fn read_files(
        &self,
        paths: &[String],
    ) -> Result<BTreeMap<String, FileRead>, PebbleError> {
        let mut files = BTreeMap::new();
        if paths.is_empty() {
            return Ok(files);
        }
        let mut response = self.begin_reading(paths).await?;
        let mut parts: Vec<(Option<String>, Vec<u8>)> = Vec::new();
        let mut reader = Reader::new(content_type(&response))?;
        while let Some(piece) = next_piece(&mut response).await? {
            for event in reader.feed(&piece)? {
                match event {
                    Event::Part { name, file } => {
                        let file = file.filter(|_| name == "files");
                        parts.push((file, Vec::new()));
                    }
                    Event::Content(bytes) => {
                        if let Some((_, content)) = parts.last_mut() {
                            content.extend(bytes);
                        }
                    }
                    Event::End => {}
                }
            }
        }
        let mut results = None;
        for (file, content) in parts {
            match file {
                Some(path) => {
                    files.insert(path, FileRead::Content(content));
                }
                None => results = Some(read_results(&content)?),
            }
        }
        let results = results.ok_or_else(|| PebbleError::Protocol {
            request: "/v1/files".to_owned(),
            expected: "a part named `response`",
            source: None,
        })?;
        for PathResult { path, error } in results {
            if let Some(error) = error {
                let read = match error.kind.as_str() {
                    "not-found" => FileRead::Missing,
                    _ => FileRead::Unreadable(error.message),
                };
                files.insert(path, read);
            }
        }
        Ok(files)
    }

    /// Reads one file, however large, and passes its content on. Gives the number of bytes.
    ///
    /// # Errors
    ///
    /// When it can't be read, or its content can't be passed on.
    pub async fn pull(
        &self,
        path: &str,
        target: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, PebbleError> {
        let local = |source| PebbleError::Local { path: path.to_owned(), source };
        let mut response = self.begin_reading(&[path.to_owned()]).await?;
        let mut reader = Reader::new(content_type(&response))?;
        let (mut count, mut in_file, mut rest) = (0_u64, false, Vec::new());
        while let Some(piece) = next_piece(&mut response).await? {
            for event in reader.feed(&piece)? {
                match event {
                    Event::Part { name, .. } => in_file = name == "files",
                    Event::Content(bytes) if in_file => {
                        target.write_all(&bytes).await.map_err(local)?;
                        count += bytes.len() as u64;
                    }
                    Event::Content(bytes) => rest.extend(bytes),
                    Event::End => {}
                }
            }
        }
        target.flush().await.map_err(local)?;
        for PathResult { path, error } in read_results(&rest)? {
            if let Some(problem) = error {
                return Err(problem.into_error("read", path));
            }
        }
        Ok(count)
    }

    async fn begin_reading(&self, paths: &[String]) -> Result<Response, PebbleError> {
        let path = "/v1/files";
        let mut query = vec![("action", "read".to_owned())];
        query.extend(paths.iter().map(|path| ("path", path.clone())));
        let request = self
            .request(Method::GET, path)
            .query(&query)
            .header("Accept", "multipart/form-data")
            .timeout(TRANSFER_TIMEOUT);
        let span = tracing::info_span!("pebble", otel.name = path, path);
        let response = async { in_context(request).send().await }.instrument(span).await;
        let response = response.map_err(|error| PebbleError::transport(path, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|error| PebbleError::transport(path, error))?;
        Err(match open(path, status, &body) {
            Err(error) => error,
            Ok(_) => {
                PebbleError::Protocol { request: path.to_owned(), expected: "files", source: None }
            }
        })
    }

    /// Writes files, all in one request; each is replaced as a whole or not at all.
    ///
    /// # Errors
    ///
    /// With the first file that can't be written; others may have been.
    pub async fn write_files(&self, files: Vec<FileWrite>) -> Result<(), PebbleError> {
        if files.is_empty() {
            return Ok(());
        }
        let entries = files.iter().map(|file| metadata(&file.path, file.mode, &file.owner));
        let mut form = form(entries.collect());
        for file in files {
            form = form.part("files", Part::bytes(file.content).file_name(file.path));
        }
        self.post_files(form, super::REQUEST_TIMEOUT).await
    }

    /// Writes one file, however large, from a reader.
    ///
    /// # Errors
    ///
    /// When it can't be written, or the content can't be read.
    pub async fn push(
        &self,
        path: &str,
        mode: u32,
        owner: &FileOwner,
        source: impl AsyncRead + Unpin + Send + 'static,
    ) -> Result<(), PebbleError> {
        let pieces = stream::try_unfold(source, |mut source| async move {
            let mut piece = vec![0; PIECE];
            let count = source.read(&mut piece).await?;
            piece.truncate(count);
            Ok::<_, io::Error>((count > 0).then_some((piece, source)))
        });
        let part = Part::stream(Body::wrap_stream(pieces)).file_name(path.to_owned());
        let form = form(vec![metadata(path, mode, owner)]).part("files", part);
        self.post_files(form, TRANSFER_TIMEOUT).await
    }

    async fn post_files(&self, form: Form, limit: Duration) -> Result<(), PebbleError> {
        let path = "/v1/files";
        let request = self.request(Method::POST, path).multipart(form).timeout(limit);
        first_problem("write", path, self.send(path, request).await?)
    }

    /// Lists a folder, or the file itself; a pattern such as `*.yaml` filters by name.
    ///
    /// # Errors
    ///
    /// When there is no such path (code 404), or it may not be read.
    pub async fn list_files(
        &self,
        path: &str,
        pattern: Option<&str>,
    ) -> Result<Vec<FileInfo>, PebbleError> {
        let mut query = vec![("action", "list".to_owned()), ("path", path.to_owned())];
        query.extend(pattern.map(|pattern| ("pattern", pattern.to_owned())));
        Ok(self.read::<Option<_>>("/v1/files", &query).await?.unwrap_or_default())
    }

    /// Makes a folder.
    ///
    /// # Errors
    ///
    /// When it can't be made.
    pub async fn make_dir(
        &self,
        path: &str,
        parents: MakeParents,
        mode: u32,
    ) -> Result<(), PebbleError> {
        let body = json!({"action": "make-dirs", "dirs": [{
            "path": path,
            "make-parents": parents == MakeParents::Yes,
            "permissions": format!("{:03o}", mode & 0o777),
        }]});
        first_problem("create", "/v1/files", self.post("/v1/files", &body).await?)
    }

    /// Removes files or folders.
    ///
    /// # Errors
    ///
    /// With the first one that can't be removed.
    pub async fn remove_files(
        &self,
        paths: &[String],
        removal: Removal,
    ) -> Result<(), PebbleError> {
        let recursive = removal == Removal::Recursive;
        let paths: Vec<Value> =
            paths.iter().map(|path| json!({"path": path, "recursive": recursive})).collect();
        let body = json!({"action": "remove", "paths": paths});
        first_problem("remove", "/v1/files", self.post("/v1/files", &body).await?)
    }
}

fn content_type(response: &Response) -> &str {
    let header = response.headers().get("content-type");
    header.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn next_piece(
    response: &mut Response,
) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, PebbleError> {
    response.chunk().await.map_err(|error| PebbleError::transport("/v1/files", error))
}

fn read_results(envelope: &[u8]) -> Result<Vec<PathResult>, PebbleError> {
    let envelope = open("/v1/files", reqwest::StatusCode::OK, envelope)?;
    Ok(decode::<Option<_>>("/v1/files", envelope.result)?.unwrap_or_default())
}
