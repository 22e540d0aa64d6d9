//! The values of the protocol: request, response, and their headers.
//!
//! Type ids are those of a Go 1.19 program, which the captured bytes in the tests have: the header
//! is 65, the argument or reply 66, a further type 67.

use super::gob::{Decoder, GobError, StructWriter, Value, slice_definition, struct_definition};

/// The method that every tool calls.
pub const METHOD: &str = "Jujuc.Main";

/// The error that asks a tool to send its stdin.
pub const NEEDS_STDIN: &str = "hook tool requires stdin, none supplied";

const HEADER: i64 = 65;
const BODY: i64 = 66;
const EXTRA: i64 = 67;

const BOOL: i64 = 1;
const INT: i64 = 2;
const UINT: i64 = 3;
const BYTES: i64 = 5;
const STRING: i64 = 6;

/// The argument of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `JUJU_CONTEXT_ID`, as it was given.
    pub context_id: String,
    /// The tool's working directory, absolute.
    pub directory: String,
    /// The tool's name.
    pub command: String,
    /// Its arguments, without the name.
    pub arguments: Vec<String>,
    /// Its stdin, when it was read.
    pub stdin: Option<Vec<u8>>,
}

/// The reply to a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The exit status.
    pub code: i64,
    /// What the tool prints.
    pub stdout: Vec<u8>,
    /// What the tool prints to stderr.
    pub stderr: Vec<u8>,
}

/// The header of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// `Jujuc.Main`.
    pub method: String,
    /// Counts from 0 on each connection.
    pub sequence: u64,
}

/// The header of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The request's number.
    pub sequence: u64,
    /// Why the call was refused; empty when it was not.
    pub error: String,
}

impl RequestHeader {
    /// Reads a header.
    #[must_use]
    pub fn read(value: &Value) -> Self {
        Self { method: value.text("ServiceMethod"), sequence: sequence(value) }
    }
}

impl ResponseHeader {
    /// Reads a header.
    #[must_use]
    pub fn read(value: &Value) -> Self {
        Self { sequence: sequence(value), error: value.text("Error") }
    }
}

fn sequence(value: &Value) -> u64 {
    value.number("Seq").cast_unsigned()
}

impl Request {
    /// Reads an argument.
    #[must_use]
    pub fn read(value: &Value) -> Self {
        let arguments = match value.field("Args") {
            Some(Value::List(items)) => items
                .iter()
                .map(|item| match item {
                    Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    _ => String::new(),
                })
                .collect(),
            _ => Vec::new(),
        };
        let sent = value.field("StdinSet") == Some(&Value::Bool(true));
        Self {
            context_id: value.text("ContextId"),
            directory: value.text("Dir"),
            command: value.text("CommandName"),
            arguments,
            stdin: sent.then(|| value.bytes("Stdin")),
        }
    }
}

impl Response {
    /// Reads a reply.
    #[must_use]
    pub fn read(value: &Value) -> Self {
        Self {
            code: value.number("Code"),
            stdout: value.bytes("Stdout"),
            stderr: value.bytes("Stderr"),
        }
    }
}

/// Writes the client's direction of a connection.
#[derive(Debug, Default)]
pub struct RequestWriter {
    defined: bool,
    sequence: u64,
}

impl RequestWriter {
    /// The bytes of the next call.
    pub fn call(&mut self, request: &Request) -> Vec<u8> {
        let mut out = Vec::new();
        let first = !std::mem::replace(&mut self.defined, true);
        if first {
            let fields = [("ServiceMethod", STRING), ("Seq", UINT)];
            out.extend(struct_definition(HEADER, "Request", &fields));
        }
        let header = StructWriter::new(HEADER).bytes(0, METHOD.as_bytes()).uint(1, self.sequence);
        out.extend(header.finish());
        self.sequence += 1;
        if first {
            let fields = [
                ("ContextId", STRING),
                ("Dir", STRING),
                ("CommandName", STRING),
                ("Args", EXTRA),
                ("StdinSet", BOOL),
                ("Stdin", BYTES),
                ("Token", STRING),
            ];
            out.extend(struct_definition(BODY, "Request", &fields));
            out.extend(slice_definition(EXTRA, "[]string", STRING));
        }
        let argument = StructWriter::new(BODY)
            .bytes(0, request.context_id.as_bytes())
            .bytes(1, request.directory.as_bytes())
            .bytes(2, request.command.as_bytes())
            .texts(3, &request.arguments)
            .uint(4, u64::from(request.stdin.is_some()))
            .bytes(5, request.stdin.as_deref().unwrap_or_default());
        out.extend(argument.finish());
        out
    }
}

