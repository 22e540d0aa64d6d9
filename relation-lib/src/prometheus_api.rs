//! `prometheus_api`: where a Prometheus query API is.
//!
//! Prometheus or Mimir is the provider, who asks it the requirer, which writes nothing. The leader
//! of the provider writes [`PrometheusApiProviderAppData`]. Described is prometheus_k8s' library
//! v0.
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::prometheus_api::PrometheusApiProviderAppData;
//!
//! let data = PrometheusApiProviderAppData {
//!     direct_url: "http://loom-0.ep:8080/prometheus".parse()?,
//!     ingress_url: Some("http://edge".parse()?),
//! };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["ingress_url"], "http://edge/");
//! assert_eq!(PrometheusApiProviderAppData::decode(&bag)?.value, data);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::databag::{Databag, DatabagPatch, DecodeError, Decoded, Encoding, Key, Reader, Writer};
use crate::http_url::HttpUrl;

/// The name of the interface.
pub const INTERFACE: &str = "prometheus_api";

/// What the leader of the provider says.
///
/// Provider application databag, `prometheus_api` v0. Plain texts; URLs are normalised, see
/// [`HttpUrl`]. Python leaves a stale `ingress_url` behind when the ingress goes; ours takes it
/// back.
///
/// | key | value | example |
/// |---|---|---|
/// | `direct_url` | URL inside the model, required | `http://loom-0.ep:8080/prometheus` |
/// | `ingress_url` | URL from outside | `http://edge/` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusApiProviderAppData {
    /// `direct_url`: inside the model.
    pub direct_url: HttpUrl,
    /// `ingress_url`: from outside, where there is an ingress.
    pub ingress_url: Option<HttpUrl>,
}

impl PrometheusApiProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] =
        &[Key::required("direct_url", Encoding::Raw), Key::optional("ingress_url", Encoding::Raw)];

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When there is no direct URL, or it is none.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let mut reader = Reader::new(bag);
        let key = "direct_url".to_owned();
        let Some(direct_url) = reader.raw("direct_url") else {
            return Err(DecodeError::Missing { key });
        };
        let reason = |error: crate::http_url::HttpUrlError| error.to_string();
        let direct_url = direct_url
            .parse()
            .map_err(|error| DecodeError::Unusable { key, reason: reason(error) })?;
        let ingress_url = match reader.raw("ingress_url").map(str::parse).transpose() {
            Ok(url) => url,
            Err(error) => {
                reader.skip("ingress_url", None, reason(error));
                None
            }
        };
        Ok(reader.finish(PrometheusApiProviderAppData { direct_url, ingress_url }))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .raw("direct_url", Some(self.direct_url.as_str()))
            .raw("ingress_url", self.ingress_url.as_ref().map(HttpUrl::as_str))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_ingress_url_does_not_spoil_the_direct_one() {
        let bag: Databag = [("direct_url", "http://a/"), ("ingress_url", "nowhere")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        let read = PrometheusApiProviderAppData::decode(&bag).unwrap();
        assert_eq!(read.value.direct_url.as_str(), "http://a/");
        assert_eq!(
            read.skipped[0].to_string(),
            "`ingress_url`: cannot take `nowhere` for an HTTP URL"
        );
        assert_eq!(
            PrometheusApiProviderAppData::decode(&Databag::new()).unwrap_err().key(),
            "direct_url"
        );
    }
}
