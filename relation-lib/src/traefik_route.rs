//! `traefik_route`: configuration in Traefik's own form.
//!
//! Traefik is the provider, who brings routes the requirer (Tempo). Described is version 0. The
//! leader of the requirer writes [`TraefikRouteRequirerAppData`], the leader of the provider
//! answers with [`TraefikRouteProviderAppData`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::traefik_route::TraefikRouteRequirerAppData;
//! use serde_json::json;
//!
//! let data = TraefikRouteRequirerAppData {
//!     config: Some(json!({"http": {"routers": {}}})),
//!     static_config: Some(json!({"entryPoints": {"otlp-http": {"address": ":4318"}}})),
//!     ..Default::default()
//! };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["raw"], "False");
//! assert_eq!(bag["static"], "entryPoints:\n  otlp-http:\n    address: :4318\n");
//! assert_eq!(TraefikRouteRequirerAppData::decode(&bag).value, data);
//! ```

use serde_json::{Value, json};

use crate::databag::{Databag, DatabagPatch, Decoded, Encoding, Key, Reader, Writer};
use crate::yaml;

/// The name of the interface.
pub const INTERFACE: &str = "traefik_route";

/// What Traefik does with the configuration before it uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handling {
    /// It adds what its other routes have, such as TLS.
    #[default]
    Completed,
    /// Nothing.
    Raw,
}

/// What the leader of the requirer says.
///
/// Requirer application databag, `traefik_route` v0.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `raw` | plain | `True` or `False`, as Python spells them | `False` |
/// | `config` | YAML | dynamic configuration | `http:\n  routers: {}\n` |
/// | `static` | YAML | static configuration, absent when empty | `entryPoints:\n  otlp-http:\n    address: :4318\n` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraefikRouteRequirerAppData {
    /// `raw`: what Traefik does with the configuration.
    pub handling: Handling,
    /// `config`: the dynamic configuration.
    pub config: Option<Value>,
    /// `static`: the static configuration.
    pub static_config: Option<Value>,
}

impl TraefikRouteRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::optional("raw", Encoding::Raw),
        Key::required("config", Encoding::Yaml),
        Key::optional("static", Encoding::Yaml),
    ];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let mut document = |key| match reader.raw(key).map(yaml::parse) {
            None | Some(Ok(Value::Null)) => None,
            Some(Ok(value)) => Some(value),
            Some(Err(error)) => {
                reader.skip(key, None, error.to_string());
                None
            }
        };
        let (config, static_config) = (document("config"), document("static"));
        let handling = match reader.raw("raw") {
            Some("True") => Handling::Raw,
            _ => Handling::Completed,
        };
        reader.finish(TraefikRouteRequirerAppData { handling, config, static_config })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let raw = match self.handling {
            Handling::Completed => "False",
            Handling::Raw => "True",
        };
        Writer::default()
            .raw("raw", Some(raw))
            .text("config", self.config.as_ref().map(yaml::dump_sorted))
            .text("static", self.static_config.as_ref().map(yaml::dump_sorted))
            .finish()
    }
}

/// What the leader of Traefik answers.
///
/// Provider application databag, `traefik_route` v0. Plain texts.
///
/// | key | value | example |
/// |---|---|---|
/// | `external_host` | host name or address | `edge.example` |
/// | `scheme` | `http` or `https` | `https` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraefikRouteProviderAppData {
    /// `external_host`: where Traefik is reached.
    pub external_host: Option<String>,
    /// `scheme`: in which scheme.
    pub scheme: Option<String>,
}

impl TraefikRouteProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] =
        &[Key::optional("external_host", Encoding::Raw), Key::optional("scheme", Encoding::Raw)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let reader = Reader::new(bag);
        let text = |key| reader.raw(key).map(str::to_owned);
        let value = TraefikRouteProviderAppData {
            external_host: text("external_host"),
            scheme: text("scheme"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .raw("external_host", self.external_host.as_deref())
            .raw("scheme", self.scheme.as_deref())
            .finish()
    }
}

/// One protocol that is passed through Traefik to all units of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedProtocol {
    /// Name of the protocol, such as `otlp_grpc`.
    pub name: String,
    /// The port, the same outside and inside.
    pub port: u16,
    /// The scheme in which units are spoken to: `http`, `https` or, for plain gRPC, `h2c`.
    pub unit_scheme: String,
}

