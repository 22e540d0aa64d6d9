//! The web server of a solution.

use std::num::NonZeroU16;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::{Ordered, Template};

/// The web server in front of the workers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nginx {
    /// The name that the server answers to.
    pub server_name: Template,
    /// Groups of workers that requests are passed to, in order.
    #[serde(default)]
    pub upstreams: Vec<Upstream>,
    /// What is served, in order.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// Further `map` blocks, after the built-in ones.
    #[serde(default)]
    pub maps: Vec<Map>,
    /// Whether every server answers `= /` with a constant.
    #[serde(default)]
    pub enable_health_check: Switch,
    /// Whether every server has `/status`, which the exporter asks.
    #[serde(default)]
    pub enable_status_page: Switch,
    /// `ssl_protocols`.
    #[serde(default = "Nginx::default_tls_versions")]
    pub tls_versions: Vec<String>,
    /// `ssl_ciphers`.
    #[serde(default = "Nginx::default_ciphers")]
    pub ciphers: String,
    /// `worker_processes`.
    #[serde(default = "Nginx::default_worker_processes")]
    pub worker_processes: NonZeroU16,
    /// `worker_connections`; as many files as twice that may be open.
    #[serde(default = "Nginx::default_worker_connections")]
    pub worker_connections: NonZeroU16,
    /// `proxy_read_timeout`, a number of seconds or a time with unit.
    #[serde(default = "Nginx::default_read_timeout")]
    pub proxy_read_timeout: String,
    /// `proxy_connect_timeout`.
    #[serde(default = "Nginx::default_connect_timeout")]
    pub proxy_connect_timeout: String,
}

impl Nginx {
    fn default_tls_versions() -> Vec<String> {
        ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"].map(str::to_owned).to_vec()
    }

    fn default_ciphers() -> String {
        "HIGH:!aNULL:!MD5".to_owned()
    }

    fn default_worker_processes() -> NonZeroU16 {
        NonZeroU16::MIN.saturating_add(4)
    }

    fn default_worker_connections() -> NonZeroU16 {
        NonZeroU16::MIN.saturating_add(4095)
    }

    fn default_read_timeout() -> String {
        "300".to_owned()
    }

    fn default_connect_timeout() -> String {
        "5s".to_owned()
    }
}

/// A switch of the file, `true` or `false`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Switch {
    /// `true`.
    On,
    /// `false`.
    #[default]
    Off,
}

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bool::deserialize(deserializer).map(|on| if on { Self::On } else { Self::Off })
    }
}

/// A group of workers that requests are passed to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// What locations call it.
    pub name: String,
    /// The workers' port.
    pub port: NonZeroU16,
    /// The role whose workers it holds; `None`: every worker.
    #[serde(default)]
    pub lookup_key: Option<String>,
}

/// What is served on one port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// What ingresses call it; `None`: they call it by protocol and port.
    #[serde(default)]
    pub name: Option<String>,
    /// The port.
    pub port: NonZeroU16,
    /// What is served there, in order.
    #[serde(default)]
    pub locations: Vec<Location>,
}

impl Server {
    /// Whether gRPC is spoken, on all of the port.
    pub fn is_grpc(&self) -> Switch {
        let spoken = self.locations.iter().any(|location| location.is_grpc == Switch::On);
        if spoken { Switch::On } else { Switch::Off }
    }

    /// What ingresses call it: its name, or such as `http-8080` and `grpc-9096`.
    pub fn routed_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| match self.is_grpc() {
            Switch::On => format!("grpc-{}", self.port),
            Switch::Off => format!("http-{}", self.port),
        })
    }
}

/// What becomes of requests for a path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Location {
    /// The path or pattern.
    pub path: String,
    /// The upstream that answers; `None`: the directives say.
    pub backend: Option<String>,
    /// Appended to the upstream's address.
    pub backend_url: String,
    /// Headers that the upstream gets.
    pub headers: Ordered<String>,
    /// `=`, `~`, `~*`, `^~`, or empty.
    pub modifier: String,
    /// Whether gRPC is spoken. True for one: true for the whole port.
    pub is_grpc: Switch,
    /// Whether the upstream speaks TLS; `None`: when the server does.
    pub upstream_tls: Option<UpstreamTls>,
    /// Arguments of a `rewrite` directive.
    pub rewrite: Option<Vec<String>>,
    /// Further directives.
    pub extra_directives: Ordered<Arguments>,
}

/// Whether an upstream speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamTls {
    /// It does.
    On,
    /// It doesn't.
    Off,
}

impl<'de> Deserialize<'de> for UpstreamTls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bool::deserialize(deserializer).map(|on| if on { Self::On } else { Self::Off })
    }
}

/// A `map` block.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// The variable that decides.
    pub source: String,
    /// The variable that is set.
    pub target: String,
    /// Value or pattern → value, in order.
    pub values: Ordered<Arguments>,
}

/// Arguments of a directive: one text, or a list of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments(pub Vec<String>);

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArgumentsVisitor;

        impl<'de> Visitor<'de> for ArgumentsVisitor {
            type Value = Arguments;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Arguments, E> {
                Ok(Arguments(vec![text.to_owned()]))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Arguments, E> {
                Ok(Arguments(vec![number.to_string()]))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Arguments, E> {
                Ok(Arguments(vec![number.to_string()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Arguments, A::Error> {
                let mut all = Vec::new();
                while let Some(text) = seq.next_element()? {
                    all.push(text);
                }
                Ok(Arguments(all))
            }
        }

        deserializer.deserialize_any(ArgumentsVisitor)
    }
}
