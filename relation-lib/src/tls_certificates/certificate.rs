//! Certificates that were issued, and the authority that issues them.

use std::fmt;

use rcgen::{BasicConstraints, IsCa, Issuer, KeyUsagePurpose, SerialNumber, SubjectPublicKeyInfo};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::TlsError;
use super::key::PrivateKey;
use super::request::{CertificateSigningRequest, RequestAttributes};

/// From when to when something is valid, in seconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

impl Validity {
    /// The given number of days from a moment on.
    #[must_use]
    pub fn of_days(start: i64, days: u32) -> Self {
        Validity { not_before: start, not_after: start + i64::from(days) * 86_400 }
    }

    /// Whether a moment lies in it.
    #[must_use]
    pub fn contains(&self, moment: i64) -> bool {
        (self.not_before..=self.not_after).contains(&moment)
    }

    /// When a certificate that is stored now shall be asked for anew: after nine tenths of what
    /// is left.
    #[must_use]
    pub fn renewal(&self, now: i64) -> i64 {
        now + self.not_after.saturating_sub(now).max(0) / 10 * 9
    }

    /// Whether it is high time to ask anew: 95 % of the whole time have passed, and the end has
    /// not come.
    #[must_use]
    pub fn is_due(&self, now: i64) -> bool {
        let length = i128::from(self.not_after) - i128::from(self.not_before);
        let passed = i128::from(now) - i128::from(self.not_before);
        passed * 100 >= length * 95 && now < self.not_after
    }
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedCertificate {
    /// Subject and alternative names.
    pub attributes: RequestAttributes,
    /// The issuer, in readable form.
    pub issuer: String,
    /// Whether it may sign others.
    pub is_authority: bool,
    /// When it is valid.
    pub validity: Validity,
    /// The public key, as the DER form of a subject public key info.
    pub public_key: Vec<u8>,
}

/// A certificate in PEM form, without white space around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Certificate(String);

impl Certificate {
    /// A certificate as the other side wrote it. What it says is only looked at by
    /// [`Certificate::parse`].
    #[must_use]
    pub fn from_pem(pem: &str) -> Self {
        Certificate(pem.trim().to_owned())
    }

    /// The PEM text, without a trailing line end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the certificate says; its signature is not looked at.
    ///
    /// # Errors
    ///
    /// When it is no certificate.
    pub fn parse(&self) -> Result<ParsedCertificate, TlsError> {
        let der = super::pem_contents(&self.0, "CERTIFICATE").ok_or(TlsError::Certificate)?;
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_| TlsError::Certificate)?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.clone()).unwrap_or_default();
        let validity = certificate.validity();
        Ok(ParsedCertificate {
            attributes: RequestAttributes::read(certificate.subject(), &names),
            issuer: certificate.issuer().to_string(),
            is_authority: certificate.is_ca(),
            validity: Validity {
                not_before: validity.not_before.timestamp(),
                not_after: validity.not_after.timestamp(),
            },
            public_key: certificate.public_key().raw.to_vec(),
        })
    }

    /// Whether the certificate belongs to the key.
    #[must_use]
    pub fn is_of(&self, key: &PrivateKey) -> bool {
        self.parse().is_ok_and(|parsed| parsed.public_key == key.public_key_der())
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a certificate may sign others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// A server or client.
    #[default]
    Leaf,
    /// An authority.
    Authority,
}

/// An authority with its key, as the charm of self-signed certificates has one.
#[derive(Debug, Clone)]
pub struct Authority {
    certificate: Certificate,
    key: PrivateKey,
}

impl Authority {
    /// An authority that vouches for itself.
    ///
    /// # Errors
    ///
    /// When the name or the times can't be put into a certificate, or the key can't sign.
    pub fn self_signed(
        common_name: &str,
        key: PrivateKey,
        validity: Validity,
    ) -> Result<Self, TlsError> {
        let attributes =
            RequestAttributes { common_name: common_name.to_owned(), ..Default::default() };
        let mut params = params(&attributes, Purpose::Authority, validity)?;
        params.serial_number = Some(serial(&[common_name.as_bytes()], validity));
        let signer = key.signer()?;
        let certificate =
            params.self_signed(&signer).map_err(|e| TlsError::Sign { reason: e.to_string() })?;
        Ok(Authority { certificate: Certificate::from_pem(&certificate.pem()), key })
    }

