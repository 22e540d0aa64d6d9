//! Certificates: key, request, and the certificate in hand.
//!
//! Each unit has a key of its own, kept in a Juju secret, and asks for a certificate for its own
//! name, the application's and those of all workers. When that set changes, or the certificate
//! nears its end, another one is asked for; the one in hand serves until the new one is there.

mod decide;
mod needs;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use charm::names::{EndpointName, SecretId, SecretLabel};
use charm::secret::SecretText;
use charm::snapshot::{OwnedSecret, Relation, Snapshot};
use relation_lib::tls_certificates::{
    Certificate, CertificateSigningRequest, Owner, PrivateKey, ProviderCertificate,
    RequestAttributes, TlsProviderAppData, TlsRequirerData, Validity, certificate_label,
    private_key_label,
};

pub use decide::decide;
pub use needs::needs;

use crate::cluster::Cluster;
use crate::nginx;
use crate::problem::{Problems, place};
use crate::solution::Solution;

/// What the web server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InHand {
    /// The private key.
    pub key: SecretText,
    /// The secret that holds it.
    pub key_id: SecretId,
    /// The certificate, without chain.
    pub certificate: String,
    /// The authority that signed it.
    pub ca: String,
}

/// The state of certificates.
#[derive(Debug, Default)]
pub struct Tls {
    in_hand: Option<InHand>,
    issued: Option<Issued>,
    key: Option<PrivateKey>,
    /// The request that says what we want now, if it is there.
    request: Option<CertificateSigningRequest>,
    attributes: RequestAttributes,
}

/// A certificate for the request that says what we want now.
#[derive(Debug)]
struct Issued {
    request: CertificateSigningRequest,
    certificate: Certificate,
    validity: Validity,
}

impl Tls {
    /// The certificate that serves.
    pub fn in_hand(&self) -> Option<&InHand> {
        self.in_hand.as_ref()
    }

    /// Reads what is there on the certificates relation and in our secrets.
    pub fn read(
        solution: &Solution,
        snapshot: &Snapshot,
        cluster: &Cluster,
        app_host: &str,
        problems: &mut Problems,
    ) -> Self {
        let Some((endpoint, relation)) = relation(solution, snapshot) else {
            return Self::default();
        };
        let workers = cluster.addresses().into_iter().map(|host| host.as_str());
        let names = [snapshot.host.fqdn.as_str(), app_host].into_iter().chain(workers);
        let application = snapshot.identity.application.as_str();
        let mut tls = Self {
            attributes: RequestAttributes::of_server(application, names),
            ..Self::default()
        };
        let Some(secret) = snapshot.owned_secrets.get(&key_label(snapshot, endpoint)) else {
            return tls;
        };
        let text = secret.content.get("private-key").map(SecretText::reveal).unwrap_or_default();
        let key = match PrivateKey::from_pem(text) {
            Ok(key) => key,
            Err(error) => {
                problems.note("secret of the private key", error.to_string());
                return tls;
            }
        };
        let requests = requests(relation);
        tls.request =
            requests.iter().find(|request| request.asks_for(&tls.attributes, &key)).cloned();
        let answers = answers(relation, &requests, problems);
        let serve = |certificate: &Certificate, ca: &str| InHand {
            key: SecretText::new(text.trim()),
            key_id: secret.id.clone(),
            certificate: certificate.to_string(),
            ca: ca.trim().to_owned(),
        };
        // The answer to what we want now; else to what we wanted before.
        let (current, earlier): (Vec<_>, Vec<_>) =
            requests.iter().partition(|request| Some(*request) == tls.request.as_ref());
        for request in current.into_iter().chain(earlier) {
            let answer = answers.iter().find(|answer| answers_to(answer, request));
            let Some(answer) = answer.filter(|answer| answer.revoked != Some(true)) else {
                continue;
            };
            let certificate = Certificate::from_pem(&answer.certificate);
            match validity(&certificate, &key) {
                Ok(validity) if now(snapshot) <= validity.not_after => {
                    tls.in_hand = Some(serve(&certificate, &answer.ca));
                    if Some(request) == tls.request.as_ref() {
                        tls.issued =
                            Some(Issued { request: request.clone(), certificate, validity });
                    }
                    break;
                }
                Ok(_) => {}
                Err(reason) => problems.note(place(relation, None, "certificates"), reason),
            }
        }
        if tls.in_hand.is_none() {
            // The provider forgets answers to requests that are gone; our secret keeps them.
            let revoked = |request: &CertificateSigningRequest| {
                let mut answers = answers.iter().filter(|answer| answer.revoked == Some(true));
                answers.any(|answer| answers_to(answer, request))
            };
            tls.in_hand = kept(snapshot, endpoint, &key, revoked)
                .map(|(certificate, ca)| serve(&certificate, &ca));
        }
        tls.key = Some(key);
        tls
    }
}

