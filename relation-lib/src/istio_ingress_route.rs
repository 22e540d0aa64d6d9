//! `istio_ingress_route`: listeners and routes of an Istio gateway.
//!
//! The Istio ingress is the provider, who brings routes the requirer (Tempo). Described is version
//! 0. The leader of the requirer writes [`IstioRouteRequirerAppData`], the leader of the provider
//! answers with [`IstioRouteProviderAppData`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::istio_ingress_route::{IstioRouteConfig, IstioRouteRequirerAppData, Listener};
//!
//! let config = IstioRouteConfig {
//!     model: "stage".into(),
//!     listeners: vec![Listener { port: 9400, protocol: "HTTP".into() }],
//!     http_routes: vec![],
//!     grpc_routes: vec![],
//! };
//! let data = IstioRouteRequirerAppData { config };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["config"], "{\"model\":\"stage\",\"listeners\":[{\"port\":9400,\"protocol\":\
//!                            \"HTTP\"}],\"http_routes\":[],\"grpc_routes\":[]}");
//! assert_eq!(IstioRouteRequirerAppData::decode(&bag)?.value, data);
//! # Ok::<(), relation_lib::DecodeError>(())
//! ```

use serde::Serialize;
use serde_json::Value;

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, FromJson, Key, Members, Mismatch,
    Reader, Writer,
};
use crate::encoding;

/// The name of the interface.
pub const INTERFACE: &str = "istio_ingress_route";

/// A port of the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// The port.
    pub port: u16,
    /// `HTTP` or `GRPC`.
    pub protocol: String,
}

impl FromJson for Listener {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(Listener { port: members.required("port")?, protocol: members.required("protocol")? })
    }
}

/// A service that a route leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backend {
    /// The Kubernetes service.
    pub service: String,
    /// Its port.
    pub port: u16,
    /// Its share among the backends of the route.
    pub weight: u16,
}

impl Backend {
    /// The share of a backend that is alone.
    pub const WHOLE: u16 = 100;
}

impl FromJson for Backend {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(Backend {
            service: members.required("service")?,
            port: members.required("port")?,
            weight: members.optional("weight")?.unwrap_or(Backend::WHOLE),
        })
    }
}

/// What leads from a listener to services. What is not set is written as `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Name of the route.
    pub name: String,
    /// Where requests come in.
    pub listener: Listener,
    /// Where they go.
    pub backends: Vec<Backend>,
    /// Which host names are meant; `None` for all.
    pub hostnames: Option<Vec<String>>,
    /// Which requests are meant, in the gateway's own form; `None` for all.
    pub matches: Option<Vec<Value>>,
    /// What is done to requests, in the gateway's own form.
    pub filters: Option<Vec<Value>>,
}

impl Route {
    /// A route for all requests of a listener to the same port of one service.
    pub fn to_service(
        name: impl Into<String>,
        listener: Listener,
        service: impl Into<String>,
    ) -> Self {
        let backend =
            Backend { service: service.into(), port: listener.port, weight: Backend::WHOLE };
        Route {
            name: name.into(),
            listener,
            backends: vec![backend],
            hostnames: None,
            matches: None,
            filters: None,
        }
    }
}

impl FromJson for Route {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(Route {
            name: members.required("name")?,
            listener: members.required("listener")?,
            backends: members.required("backends")?,
            hostnames: members.optional("hostnames")?,
            matches: members.optional("matches")?,
            filters: members.optional("filters")?,
        })
    }
}

/// What the gateway shall do for an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IstioRouteConfig {
    /// The model of the application, which is the namespace of its services.
    pub model: String,
    /// The ports to listen on.
    pub listeners: Vec<Listener>,
    /// Routes of HTTP listeners.
    pub http_routes: Vec<Route>,
    /// Routes of gRPC listeners.
    pub grpc_routes: Vec<Route>,
}

impl FromJson for IstioRouteConfig {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(IstioRouteConfig {
            model: members.required("model")?,
            listeners: members.optional("listeners")?.unwrap_or_default(),
            http_routes: members.optional("http_routes")?.unwrap_or_default(),
            grpc_routes: members.optional("grpc_routes")?.unwrap_or_default(),
        })
    }
}

