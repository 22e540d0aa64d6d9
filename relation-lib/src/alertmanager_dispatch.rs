//! `alertmanager_dispatch`: where alerts are sent.
//!
//! Alertmanager is the provider, who sends alerts the requirer, which writes nothing. Every unit
//! of the provider writes [`AlertmanagerProviderUnitData`]. Described is version 1.
//!
//! ```
//! use relation_lib::alertmanager_dispatch::AlertmanagerProviderUnitData;
//! use relation_lib::databag::{Databag, patched};
//!
//! let data = AlertmanagerProviderUnitData::of_url("https://bell-0.bell-endpoints:9093");
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["public_address"], "bell-0.bell-endpoints:9093");
//! assert_eq!(bag["scheme"], "https");
//! let read = AlertmanagerProviderUnitData::decode(&bag).value;
//! assert_eq!(read.location().as_deref(), Some("https://bell-0.bell-endpoints:9093"));
//! ```

use crate::databag::{Databag, DatabagPatch, Decoded, Encoding, Key, Reader, Writer};
use crate::url_parts::url_parts;

/// The name of the interface.
pub const INTERFACE: &str = "alertmanager_dispatch";

/// Where a unit of Alertmanager is.
///
/// Provider unit databag, `alertmanager_dispatch` v1. Plain texts. Old units write no `url`.
///
/// | key | value | example |
/// |---|---|---|
/// | `url` | whole URL | `https://bell-0.bell-endpoints.stage.svc.cluster.local:9093` |
/// | `public_address` | host, port and path of it | `bell-0.bell-endpoints.stage.svc.cluster.local:9093` |
/// | `scheme` | scheme of it, `http` when absent | `https` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertmanagerProviderUnitData {
    /// `url`: the whole URL.
    pub url: Option<String>,
    /// `public_address`: host, port and path.
    pub public_address: Option<String>,
    /// `scheme`: the scheme.
    pub scheme: Option<String>,
}

impl AlertmanagerProviderUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::optional("url", Encoding::Raw),
        Key::optional("public_address", Encoding::Raw),
        Key::optional("scheme", Encoding::Raw),
    ];

    /// What a unit says that is reached under a URL.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let parts = url_parts(url);
        let host = parts.host.unwrap_or_default();
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let port = parts.port.map(|port| format!(":{port}")).unwrap_or_default();
        AlertmanagerProviderUnitData {
            url: Some(url.to_owned()),
            public_address: Some(format!("{host}{port}{}", parts.path)),
            scheme: parts.scheme.map(str::to_owned),
        }
    }

    /// The URL, put together where an old unit wrote only its parts.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        self.url.clone().or_else(|| {
            let scheme = self.scheme.as_deref().unwrap_or("http");
            self.public_address.as_ref().map(|address| format!("{scheme}://{address}"))
        })
    }

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let reader = Reader::new(bag);
        let text = |key| reader.raw(key).map(str::to_owned);
        let value = AlertmanagerProviderUnitData {
            url: text("url"),
            public_address: text("public_address"),
            scheme: text("scheme"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .raw("url", self.url.as_deref())
            .raw("public_address", self.public_address.as_deref())
            .raw("scheme", self.scheme.as_deref())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_alone_are_enough() {
        let bag = Databag::from([("public_address".to_owned(), "bell:9093".to_owned())]);
        let read = AlertmanagerProviderUnitData::decode(&bag).value;
        assert_eq!(read.location().as_deref(), Some("http://bell:9093"));
        assert_eq!(AlertmanagerProviderUnitData::default().location(), None);
    }

    #[test]
    fn path_and_brackets_are_kept() {
        let data = AlertmanagerProviderUnitData::of_url("http://[::1]:9093/alerts");
        assert_eq!(data.public_address.as_deref(), Some("[::1]:9093/alerts"));
    }
}
