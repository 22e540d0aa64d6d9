//! Certificate signing requests: what is asked for, and the signed form of it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, SanType};
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::asn1_rs::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::TlsError;
use super::key::PrivateKey;

/// The OID of `x500UniqueIdentifier`, by which requests of the same content differ.
const UNIQUE_IDENTIFIER: [u64; 4] = [2, 5, 4, 45];

/// What a certificate shall say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestAttributes {
    /// Common name of the subject.
    pub common_name: String,
    /// Host names.
    pub sans_dns: BTreeSet<String>,
    /// Addresses.
    pub sans_ip: BTreeSet<IpAddr>,
    /// Registered ids, as dotted numbers. They can be read, but not asked for.
    pub sans_oid: BTreeSet<String>,
    /// E-mail address of the subject.
    pub email_address: Option<String>,
    /// Organization of the subject.
    pub organization: Option<String>,
    /// Organizational unit of the subject.
    pub organizational_unit: Option<String>,
    /// Country of the subject, two letters.
    pub country_name: Option<String>,
    /// State or province of the subject.
    pub state_or_province_name: Option<String>,
    /// Locality of the subject.
    pub locality_name: Option<String>,
    /// Whether the subject has a unique identifier.
    pub has_unique_identifier: bool,
}

impl RequestAttributes {
    /// What a coordinator asks for: its application's name, some host names, and a unique
    /// identifier.
    pub fn of_server(
        common_name: impl Into<String>,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        RequestAttributes {
            common_name: common_name.into(),
            sans_dns: names.into_iter().map(Into::into).collect(),
            has_unique_identifier: true,
            ..Default::default()
        }
    }

    /// The request, signed with the key.
    ///
    /// `unique_identifier` is used if the attributes ask for one; see [`random_uuid`].
    ///
    /// # Errors
    ///
    /// When a name has characters that certificates can't hold, there are registered ids, or the
    /// key can't sign.
    pub fn sign(
        &self,
        key: &PrivateKey,
        unique_identifier: &str,
    ) -> Result<CertificateSigningRequest, TlsError> {
        if let Some(oid) = self.sans_oid.first() {
            // Left out, they would be missed in the request, and it be made anew for ever.
            return Err(TlsError::Name { name: oid.clone() });
        }
        let mut params = self.params()?;
        if self.has_unique_identifier {
            let name = DnType::CustomDnType(UNIQUE_IDENTIFIER.to_vec());
            params.distinguished_name.push(name, DnValue::Utf8String(unique_identifier.to_owned()));
        }
        let pem = params
            .serialize_request(&key.signer()?)
            .and_then(|request| request.pem())
            .map_err(|error| TlsError::Sign { reason: error.to_string() })?;
        Ok(CertificateSigningRequest(pem.trim().to_owned()))
    }

    /// Subject (without unique identifier) and alternative names, in the order that sorting gives.
    pub(super) fn params(&self) -> Result<CertificateParams, TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let subject = [
            (DnType::CommonName, Some(&self.common_name)),
            (DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]), self.email_address.as_ref()),
            (DnType::OrganizationName, self.organization.as_ref()),
            (DnType::OrganizationalUnitName, self.organizational_unit.as_ref()),
            (DnType::CountryName, self.country_name.as_ref()),
            (DnType::StateOrProvinceName, self.state_or_province_name.as_ref()),
            (DnType::LocalityName, self.locality_name.as_ref()),
        ];
        for (name, value) in subject {
            if let Some(value) = value {
                params.distinguished_name.push(name, DnValue::Utf8String(value.clone()));
            }
        }
        for name in &self.sans_dns {
            let name =
                name.as_str().try_into().map_err(|_| TlsError::Name { name: name.clone() })?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        params.subject_alt_names.extend(self.sans_ip.iter().copied().map(SanType::IpAddress));
        Ok(params)
    }

    /// What a subject and alternative names say.
    pub(super) fn read(subject: &X509Name<'_>, names: &[GeneralName<'_>]) -> Self {
        let text = |oid: &[u64]| {
            let oid = Oid::from(oid).ok()?;
            subject
                .iter_attributes()
                .find(|attribute| *attribute.attr_type() == oid)
                .map(|attribute| attribute.as_str().unwrap_or_default().to_owned())
        };
        let mut attributes = RequestAttributes {
            common_name: text(&[2, 5, 4, 3]).unwrap_or_default(),
            email_address: text(&[1, 2, 840, 113549, 1, 9, 1]),
            organization: text(&[2, 5, 4, 10]),
            organizational_unit: text(&[2, 5, 4, 11]),
            country_name: text(&[2, 5, 4, 6]),
            state_or_province_name: text(&[2, 5, 4, 8]),
            locality_name: text(&[2, 5, 4, 7]),
            has_unique_identifier: text(&UNIQUE_IDENTIFIER).is_some(),
            ..Default::default()
        };
        for name in names {
            match name {
                GeneralName::DNSName(name) => {
                    attributes.sans_dns.insert((*name).to_owned());
                }
                GeneralName::IPAddress(bytes) => {
                    let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                    let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
                    attributes.sans_ip.extend(address);
                }
                GeneralName::RegisteredID(oid) => {
                    attributes.sans_oid.insert(oid.to_id_string());
                }
                _ => {}
            }
        }
        attributes
    }
}

/// A request in PEM form, without white space around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateSigningRequest(String);

