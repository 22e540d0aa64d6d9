//! A place on loopback that takes Loki pushes and keeps what is pushed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

/// A line that arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Labels of its stream.
    pub labels: Map<String, Value>,
    /// When it was printed, in nanoseconds.
    pub time: u64,
    /// What was printed.
    pub text: String,
}

/// The place. Its threads end with the test's process.
#[derive(Debug, Clone)]
pub struct LogStore {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl LogStore {
    /// Opens one on a port of its own.
    ///
    /// # Panics
    /// When loopback has no port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
        let address = listener.local_addr().expect("a listener has an address");
        let store = Self { address, lines: Arc::default() };
        let lines = Arc::clone(&store.lines);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let lines = Arc::clone(&lines);
                std::thread::spawn(move || serve(stream, &lines));
            }
        });
        store
    }

    /// Where to push.
    pub fn url(&self) -> String {
        format!("http://{}/loki/api/v1/push", self.address)
    }

    /// All lines so far, as they arrived; Pebble may send one again.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(mut stream: TcpStream, lines: &Mutex<Vec<Line>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(120)));
    while let Some(body) = request_body(&mut stream) {
        if let Ok(push) = serde_json::from_slice::<Value>(&body) {
            lines.lock().unwrap_or_else(PoisonError::into_inner).extend(lines_of(&push));
        }
        if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
            return;
        }
    }
}

fn lines_of(push: &Value) -> Vec<Line> {
    let streams = push["streams"].as_array().into_iter().flatten();
    let lines = streams.flat_map(|stream| {
        let labels = stream["stream"].as_object().cloned().unwrap_or_default();
        let values = stream["values"].as_array().into_iter().flatten();
        values.map(move |value| Line {
            labels: labels.clone(),
            time: value[0].as_str().and_then(|text| text.parse().ok()).unwrap_or_default(),
            text: value[1].as_str().unwrap_or_default().to_owned(),
        })
    });
    lines.collect()
}

/// The body of the next request on a connection, if there is one more.
pub(crate) fn request_body(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim();
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}
