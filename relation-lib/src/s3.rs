//! `s3`: an object store, its bucket and the keys to it.
//!
//! The integrator of the store is the provider, a coordinator the requirer. Described is
//! data_platform_libs s3 v0.6. The keys travel in clear text; here they are [`SecretText`], so
//! that no log shows them.
//!
//! ```
//! use relation_lib::databag::Databag;
//! use relation_lib::s3::S3Connection;
//!
//! let bag: Databag = [
//!     ("endpoint", "https://blob.example:9000"),
//!     ("bucket", "12345"),
//!     ("access-key", "\"AK\""),
//!     ("secret-key", "SK"),
//! ]
//! .map(|(key, value)| (key.to_owned(), value.to_owned()))
//! .into();
//! let connection = S3Connection::from_databag(&bag)?;
//! assert_eq!(connection.endpoint, "blob.example:9000");
//! assert_eq!(connection.bucket_name, "12345");
//! assert_eq!(connection.access_key_id.expose(), "AK");
//! # Ok::<(), relation_lib::s3::S3Error>(())
//! ```

use serde_json::{Map, Value};

use crate::databag::{Databag, DatabagPatch, Decoded, Encoding, Key, Reader, SecretText, Writer};

/// The name of the interface.
pub const INTERFACE: &str = "s3";

/// Where workers keep the authorities of the store.
pub const CA_PATH: &str = "/etc/worker/s3_ca.crt";

/// What the leader of the requirer asks for.
///
/// Requirer application databag, s3 v0.6.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `bucket` | plain | name of the wanted bucket | `relation-3` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3RequirerAppData {
    /// `bucket`: the wanted bucket.
    pub bucket: Option<String>,
}

impl S3RequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("bucket", Encoding::Raw)];

    /// What is asked for when no name was chosen: a bucket named after the relation.
    #[must_use]
    pub fn of_relation(id: u32) -> Self {
        S3RequirerAppData { bucket: Some(format!("relation-{id}")) }
    }

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let reader = Reader::new(bag);
        let bucket = reader.raw("bucket").map(str::to_owned);
        reader.finish(S3RequirerAppData { bucket })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().raw("bucket", self.bucket.as_deref()).finish()
    }
}

/// What the leader of the integrator says.
///
/// Provider application databag, s3 v0.6. Options are plain texts; one that is a quoted JSON
/// text is read without its quotes, as Python does. A number is a text here: Python takes it for a
/// number and refuses it.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `endpoint` | plain | URL or `host:port` | `https://blob.example:9000` |
/// | `bucket` | plain | name | `bolts` |
/// | `access-key` | plain, secret | access key id | `AK` |
/// | `secret-key` | plain, secret | secret access key | `SK` |
/// | `region` | plain | name | `eu-1` |
/// | `path` | plain | prefix in the bucket | `loom` |
/// | `s3-uri-style` | plain | `path` or `host` | `path` |
/// | `storage-class` | plain | name | `glacier` |
/// | `s3-api-version` | plain | `2` or `4` | `4` |
/// | `delete-older-than-days` | plain | number of days | `30` |
/// | `tls-ca-chain` | Python-style JSON | list of PEM texts | `["CA-ONE", "CA-TWO"]` |
/// | `attributes` | Python-style JSON | list of texts | `["a"]` |
/// | `data` | Python-style JSON | copy of the requirer's databag | `{"bucket": "relation-3"}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3ProviderAppData {
    /// `endpoint`: where the store is.
    pub endpoint: Option<String>,
    /// `bucket`: the bucket.
    pub bucket: Option<String>,
    /// `access-key`: id of the key.
    pub access_key: Option<SecretText>,
    /// `secret-key`: the key.
    pub secret_key: Option<SecretText>,
    /// `region`: the region.
    pub region: Option<String>,
    /// `path`: prefix in the bucket.
    pub path: Option<String>,
    /// `s3-uri-style`: how the bucket is addressed.
    pub s3_uri_style: Option<String>,
    /// `storage-class`: class of new objects.
    pub storage_class: Option<String>,
    /// `s3-api-version`: version of signatures.
    pub s3_api_version: Option<String>,
    /// `delete-older-than-days`: age at which objects are removed.
    pub delete_older_than_days: Option<String>,
    /// `tls-ca-chain`: authorities of the store.
    pub tls_ca_chain: Option<Vec<String>>,
    /// `attributes`: further attributes.
    pub attributes: Option<Vec<String>>,
    /// `data`: what the provider last saw of the requirer.
    pub data: Option<Map<String, Value>>,
}

