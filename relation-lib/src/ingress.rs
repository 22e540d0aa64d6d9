//! `ingress` (version 2): one URL from outside for a whole application.
//!
//! Traefik is the provider, who wants to be reached the requirer. Described is patch 21 (19 in the
//! field reads the same). The leader of the requirer writes [`IngressRequirerAppData`], each of
//! its units [`IngressRequirerUnitData`]; the leader of the provider answers with
//! [`IngressProviderAppData`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::ingress::{IngressProviderAppData, IngressRequirerAppData, PathPrefix};
//!
//! let data = IngressRequirerAppData {
//!     strip_prefix: PathPrefix::Stripped,
//!     ..IngressRequirerAppData::new("stage", "loom", 8080)
//! };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["name"], r#""loom""#);
//! assert_eq!(bag["strip-prefix"], "true");
//! assert_eq!(bag.get("scheme"), None);
//! assert_eq!(IngressRequirerAppData::decode(&bag)?.value, data);
//!
//! let answer = IngressProviderAppData { url: Some("http://edge/stage-loom".parse()?) };
//! assert_eq!(answer.encode()["ingress"].as_deref(), Some(r#"{"url": "http://edge/stage-loom"}"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, Key, Members, Reader, Writer,
};
use crate::http_url::HttpUrl;

/// The name of the interface.
pub const INTERFACE: &str = "ingress";

/// What the ingress does with the prefix that it adds to paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PathPrefix {
    /// The application sees it.
    #[default]
    Kept,
    /// The application does not see it.
    Stripped,
}

/// What the ingress does with plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainHttp {
    /// It passes.
    #[default]
    Served,
    /// It is sent to HTTPS.
    Redirected,
}

/// Whether the port was opened with Juju.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortState {
    /// Nothing is said about it.
    #[default]
    Unsaid,
    /// It is open.
    Open,
}

/// What the leader of the application says.
///
/// Requirer application databag, `ingress` v2 patch 21. Python-style JSON; a value that is the
/// default is an absent key.
///
/// | key | value | example |
/// |---|---|---|
/// | `model` | text, required | `"stage"` |
/// | `name` | text, name of the application, required | `"loom"` |
/// | `port` | integer from 1 to 65534, required | `8080` |
/// | `is_port_open` | `true`, not written by patch 19 | `true` |
/// | `healthcheck_params` | object | `{"path": "/ready"}` |
/// | `strip-prefix` | `true` | `true` |
/// | `redirect-https` | `true` | `true` |
/// | `scheme` | text other than `http` | `"https"` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressRequirerAppData {
    /// `model`: name of the model.
    pub model: String,
    /// `name`: name of the application.
    pub name: String,
    /// `port`: the port to be reached.
    pub port: u16,
    /// `is_port_open`: whether Juju opened it.
    pub is_port_open: PortState,
    /// `healthcheck_params`: how the ingress asks for health.
    pub healthcheck_params: Option<Map<String, Value>>,
    /// `strip-prefix`: what becomes of the prefix.
    pub strip_prefix: PathPrefix,
    /// `redirect-https`: what becomes of plain HTTP.
    pub redirect_https: PlainHttp,
    /// `scheme`: what the application speaks.
    pub scheme: String,
}

