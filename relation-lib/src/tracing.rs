//! `tracing`: where traces are sent, by protocol.
//!
//! Tempo, or a relay, is the provider; what sends traces is the requirer. Described is
//! `tempo_coordinator_k8s` v0.11. Both sides write one key, `receivers`, in their application
//! databag: the requirer asks ([`TracingRequirerAppData`]), the provider answers
//! ([`TracingProviderAppData`]).
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::tracing::{Receiver, ReceiverProtocol, TracingProviderAppData};
//!
//! let data = TracingProviderAppData {
//!     receivers: vec![Receiver::new(ReceiverProtocol::OtlpHttp, "http://trail:4318")],
//! };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["receivers"], "[{\"protocol\": {\"name\": \"otlp_http\", \"type\": \"http\"}, \
//!                               \"url\": \"http://trail:4318\"}]");
//! let read = TracingProviderAppData::decode(&bag)?.value;
//! assert_eq!(read.endpoint(&ReceiverProtocol::OtlpHttp), Some("http://trail:4318"));
//! # Ok::<(), relation_lib::DecodeError>(())
//! ```

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, FromJson, Key, Members, Mismatch,
    Reader, Writer,
};

/// The name of the interface.
pub const INTERFACE: &str = "tracing";

/// A protocol in which traces are received.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReceiverProtocol {
    /// `zipkin`.
    Zipkin,
    /// `otlp_http`, the only one that charms themselves use.
    OtlpHttp,
    /// `jaeger_thrift_http`.
    JaegerThriftHttp,
    /// `otlp_grpc`.
    OtlpGrpc,
    /// `jaeger_grpc`.
    JaegerGrpc,
    /// One that this revision does not know.
    Other(String),
}

impl ReceiverProtocol {
    /// The protocols that Tempo supports, sorted by name.
    pub const SUPPORTED: [ReceiverProtocol; 5] = [
        ReceiverProtocol::JaegerGrpc,
        ReceiverProtocol::JaegerThriftHttp,
        ReceiverProtocol::OtlpGrpc,
        ReceiverProtocol::OtlpHttp,
        ReceiverProtocol::Zipkin,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            ReceiverProtocol::Zipkin => "zipkin",
            ReceiverProtocol::OtlpHttp => "otlp_http",
            ReceiverProtocol::JaegerThriftHttp => "jaeger_thrift_http",
            ReceiverProtocol::OtlpGrpc => "otlp_grpc",
            ReceiverProtocol::JaegerGrpc => "jaeger_grpc",
            ReceiverProtocol::Other(name) => name,
        }
    }

    /// What carries it; `None` for one we don't know.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        match self {
            ReceiverProtocol::Zipkin
            | ReceiverProtocol::OtlpHttp
            | ReceiverProtocol::JaegerThriftHttp => Some(Transport::Http),
            ReceiverProtocol::OtlpGrpc | ReceiverProtocol::JaegerGrpc => Some(Transport::Grpc),
            ReceiverProtocol::Other(_) => None,
        }
    }

    /// The port on which Tempo receives it.
    #[must_use]
    pub fn tempo_port(&self) -> Option<u16> {
        match self {
            ReceiverProtocol::Zipkin => Some(9411),
            ReceiverProtocol::OtlpHttp => Some(4318),
            ReceiverProtocol::JaegerThriftHttp => Some(14268),
            ReceiverProtocol::OtlpGrpc => Some(4317),
            ReceiverProtocol::JaegerGrpc => Some(14250),
            ReceiverProtocol::Other(_) => None,
        }
    }
}

impl FromStr for ReceiverProtocol {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        let known = ReceiverProtocol::SUPPORTED.into_iter().find(|known| known.as_str() == name);
        Ok(known.unwrap_or_else(|| ReceiverProtocol::Other(name.to_owned())))
    }
}

impl From<&str> for ReceiverProtocol {
    fn from(name: &str) -> Self {
        match name.parse() {
            Ok(protocol) => protocol,
        }
    }
}

impl fmt::Display for ReceiverProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ReceiverProtocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromJson for ReceiverProtocol {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        String::from_json(value).map(|name| name.as_str().into())
    }
}

/// What carries a protocol: it decides the form of the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// `http`: the URL has a scheme.
    Http,
    /// `grpc`: the URL is `host:port`.
    Grpc,
    /// One that this revision does not know.
    Other(String),
}

impl Transport {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Transport::Http => "http",
            Transport::Grpc => "grpc",
            Transport::Other(name) => name,
        }
    }
}

impl Serialize for Transport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromJson for Transport {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        Ok(match String::from_json(value)?.as_str() {
            "http" => Transport::Http,
            "grpc" => Transport::Grpc,
            other => Transport::Other(other.to_owned()),
        })
    }
}

/// What the leader of a sender asks for.
///
/// Requirer application databag, tracing v0.11.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `receivers` | Python-style JSON | list of protocol names, required | `["otlp_http", "jaeger_grpc"]` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TracingRequirerAppData {
    /// `receivers`: the protocols, in the order in which the charm lists them.
    pub receivers: Vec<ReceiverProtocol>,
}

impl TracingRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::required("receivers", Encoding::PythonJson)];

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When the sender has not asked yet, or not with a list.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let mut reader = Reader::new(bag);
        let receivers = reader.required_list("receivers")?;
        Ok(reader.finish(TracingRequirerAppData { receivers }))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("receivers", Some(&self.receivers)).finish()
    }
}

