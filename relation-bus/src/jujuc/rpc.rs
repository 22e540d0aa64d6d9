//! One call of a hook tool over the agent's socket: Go's `net/rpc`, method `Jujuc.Main`.

use std::io::{self, Read, Write};

use super::gob::{Decoder, GobError, Message, Value, basic};

const METHOD: &str = "Jujuc.Main";
/// What the agent says when a command wants a stdin that the tool has not sent.
pub const STDIN_WANTED: &str = "hook tool requires stdin, none supplied";

// Type ids of our own encoders. Any free ones would do: a decoder takes them from the stream.
const HEADER: i64 = 65;
const BODY: i64 = 66;
const THIRD: i64 = 67;

/// The arguments of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `JUJU_CONTEXT_ID` of the running hook.
    pub context: String,
    /// The tool's working directory, absolute.
    pub directory: String,
    /// The tool's name.
    pub command: String,
    /// Its arguments, without its name.
    pub arguments: Vec<String>,
    /// Its stdin, when it was read and sent.
    pub stdin: Option<Vec<u8>>,
}

/// What a tool did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// Exit status.
    pub code: i32,
    /// What it prints to stdout.
    pub stdout: Vec<u8>,
    /// What it prints to stderr.
    pub stderr: Vec<u8>,
}

/// What the agent answers: the tool's outcome, or why the call was refused.
pub type Answer = Result<Response, String>;

/// The tool's end of a connection.
pub struct Client<S: Read + Write> {
    decoder: Decoder<S>,
    writer: S,
    sequence: u64,
}

impl<S: Read + Write> Client<S> {
    /// A client over the two halves of one connection.
    pub fn new(reader: S, writer: S) -> Self {
        Self { decoder: Decoder::new(reader), writer, sequence: 0 }
    }

    /// Makes one call.
    ///
    /// # Errors
    /// When the connection breaks or the agent doesn't speak the protocol.
    pub fn call(&mut self, request: &Request) -> Result<Answer, GobError> {
        let bytes = encode_request(request, self.sequence);
        self.sequence += 1;
        self.writer.write_all(&bytes)?;
        self.writer.flush()?;
        let ended = || GobError::Io(io::Error::from(io::ErrorKind::UnexpectedEof));
        let mut header = self.decoder.next_value()?.ok_or_else(ended)?;
        let mut body = self.decoder.next_value()?.ok_or_else(ended)?;
        let error = header.take("Error").into_text();
        if !error.is_empty() {
            return Ok(Err(error));
        }
        Ok(Ok(Response {
            code: i32::try_from(body.take("Code").number()).unwrap_or(1),
            stdout: body.take("Stdout").into_bytes(),
            stderr: body.take("Stderr").into_bytes(),
        }))
    }
}

fn encode_request(request: &Request, sequence: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if sequence == 0 {
        let header = [("ServiceMethod", basic::STRING), ("Seq", basic::UINT)];
        bytes.extend(Message::define_struct("Request", HEADER, &header).finish());
    }
    let mut header = Message::of(HEADER);
    header.unsigned(1).counted(METHOD.as_bytes());
    if sequence > 0 {
        header.unsigned(1).unsigned(sequence);
    }
    bytes.extend(header.unsigned(0).finish());
    if sequence == 0 {
        let members = [
            ("ContextId", basic::STRING),
            ("Dir", basic::STRING),
            ("CommandName", basic::STRING),
            ("Args", THIRD),
            ("StdinSet", basic::BOOL),
            ("Stdin", basic::BYTES),
            ("Token", basic::STRING),
        ];
        bytes.extend(Message::define_struct("Request", BODY, &members).finish());
        bytes.extend(Message::define_slice("[]string", THIRD, basic::STRING).finish());
    }
    let mut members = Members::new(BODY);
    members.bytes(0, request.context.as_bytes());
    members.bytes(1, request.directory.as_bytes());
    members.bytes(2, request.command.as_bytes());
    if !request.arguments.is_empty() {
        let value = members.next(3);
        value.unsigned(request.arguments.len() as u64);
        for argument in &request.arguments {
            value.counted(argument.as_bytes());
        }
    }
    if let Some(stdin) = &request.stdin {
        members.next(4).unsigned(1);
        members.bytes(5, stdin);
    }
    bytes.extend(members.finish());
    bytes
}