    /// An authority whose certificate was stored.
    ///
    /// # Errors
    ///
    /// When the certificate can't be read or belongs to another key.
    pub fn from_parts(certificate: Certificate, key: PrivateKey) -> Result<Self, TlsError> {
        if certificate.parse()?.public_key != key.public_key_der() {
            return Err(TlsError::OtherKey);
        }
        Ok(Authority { certificate, key })
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The authority's key.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The certificate that a request asks for. The same request gives the same certificate,
    /// given the same times.
    ///
    /// # Errors
    ///
    /// When the request can't be read, or the key can't sign.
    pub fn issue(
        &self,
        request: &CertificateSigningRequest,
        purpose: Purpose,
        validity: Validity,
    ) -> Result<Certificate, TlsError> {
        let parsed = request.parse()?;
        let mut params = params(&parsed.attributes, purpose, validity)?;
        params.serial_number = Some(serial(&[request.as_str().as_bytes()], validity));
        let reason = |error: rcgen::Error| TlsError::Sign { reason: error.to_string() };
        let subject = SubjectPublicKeyInfo::from_der(&parsed.public_key).map_err(reason)?;
        let issuer = Issuer::from_ca_cert_pem(self.certificate.as_str(), self.key.signer()?)
            .map_err(reason)?;
        let certificate = params.signed_by(&subject, &issuer).map_err(reason)?;
        Ok(Certificate::from_pem(&certificate.pem()))
    }
}

fn params(
    attributes: &RequestAttributes,
    purpose: Purpose,
    validity: Validity,
) -> Result<rcgen::CertificateParams, TlsError> {
    let moment = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| TlsError::Time);
    let mut params = attributes.params()?;
    params.not_before = moment(validity.not_before)?;
    params.not_after = moment(validity.not_after)?;
    match purpose {
        Purpose::Leaf => {
            params.is_ca = IsCa::ExplicitNoCa;
            params.use_authority_key_identifier_extension = true;
        }
        Purpose::Authority => {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![
                KeyUsagePurpose::DigitalSignature,
                KeyUsagePurpose::KeyCertSign,
                KeyUsagePurpose::CrlSign,
            ];
        }
    }
    Ok(params)
}

/// A serial number that differs between requests and times of issue.
fn serial(parts: &[&[u8]], validity: Validity) -> SerialNumber {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.update(validity.not_before.to_be_bytes());
    let mut bytes = hash.finalize()[..16].to_vec();
    // Positive, and never empty after leading zeros are cut.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR_2026: i64 = 1_767_225_600;

    #[test]
    fn issues_what_was_asked_for() {
        let validity = Validity::of_days(YEAR_2026, 365);
        let key = PrivateKey::generate([10; 32]).unwrap();
        let authority = Authority::self_signed("seal", key, validity).unwrap();
        let own = authority.certificate().parse().unwrap();
        assert!(own.is_authority);
        assert_eq!(own.validity, validity);

        let key = PrivateKey::generate([11; 32]).unwrap();
        let attributes = RequestAttributes::of_server("loom", ["loom.example"]);
        let request = attributes.sign(&key, "u").unwrap();
        let issued = authority.issue(&request, Purpose::Leaf, validity).unwrap();
        let parsed = issued.parse().unwrap();
        assert_eq!(parsed.attributes.common_name, "loom");
        assert_eq!(parsed.attributes.sans_dns, attributes.sans_dns);
        assert_eq!(parsed.issuer, "CN=seal");
        assert!(!parsed.is_authority);
        assert!(issued.is_of(&key));
        assert!(!issued.is_of(authority.key()));

        let der = super::super::pem_contents(issued.as_str(), "CERTIFICATE").unwrap();
        let ca = super::super::pem_contents(authority.certificate().as_str(), "CERTIFICATE");
        let ca = ca.unwrap();
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        let (_, ca) = X509Certificate::from_der(&ca).unwrap();
        certificate.verify_signature(Some(ca.public_key())).unwrap();
        ca.verify_signature(None).unwrap();

        let stored = authority.certificate().clone();
        assert!(Authority::from_parts(stored.clone(), authority.key().clone()).is_ok());
        assert!(Authority::from_parts(stored, key).is_err());
    }

    #[test]
    fn renewal_comes_before_the_end() {
        let validity = Validity { not_before: 0, not_after: 1000 };
        assert_eq!(validity.renewal(0), 900);
        assert_eq!(validity.renewal(500), 950);
        assert_eq!(validity.renewal(2000), 2000);
        assert_eq!(
            [949, 950, 999, 1000].map(|now| validity.is_due(now)),
            [false, true, true, false]
        );
        assert!(validity.contains(1000) && !validity.contains(1001));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert_eq!(Certificate::from_pem("x").parse(), Err(TlsError::Certificate));
        let validity = Validity { not_before: i64::MAX, not_after: i64::MAX };
        let key = PrivateKey::generate([10; 32]).unwrap();
        assert_eq!(Authority::self_signed("seal", key, validity).unwrap_err(), TlsError::Time);
        assert!(!validity.is_due(i64::MIN));
    }
}
