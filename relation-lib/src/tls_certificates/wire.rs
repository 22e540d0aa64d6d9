//! The databags of `tls-certificates`.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::certificate::Certificate;
use super::key::PrivateKey;
use super::request::CertificateSigningRequest;
use crate::databag::{
    Databag, DatabagPatch, Decoded, Encoding, FromJson, Key, Members, Mismatch, Reader, Writer,
};

/// A request as it stands in the databag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestEntry {
    /// The request in PEM form.
    pub certificate_signing_request: String,
    /// Whether a certificate for an authority is asked for; old libraries don't say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<bool>,
}

impl FromJson for RequestEntry {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(RequestEntry {
            certificate_signing_request: members.required("certificate_signing_request")?,
            ca: members.optional("ca")?,
        })
    }
}

/// What somebody who wants certificates asks for.
///
/// Requirer unit databag in unit mode, requirer application databag in application mode;
/// tls-certificates v1, library v4 1.12.0.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `certificate_signing_requests` | Python-style JSON | list of `{"certificate_signing_request", "ca"}`, absent when empty | `[{"certificate_signing_request": "-----BEGIN CERTIFICATE REQUEST-----\n…", "ca": false}]` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsRequirerData {
    /// `certificate_signing_requests`: the requests, oldest first.
    pub certificate_signing_requests: Vec<RequestEntry>,
}

impl TlsRequirerData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("certificate_signing_requests", Encoding::PythonJson)];

    /// Requests for certificates of servers.
    pub fn of_requests(requests: impl IntoIterator<Item = CertificateSigningRequest>) -> Self {
        let entry = |request: CertificateSigningRequest| RequestEntry {
            certificate_signing_request: request.to_string(),
            ca: Some(false),
        };
        TlsRequirerData { certificate_signing_requests: requests.into_iter().map(entry).collect() }
    }

    /// The requests, whatever they are for.
    pub fn requests(&self) -> impl Iterator<Item = CertificateSigningRequest> {
        self.certificate_signing_requests
            .iter()
            .map(|entry| CertificateSigningRequest::from_pem(&entry.certificate_signing_request))
    }

    /// Reads the databag; an entry that can't be read is left out.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let requests = reader.list("certificate_signing_requests").unwrap_or_default();
        reader.finish(TlsRequirerData { certificate_signing_requests: requests })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("certificate_signing_requests", unless_empty(&self.certificate_signing_requests))
            .finish()
    }
}

/// A certificate as the authority issued it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderCertificate {
    /// The authority, PEM.
    pub ca: String,
    /// The request that was answered, PEM.
    pub certificate_signing_request: String,
    /// The certificate, PEM.
    pub certificate: String,
    /// The certificate and those above it, PEM each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<Vec<String>>,
    /// Whether it no longer counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<bool>,
}

impl FromJson for ProviderCertificate {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(ProviderCertificate {
            ca: members.required("ca")?,
            certificate_signing_request: members.required("certificate_signing_request")?,
            certificate: members.required("certificate")?,
            chain: members.optional("chain")?,
            revoked: members.optional("revoked")?,
        })
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestErrorCode {
    /// 101: no addresses.
    IpNotAllowed,
    /// 102: not this domain.
    DomainNotAllowed,
    /// 103: no wildcards.
    WildcardNotAllowed,
    /// 201: the authority's server does not answer.
    ServerNotAvailable,
    /// 999: something else.
    Other,
    /// A number that this revision does not know.
    Unknown(i64),
}

impl RequestErrorCode {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            RequestErrorCode::IpNotAllowed => 101,
            RequestErrorCode::DomainNotAllowed => 102,
            RequestErrorCode::WildcardNotAllowed => 103,
            RequestErrorCode::ServerNotAvailable => 201,
            RequestErrorCode::Other => 999,
            RequestErrorCode::Unknown(number) => number,
        }
    }
}

impl From<i64> for RequestErrorCode {
    fn from(number: i64) -> Self {
        match number {
            101 => RequestErrorCode::IpNotAllowed,
            102 => RequestErrorCode::DomainNotAllowed,
            103 => RequestErrorCode::WildcardNotAllowed,
            201 => RequestErrorCode::ServerNotAvailable,
            999 => RequestErrorCode::Other,
            number => RequestErrorCode::Unknown(number),
        }
    }
}

