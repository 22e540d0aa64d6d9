//! Certificate signing requests: what we ask for, and what a request in hand asks for.

use std::collections::BTreeSet;

use charm::snapshot::Seed;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, SanType};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_X509_COMMON_NAME, Oid};
use x509_parser::prelude::FromDer;

use super::TlsError;
use super::certificate::{der_of_pem, pem_of_der};
use super::key::PrivateKey;
use super::random::SeededRandom;

/// `x500UniqueIdentifier`: makes each request unlike every other of the same content.
const UNIQUE_IDENTIFIER: [u64; 4] = [2, 5, 4, 45];

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes {
    /// Common name: the application's name.
    pub common_name: String,
    /// DNS names that the certificate is to hold for.
    pub names: BTreeSet<String>,
}

impl Attributes {
    /// Makes and signs a request, in PEM form without trailing line break.
    ///
    /// # Errors
    /// When a name can't stand in a certificate, or the key can't sign.
    pub(super) fn sign(&self, key: &PrivateKey, seed: &Seed) -> Result<String, TlsError> {
        let mut names = DistinguishedName::new();
        let text = |text: &str| DnValue::Utf8String(text.to_owned());
        let id = SeededRandom::new(seed, "unique identifier").uuid();
        names.push(DnType::CommonName, text(&self.common_name));
        names.push(DnType::CustomDnType(UNIQUE_IDENTIFIER.to_vec()), text(&id));
        let mut params = CertificateParams::default();
        params.distinguished_name = names;
        for name in &self.names {
            let name = Ia5String::try_from(name.as_str()).map_err(|_| TlsError::Sign)?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        let pair = KeyPair::try_from(key.pkcs8()?).map_err(|_| TlsError::Sign)?;
        let request = params.serialize_request(&pair).map_err(|_| TlsError::Sign)?;
        Ok(pem_of_der("CERTIFICATE REQUEST", request.der()))
    }

    /// Whether a request asks for exactly this, for the given key.
    pub(super) fn are_those_of(&self, request: &str, key: &PrivateKey) -> bool {
        self.compare(request, key).unwrap_or(false)
    }

    fn compare(&self, request: &str, key: &PrivateKey) -> Result<bool, TlsError> {
        let der = der_of_pem(request)?;
        let (_, request) =
            X509CertificationRequest::from_der(&der).map_err(|_| TlsError::Request)?;
        let info = &request.certification_request_info;
        let unique = Oid::from(&UNIQUE_IDENTIFIER).map_err(|_| TlsError::Request)?;
        let has_unique_identifier = info.subject.iter_by_oid(&unique).next().is_some();
        let mut common_names = info.subject.iter_by_oid(&OID_X509_COMMON_NAME);
        let common_name = common_names.next().and_then(|name| name.as_str().ok());
        let mut names = BTreeSet::new();
        for extension in request.requested_extensions().into_iter().flatten() {
            let ParsedExtension::SubjectAlternativeName(alternatives) = extension else { continue };
            for name in &alternatives.general_names {
                match name {
                    GeneralName::DNSName(name) => names.insert((*name).to_owned()),
                    // We never ask for anything else.
                    _ => return Ok(false),
                };
            }
        }
        Ok(has_unique_identifier
            && common_name == Some(self.common_name.as_str())
            && names == self.names
            && info.subject_pki.raw == key.public()?.as_slice())
    }
}