/// A place that receives traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receiver {
    /// In which protocol.
    pub protocol: ProtocolType,
    /// A URL with scheme for HTTP, `host:port` for gRPC.
    pub url: String,
}

impl Receiver {
    /// A receiver of a known protocol; one we don't know is taken to be carried by HTTP.
    pub fn new(protocol: ReceiverProtocol, url: impl Into<String>) -> Self {
        let transport = protocol.transport().unwrap_or(Transport::Http);
        Receiver { protocol: ProtocolType { name: protocol, transport }, url: url.into() }
    }
}

impl FromJson for Receiver {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(Receiver { protocol: members.required("protocol")?, url: members.required("url")? })
    }
}

/// A protocol and what carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtocolType {
    /// Name of the protocol.
    pub name: ReceiverProtocol,
    /// What carries it; `type` on the wire.
    #[serde(rename = "type")]
    pub transport: Transport,
}

impl FromJson for ProtocolType {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(ProtocolType { name: members.required("name")?, transport: members.required("type")? })
    }
}

/// What the leader of the provider answers.
///
/// Provider application databag, tracing v0.11. The same list goes to all relations, whatever
/// each asked for.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `receivers` | Python-style JSON | list of `{"protocol": {"name", "type"}, "url"}`, required | `[{"protocol": {"name": "jaeger_grpc", "type": "grpc"}, "url": "trail:14250"}]` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TracingProviderAppData {
    /// `receivers`: where traces are received.
    pub receivers: Vec<Receiver>,
}

impl TracingProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::required("receivers", Encoding::PythonJson)];

    /// Reads the databag. An empty list is an answer: ready, and nothing to send to.
    ///
    /// # Errors
    ///
    /// When the provider has not answered yet, or not with a list.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let mut reader = Reader::new(bag);
        let receivers = reader.required_list("receivers")?;
        Ok(reader.finish(TracingProviderAppData { receivers }))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("receivers", Some(&self.receivers)).finish()
    }

    /// The URL of the first receiver of a protocol.
    #[must_use]
    pub fn endpoint(&self, protocol: &ReceiverProtocol) -> Option<&str> {
        let mut receivers = self.receivers.iter();
        receivers.find(|r| r.protocol.name == *protocol).map(|r| r.url.as_str())
    }

    /// The URLs of those of the wanted protocols that are received, by name of the protocol, in
    /// the order wanted: what a coordinator passes on to its workers.
    pub fn endpoints<'a>(
        &self,
        wanted: impl IntoIterator<Item = &'a ReceiverProtocol>,
    ) -> IndexMap<String, String> {
        let url = |protocol| Some((protocol, self.endpoint(protocol)?));
        wanted
            .into_iter()
            .filter_map(url)
            .map(|(protocol, url)| (protocol.to_string(), url.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    fn bag(receivers: &str) -> Databag {
        Databag::from([("receivers".to_owned(), receivers.to_owned())])
    }

    #[test]
    fn both_sides_hold_to_the_byte() {
        let asked = bag(r#"["otlp_http", "jaeger_grpc"]"#);
        let read = TracingRequirerAppData::decode(&asked).unwrap().value;
        assert_eq!(read.receivers, [ReceiverProtocol::OtlpHttp, ReceiverProtocol::JaegerGrpc]);
        assert_eq!(patched(&Databag::new(), &read.encode()), asked);

        let answered = bag(
            r#"[{"protocol": {"name": "otlp_http", "type": "http"}, "url": "http://trail.stage.svc.cluster.local:4318"}, {"protocol": {"name": "jaeger_grpc", "type": "grpc"}, "url": "trail.stage.svc.cluster.local:14250"}]"#,
        );
        let read = TracingProviderAppData::decode(&answered).unwrap().value;
        assert_eq!(patched(&Databag::new(), &read.encode()), answered);
    }

    #[test]
    fn unknown_names_are_kept_and_a_bad_entry_spoils_only_itself() {
        let text = r#"[{"protocol": {"name": "pigeon", "type": "air"}, "url": "u", "x": 1}, 3]"#;
        let read = TracingProviderAppData::decode(&bag(text)).unwrap();
        let pigeon = ReceiverProtocol::Other("pigeon".into());
        assert_eq!(read.value.endpoint(&pigeon), Some("u"));
        assert_eq!(
            read.value.encode()["receivers"].as_deref(),
            Some(r#"[{"protocol": {"name": "pigeon", "type": "air"}, "url": "u"}]"#)
        );
        assert_eq!(read.skipped.len(), 1);
        assert_eq!(read.skipped[0].entry.as_deref(), Some("1"));
    }

    #[test]
    fn first_receiver_of_a_protocol_counts() {
        let data = TracingProviderAppData {
            receivers: vec![
                Receiver::new(ReceiverProtocol::Zipkin, "http://a"),
                Receiver::new(ReceiverProtocol::Zipkin, "http://b"),
            ],
        };
        let wanted = [ReceiverProtocol::OtlpHttp, ReceiverProtocol::Zipkin];
        let expected = [("zipkin".to_owned(), "http://a".to_owned())];
        assert_eq!(data.endpoints(&wanted), IndexMap::from(expected));
    }

    #[test]
    fn silence_and_an_empty_answer_differ() {
        assert!(TracingProviderAppData::decode(&Databag::new()).is_err());
        assert!(TracingProviderAppData::decode(&bag("nonsense")).is_err());
        assert_eq!(TracingProviderAppData::decode(&bag("[]")).unwrap().value.receivers, []);
    }
}
