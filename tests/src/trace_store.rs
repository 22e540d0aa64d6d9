//! A place on loopback that takes OTLP traces over HTTP and keeps them.
//!
//! It has an address of its own and Tempo's port: what a charm is told of a receiver is a name, and
//! a hosts file leads that name here.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::log_store::request_body;

/// Tempo's port for OTLP over HTTP.
const PORT: u16 = 4318;

/// The last byte of the address that was given out last.
static GIVEN: Mutex<u8> = Mutex::new(0);

/// A span that arrived. Ids are hex digits, as in a W3C trace context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// The trace that it is a part of.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span around it; empty for the first.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its attributes that are texts.
    pub attributes: BTreeMap<String, String>,
    /// The attributes of the resource that it comes from.
    pub resource: BTreeMap<String, String>,
}

/// An address that receives traces, or only could.
#[derive(Debug)]
pub struct Place {
    address: Ipv4Addr,
}

impl Place {
    /// An address on loopback where nobody else listens. Nothing listens there yet.
    ///
    /// # Panics
    /// When loopback has none.
    pub fn find() -> Self {
        let [_, _, high, low] = std::process::id().to_be_bytes();
        // Each is given out once: a place that is free has to stay so until its test listens there.
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut candidates = std::iter::from_fn(|| {
            *given = given.checked_add(1)?;
            Some(Ipv4Addr::new(127, high | 64, low, *given))
        });
        let free = candidates.find(|address| TcpListener::bind((*address, PORT)).is_ok());
        Self { address: free.expect("loopback has an address to spare") }
    }

    /// The line of a hosts file that leads a name here.
    pub fn hosts_line(&self, name: &str) -> String {
        format!("{} {name}\n", self.address)
    }

    /// Connections are taken, and never answered while the listener lives.
    ///
    /// # Panics
    /// When somebody else listens here.
    pub fn keep_silent(&self) -> TcpListener {
        let address = SocketAddrV4::new(self.address, PORT);
        TcpListener::bind(address).expect("the address is free")
    }

    /// Takes traces from now on, until the test's process ends.
    ///
    /// # Panics
    /// When somebody else listens here.
    pub fn receive(&self) -> TraceStore {
        let store = TraceStore::default();
        let (listener, kept) = (self.keep_silent(), Arc::clone(&store.batches));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        store
    }
}

/// What arrived.
#[derive(Debug, Clone, Default)]
pub struct TraceStore {
    batches: Arc<Mutex<Vec<Vec<Span>>>>,
}

impl TraceStore {
    /// The batches that arrived since the last call, as they came; each is one dispatch.
    pub fn take(&self) -> Vec<Vec<Span>> {
        std::mem::take(&mut *self.batches.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Vec<Span>>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(120)));
    while let Some(body) = request_body(&mut stream) {
        let status = match spans(&body) {
            Some(spans) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(spans);
                "200 OK"
            }
            None => "400 Bad Request",
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The spans of an `ExportTraceServiceRequest`; nothing when it is none.
fn spans(request: &[u8]) -> Option<Vec<Span>> {
    let mut spans = Vec::new();
    for resource_spans in members(request, 1)? {
        let mut resource = BTreeMap::new();
        for member in members(resource_spans, 1)? {
            resource.extend(attributes(member, 1)?);
        }
        for scope_spans in members(resource_spans, 2)? {
            for span in members(scope_spans, 2)? {
                spans.push(Span {
                    trace: hex(span, 1)?,
                    id: hex(span, 2)?,
                    parent: hex(span, 4)?,
                    name: text(span, 5)?,
                    attributes: attributes(span, 9)?,
                    resource: resource.clone(),
                });
            }
        }
    }
    Some(spans)
}

/// Attributes whose value is a text.
fn attributes(message: &[u8], number: u64) -> Option<BTreeMap<String, String>> {
    let mut attributes = BTreeMap::new();
    for entry in members(message, number)? {
        for value in members(entry, 2)? {
            attributes.insert(text(entry, 1)?, text(value, 1)?);
        }
    }
    Some(attributes)
}

fn hex(message: &[u8], number: u64) -> Option<String> {
    let bytes = members(message, number)?.into_iter().next().unwrap_or_default();
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn text(message: &[u8], number: u64) -> Option<String> {
    let bytes = members(message, number)?.into_iter().next().unwrap_or_default();
    String::from_utf8(bytes.to_vec()).ok()
}

/// The fields of a protobuf message that have this number and a length; nothing when it is cut
/// off.
fn members(mut message: &[u8], number: u64) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message)?;
        match key & 7 {
            0 => {
                varint(&mut message)?;
            }
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                let (member, rest) = message.split_at_checked(length)?;
                if key >> 3 == number {
                    found.push(member);
                }
                message = rest;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
