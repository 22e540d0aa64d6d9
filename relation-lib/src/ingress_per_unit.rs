//! `ingress_per_unit`: a URL from outside for every unit.
//!
//! Traefik is the provider, who wants to be reached the requirer (prometheus, loki). Described is
//! version 1. Every unit of the requirer writes [`IngressPerUnitRequirerUnitData`], the leader of
//! the provider answers with [`IngressPerUnitProviderAppData`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::ingress_per_unit::IngressPerUnitProviderAppData;
//!
//! let data = IngressPerUnitProviderAppData {
//!     urls: [("press/0".to_owned(), "http://edge/stage-press-0".to_owned())].into(),
//! };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["ingress"], "press/0:\n  url: http://edge/stage-press-0\n");
//! assert_eq!(IngressPerUnitProviderAppData::decode(&bag).value, data);
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, FromJson, Key, Members, Reader, Writer,
};
use crate::ingress::{PathPrefix, PlainHttp};
use crate::yaml;

/// The name of the interface.
pub const INTERFACE: &str = "ingress_per_unit";

/// What a unit says.
///
/// Requirer unit databag, `ingress_per_unit` v1. Plain texts.
///
/// | key | value | example |
/// |---|---|---|
/// | `model` | name of the model, required | `stage` |
/// | `name` | name of the unit, required | `press/0` |
/// | `host` | host name, required | `press-0.press-endpoints.stage.svc.cluster.local` |
/// | `port` | number, required | `9090` |
/// | `mode` | `http` or `tcp` | `http` |
/// | `scheme` | what the unit speaks | `https` |
/// | `strip-prefix` | `true` | `true` |
/// | `redirect-https` | `true` | `true` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressPerUnitRequirerUnitData {
    /// `model`: name of the model.
    pub model: String,
    /// `name`: name of the unit.
    pub name: String,
    /// `host`: its host name.
    pub host: String,
    /// `port`: the port to be reached.
    pub port: u16,
    /// `mode`: what is passed on, `http` unless said otherwise.
    pub mode: String,
    /// `scheme`: what the unit speaks; `None` for `http`.
    pub scheme: Option<String>,
    /// `strip-prefix`: what becomes of the prefix.
    pub strip_prefix: PathPrefix,
    /// `redirect-https`: what becomes of plain HTTP.
    pub redirect_https: PlainHttp,
}

impl IngressPerUnitRequirerUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("model", Encoding::Raw),
        Key::required("name", Encoding::Raw),
        Key::required("host", Encoding::Raw),
        Key::required("port", Encoding::Raw),
        Key::optional("mode", Encoding::Raw),
        Key::optional("scheme", Encoding::Raw),
        Key::optional("strip-prefix", Encoding::Raw),
        Key::optional("redirect-https", Encoding::Raw),
    ];

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When model, name, host or port is absent, or the port is no number.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let reader = Reader::new(bag);
        let required = |key: &str| {
            let missing = || DecodeError::Missing { key: key.to_owned() };
            reader.raw(key).map(str::to_owned).ok_or_else(missing)
        };
        let flag = |key| reader.raw(key).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let port = required("port")?.parse().map_err(|_| DecodeError::Unusable {
            key: "port".to_owned(),
            reason: "expected an integer from 0 to 65535".to_owned(),
        })?;
        let value = IngressPerUnitRequirerUnitData {
            model: required("model")?,
            name: required("name")?,
            host: required("host")?,
            port,
            mode: reader.raw("mode").unwrap_or("http").to_owned(),
            scheme: reader.raw("scheme").map(str::to_owned),
            strip_prefix: if flag("strip-prefix") {
                PathPrefix::Stripped
            } else {
                PathPrefix::Kept
            },
            redirect_https: if flag("redirect-https") {
                PlainHttp::Redirected
            } else {
                PlainHttp::Served
            },
        };
        Ok(reader.finish(value))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let flag = |set: bool| set.then_some("true");
        Writer::default()
            .raw("model", Some(&self.model))
            .raw("name", Some(&self.name))
            .raw("host", Some(&self.host))
            .raw("port", Some(&self.port.to_string()))
            .raw("mode", Some(&self.mode))
            .raw("scheme", self.scheme.as_deref())
            .raw("strip-prefix", flag(self.strip_prefix == PathPrefix::Stripped))
            .raw("redirect-https", flag(self.redirect_https == PlainHttp::Redirected))
            .finish()
    }
}

/// What the leader of the ingress answers.
///
/// Provider application databag, `ingress_per_unit` v1.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `ingress` | YAML | mapping: unit → `url` | `press/0:\n  url: http://edge/stage-press-0\n` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IngressPerUnitProviderAppData {
    /// `ingress`: URLs by unit.
    pub urls: BTreeMap<String, String>,
}

impl IngressPerUnitProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("ingress", Encoding::Yaml)];

    /// Reads the databag; a unit without URL is left out.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let mut urls = BTreeMap::new();
        let units = match reader.raw("ingress").map(yaml::parse) {
            None | Some(Ok(Value::Null)) => Map::new(),
            Some(Ok(value)) => Map::from_json(&value).unwrap_or_else(|mismatch| {
                reader.skip("ingress", None, mismatch.to_string());
                Map::new()
            }),
            Some(Err(error)) => {
                reader.skip("ingress", None, error.to_string());
                Map::new()
            }
        };
        for (unit, value) in units {
            match Members::of(&value).and_then(|members| members.required("url")) {
                Ok(url) => {
                    urls.insert(unit, url);
                }
                Err(mismatch) => reader.skip("ingress", Some(unit), mismatch.to_string()),
            }
        }
        reader.finish(IngressPerUnitProviderAppData { urls })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let units: Map<String, Value> =
            self.urls.iter().map(|(unit, url)| (unit.clone(), json!({"url": url}))).collect();
        let text = (!units.is_empty()).then(|| yaml::dump_sorted(&Value::Object(units)));
        Writer::default().text("ingress", text).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    #[test]
    fn unit_databag_holds_to_the_byte() {
        let bag: Databag = [
            ("model", "stage"),
            ("name", "press/0"),
            ("host", "press-0"),
            ("port", "9090"),
            ("mode", "http"),
            ("scheme", "https"),
            ("strip-prefix", "true"),
            ("redirect-https", "true"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
        let read = IngressPerUnitRequirerUnitData::decode(&bag).unwrap();
        assert_eq!(patched(&Databag::new(), &read.value.encode()), bag);
        let mut bad = bag;
        bad.insert("port".into(), "http".into());
        assert_eq!(IngressPerUnitRequirerUnitData::decode(&bad).unwrap_err().key(), "port");
    }

    #[test]
    fn a_unit_without_url_spoils_only_itself() {
        let said = |text: &str| Databag::from([("ingress".to_owned(), text.to_owned())]);
        let read = IngressPerUnitProviderAppData::decode(&said("a/0: {}\na/1: {url: u}\n"));
        assert_eq!(read.value.urls, BTreeMap::from([("a/1".to_owned(), "u".to_owned())]));
        assert_eq!(read.skipped[0].entry.as_deref(), Some("a/0"));
        assert_eq!(IngressPerUnitProviderAppData::decode(&said("[")).skipped.len(), 1);
        assert_eq!(IngressPerUnitProviderAppData::default().encode()["ingress"], None);
    }
}
