//! Certificates as they come from the provider.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::TlsError;
use super::key::PrivateKey;

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Validity {
    /// From when on it holds.
    pub from: SystemTime,
    /// Until when it holds.
    pub until: SystemTime,
}

impl Validity {
    /// The validity of a certificate that belongs to our key.
    ///
    /// # Errors
    /// When it isn't a certificate, is that of an authority, or belongs to another key.
    pub(super) fn of(certificate: &str, key: &PrivateKey) -> Result<Self, TlsError> {
        let der = der_of_pem(certificate)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| TlsError::Certificate)?;
        if parsed.is_ca() || parsed.public_key().raw != key.public()?.as_slice() {
            return Err(TlsError::Foreign);
        }
        let validity = parsed.validity();
        let time = |seconds: i64| {
            let seconds = u64::try_from(seconds).unwrap_or_default();
            SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
        };
        Ok(Self {
            from: time(validity.not_before.timestamp()),
            until: time(validity.not_after.timestamp()),
        })
    }

    /// When Juju should remind us: after nine tenths of the time that is left.
    pub(super) fn reminder(&self, now: SystemTime) -> SystemTime {
        let left = self.until.duration_since(now).unwrap_or_default();
        now + left / 10 * 9
    }

    /// Whether so little is left that a new one must be asked for, reminder or not.
    pub(super) fn is_ending(&self, now: SystemTime) -> bool {
        let whole = self.until.duration_since(self.from).unwrap_or_default();
        now >= self.from + whole / 20 * 19
    }

    /// Whether it holds no longer.
    pub(super) fn is_over(&self, now: SystemTime) -> bool {
        now >= self.until
    }
}

/// The bytes of the first PEM block.
pub(super) fn der_of_pem(text: &str) -> Result<Vec<u8>, TlsError> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes()).map_err(|_| TlsError::Pem)?;
    Ok(pem.contents)
}

/// A PEM block, 64 characters a line, without trailing line break.
pub(super) fn pem_of_der(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, character) in body.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str(&format!("\n-----END {label}-----"));
    text
}

/// Whether two PEM texts hold the same: line breaks and blanks at the ends don't count.
pub(super) fn same_pem(a: &str, b: &str) -> bool {
    let lines = |text: &str| text.lines().map(|l| l.trim().to_owned()).collect::<Vec<_>>().concat();
    lines(a.trim()) == lines(b.trim())
}