impl IngressRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("model", Encoding::PythonJson),
        Key::required("name", Encoding::PythonJson),
        Key::required("port", Encoding::PythonJson),
        Key::optional("is_port_open", Encoding::PythonJson),
        Key::optional("healthcheck_params", Encoding::PythonJson),
        Key::optional("strip-prefix", Encoding::PythonJson),
        Key::optional("redirect-https", Encoding::PythonJson),
        Key::optional("scheme", Encoding::PythonJson),
    ];

    /// An application that speaks HTTP, everything else at its default.
    pub fn new(model: impl Into<String>, name: impl Into<String>, port: u16) -> Self {
        IngressRequirerAppData {
            model: model.into(),
            name: name.into(),
            port,
            is_port_open: PortState::default(),
            healthcheck_params: None,
            strip_prefix: PathPrefix::default(),
            redirect_https: PlainHttp::default(),
            scheme: "http".to_owned(),
        }
    }

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When model, name or port is absent or unusable.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let mut reader = Reader::new(bag);
        let base = IngressRequirerAppData::new(
            reader.required::<String>("model")?,
            reader.required::<String>("name")?,
            reader.required("port")?,
        );
        let mut flag = |key| reader.optional::<bool>(key) == Some(true);
        let (open, strip, redirect) =
            (flag("is_port_open"), flag("strip-prefix"), flag("redirect-https"));
        let value = IngressRequirerAppData {
            is_port_open: if open { PortState::Open } else { PortState::Unsaid },
            healthcheck_params: reader.optional("healthcheck_params"),
            strip_prefix: if strip { PathPrefix::Stripped } else { PathPrefix::Kept },
            redirect_https: if redirect { PlainHttp::Redirected } else { PlainHttp::Served },
            scheme: reader.optional("scheme").unwrap_or_else(|| base.scheme.clone()),
            ..base
        };
        Ok(reader.finish(value))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let flag = |set: bool| set.then_some(&true);
        Writer::default()
            .json("model", Some(&self.model))
            .json("name", Some(&self.name))
            .json("port", Some(&self.port))
            .json("is_port_open", flag(self.is_port_open == PortState::Open))
            .json("healthcheck_params", self.healthcheck_params.as_ref())
            .json("strip-prefix", flag(self.strip_prefix == PathPrefix::Stripped))
            .json("redirect-https", flag(self.redirect_https == PlainHttp::Redirected))
            .json("scheme", Some(&self.scheme).filter(|scheme| *scheme != "http"))
            .finish()
    }
}

/// Where a unit of the application is.
///
/// Requirer unit databag, `ingress` v2 patch 21. Python-style JSON.
///
/// | key | value | example |
/// |---|---|---|
/// | `host` | text, full host name, required | `"loom-0.loom-endpoints.stage.svc.cluster.local"` |
/// | `ip` | text, address that the unit is bound to | `"192.0.2.0"` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressRequirerUnitData {
    /// `host`: the host name.
    pub host: String,
    /// `ip`: the address; old libraries don't say it.
    pub ip: Option<String>,
}

impl IngressRequirerUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] =
        &[Key::required("host", Encoding::PythonJson), Key::optional("ip", Encoding::PythonJson)];

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When the host is absent or unusable.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let mut reader = Reader::new(bag);
        let host = reader.required("host")?;
        let ip = reader.optional("ip");
        Ok(reader.finish(IngressRequirerUnitData { host, ip }))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("host", Some(&self.host)).json("ip", self.ip.as_ref()).finish()
    }
}

/// What the leader of the ingress answers.
///
/// Provider application databag, `ingress` v2 patch 21.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `ingress` | Python-style JSON | object of `url`, normalised, see [`HttpUrl`] | `{"url": "http://edge/stage-loom"}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IngressProviderAppData {
    /// `ingress`: the URL from outside; `None` where there is none (yet).
    pub url: Option<HttpUrl>,
}

impl IngressProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("ingress", Encoding::PythonJson)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let ingress: Option<Value> = reader.optional("ingress");
        let url = ingress.map(|value| Members::of(&value)?.required("url")).transpose();
        let url = url.unwrap_or_else(|mismatch| {
            reader.skip("ingress", None, mismatch.to_string());
            None
        });
        reader.finish(IngressProviderAppData { url })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let ingress = self.url.as_ref().map(|url| IndexMap::from([("url", url)]));
        Writer::default().json("ingress", ingress.as_ref()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    fn bag(entries: &[(&str, &str)]) -> Databag {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn databags_hold_to_the_byte() {
        let app = bag(&[
            ("model", r#""stage""#),
            ("name", r#""loom""#),
            ("port", "8080"),
            ("is_port_open", "true"),
            ("strip-prefix", "true"),
            ("redirect-https", "true"),
            ("scheme", r#""https""#),
        ]);
        let read = IngressRequirerAppData::decode(&app).unwrap();
        assert_eq!(patched(&Databag::new(), &read.value.encode()), app);
        let unit = bag(&[("host", r#""loom-0""#), ("ip", r#""192.0.2.0""#)]);
        let read = IngressRequirerUnitData::decode(&unit).unwrap();
        assert_eq!(patched(&Databag::new(), &read.value.encode()), unit);
        let provider = bag(&[("ingress", r#"{"url": "http://edge/"}"#)]);
        let read = IngressProviderAppData::decode(&provider);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), provider);
    }

    #[test]
    fn an_answer_without_url_is_none() {
        let read = IngressProviderAppData::decode(&bag(&[("ingress", "{}")]));
        assert_eq!(read.value.url, None);
        assert_eq!(
            read.skipped[0].to_string(),
            "`ingress`: expected a value, found nothing at `url`"
        );
    }
}
