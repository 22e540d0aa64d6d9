//! The multipart bodies of the files API, read and written whole.

use sha2::{Digest, Sha256};

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) filename: String,
    pub(crate) content: Vec<u8>,
}

/// Splits a body at its boundary. None if it doesn't have the form.
pub(crate) fn parse(body: &[u8], boundary: &str) -> Option<Vec<Part>> {
    let delimiter = format!("--{boundary}").into_bytes();
    let inner = [b"\r\n", delimiter.as_slice()].concat();
    let mut rest = if body.starts_with(&delimiter) {
        &body[delimiter.len()..]
    } else {
        &body[find(body, &inner)? + inner.len()..]
    };
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        rest = rest.strip_prefix(b"\r\n")?;
        let head_end = find(rest, b"\r\n\r\n")?;
        let (name, filename) = disposition(std::str::from_utf8(&rest[..head_end]).ok()?);
        rest = &rest[head_end + 4..];
        let end = find(rest, &inner)?;
        parts.push(Part { name, filename, content: rest[..end].to_vec() });
        rest = &rest[end + inner.len()..];
    }
    Some(parts)
}

/// Joins parts to a body, and gives it with the boundary used.
pub(crate) fn join(parts: &[Part]) -> (Vec<u8>, String) {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(&part.content));
    // Made from the content, so that it can't lie in it by chance or by design.
    let boundary: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", part.name)
                .as_bytes(),
        );
        if part.filename.is_empty() {
            body.extend_from_slice(b"\r\nContent-Type: application/json\r\n\r\n");
        } else {
            let filename = part.filename.replace('\\', "\\\\").replace('"', "\\\"");
            let head = format!(
                "; filename=\"{filename}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
        }
        body.extend_from_slice(&part.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (body, boundary)
}

/// The media type of a `Content-Type`, and its parameter `boundary` if there is one.
pub(crate) fn content_type(header: &str) -> (String, Option<String>) {
    let (media, parameters) = header.split_once(';').unwrap_or((header, ""));
    (media.trim().to_ascii_lowercase(), parameter(parameters, "boundary"))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn disposition(head: &str) -> (String, String) {
    let line = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let parameters =
        line.and_then(|line| line.split_once(';')).map_or("", |(_, parameters)| parameters);
    let value = |key| parameter(parameters, key).unwrap_or_default();
    (value("name"), value("filename"))
}

// The value of `key` in `; key=value; key="quoted \" value"`.
fn parameter(parameters: &str, key: &str) -> Option<String> {
    let mut rest = parameters.trim_start_matches([';', ' ', '\t']);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            None => {
                let (value, after) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), after)
            }
            Some(quoted) => unquote(quoted)?,
        };
        if name.trim().eq_ignore_ascii_case(key) {
            return Some(value);
        }
        rest = after.trim_start_matches([';', ' ', '\t']);
    }
    None
}

fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => match chars.next()?.1 {
                escaped @ ('"' | '\\') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_can_be_parsed() {
        let part = |name: &str, filename: &str, content: &[u8]| Part {
            name: name.to_owned(),
            filename: filename.to_owned(),
            content: content.to_vec(),
        };
        let parts = [
            part("files", "/a b/\"q\"\\ é.txt", b"one\r\n--two\r\n"),
            part("files", "/empty", b""),
            part("response", "", b"{}"),
        ];
        let (body, boundary) = join(&parts);
        assert_eq!(parse(&body, &boundary).unwrap(), parts);
    }

    #[test]
    fn malformed_bodies_give_none() {
        for body in ["", "--b", "--b\r\n", "--b\r\nhead\r\n\r\nno end", "no boundary"] {
            assert_eq!(parse(body.as_bytes(), "b"), None, "{body:?}");
        }
    }

    #[test]
    fn content_types_have_a_boundary_or_not() {
        assert_eq!(
            content_type("Multipart/Form-Data; charset=x; boundary=\"a b\""),
            ("multipart/form-data".to_owned(), Some("a b".to_owned()))
        );
        assert_eq!(content_type("application/json"), ("application/json".to_owned(), None));
    }
}
