//! Syslog as a log target: RFC 5424 over TCP (counted, RFC 6587) or UDP.
//!
//! ```text
//! <13>1 2026-11-21T02:02:11.89Z host web - - [pebble@28978 juju_unit="web/0"] the line
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

use super::forward::Line;

/// Facility user, severity notice; version 1.
const PRIORITY: &str = "<13>1";
/// The element of structured data; the number is Canonical's.
const ELEMENT: &str = "pebble@28978";
/// The longest message in a datagram.
const UDP_LIMIT: usize = 4000;

/// Sends lines to one place.
#[derive(Debug)]
pub(super) struct Syslog {
    transport: Transport,
    host: String,
    stream: Option<TcpStream>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Transport {
    Tcp(String),
    Udp(String),
}

impl Syslog {
    /// A sender for a place such as `tcp://host:601`; `None` when it is none.
    pub(super) fn new(location: &str) -> Option<Self> {
        let (scheme, place) = location.split_once("://")?;
        let place = place.trim_end_matches('/');
        let (host, port) = place.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        (!host.is_empty() && port > 0).then_some(())?;
        let transport = match scheme {
            "tcp" => Transport::Tcp(place.to_owned()),
            "udp" => Transport::Udp(place.to_owned()),
            _ => return None,
        };
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "-".to_owned(),
            name => name.to_owned(),
        };
        Some(Self { transport, host, stream: None })
    }

    /// Sends what waits. What was sent is taken out of the buffer.
    pub(super) async fn send(&mut self, buffer: &mut VecDeque<Line>) -> io::Result<()> {
        match self.transport.clone() {
            Transport::Tcp(place) => {
                let frames: String = buffer.iter().map(|line| self.frame(line)).collect();
                let mut stream = match self.stream.take() {
                    Some(stream) => stream,
                    None => TcpStream::connect(&place).await?,
                };
                // A connection that fails is made anew the next time.
                stream.write_all(frames.as_bytes()).await?;
                self.stream = Some(stream);
                buffer.clear();
            }
            Transport::Udp(place) => {
                let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
                socket.connect(&place).await?;
                while let Some(line) = buffer.front() {
                    socket.send(self.message(line, &cut(&line.message)).as_bytes()).await?;
                    buffer.pop_front();
                }
            }
        }
        Ok(())
    }

    fn frame(&self, line: &Line) -> String {
        let message = self.message(line, &line.message);
        format!("{} {message}", message.len())
    }

    fn message(&self, line: &Line, text: &str) -> String {
        let Line { service, labels, time, .. } = line;
        format!("{PRIORITY} {time} {} {service} - - {} {text}", self.host, structured(labels))
    }
}

/// The labels as structured data.
fn structured(labels: &BTreeMap<String, String>) -> String {
    let mut text = format!("[{ELEMENT}");
    for (key, value) in labels {
        text.push_str(&format!(" {key}=\""));
        for character in value.chars() {
            if matches!(character, '"' | '\\' | ']') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push('"');
    }
    text + "]"
}

fn cut(message: &str) -> String {
    if message.len() <= UDP_LIMIT {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(UDP_LIMIT - "...".len());
    format!("{}...", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        let labels = [("a", "x\"y\\z]"), ("b", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(structured(&labels.into()), r#"[pebble@28978 a="x\"y\\z\]" b=""]"#);
        assert_eq!(structured(&BTreeMap::new()), "[pebble@28978]");
    }

    #[test]
    fn long_datagrams_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(2100);
        assert_eq!(cut(&long).len(), 3999);
        assert!(cut(&long).ends_with("é..."));
    }

    #[test]
    fn other_places_are_refused() {
        for location in ["http://host:1", "tcp://host", "tcp:", "host:601", ""] {
            assert!(Syslog::new(location).is_none(), "{location}");
        }
        assert_eq!(
            Syslog::new("udp://127.0.0.1:514").map(|syslog| syslog.transport),
            Some(Transport::Udp("127.0.0.1:514".to_owned()))
        );
    }
}
