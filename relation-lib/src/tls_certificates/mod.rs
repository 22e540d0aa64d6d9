//! `tls-certificates`: certificates from an authority.
//!
//! The authority is the provider, who wants certificates the requirer. Described is the databag of
//! version 1, as library v4 (1.12.0) writes it. Who asks writes [`TlsRequirerData`], in unit mode
//! every unit into its unit databag, in application mode the leader into the application databag;
//! the leader of the authority answers with [`TlsProviderAppData`]. Private key and certificate of
//! the requirer lie in Juju secrets, see [`private_key_label`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::tls_certificates::{
//!     PrivateKey, RequestAttributes, TlsRequirerData, random_uuid,
//! };
//!
//! let key = PrivateKey::generate([42; 32])?;
//! let wanted = RequestAttributes::of_server("loom", ["loom-0.loom-endpoints"]);
//! let request = wanted.sign(&key, &random_uuid([42; 16]))?;
//! let data = TlsRequirerData::of_requests([request.clone()]);
//! let bag = patched(&Databag::new(), &data.encode());
//! let read = TlsRequirerData::decode(&bag).value;
//! assert_eq!(read.requests().collect::<Vec<_>>(), [request]);
//! assert!(read.requests().all(|request| request.asks_for(&wanted, &key)));
//! # Ok::<(), relation_lib::tls_certificates::TlsError>(())
//! ```

mod certificate;
mod key;
mod labels;
mod request;
mod wire;

use x509_parser::pem::parse_x509_pem;

pub use certificate::{Authority, Certificate, ParsedCertificate, Purpose, Validity};
pub use key::{KEY_SIZE, PrivateKey};
pub use labels::{
    Owner, certificate_label, older_certificate_labels, older_private_key_labels, private_key_label,
};
pub use request::{CertificateSigningRequest, ParsedRequest, RequestAttributes, random_uuid};
pub use wire::{
    ProviderCapabilities, ProviderCertificate, RequestEntry, RequestError, RequestErrorCode,
    RequestErrorDetails, TlsProviderAppData, TlsRequirerData,
};

/// The name of the interface.
pub const INTERFACE: &str = "tls-certificates";

/// What can go wrong with keys, requests and certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No key was found in a reasonable time.
    #[error("cannot generate a private key: {reason}")]
    Generate {
        /// What the arithmetic says.
        reason: String,
    },
    /// A text is no key.
    #[error("cannot read the private key: it is no RSA key in PEM form")]
    Key,
    /// A text is no request.
    #[error("cannot read the certificate request: it is no PKCS#10 request in PEM form")]
    Request,
    /// A text is no certificate.
    #[error("cannot read the certificate: it is no X.509 certificate in PEM form")]
    Certificate,
    /// A certificate and a key don't belong together.
    #[error("cannot use the certificate: it belongs to another key")]
    OtherKey,
    /// A name has characters outside of ASCII, or is of a kind that can't be asked for.
    #[error("cannot put `{name}` into a certificate")]
    Name {
        /// The name.
        name: String,
    },
    /// A time lies outside of what certificates can say.
    #[error("cannot put the time into a certificate: it is too far away")]
    Time,
    /// Something can't be signed.
    #[error("cannot sign: {reason}")]
    Sign {
        /// What the signer says.
        reason: String,
    },
}

/// The bytes in a PEM text with the given label, whatever follows it.
fn pem_contents(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (_, pem) = parse_x509_pem(pem.as_bytes()).ok()?;
    (pem.label == label).then_some(pem.contents)
}