/// Writes the server's direction of a connection.
#[derive(Debug, Default)]
pub struct ResponseWriter {
    header_defined: bool,
    reply_defined: bool,
    empty_defined: bool,
}

impl ResponseWriter {
    fn header(&mut self, request: &RequestHeader, error: &str) -> Vec<u8> {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.header_defined, true) {
            let fields = [("ServiceMethod", STRING), ("Seq", UINT), ("Error", STRING)];
            out.extend(struct_definition(HEADER, "Response", &fields));
        }
        let header = StructWriter::new(HEADER)
            .bytes(0, request.method.as_bytes())
            .uint(1, request.sequence)
            .bytes(2, error.as_bytes());
        out.extend(header.finish());
        out
    }

    /// The bytes of a reply.
    pub fn reply(&mut self, request: &RequestHeader, response: &Response) -> Vec<u8> {
        let mut out = self.header(request, "");
        if !std::mem::replace(&mut self.reply_defined, true) {
            let fields = [("Code", INT), ("Stdout", BYTES), ("Stderr", BYTES)];
            out.extend(struct_definition(BODY, "ExecResponse", &fields));
        }
        let reply = StructWriter::new(BODY)
            .int(0, response.code)
            .bytes(1, &response.stdout)
            .bytes(2, &response.stderr);
        out.extend(reply.finish());
        out
    }

    /// The bytes of a refusal: the error in the header, then a value without fields.
    pub fn refusal(&mut self, request: &RequestHeader, error: &str) -> Vec<u8> {
        let mut out = self.header(request, error);
        if !std::mem::replace(&mut self.empty_defined, true) {
            out.extend(struct_definition(EXTRA, "", &[]));
        }
        out.extend(StructWriter::new(EXTRA).finish());
        out
    }
}

/// Collects bytes of one direction and gives the values in them.
#[derive(Debug, Default)]
pub struct ValueReader {
    buffer: Vec<u8>,
    decoder: Decoder,
}