/// The agent's end of a connection.
pub struct Agent<R: Read, W: Write> {
    decoder: Decoder<R>,
    writer: W,
    header_defined: bool,
    body_defined: bool,
    empty_defined: bool,
}

impl<R: Read, W: Write> Agent<R, W> {
    /// An agent over the two halves of one connection.
    pub fn new(reader: R, writer: W) -> Self {
        let decoder = Decoder::new(reader);
        Self { decoder, writer, header_defined: false, body_defined: false, empty_defined: false }
    }

    /// Answers calls until the tool hangs up. `answer` is called once for each well-formed call.
    ///
    /// # Errors
    /// When the connection breaks or the other end doesn't speak the protocol.
    pub fn serve(&mut self, mut answer: impl FnMut(Request) -> Answer) -> Result<(), GobError> {
        while let Some(mut header) = self.decoder.next_value()? {
            let method = header.take("ServiceMethod").into_text();
            let sequence = u64::try_from(header.take("Seq").number()).unwrap_or_default();
            let Some(body) = self.decoder.next_value()? else { return Ok(()) };
            let outcome = match method.split_once('.') {
                Some(("Jujuc", "Main")) => answer(request_of(body)),
                Some(("Jujuc", _)) => Err(format!("rpc: can't find method {method}")),
                _ => Err(format!("rpc: can't find service {method}")),
            };
            let bytes = self.encode(&method, sequence, &outcome);
            self.writer.write_all(&bytes)?;
            self.writer.flush()?;
        }
        Ok(())
    }

    fn encode(&mut self, method: &str, sequence: u64, outcome: &Answer) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !std::mem::replace(&mut self.header_defined, true) {
            let members =
                [("ServiceMethod", basic::STRING), ("Seq", basic::UINT), ("Error", basic::STRING)];
            bytes.extend(Message::define_struct("Response", HEADER, &members).finish());
        }
        let mut header = Members::new(HEADER);
        header.bytes(0, method.as_bytes());
        if sequence > 0 {
            header.next(1).unsigned(sequence);
        }
        if let Err(refusal) = outcome {
            header.bytes(2, refusal.as_bytes());
        }
        bytes.extend(header.finish());
        match outcome {
            Ok(response) => {
                if !std::mem::replace(&mut self.body_defined, true) {
                    let members =
                        [("Code", basic::INT), ("Stdout", basic::BYTES), ("Stderr", basic::BYTES)];
                    bytes.extend(Message::define_struct("ExecResponse", BODY, &members).finish());
                }
                let mut body = Members::new(BODY);
                if response.code != 0 {
                    body.next(0).signed(response.code.into());
                }
                body.bytes(1, &response.stdout);
                body.bytes(2, &response.stderr);
                bytes.extend(body.finish());
            }
            Err(_) => {
                if !std::mem::replace(&mut self.empty_defined, true) {
                    bytes.extend(Message::define_struct("", THIRD, &[]).finish());
                }
                bytes.extend(Members::new(THIRD).finish());
            }
        }
        bytes
    }
}

fn request_of(mut body: Value) -> Request {
    let stdin_set = body.take("StdinSet").number() != 0;
    let stdin = body.take("Stdin").into_bytes();
    Request {
        context: body.take("ContextId").into_text(),
        directory: body.take("Dir").into_text(),
        command: body.take("CommandName").into_text(),
        arguments: body.take("Args").into_list().into_iter().map(Value::into_text).collect(),
        stdin: stdin_set.then_some(stdin),
    }
}

/// Writes the members of a struct value: each as the distance from the one before, zeros left out.
struct Members {
    message: Message,
    last: i64,
}

impl Members {
    fn new(id: i64) -> Self {
        Self { message: Message::of(id), last: -1 }
    }

    fn next(&mut self, member: i64) -> &mut Message {
        let delta = (member - self.last).unsigned_abs();
        self.last = member;
        self.message.unsigned(delta)
    }