impl Serialize for RequestErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.number())
    }
}

/// What the authority says about a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestErrorDetails {
    /// Why, as a number.
    pub code: RequestErrorCode,
    /// Why, as a name.
    pub name: String,
    /// Why, as a sentence.
    pub message: String,
    /// More on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestError {
    /// The request, PEM.
    pub csr: String,
    /// Why it was refused.
    pub error: RequestErrorDetails,
}

impl FromJson for RequestError {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(RequestError { csr: members.required("csr")?, error: members.required("error")? })
    }
}

impl FromJson for RequestErrorDetails {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(RequestErrorDetails {
            code: members.required::<i64>("code")?.into(),
            name: members.required("name")?,
            message: members.required("message")?,
            reason: members.optional("reason")?,
            provider: members.optional("provider")?,
            endpoint: members.optional("endpoint")?,
        })
    }
}

/// What the authority can issue; `None` where it does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ProviderCapabilities {
    /// Whether it certifies addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supports_ip_sans: Option<bool>,
    /// Whether it certifies wildcards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supports_wildcard_dns: Option<bool>,
    /// Whether it certifies names below its domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supports_subdomain: Option<bool>,
    /// Whether it certifies authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supports_ca_certificates: Option<bool>,
    /// The domains that it certifies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_domains: Option<Vec<String>>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<String>,
}

impl FromJson for ProviderCapabilities {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(ProviderCapabilities {
            supports_ip_sans: members.optional("supports_ip_sans")?,
            supports_wildcard_dns: members.optional("supports_wildcard_dns")?,
            supports_subdomain: members.optional("supports_subdomain")?,
            supports_ca_certificates: members.optional("supports_ca_certificates")?,
            allowed_domains: members.optional("allowed_domains")?,
            provider_type: members.optional("provider_type")?,
        })
    }
}

/// What the leader of an authority answers.
///
/// Provider application databag, tls-certificates v1, library v4 1.12.0. Python-style JSON; an
/// empty list is an absent key. Older authorities write `certificates` only.
///
/// | key | value | example |
/// |---|---|---|
/// | `certificates` | list of `{"ca", "certificate_signing_request", "certificate", "chain"?, "revoked"?}`, PEM texts | `[{"ca": "…", "certificate_signing_request": "…", "certificate": "…", "chain": ["…"]}]` |
/// | `request_errors` | list of `{"csr", "error": {"code", "name", "message", …}}` | `[{"csr": "…", "error": {"code": 102, "name": "DOMAIN_NOT_ALLOWED", "message": "…"}}]` |
/// | `capabilities` | object of what can be issued | `{"supports_ip_sans": true}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsProviderAppData {
    /// `certificates`: what was issued.
    pub certificates: Vec<ProviderCertificate>,
    /// `request_errors`: what was refused.
    pub request_errors: Vec<RequestError>,
    /// `capabilities`: what can be issued.
    pub capabilities: Option<ProviderCapabilities>,
}

impl TlsProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::optional("certificates", Encoding::PythonJson),
        Key::optional("request_errors", Encoding::PythonJson),
        Key::optional("capabilities", Encoding::PythonJson),
    ];

    /// Reads the databag; an entry that can't be read is left out.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let value = TlsProviderAppData {
            certificates: reader.list("certificates").unwrap_or_default(),
            request_errors: reader.list("request_errors").unwrap_or_default(),
            capabilities: reader.optional("capabilities"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("certificates", unless_empty(&self.certificates))
            .json("request_errors", unless_empty(&self.request_errors))
            .json("capabilities", self.capabilities.as_ref())
            .finish()
    }

    /// The answer to a request, if it can be used: not revoked, for a server, and for this key.
    /// Whether it has expired is not looked at.
    #[must_use]
    pub fn certificate_for(
        &self,
        request: &CertificateSigningRequest,
        key: &PrivateKey,
    ) -> Option<&ProviderCertificate> {
        self.certificates.iter().find(|issued| {
            let answers = CertificateSigningRequest::from_pem(&issued.certificate_signing_request);
            answers == *request
                && issued.revoked != Some(true)
                && Certificate::from_pem(&issued.certificate).parse().is_ok_and(|parsed| {
                    !parsed.is_authority && parsed.public_key == key.public_key_der()
                })
        })
    }

    /// Whether the answer to a request was taken back.
    #[must_use]
    pub fn is_revoked(&self, request: &CertificateSigningRequest) -> bool {
        self.certificates.iter().any(|issued| {
            issued.revoked == Some(true)
                && CertificateSigningRequest::from_pem(&issued.certificate_signing_request)
                    == *request
        })
    }
}