impl ValueReader {
    /// Adds bytes as they arrive.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next value, when all of it has arrived.
    ///
    /// # Errors
    ///
    /// When the bytes are not gob; the connection is of no use then.
    pub fn next_value(&mut self) -> Result<Option<Value>, GobError> {
        while let Some((start, end)) = super::gob::frame(&self.buffer)? {
            let value = self.decoder.message(&self.buffer[start..end])?;
            self.buffer.drain(..end);
            if value.is_some() {
                return Ok(value);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    fn is_leader() -> Request {
        Request {
            context_id: "u/0-start-0011".to_owned(),
            directory: "/c".to_owned(),
            command: "is-leader".to_owned(),
            arguments: vec!["--format=json".to_owned()],
            stdin: None,
        }
    }

    fn captured_call() -> Vec<u8> {
        bytes(
            "2f ff81 03 01 01 07 52657175657374 01 ff82 00 01 02
             01 0d 536572766963654d6574686f64 01 0c 00 01 03 536571 01 06 00 00 00
             0f ff82 01 0a 4a756a75632e4d61696e 00
             66 ff83 03 01 01 07 52657175657374 01 ff84 00 01 07
             01 09 436f6e746578744964 01 0c 00 01 03 446972 01 0c 00
             01 0b 436f6d6d616e644e616d65 01 0c 00 01 04 41726773 01 ff86 00
             01 08 537464696e536574 01 02 00 01 05 537464696e 01 0a 00
             01 05 546f6b656e 01 0c 00 00 00
             16 ff85 02 01 01 08 5b5d737472696e67 01 ff86 00 01 0c 00 00
             32 ff84 01 0e 752f302d73746172742d30303131 01 02 2f63
             01 09 69732d6c6561646572 01 01 0d 2d2d666f726d61743d6a736f6e 00",
        )
    }

    fn captured_reply() -> Vec<u8> {
        bytes(
            "3a ff81 03 01 01 08 526573706f6e7365 01 ff82 00 01 03
             01 0d 536572766963654d6574686f64 01 0c 00 01 03 536571 01 06 00
             01 05 4572726f72 01 0c 00 00 00
             0f ff82 01 0a 4a756a75632e4d61696e 00
             39 ff83 03 01 01 0c 45786563526573706f6e7365 01 ff84 00 01 03
             01 04 436f6465 01 04 00 01 06 5374646f7574 01 0a 00 01 06 537464657272 01 0a 00 00 00
             0a ff84 02 05 547275650a 00",
        )
    }

    fn header(sequence: u64) -> RequestHeader {
        RequestHeader { method: METHOD.to_owned(), sequence }
    }

    #[test]
    fn a_call_has_the_bytes_that_go_sends() {
        assert_eq!(RequestWriter::default().call(&is_leader()), captured_call());
    }

    #[test]
    fn a_second_call_sends_no_definitions() {
        let mut writer = RequestWriter::default();
        writer.call(&is_leader());
        let request = Request {
            context_id: "ctx".to_owned(),
            directory: "/c".to_owned(),
            command: "relation-set".to_owned(),
            arguments: vec!["--file".to_owned(), "-".to_owned()],
            stdin: Some(b"a: b\n".to_vec()),
        };
        let expected = bytes(
            "11 ff82 01 0a 4a756a75632e4d61696e 01 01 00
             2e ff84 01 03 637478 01 02 2f63 01 0c 72656c6174696f6e2d736574
             01 02 06 2d2d66696c65 01 2d 01 01 01 05 613a20620a 00",
        );
        assert_eq!(writer.call(&request), expected);
    }

    #[test]
    fn replies_have_the_bytes_that_go_sends() {
        let mut writer = ResponseWriter::default();
        let done = Response { stdout: b"True\n".to_vec(), ..Response::default() };
        assert_eq!(writer.reply(&header(0), &done), captured_reply());
        let failed = Response { code: 1, stderr: b"ERROR boom\n".to_vec(), ..Response::default() };
        assert_eq!(
            writer.reply(&header(1), &failed),
            bytes(
                "11 ff82 01 0a 4a756a75632e4d61696e 01 01 00
                 12 ff84 01 02 02 0b 4552524f5220626f6f6d0a 00"
            )
        );
        let silent = writer.reply(&header(0), &Response::default());
        assert!(silent.ends_with(&bytes("03 ff84 00")));
    }

    #[test]
    fn a_refusal_has_the_bytes_that_go_sends() {
        let mut writer = ResponseWriter::default();
        writer.reply(&header(0), &Response::default());
        let error = "bad request: wrong context ID; got \"x\"";
        assert_eq!(
            writer.refusal(&header(0), error),
            bytes(
                "37 ff82 01 0a 4a756a75632e4d61696e 02 26
                 62616420726571756573743a2077726f6e6720636f6e746578742049443b20676f7420227822 00
                 0a ff85 03 01 02 ff86 00 00 00 03 ff86 00"
            )
        );
    }

    #[test]
    fn values_are_read_byte_by_byte() {
        let mut reader = ValueReader::default();
        let mut values = Vec::new();
        for byte in captured_call() {
            reader.feed(&[byte]);
            values.extend(reader.next_value().unwrap());
        }
        assert_eq!(RequestHeader::read(&values[0]), header(0));
        assert_eq!(Request::read(&values[1]), is_leader());
        assert_eq!(values.len(), 2);
    }

    #[test]
    fn ids_of_a_recent_go_are_understood() {
        // The same definitions with ids from 64 on; the first message is one byte shorter.
        let mut reader = ValueReader::default();
        reader.feed(&bytes(
            "39 7f 03 01 01 08 526573706f6e7365 01 ff80 00 01 03
             01 0d 536572766963654d6574686f64 01 0c 00 01 03 536571 01 06 00
             01 05 4572726f72 01 0c 00 00 00
             0f ff80 01 0a 4a756a75632e4d61696e 00",
        ));
        let value = reader.next_value().unwrap().unwrap();
        let expected = ResponseHeader { sequence: 0, error: String::new() };
        assert_eq!(ResponseHeader::read(&value), expected);
    }

    #[test]
    fn a_reply_is_read_back() {
        let mut reader = ValueReader::default();
        reader.feed(&captured_reply());
        reader.next_value().unwrap().unwrap();
        let value = reader.next_value().unwrap().unwrap();
        assert_eq!(Response::read(&value).stdout, b"True\n");
    }
}
