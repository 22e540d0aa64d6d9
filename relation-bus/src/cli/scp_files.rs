//! File trees that `scp` reads and writes: of this machine, and behind a Pebble.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::pebble::multipart::{Part, content_type, join, parse};
use crate::server::protocol::Refusal;

/// Files that can be reached.
#[derive(Debug)]
pub(super) enum Files {
    /// Those of this machine.
    Disk,
    /// Those of a workload container.
    Pebble(reqwest::Client),
}

/// A file, or a folder with what is in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    File {
        content: Vec<u8>,
        /// Permission bits.
        mode: u32,
    },
    Folder(BTreeMap<OsString, Item>),
}

impl Files {
    /// Those behind a Pebble's socket.
    pub(super) fn pebble(socket: &Path) -> Result<Self, Refusal> {
        let client = reqwest::Client::builder().unix_socket(socket.to_owned()).build();
        Ok(Self::Pebble(client.map_err(|error| Refusal::of(&error))?))
    }

    /// Whether there is a folder.
    pub(super) async fn is_folder(&self, path: &Path) -> Result<bool, Refusal> {
        match self {
            Self::Disk => Ok(path.is_dir()),
            Self::Pebble(client) => {
                let found = list(client, path, "true").await;
                Ok(found.is_ok_and(|entries| entries.iter().any(is_directory)))
            }
        }
    }

    /// Reads a file, or a folder with all that is in it.
    pub(super) async fn read(&self, path: &Path) -> Result<Item, Refusal> {
        match self {
            Self::Disk => read_disk(path).map_err(|error| failed(path, &error)),
            Self::Pebble(client) => {
                let entries = list(client, path, "true").await?;
                match entries.first() {
                    Some(entry) if is_directory(entry) => read_folder(client, path).await,
                    entry => read_file(client, path, mode_of(entry)).await,
                }
            }
        }
    }

    /// Writes a file, or a folder with all that is in it; what is there is laid over.
    pub(super) async fn write(&self, path: &Path, item: Item) -> Result<(), Refusal> {
        match self {
            Self::Disk => write_disk(path, &item).map_err(|error| failed(path, &error)),
            Self::Pebble(client) => write_pebble(client, path, item).await,
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Refusal {
    Refusal { message: format!("cannot copy `{}`: {error}", path.display()) }
}

fn read_disk(path: &Path) -> io::Result<Item> {
    if !path.is_dir() {
        let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
        return Ok(Item::File { content: std::fs::read(path)?, mode });
    }
    let mut inner = BTreeMap::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        // Sockets and links that lead nowhere are no files to copy.
        if entry.path().is_dir() || entry.path().is_file() {
            inner.insert(entry.file_name(), read_disk(&entry.path())?);
        }
    }
    Ok(Item::Folder(inner))
}

fn write_disk(path: &Path, item: &Item) -> io::Result<()> {
    match item {
        Item::File { content, mode } => {
            std::fs::write(path, content)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode))
        }
        Item::Folder(inner) => {
            if !path.is_dir() {
                std::fs::create_dir(path)?;
            }
            inner.iter().try_for_each(|(name, item)| write_disk(&path.join(name), item))
        }
    }
}

/// Where Pebble's files are; the host of a socket makes no difference.
const URL: &str = "http://localhost/v1/files";

fn is_directory(entry: &Value) -> bool {
    entry["type"] == "directory"
}

fn mode_of(entry: Option<&Value>) -> u32 {
    let text = entry.and_then(|entry| entry["permissions"].as_str()).unwrap_or_default();
    u32::from_str_radix(text, 8).unwrap_or(0o644)
}

async fn list(client: &reqwest::Client, path: &Path, itself: &str) -> Result<Vec<Value>, Refusal> {
    let path = path.display().to_string();
    let query = [("action", "list"), ("path", &path), ("itself", itself)];
    let answer = client.get(URL).query(&query).send().await;
    Ok(result(answer).await?.as_array().cloned().unwrap_or_default())
}

