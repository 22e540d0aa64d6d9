//! URLs that are normalised on their way through an interface.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::databag::{FromJson, Mismatch};

/// A URL with scheme `http` or `https`, as Python's pydantic writes it: scheme and host in lower
/// case, no default port, and `/` for an empty path.
///
/// ```
/// use relation_lib::http_url::HttpUrl;
/// let url: HttpUrl = "http://A.B:80".parse()?;
/// assert_eq!(url.as_str(), "http://a.b/");
/// # Ok::<(), relation_lib::http_url::HttpUrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpUrl(String);

/// Why a text is no such URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot take `{text}` for an HTTP URL")]
pub struct HttpUrlError {
    /// The text.
    pub text: String,
}

impl HttpUrl {
    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HttpUrl {
    type Err = HttpUrlError;

    fn from_str(text: &str) -> Result<Self, HttpUrlError> {
        match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(HttpUrl(url.into())),
            _ => Err(HttpUrlError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for HttpUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromJson for HttpUrl {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let text = value.as_str().unwrap_or_default();
        text.parse().map_err(|_| Mismatch::new("an HTTP URL", value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_as_pydantic_does() {
        for (text, normal) in [
            ("http://a", "http://a/"),
            ("http://A.B:80/x", "http://a.b/x"),
            ("http://h:8080", "http://h:8080/"),
            ("HTTPS://h:443/A?q#f", "https://h/A?q#f"),
            ("http://[2001:DB8::1]:9/", "http://[2001:db8::1]:9/"),
        ] {
            assert_eq!(text.parse::<HttpUrl>().unwrap().as_str(), normal);
        }
        for text in ["", "h:80", "ftp://h", "http://", "grpc://h:1"] {
            assert!(text.parse::<HttpUrl>().is_err(), "{text}");
        }
    }
}