/// What the leader of the requirer says.
///
/// Requirer application databag, `istio_ingress_route` v0.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `config` | compact JSON | object of `model`, `listeners`, `http_routes`, `grpc_routes`, required | `{"model":"stage","listeners":[{"port":9400,"protocol":"HTTP"}],"http_routes":[],"grpc_routes":[]}` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IstioRouteRequirerAppData {
    /// `config`: what the gateway shall do. It is read as a whole: half of it would open other
    /// doors than were meant.
    pub config: IstioRouteConfig,
}

impl IstioRouteRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::required("config", Encoding::CompactJson)];

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When the configuration is absent or unusable.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let reader = Reader::new(bag);
        let config = reader.required("config")?;
        Ok(reader.finish(IstioRouteRequirerAppData { config }))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().text("config", Some(encoding::compact_json(&self.config))).finish()
    }
}

/// What the leader of the ingress answers.
///
/// Provider application databag, `istio_ingress_route` v0. Plain texts.
///
/// | key | value | example |
/// |---|---|---|
/// | `external_host` | host name or address | `edge.example` |
/// | `tls_enabled` | `True` or `False`, as Python spells them; all but `True` is false | `True` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IstioRouteProviderAppData {
    /// `external_host`: where the gateway is reached.
    pub external_host: Option<String>,
    /// `tls_enabled`: whether over TLS; `None` where nothing is said.
    pub tls_enabled: Option<bool>,
}

impl IstioRouteProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::optional("external_host", Encoding::Raw),
        Key::optional("tls_enabled", Encoding::Raw),
    ];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let reader = Reader::new(bag);
        let value = IstioRouteProviderAppData {
            external_host: reader.raw("external_host").map(str::to_owned),
            tls_enabled: reader.raw("tls_enabled").map(|text| text == "True"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let tls = self.tls_enabled.map(|enabled| if enabled { "True" } else { "False" });
        Writer::default()
            .raw("external_host", self.external_host.as_deref())
            .raw("tls_enabled", tls)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    #[test]
    fn requirer_databag_holds_to_the_byte() {
        let listener = |port, protocol: &str| Listener { port, protocol: protocol.into() };
        let data = IstioRouteRequirerAppData {
            config: IstioRouteConfig {
                model: "stage".into(),
                listeners: vec![listener(9400, "HTTP"), listener(4317, "GRPC")],
                http_routes: vec![Route::to_service(
                    "juju-stage-loom-http",
                    listener(9400, "HTTP"),
                    "loom",
                )],
                grpc_routes: vec![Route::to_service(
                    "juju-stage-loom-grpc",
                    listener(4317, "GRPC"),
                    "loom",
                )],
            },
        };
        let text = r#"{"model":"stage","listeners":[{"port":9400,"protocol":"HTTP"},{"port":4317,"protocol":"GRPC"}],"http_routes":[{"name":"juju-stage-loom-http","listener":{"port":9400,"protocol":"HTTP"},"backends":[{"service":"loom","port":9400,"weight":100}],"hostnames":null,"matches":null,"filters":null}],"grpc_routes":[{"name":"juju-stage-loom-grpc","listener":{"port":4317,"protocol":"GRPC"},"backends":[{"service":"loom","port":4317,"weight":100}],"hostnames":null,"matches":null,"filters":null}]}"#;
        let bag = patched(&Databag::new(), &data.encode());
        assert_eq!(bag["config"], text);
        assert_eq!(IstioRouteRequirerAppData::decode(&bag).unwrap().value, data);
    }

    #[test]
    fn tls_is_on_only_when_spelled_as_python_does() {
        let read = |text: &str| {
            let bag = Databag::from([("tls_enabled".to_owned(), text.to_owned())]);
            IstioRouteProviderAppData::decode(&bag).value.tls_enabled
        };
        assert_eq!(
            [read("True"), read("true"), read("False")],
            [Some(true), Some(false), Some(false)]
        );
        let data = IstioRouteProviderAppData { tls_enabled: Some(false), ..Default::default() };
        assert_eq!(data.encode()["tls_enabled"].as_deref(), Some("False"));
    }
}