impl S3ProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("endpoint", Encoding::Raw),
        Key::required("bucket", Encoding::Raw),
        Key::required("access-key", Encoding::Raw).secret(),
        Key::required("secret-key", Encoding::Raw).secret(),
        Key::optional("region", Encoding::Raw),
        Key::optional("path", Encoding::Raw),
        Key::optional("s3-uri-style", Encoding::Raw),
        Key::optional("storage-class", Encoding::Raw),
        Key::optional("s3-api-version", Encoding::Raw),
        Key::optional("delete-older-than-days", Encoding::Raw),
        Key::optional("tls-ca-chain", Encoding::PythonJson),
        Key::optional("attributes", Encoding::PythonJson),
        Key::optional("data", Encoding::PythonJson),
    ];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let option = |key: &str| reader.raw(key).map(unquoted);
        let value = S3ProviderAppData {
            endpoint: option("endpoint"),
            bucket: option("bucket"),
            access_key: option("access-key").map(SecretText::from),
            secret_key: option("secret-key").map(SecretText::from),
            region: option("region"),
            path: option("path"),
            s3_uri_style: option("s3-uri-style"),
            storage_class: option("storage-class"),
            s3_api_version: option("s3-api-version"),
            delete_older_than_days: option("delete-older-than-days"),
            tls_ca_chain: reader.optional("tls-ca-chain"),
            attributes: reader.optional("attributes"),
            data: reader.optional("data"),
        };
        reader.finish(value)
    }

    /// Writes the databag, the keys in clear text: this interface knows no other way.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let option = |option: &Option<String>| option.as_deref().map(quoted_if_needed);
        let secret =
            |option: &Option<SecretText>| option.as_ref().map(|o| quoted_if_needed(o.expose()));
        Writer::default()
            .raw("endpoint", option(&self.endpoint).as_deref())
            .raw("bucket", option(&self.bucket).as_deref())
            .raw("access-key", secret(&self.access_key).as_deref())
            .raw("secret-key", secret(&self.secret_key).as_deref())
            .raw("region", option(&self.region).as_deref())
            .raw("path", option(&self.path).as_deref())
            .raw("s3-uri-style", option(&self.s3_uri_style).as_deref())
            .raw("storage-class", option(&self.storage_class).as_deref())
            .raw("s3-api-version", option(&self.s3_api_version).as_deref())
            .raw("delete-older-than-days", option(&self.delete_older_than_days).as_deref())
            .json("tls-ca-chain", self.tls_ca_chain.as_ref())
            .json("attributes", self.attributes.as_ref())
            .json("data", self.data.as_ref())
            .finish()
    }
}

/// The text in a quoted JSON text, or the text itself.
fn unquoted(text: &str) -> String {
    match crate::encoding::parse_json(text) {
        Ok(Value::String(inner)) => inner,
        _ => text.to_owned(),
    }
}

/// A text as it must be written to be read unchanged: one that is a quoted JSON text itself would
/// lose its quotes.
fn quoted_if_needed(text: &str) -> String {
    if unquoted(text) == text { text.to_owned() } else { crate::encoding::python_json(text) }
}

/// Why there is no object store to use yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum S3Error {
    /// The integrator has not said all that is needed.
    #[error("cannot use the object store without `{}`", .missing.join("`, `"))]
    Incomplete {
        /// The keys that are absent.
        missing: Vec<&'static str>,
    },
    /// The authorities are no list of texts.
    #[error("cannot use key `tls-ca-chain`: {reason}")]
    Authorities {
        /// What was expected and what was found.
        reason: String,
    },
}

/// How workers reach the object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Connection {
    /// Host and port, without scheme.
    pub endpoint: String,
    /// The region, if the integrator named one.
    pub region: Option<String>,
    /// Id of the access key.
    pub access_key_id: SecretText,
    /// The access key.
    pub secret_access_key: SecretText,
    /// The bucket.
    pub bucket_name: String,
    /// Whether it is spoken to without TLS: neither authorities nor an `https` URL were given.
    pub insecure: bool,
    /// The authorities of the store, PEM; empty when the system's are meant.
    pub tls_ca_chain: Vec<String>,
}

impl S3Connection {
    /// The connection that a provider application databag describes.
    ///
    /// # Errors
    ///
    /// When a needed key is absent, or the authorities are unreadable.
    pub fn from_databag(bag: &Databag) -> Result<Self, S3Error> {
        let read = S3ProviderAppData::decode(bag);
        if let Some(skipped) = read.skipped.iter().find(|skipped| skipped.key == "tls-ca-chain") {
            return Err(S3Error::Authorities { reason: skipped.reason.clone() });
        }
        let data = read.value;
        match (data.endpoint, data.bucket, data.access_key, data.secret_key) {
            (Some(url), Some(bucket_name), Some(access_key_id), Some(secret_access_key)) => {
                let tls_ca_chain = data.tls_ca_chain.unwrap_or_default();
                let (scheme, endpoint) = split_scheme(&url);
                let https = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
                Ok(S3Connection {
                    endpoint: endpoint.to_owned(),
                    region: data.region,
                    access_key_id,
                    secret_access_key,
                    bucket_name,
                    insecure: tls_ca_chain.is_empty() && !https,
                    tls_ca_chain,
                })
            }
            (endpoint, bucket, access_key, secret_key) => {
                let missing = [
                    ("endpoint", endpoint.is_none()),
                    ("bucket", bucket.is_none()),
                    ("access-key", access_key.is_none()),
                    ("secret-key", secret_key.is_none()),
                ];
                let missing = missing.iter().filter(|(_, absent)| *absent).map(|(key, _)| *key);
                Err(S3Error::Incomplete { missing: missing.collect() })
            }
        }
    }