impl CertificateSigningRequest {
    /// A request as the other side wrote it. What it says is only looked at by
    /// [`CertificateSigningRequest::parse`].
    #[must_use]
    pub fn from_pem(pem: &str) -> Self {
        CertificateSigningRequest(pem.trim().to_owned())
    }

    /// The PEM text, without a trailing line end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the PEM text, hexadecimal: it ends the label of the certificate's secret.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        Sha256::digest(self.0.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What the request says. Its signature is not looked at: who sends one can't but hold the
    /// key that it ends up with.
    ///
    /// # Errors
    ///
    /// When it is no request.
    pub fn parse(&self) -> Result<ParsedRequest, TlsError> {
        let der = super::pem_contents(&self.0, "CERTIFICATE REQUEST").ok_or(TlsError::Request)?;
        let (_, request) =
            X509CertificationRequest::from_der(&der).map_err(|_| TlsError::Request)?;
        let info = &request.certification_request_info;
        let extensions: Vec<_> = request.requested_extensions().into_iter().flatten().collect();
        let names: Vec<_> = extensions
            .iter()
            .filter_map(|extension| match extension {
                ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
                _ => None,
            })
            .flatten()
            .cloned()
            .collect();
        Ok(ParsedRequest {
            attributes: RequestAttributes::read(&info.subject, &names),
            public_key: info.subject_pki.raw.to_vec(),
        })
    }

    /// Whether the request asks for exactly these attributes with this key.
    #[must_use]
    pub fn asks_for(&self, attributes: &RequestAttributes, key: &PrivateKey) -> bool {
        self.parse().is_ok_and(|parsed| {
            parsed.attributes == *attributes && parsed.public_key == key.public_key_der()
        })
    }
}

impl fmt::Display for CertificateSigningRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedRequest {
    /// What the certificate shall say.
    pub attributes: RequestAttributes,
    /// The public key, as the DER form of a subject public key info.
    pub public_key: Vec<u8>,
}

/// A random (version 4) UUID out of 16 random bytes: what stands in the unique identifier.
#[must_use]
pub fn random_uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request of the Python library for the application `larkspur`.
    const RECORDED: &str = include_str!("testdata/recorded-request.pem");

    #[test]
    fn reads_what_python_asks_for() {
        let parsed = CertificateSigningRequest::from_pem(RECORDED).parse().unwrap();
        let expected = RequestAttributes::of_server(
            "larkspur",
            [
                "larkspur-0.larkspur-endpoints.deepfield.svc.cluster.local",
                "larkspur.deepfield.svc.cluster.local",
                "lk-mono-0.lk-mono-endpoints.deepfield.svc.cluster.local",
            ],
        );
        assert_eq!(parsed.attributes, expected);
    }

    #[test]
    fn asks_as_python_does() {
        let key = PrivateKey::generate([1; 32]).unwrap();
        let attributes = RequestAttributes::of_server("loom", ["loom-0.example", "loom.example"]);
        let uuid = random_uuid([0xab; 16]);
        assert_eq!(uuid, "abababab-abab-4bab-abab-abababababab");
        let request = attributes.sign(&key, &uuid).unwrap();
        assert!(request.as_str().ends_with("-----END CERTIFICATE REQUEST-----"));
        assert!(request.as_str().lines().all(|line| line.len() <= 64));
        assert!(request.asks_for(&attributes, &key));

        let other = RequestAttributes { has_unique_identifier: false, ..attributes.clone() };
        assert!(!request.asks_for(&other, &key));
        let other_key = PrivateKey::generate([2; 32]).unwrap();
        assert!(!request.asks_for(&attributes, &other_key));

        // The frame is the one that Python's request has: subject of two UTF-8 texts, one
        // extension.
        let ours = super::super::pem_contents(request.as_str(), "CERTIFICATE REQUEST").unwrap();
        let (_, ours) = X509CertificationRequest::from_der(&ours).unwrap();
        ours.verify_signature().unwrap();
        let subject = &ours.certification_request_info.subject;
        assert_eq!(subject.to_string(), format!("CN=loom, uniqueIdentifier={uuid}"));
        assert_eq!(ours.requested_extensions().unwrap().count(), 1);
    }

    #[test]
    fn addresses_and_subject_fields_come_back() {
        let key = PrivateKey::generate([3; 32]).unwrap();
        let attributes = RequestAttributes {
            common_name: "é".into(),
            sans_ip: ["10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()].into(),
            organization: Some("Weavers".into()),
            country_name: Some("GB".into()),
            email_address: Some("a@b".into()),
            ..Default::default()
        };
        let request = attributes.sign(&key, "unused").unwrap();
        assert_eq!(request.parse().unwrap().attributes, attributes);
    }

    #[test]
    fn names_that_no_certificate_holds_are_refused() {
        let key = PrivateKey::generate([3; 32]).unwrap();
        let error = RequestAttributes::of_server("a", ["é"]).sign(&key, "u").unwrap_err();
        assert_eq!(error.to_string(), "cannot put `é` into a certificate");
        let ids = RequestAttributes { sans_oid: ["1.2.3".into()].into(), ..Default::default() };
        assert_eq!(ids.sign(&key, "u"), Err(TlsError::Name { name: "1.2.3".into() }));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in [
            "",
            "x",
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
        ] {
            assert_eq!(CertificateSigningRequest::from_pem(text).parse(), Err(TlsError::Request));
        }
    }
}