fn unless_empty<T>(list: &Vec<T>) -> Option<&Vec<T>> {
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;
    use crate::tls_certificates::{Authority, Purpose, RequestAttributes, Validity};

    fn bag(entries: &[(&str, &str)]) -> Databag {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn databags_hold_to_the_byte() {
        let asked = bag(&[(
            "certificate_signing_requests",
            r#"[{"certificate_signing_request": "-----BEGIN\nMIIC", "ca": false}, {"certificate_signing_request": "x"}]"#,
        )]);
        let read = TlsRequirerData::decode(&asked);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), asked);

        let answered = bag(&[
            (
                "certificates",
                r#"[{"ca": "a", "certificate_signing_request": "b", "certificate": "c", "chain": ["c", "a"], "revoked": true}]"#,
            ),
            (
                "request_errors",
                r#"[{"csr": "b", "error": {"code": 102, "name": "DOMAIN_NOT_ALLOWED", "message": "no", "provider": "p"}}, {"csr": "b", "error": {"code": 7, "name": "X", "message": "y"}}]"#,
            ),
            ("capabilities", r#"{"supports_ip_sans": true, "allowed_domains": ["a.b"]}"#),
        ]);
        let read = TlsProviderAppData::decode(&answered);
        assert_eq!(read.skipped, []);
        assert_eq!(patched(&Databag::new(), &read.value.encode()), answered);
        assert_eq!(read.value.request_errors[1].error.code, RequestErrorCode::Unknown(7));
        assert_eq!(TlsRequirerData::default().encode()["certificate_signing_requests"], None);
    }

    #[test]
    fn only_a_certificate_for_request_and_key_counts() {
        let validity = Validity::of_days(1_767_225_600, 365);
        let key = PrivateKey::generate([20; 32]).unwrap();
        let other = PrivateKey::generate([21; 32]).unwrap();
        let authority = Authority::self_signed("seal", other.clone(), validity).unwrap();
        let request = RequestAttributes::of_server("loom", ["a"]).sign(&key, "u").unwrap();
        let certificate = authority.issue(&request, Purpose::Leaf, validity).unwrap();
        let issued = ProviderCertificate {
            ca: authority.certificate().to_string(),
            certificate_signing_request: format!("{request}\n"),
            certificate: certificate.to_string(),
            chain: None,
            revoked: None,
        };
        let data = |issued| TlsProviderAppData { certificates: vec![issued], ..Default::default() };
        let good = data(issued.clone());
        assert!(good.certificate_for(&request, &key).is_some());
        assert!(good.certificate_for(&request, &other).is_none());
        let stranger = CertificateSigningRequest::from_pem("x");
        assert!(good.certificate_for(&stranger, &key).is_none());
        let revoked = data(ProviderCertificate { revoked: Some(true), ..issued.clone() });
        assert!(revoked.certificate_for(&request, &key).is_none());
        assert!(revoked.is_revoked(&request) && !good.is_revoked(&request));
        let broken = data(ProviderCertificate { certificate: "x".into(), ..issued });
        assert!(broken.certificate_for(&request, &key).is_none());
    }

    #[test]
    fn a_bad_entry_spoils_only_itself() {
        let read = TlsProviderAppData::decode(&bag(&[("certificates", r#"[1, {"ca": "a"}]"#)]));
        assert_eq!(read.value, TlsProviderAppData::default());
        let told: Vec<_> = read.skipped.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "`0` of `certificates`: expected an object, found a number",
                "`1` of `certificates`: expected a value, found nothing at `certificate_signing_request`"
            ]
        );
    }
}