    /// The path of the authorities on a worker; `None` when there are none.
    #[must_use]
    pub fn tls_ca_path(&self) -> Option<&'static str> {
        (!self.tls_ca_chain.is_empty()).then_some(CA_PATH)
    }

    /// The authorities as workers get them: joined by a blank line; `None` when there are none.
    #[must_use]
    pub fn tls_ca_text(&self) -> Option<String> {
        (!self.tls_ca_chain.is_empty()).then(|| self.tls_ca_chain.join("\n\n"))
    }
}

/// Scheme and rest of a URL; a text without `://` is all rest.
fn split_scheme(url: &str) -> (Option<&str>, &str) {
    match url.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() => (Some(scheme), rest),
        _ => (None, url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    fn bag(entries: &[(&str, &str)]) -> Databag {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn complete(more: &[(&str, &str)]) -> Databag {
        let mut complete = bag(&[
            ("endpoint", "http://blob.example:9000"),
            ("bucket", "bolts"),
            ("access-key", "AK"),
            ("secret-key", "SK"),
        ]);
        complete.extend(bag(more));
        complete
    }

    #[test]
    fn provider_databag_holds_to_the_byte() {
        let recorded = complete(&[
            ("region", "eu-1"),
            ("tls-ca-chain", r#"["CA-ONE", "CA-TWO"]"#),
            ("data", r#"{"bucket": "relation-3"}"#),
        ]);
        let read = S3ProviderAppData::decode(&recorded);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), recorded);
        let asked = S3RequirerAppData::of_relation(3);
        assert_eq!(asked.encode()["bucket"].as_deref(), Some("relation-3"));
    }

    #[test]
    fn keys_are_not_printed() {
        let shown = format!("{:?}", S3ProviderAppData::decode(&complete(&[])));
        assert!(!shown.contains("AK") && !shown.contains("SK"), "{shown}");
        let shown = format!("{:?}", S3Connection::from_databag(&complete(&[])));
        assert!(!shown.contains("AK") && !shown.contains("SK"), "{shown}");
    }

    #[test]
    fn options_are_texts_and_lose_their_quotes() {
        let connection = S3Connection::from_databag(&complete(&[
            ("bucket", "true"),
            ("access-key", "1e5"),
            ("secret-key", "\"q\""),
        ]))
        .unwrap();
        assert_eq!(connection.bucket_name, "true");
        assert_eq!(connection.access_key_id.expose(), "1e5");
        assert_eq!(connection.secret_access_key.expose(), "q");
    }

    #[test]
    fn a_text_that_has_quotes_keeps_them() {
        let data =
            S3ProviderAppData { secret_key: Some(SecretText::new("\"q\"")), ..Default::default() };
        let bag = patched(&Databag::new(), &data.encode());
        assert_eq!(bag["secret-key"], r#""\"q\"""#);
        assert_eq!(S3ProviderAppData::decode(&bag).value, data);
    }

    #[test]
    fn security_follows_from_scheme_and_authorities() {
        let connection =
            |more: &[(&str, &str)]| S3Connection::from_databag(&complete(more)).unwrap();
        assert!(connection(&[]).insecure);
        assert!(connection(&[("endpoint", "blob:9000"), ("tls-ca-chain", "[]")]).insecure);
        let https = connection(&[("endpoint", "https://blob.example")]);
        assert_eq!((https.insecure, https.endpoint.as_str()), (false, "blob.example"));
        assert_eq!(https.tls_ca_path(), None);
        let chain = connection(&[("tls-ca-chain", r#"["CA-ONE", "CA-TWO"]"#)]);
        assert!(!chain.insecure);
        assert_eq!(chain.tls_ca_path(), Some("/etc/worker/s3_ca.crt"));
        assert_eq!(chain.tls_ca_text().as_deref(), Some("CA-ONE\n\nCA-TWO"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = S3Connection::from_databag(&bag(&[("bucket", "b")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot use the object store without `endpoint`, `access-key`, `secret-key`"
        );
        let error = S3Connection::from_databag(&complete(&[("tls-ca-chain", "PEM")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot use key `tls-ca-chain`: not JSON, at line 1 column 1"
        );
    }
}
