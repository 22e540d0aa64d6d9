//! Files of a container, through Pebble.

use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Client, Envelope, PebbleError, REQUEST, result};
use crate::snapshot::FileRead;

/// What Pebble says of one path; errors stand inside a 200 answer.
#[derive(Debug, Deserialize)]
struct PathResult {
    #[serde(default)]
    error: Option<PathError>,
}

#[derive(Debug, Deserialize)]
struct PathError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    kind: String,
}

impl Client {
    /// Reads a file. One that isn't there, or can't be read, is a finding and not an error.
    ///
    /// # Errors
    /// When the container is not up.
    pub async fn read_file(&self, path: &str) -> Result<FileRead, PebbleError> {
        let action = format!("read `{path}`");
        let protocol = |reason: &str| PebbleError::Protocol {
            action: action.clone(),
            reason: reason.to_owned(),
        };
        let answer = self
            .http
            .get(Self::url("/v1/files"))
            .query(&[("action", "read"), ("path", path)])
            .header("Accept", "multipart/form-data")
            .timeout(REQUEST)
            .send()
            .await
            .map_err(|error| self.failed(&action, error))?;
        let kind = answer.headers().get("Content-Type").and_then(|kind| kind.to_str().ok());
        let boundary = kind
            .and_then(|kind| kind.split_once("boundary="))
            .map(|(_, boundary)| {
                boundary.split(';').next().unwrap_or_default().trim_matches('"').to_owned()
            })
            .ok_or_else(|| protocol("expected multipart/form-data"))?;
        let body = answer.bytes().await.map_err(|error| self.failed(&action, error))?;
        let parts =
            parts(&body, &boundary).ok_or_else(|| protocol("the parts can't be told apart"))?;
        let named =
            |name: &str| parts.iter().find(|(found, _)| found == name).map(|(_, body)| *body);
        let response = named("response").ok_or_else(|| protocol("expected a part `response`"))?;
        let envelope: Envelope =
            serde_json::from_slice(response).map_err(|error| protocol(&error.to_string()))?;
        if let Some(error) = first_error(&action, envelope)? {
            return Ok(match error.kind.as_str() {
                "not-found" => FileRead::Missing,
                _ => FileRead::Unreadable(error.message),
            });
        }
        let content = named("files").ok_or_else(|| protocol("expected a part `files`"))?;
        Ok(FileRead::Content(content.to_vec()))
    }

    /// Writes a file, making its folders. `mode` is permission bits, such as `0o644`.
    ///
    /// # Errors
    /// When the container is not up, or the file can't be written.
    pub async fn write_file(
        &self,
        path: &str,
        content: &[u8],
        mode: u32,
    ) -> Result<(), PebbleError> {
        let action = format!("write `{path}`");
        let request = json!({"action": "write", "files": [
            {"path": path, "make-dirs": true, "permissions": format!("{:03o}", mode & 0o777)},
        ]});
        let metadata = Part::text(request.to_string()).mime_str("application/json");
        let metadata = metadata.map_err(|error| self.failed(&action, error))?;
        let form = Form::new()
            .part("request", metadata)
            .part("files", Part::bytes(content.to_vec()).file_name(path.to_owned()));
        let request = self.http.post(Self::url("/v1/files")).multipart(form).timeout(REQUEST);
        let envelope = self.send(&action, request).await?;
        refuse(&action, first_error(&action, envelope)?)
    }

    /// Removes a file or folder; one that is gone already is fine.
    ///
    /// # Errors
    /// When the container is not up, or it can't be removed.
    pub async fn remove_file(&self, path: &str) -> Result<(), PebbleError> {
        let action = format!("remove `{path}`");
        let body = json!({"action": "remove", "paths": [{"path": path, "recursive": true}]});
        let envelope = self.post(&action, "/v1/files", &body).await?;
        refuse(&action, first_error(&action, envelope)?)
    }
}

fn first_error(action: &str, envelope: Envelope) -> Result<Option<PathError>, PebbleError> {
    if envelope.kind == "error" {
        let message = envelope.result.get("message").and_then(Value::as_str).unwrap_or_default();
        return Err(PebbleError::Refused {
            action: action.to_owned(),
            code: envelope.code,
            message: message.to_owned(),
            kind: None,
        });
    }
    let results: Vec<PathResult> = result(action, envelope)?;
    Ok(results.into_iter().find_map(|result| result.error))
}

fn refuse(action: &str, error: Option<PathError>) -> Result<(), PebbleError> {
    match error {
        None => Ok(()),
        Some(PathError { message, kind }) => Err(PebbleError::Refused {
            action: action.to_owned(),
            code: 200,
            message,
            kind: Some(kind),
        }),
    }
}

/// The parts of a multipart body: field name and content.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<(String, &'a [u8])>> {
    let delimiter = format!("\r\n--{boundary}");
    let first = format!("--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut found = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(found);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let headers_end = position(rest, b"\r\n\r\n")?;
        let headers = String::from_utf8_lossy(&rest[..headers_end]);
        let name = headers
            .split([';', '\r', '\n'])
            .find_map(|item| item.trim().strip_prefix("name="))
            .map(|name| name.trim_matches('"').to_owned())?;
        rest = &rest[headers_end + 4..];
        let end = position(rest, delimiter.as_bytes())?;
        found.push((name, &rest[..end]));
        rest = &rest[end + delimiter.len()..];
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_whatever_they_hold() {
        let body = b"--XX\r\nContent-Disposition: form-data; name=\"files\"; filename=\"/a\"\r\n\r\n\
            a\r\n--X\r\n\x00\xff\r\n--XX\r\nContent-Disposition: form-data; name=\"response\"\r\n\r\n{}\r\n--XX--\r\n";
        let parts = parts(body, "XX").unwrap();
        assert_eq!(parts[0], ("files".to_owned(), b"a\r\n--X\r\n\x00\xff".as_slice()));
        assert_eq!(parts[1], ("response".to_owned(), b"{}".as_slice()));
    }

    #[test]
    fn a_cut_body_is_no_parts() {
        for body in
            ["", "--XX", "--XX\r\nContent-Disposition: form-data; name=\"files\"\r\n\r\nabc"]
        {
            assert_eq!(parts(body.as_bytes(), "XX"), None, "{body:?}");
        }
    }
}