/// The certificates endpoint and its relation.
fn relation<'a>(
    solution: &'a Solution,
    snapshot: &'a Snapshot,
) -> Option<(&'a EndpointName, &'a Relation)> {
    let endpoint = solution.endpoints.certificates.as_ref()?;
    Some((endpoint, snapshot.relations_of(endpoint).next()?))
}

/// The requests in our own databag.
fn requests(relation: &Relation) -> Vec<CertificateSigningRequest> {
    TlsRequirerData::decode(&relation.local_unit).value.requests().collect()
}

/// The provider's answers. One that can't be read is no answer; a refusal of ours is noted.
fn answers(
    relation: &Relation,
    requests: &[CertificateSigningRequest],
    problems: &mut Problems,
) -> Vec<ProviderCertificate> {
    let read = TlsProviderAppData::decode(&relation.remote_app_data);
    problems.skipped(relation, None, &read.skipped);
    for refusal in &read.value.request_errors {
        let csr = CertificateSigningRequest::from_pem(&refusal.csr);
        if requests.contains(&csr) {
            let reason = format!("the request was refused: {}", refusal.error.message);
            problems.note(place(relation, None, "request_errors"), reason);
        }
    }
    read.value.certificates
}

fn answers_to(answer: &ProviderCertificate, request: &CertificateSigningRequest) -> bool {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    bare(&answer.certificate_signing_request) == bare(request.as_str())
}

/// When a certificate holds that is one for our own key, and not an authority's.
fn validity(certificate: &Certificate, key: &PrivateKey) -> Result<Validity, String> {
    let parsed = certificate.parse().map_err(|error| error.to_string())?;
    if parsed.is_authority || parsed.public_key != key.public_key_der() {
        return Err("expected a certificate for our own key, not for an authority".to_owned());
    }
    Ok(parsed.validity)
}

/// A certificate in our secrets that still holds, the one that holds longest, with the authority
/// that we trust.
fn kept(
    snapshot: &Snapshot,
    endpoint: &EndpointName,
    key: &PrivateKey,
    is_revoked: impl Fn(&CertificateSigningRequest) -> bool,
) -> Option<(Certificate, String)> {
    let ca = snapshot.host_files.get(Path::new(nginx::CA))?.as_ref()?;
    let ca = String::from_utf8(ca.clone()).ok()?;
    let candidate = |label: &SecretLabel, secret: &OwnedSecret| {
        let request = secret.content.get("csr")?.reveal();
        let certificate = Certificate::from_pem(secret.content.get("certificate")?.reveal());
        let request = CertificateSigningRequest::from_pem(request);
        let is_ours = *label == label_of_certificate(snapshot, endpoint, &request);
        let validity = validity(&certificate, key).ok()?;
        let holds = now(snapshot) <= validity.not_after && is_ours && !is_revoked(&request);
        holds.then_some((validity.not_after, certificate))
    };
    let secrets = snapshot.owned_secrets.iter();
    let (_, certificate) = secrets
        .filter_map(|(label, secret)| candidate(label, secret))
        .max_by_key(|(end, _)| *end)?;
    Some((certificate, ca))
}

fn owner(snapshot: &Snapshot) -> Owner {
    Owner::Unit(snapshot.identity.unit.number())
}

fn key_label(snapshot: &Snapshot, endpoint: &EndpointName) -> SecretLabel {
    label(private_key_label(owner(snapshot), endpoint.as_str()))
}

fn label_of_certificate(
    snapshot: &Snapshot,
    endpoint: &EndpointName,
    request: &CertificateSigningRequest,
) -> SecretLabel {
    label(certificate_label(owner(snapshot), endpoint.as_str(), request))
}

/// Whether a label is that of a certificate of this unit on this endpoint.
fn is_of_certificate(snapshot: &Snapshot, endpoint: &EndpointName, found: &SecretLabel) -> bool {
    let any = CertificateSigningRequest::from_pem("");
    let sample = certificate_label(owner(snapshot), endpoint.as_str(), &any);
    let prefix = sample.strip_suffix(&any.sha256_hex()).unwrap_or(&sample);
    found.as_str().strip_prefix(prefix).is_some_and(|hash| hash.len() == any.sha256_hex().len())
}

fn label(text: String) -> SecretLabel {
    text.parse().expect("the text is not empty")
}

/// Seconds since 1970, as certificates count.
fn now(snapshot: &Snapshot) -> i64 {
    let since = snapshot.now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn moment(seconds: i64) -> SystemTime {
    UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