/// The result of an answer, or what Pebble says of a failure.
async fn result(answer: Result<reqwest::Response, reqwest::Error>) -> Result<Value, Refusal> {
    let answer = answer.map_err(|error| Refusal::of(&error))?;
    let mut document: Value = answer.json().await.map_err(|error| Refusal::of(&error))?;
    let result = document["result"].take();
    let own = result["message"].as_str();
    let of_path = result
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|entry| entry["error"]["message"].as_str());
    match own.or(of_path) {
        Some(message) => Err(Refusal { message: message.to_owned() }),
        None => Ok(result),
    }
}

async fn read_file(client: &reqwest::Client, path: &Path, mode: u32) -> Result<Item, Refusal> {
    let text = path.display().to_string();
    let request = client.get(URL).query(&[("action", "read"), ("path", &text)]);
    let answer = request.header("Accept", "multipart/form-data").send().await;
    let answer = answer.map_err(|error| Refusal::of(&error))?;
    let kind = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
    let (_, boundary) = content_type(kind.unwrap_or_default());
    let body = answer.bytes().await.map_err(|error| Refusal::of(&error))?;
    let parts = parse(&body, &boundary.unwrap_or_default()).unwrap_or_default();
    match parts.into_iter().find(|part| part.name == "files") {
        Some(part) => Ok(Item::File { content: part.content, mode }),
        None => Err(Refusal { message: format!("cannot read `{text}` of the container") }),
    }
}

async fn read_folder(client: &reqwest::Client, path: &Path) -> Result<Item, Refusal> {
    let mut inner = BTreeMap::new();
    for entry in list(client, path, "false").await? {
        let Some(name) = entry["name"].as_str() else { continue };
        let place = path.join(name);
        let item = if is_directory(&entry) {
            Box::pin(read_folder(client, &place)).await?
        } else if entry["type"] == "file" {
            read_file(client, &place, mode_of(Some(&entry))).await?
        } else {
            continue;
        };
        inner.insert(name.into(), item);
    }
    Ok(Item::Folder(inner))
}

async fn write_pebble(client: &reqwest::Client, path: &Path, item: Item) -> Result<(), Refusal> {
    let text = path.display().to_string();
    match item {
        Item::File { content, mode } => {
            let file = json!({"path": text, "permissions": format!("{mode:03o}")});
            let request = json!({"action": "write", "files": [file]}).to_string().into_bytes();
            let (body, boundary) = join(&[
                Part { name: "request".to_owned(), filename: String::new(), content: request },
                Part { name: "files".to_owned(), filename: text, content },
            ]);
            let kind = format!("multipart/form-data; boundary={boundary}");
            let request = client.post(URL).header("Content-Type", kind).body(body);
            result(request.send().await).await?;
        }
        Item::Folder(inner) => {
            let folder = json!({"path": text, "make-parents": true});
            let request = json!({"action": "make-dirs", "dirs": [folder]});
            result(client.post(URL).json(&request).send().await).await?;
            for (name, item) in inner {
                Box::pin(write_pebble(client, &path.join(name), item)).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pebble::{ContainerSetup, Workload};

    fn folder() -> Item {
        let file = |text: &str, mode| Item::File { content: text.into(), mode };
        let inner = BTreeMap::from([("tool".into(), file("run", 0o755))]);
        Item::Folder(BTreeMap::from([
            ("conf".into(), file("a = 1\n", 0o640)),
            ("bin".into(), Item::Folder(inner)),
        ]))
    }

    #[tokio::test]
    async fn a_folder_goes_through_a_container_and_comes_back() {
        let outer = tempfile::tempdir().unwrap();
        let workload = Workload::new(ContainerSetup::default()).unwrap();
        let socket = outer.path().join("s");
        let _server = workload.serve(&socket).await.unwrap();
        let container = Files::pebble(&socket).unwrap();
        let place = Path::new("/opt/app");
        container.write(place, folder()).await.unwrap();
        assert!(container.is_folder(place).await.unwrap());
        assert!(!container.is_folder(Path::new("/opt/app/conf")).await.unwrap());
        assert!(!container.is_folder(Path::new("/nowhere")).await.unwrap());
        assert_eq!(container.read(place).await.unwrap(), folder());
        let refused = container.read(Path::new("/nowhere")).await.unwrap_err().message;
        assert!(refused.contains("/nowhere"), "{refused}");

        let disk = outer.path().join("copy");
        Files::Disk.write(&disk, folder()).await.unwrap();
        assert_eq!(Files::Disk.read(&disk).await.unwrap(), folder());
    }
}
