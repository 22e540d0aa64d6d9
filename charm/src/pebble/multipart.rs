//! Reading `multipart/form-data` piece by piece, as Pebble sends files.

use super::PebbleError;

/// What a piece of the body brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A part begins.
    Part {
        /// `name` of its disposition.
        name: String,
        /// `filename` of its disposition.
        file: Option<String>,
    },
    /// Content of the part that began last.
    Content(Vec<u8>),
    /// The body is complete.
    End,
}

/// A reader that keeps only what can't be told yet: at most a boundary's length, or a part's headers.
#[derive(Debug)]
pub(super) struct Reader {
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first boundary or in a part's content.
    Content {
        part: bool,
    },
    /// Just behind a boundary.
    Boundary,
    /// In a part's headers.
    Headers,
    Ended,
}

/// Longest headers of one part: a path and some words.
const HEADER_LIMIT: usize = 64 * 1024;

fn malformed(expected: &'static str) -> PebbleError {
    PebbleError::Protocol { request: "/v1/files".to_owned(), expected, source: None }
}

impl Reader {
    /// A reader for the given `Content-Type`.
    pub(super) fn new(content_type: &str) -> Result<Self, PebbleError> {
        let boundary = content_type
            .strip_prefix("multipart/form-data")
            .and_then(|rest| rest.split(';').find_map(|part| part.trim().strip_prefix("boundary=")))
            .map(|boundary| boundary.trim_matches('"'))
            .filter(|boundary| !boundary.is_empty())
            .ok_or_else(|| malformed("multipart/form-data with a boundary"))?;
        Ok(Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first boundary has no line break before it.
            buffer: b"\r\n".to_vec(),
            state: State::Content { part: false },
        })
    }

    /// Takes the next piece of the body.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<Vec<Event>, PebbleError> {
        self.buffer.extend_from_slice(piece);
        let mut events = Vec::new();
        while self.step(&mut events)? {}
        Ok(events)
    }

    fn step(&mut self, events: &mut Vec<Event>) -> Result<bool, PebbleError> {
        match self.state {
            State::Ended => Ok(false),
            State::Content { part } => {
                let found = find(&self.buffer, &self.delimiter);
                let keep = self.delimiter.len() - 1;
                let end = found.unwrap_or_else(|| self.buffer.len().saturating_sub(keep));
                let content: Vec<u8> = self.buffer.drain(..end).collect();
                if part && !content.is_empty() {
                    events.push(Event::Content(content));
                }
                if found.is_some() {
                    self.buffer.drain(..self.delimiter.len());
                    self.state = State::Boundary;
                }
                Ok(found.is_some())
            }
            State::Boundary => {
                if self.buffer.starts_with(b"--") {
                    self.state = State::Ended;
                    events.push(Event::End);
                    return Ok(false);
                }
                let ended = self.buffer.starts_with(b"\r\n");
                if ended {
                    // The line break stays: it stands before the first header.
                    self.state = State::Headers;
                } else if self.buffer.len() >= 2 {
                    return Err(malformed("a line break behind the boundary"));
                }
                Ok(ended)
            }
            State::Headers => {
                let Some(end) = find(&self.buffer, b"\r\n\r\n") else {
                    if self.buffer.len() > HEADER_LIMIT {
                        return Err(malformed("shorter headers"));
                    }
                    return Ok(false);
                };
                let headers: Vec<u8> = self.buffer.drain(..end + 4).collect();
                events.push(part(&String::from_utf8_lossy(&headers))?);
                self.state = State::Content { part: true };
                // An empty part's boundary begins with the line break that ends its headers.
                Ok(true)
            }
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn part(headers: &str) -> Result<Event, PebbleError> {
    let disposition = headers
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))
        .map(|(_, value)| value)
        .ok_or_else(|| malformed("a part with a disposition"))?;
    let name = parameter(disposition, "name").ok_or_else(|| malformed("a part with a name"))?;
    Ok(Event::Part { name, file: parameter(disposition, "filename") })
}

/// A quoted parameter; `\` takes the next character as it is.
fn parameter(disposition: &str, name: &str) -> Option<String> {
    let start = disposition.find(&format!(" {name}=\""))? + name.len() + 3;
    let mut value = String::new();
    let mut chars = disposition[start..].chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--b1\r\nContent-Disposition: form-data; name=\"files\"; filename=\"/a \\\"b\"\r\n\
        \r\none\r\n--b\r\n--b1\r\ncontent-disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b1--\r\n";

    fn read(size: usize) -> Vec<(String, Option<String>, Vec<u8>)> {
        let mut reader = Reader::new("multipart/form-data; boundary=b1").expect("valid");
        let mut parts = Vec::new();
        let mut ended = false;
        for piece in BODY.as_bytes().chunks(size) {
            for event in reader.feed(piece).expect("valid") {
                match event {
                    Event::Part { name, file } => parts.push((name, file, Vec::new())),
                    Event::Content(bytes) => parts.last_mut().expect("a part").2.extend(bytes),
                    Event::End => ended = true,
                }
            }
        }
        assert!(ended);
        parts
    }

    #[test]
    fn parts_are_read_whatever_the_pieces() {
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(
                read(size),
                [
                    ("files".to_owned(), Some("/a \"b".to_owned()), b"one\r\n--b".to_vec()),
                    ("empty".to_owned(), None, Vec::new()),
                ],
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn other_bodies_are_refused() {
        assert!(Reader::new("application/json").is_err());
        assert!(Reader::new("multipart/form-data").is_err());
        let mut reader = Reader::new("multipart/form-data; boundary=b1").expect("valid");
        assert!(reader.feed(b"--b1xx").is_err());
    }
}
