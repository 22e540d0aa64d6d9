//! `tempo_api`: where Tempo's query API is.
//!
//! Tempo is the provider, who asks it the requirer, which writes nothing. The leader of the
//! provider writes [`TempoApiProviderAppData`]. Described is tempo_coordinator_k8s' library v0.
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::tempo_api::{ApiUrls, TempoApiProviderAppData};
//!
//! let urls = |port: u16| -> Result<_, relation_lib::http_url::HttpUrlError> {
//!     Ok(ApiUrls { direct_url: format!("http://loom:{port}").parse()?, ingress_url: None })
//! };
//! let data = TempoApiProviderAppData { http: urls(3200)?, grpc: urls(9096)? };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["http"], r#"{"direct_url": "http://loom:3200/"}"#);
//! assert_eq!(TempoApiProviderAppData::decode(&bag)?.value, data);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use serde::Serialize;
use serde_json::Value;

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, FromJson, Key, Members, Mismatch,
    Reader, Writer,
};
use crate::http_url::HttpUrl;

/// The name of the interface.
pub const INTERFACE: &str = "tempo_api";

/// Where one API is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiUrls {
    /// Inside the model.
    pub direct_url: HttpUrl,
    /// From outside, where there is an ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress_url: Option<HttpUrl>,
}

impl FromJson for ApiUrls {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(ApiUrls {
            direct_url: members.required("direct_url")?,
            ingress_url: members.optional("ingress_url")?,
        })
    }
}

/// What the leader of Tempo says.
///
/// Provider application databag, `tempo_api` v0. Python-style JSON; URLs are normalised, see
/// [`HttpUrl`].
///
/// | key | value | example |
/// |---|---|---|
/// | `http` | object of `direct_url` and, behind an ingress, `ingress_url`, required | `{"direct_url": "http://loom.stage.svc.cluster.local:3200/", "ingress_url": "https://edge.example:3200/"}` |
/// | `grpc` | the same, required | `{"direct_url": "http://loom.stage.svc.cluster.local:9096/"}` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TempoApiProviderAppData {
    /// `http`: the API over HTTP.
    pub http: ApiUrls,
    /// `grpc`: the API over gRPC, as an HTTP URL too.
    pub grpc: ApiUrls,
}

impl TempoApiProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] =
        &[Key::required("http", Encoding::PythonJson), Key::required("grpc", Encoding::PythonJson)];

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When one of the keys is absent or unusable.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let reader = Reader::new(bag);
        let value = TempoApiProviderAppData {
            http: reader.required("http")?,
            grpc: reader.required("grpc")?,
        };
        Ok(reader.finish(value))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("http", Some(&self.http)).json("grpc", Some(&self.grpc)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    #[test]
    fn provider_databag_holds_to_the_byte() {
        let bag: Databag = [
            ("http", r#"{"direct_url": "http://loom.stage.svc.cluster.local:3200/", "ingress_url": "https://edge.example:3200/"}"#),
            ("grpc", r#"{"direct_url": "http://loom.stage.svc.cluster.local:9096/", "ingress_url": "https://edge.example:9096/"}"#),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
        let read = TempoApiProviderAppData::decode(&bag).unwrap();
        assert_eq!(patched(&Databag::new(), &read.value.encode()), bag);
    }

    #[test]
    fn a_url_that_is_none_is_refused() {
        let bag = Databag::from([("http".to_owned(), r#"{"direct_url": "loom"}"#.to_owned())]);
        assert_eq!(
            TempoApiProviderAppData::decode(&bag).unwrap_err().to_string(),
            "cannot use key `http`: expected an HTTP URL, found a string at `direct_url`"
        );
    }
}