/// The routes that Tempo asks for: an entry point, router and service for each protocol, over
/// all units.
///
/// `external_scheme` is what Traefik last answered; under `https` plain HTTP is redirected.
#[must_use]
pub fn routes_to_all_units(
    model: &str,
    application: &str,
    protocols: &[RoutedProtocol],
    hosts: &[String],
    external_scheme: &str,
) -> TraefikRouteRequirerAppData {
    let mut entry_points = serde_json::Map::new();
    let mut routers = serde_json::Map::new();
    let mut services = serde_json::Map::new();
    let mut middlewares = serde_json::Map::new();
    for protocol in protocols {
        let name = protocol.name.replace('_', "-");
        let route = |kind: &str| format!("juju-{model}-{application}{kind}-{name}");
        entry_points.insert(name.clone(), json!({"address": format!(":{}", protocol.port)}));
        let mut router = json!({
            "entryPoints": [name],
            "service": route("-service"),
            "rule": "ClientIP(`0.0.0.0/0`)",
        });
        if external_scheme == "https" {
            let redirect = json!({"redirectScheme": {"permanent": true, "port": protocol.port, "scheme": "https"}});
            middlewares.insert(route("-middleware"), redirect);
            router["middlewares"] = json!([route("-middleware")]);
        }
        routers.insert(route(""), router);
        let servers: Vec<Value> = hosts
            .iter()
            .map(|host| json!({"url": format!("{}://{host}:{}", protocol.unit_scheme, protocol.port)}))
            .collect();
        services.insert(route("-service"), json!({"loadBalancer": {"servers": servers}}));
    }
    let mut http = json!({"routers": routers, "services": services});
    if !middlewares.is_empty() {
        http["middlewares"] = Value::Object(middlewares);
    }
    TraefikRouteRequirerAppData {
        handling: Handling::Completed,
        config: Some(json!({"http": http})),
        static_config: (!entry_points.is_empty()).then(|| json!({"entryPoints": entry_points})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_is_spelled_as_python_does() {
        let bag = Databag::from([("raw".to_owned(), "True".to_owned())]);
        let read = TraefikRouteRequirerAppData::decode(&bag).value;
        assert_eq!(read.handling, Handling::Raw);
        assert_eq!(read.encode()["raw"].as_deref(), Some("True"));
        assert_eq!(read.encode()["config"], None);
    }

    #[test]
    fn unreadable_configuration_is_noted() {
        let bag = Databag::from([("config".to_owned(), "a: [".to_owned())]);
        let read = TraefikRouteRequirerAppData::decode(&bag);
        assert_eq!(read.value.config, None);
        assert!(read.is_unreadable("config"));
    }

    #[test]
    fn each_protocol_gets_entry_point_router_and_service() {
        let protocols = [
            RoutedProtocol { name: "otlp_http".into(), port: 4318, unit_scheme: "http".into() },
            RoutedProtocol { name: "otlp_grpc".into(), port: 4317, unit_scheme: "h2c".into() },
        ];
        let hosts = ["loom-0".to_owned(), "loom-1".to_owned()];
        let data = routes_to_all_units("stage", "loom", &protocols, &hosts, "https");
        let config = data.config.unwrap();
        let router = &config["http"]["routers"]["juju-stage-loom-otlp-http"];
        assert_eq!(router["service"], "juju-stage-loom-service-otlp-http");
        assert_eq!(router["middlewares"], json!(["juju-stage-loom-middleware-otlp-http"]));
        let service = &config["http"]["services"]["juju-stage-loom-service-otlp-grpc"];
        assert_eq!(service["loadBalancer"]["servers"][1]["url"], "h2c://loom-1:4317");
        assert_eq!(
            data.static_config.unwrap()["entryPoints"]["otlp-grpc"],
            json!({"address": ":4317"})
        );
    }
}