    fn bytes(&mut self, member: i64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.next(member).counted(bytes);
        }
    }

    fn finish(&mut self) -> Vec<u8> {
        self.message.unsigned(0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call as a real tool sent it: `is-leader --format=json` in context `u/0-start-0011`.
    const CALL: &str = "\
        2fff810301010752657175657374 01ff82000102 010d536572766963654d6574686f64010c00 0103536571010600 0000 \
        0fff82010a4a756a75632e4d61696e00 \
        66ff830301010752657175657374 01ff84000107 0109436f6e746578744964010c00 0103446972010c00 \
        010b436f6d6d616e644e616d65010c00 01044172677301ff8600 0108537464696e536574010200 \
        0105537464696e010a00 0105546f6b656e010c00 0000 \
        16ff85020101085b5d737472696e6701ff8600010c0000 \
        32ff84010e752f302d73746172742d30303131 01022f63 010969732d6c6561646572 01010d2d2d666f726d61743d6a736f6e 00";
    /// A real agent's answer to it.
    const ANSWER: &str = "\
        3aff8103010108526573706f6e736501ff82000103 010d536572766963654d6574686f64010c00 0103536571010600 01054572726f72010c00 0000 \
        0fff82010a4a756a75632e4d61696e00 \
        39ff830301010c45786563526573706f6e736501ff84000103 0104436f6465010400 01065374646f7574010a00 0106537464657272010a00 0000 \
        0aff8402 05547275650a00";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]).to_be_bytes()[3]).collect()
    }

    fn is_leader() -> Request {
        Request {
            context: "u/0-start-0011".into(),
            directory: "/c".into(),
            command: "is-leader".into(),
            arguments: vec!["--format=json".into()],
            stdin: None,
        }
    }

    #[test]
    fn a_call_is_written_as_a_real_tool_writes_it() {
        assert_eq!(encode_request(&is_leader(), 0), bytes(CALL));
    }

    #[test]
    fn a_real_tools_call_is_answered_as_a_real_agent_answers() {
        let (mut seen, mut written) = (Vec::new(), Vec::new());
        let call = bytes(CALL);
        Agent::new(call.as_slice(), &mut written)
            .serve(|request| {
                seen.push(request);
                Ok(Response { code: 0, stdout: b"True\n".to_vec(), stderr: Vec::new() })
            })
            .unwrap();
        assert_eq!(seen, [is_leader()]);
        assert_eq!(written, bytes(ANSWER));
    }

    #[test]
    fn a_refusal_has_an_empty_body() {
        let mut written = Vec::new();
        let refusal = "bad request: wrong context ID; got \"x\"";
        let call = bytes(CALL);
        Agent::new(call.as_slice(), &mut written).serve(|_| Err(refusal.to_owned())).unwrap();
        let expected = bytes(
            "37ff82010a4a756a75632e4d61696e02 \
             266261642072657175657374 3a2077726f6e6720636f6e746578742049443b20676f7420227822 00 \
             0aff85030102ff86000000 03ff8600",
        );
        assert!(written.ends_with(&expected), "{written:02x?}");
    }

    #[test]
    fn a_second_call_with_stdin_is_short() {
        let request = Request {
            context: "ctx".into(),
            directory: "/c".into(),
            command: "relation-set".into(),
            arguments: vec!["--file".into(), "-".into()],
            stdin: Some(b"a: b\n".to_vec()),
        };
        let expected = bytes(
            "11ff82010a4a756a75632e4d61696e01 0100 \
             2eff84010363747801022f63010c72656c6174696f6e2d73657401 02062d2d66696c65012d \
             0101 0105613a20620a 00",
        );
        assert_eq!(encode_request(&request, 1), expected);
    }

    #[test]
    fn unknown_methods_are_refused_as_go_does() {
        let mut call = bytes(CALL);
        let at = call.windows(5).position(|window| window == b"Jujuc").unwrap();
        call[at] = b'X';
        let mut written = Vec::new();
        Agent::new(call.as_slice(), &mut written).serve(|_| Ok(Response::default())).unwrap();
        let text = String::from_utf8_lossy(&written).into_owned();
        assert!(text.contains("rpc: can't find service Xujuc.Main"), "{text}");
    }
}
