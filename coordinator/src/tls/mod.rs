//! Certificates: key, request, and the certificate in hand.
//!
//! Each unit has a key of its own, kept in a Juju secret, and asks for a certificate for its own
//! name, the application's and those of all workers. When that set changes, or the certificate
//! nears its end, another one is asked for; the one in hand serves until the new one is there.

mod certificate;
mod decide;
mod key;
mod random;
mod request;
#[cfg(test)]
mod tests;

use charm::event::{Event, RelationEventKind, SecretEventKind};
use charm::names::{EndpointName, SecretId, SecretLabel};
use charm::needs::SecretNeed;
use charm::secret::SecretText;
use charm::snapshot::{Relation, Snapshot};
use relation_lib::encoding::parse_json;
use sha2::{Digest, Sha256};

pub use decide::decide;

use crate::cluster::Cluster;
use crate::nginx;
use crate::problem::{Problems, place};
use crate::solution::Solution;
use certificate::{Validity, same_pem};
use key::PrivateKey;
use request::Attributes;

/// The Python library's own prefix of its secrets' labels (its library id).
const LABEL_PREFIX: &str = "afd8c2bccf834997afce12c2706d2ede";
const REQUESTS: &str = "certificate_signing_requests";

/// Why a key, request or certificate is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No key came out.
    #[error("cannot make a private key")]
    Generate,
    /// The key can't be read.
    #[error("cannot use the private key: expected an RSA key in PEM form")]
    Key,
    /// The request can't be signed.
    #[error("cannot sign a certificate request")]
    Sign,
    /// The request can't be read.
    #[error("cannot read the certificate request")]
    Request,
    /// The text isn't PEM.
    #[error("cannot read the text: expected a block in PEM form")]
    Pem,
    /// The certificate can't be read.
    #[error("cannot read the certificate")]
    Certificate,
    /// The certificate is for somebody else.
    #[error("cannot use the certificate: expected one for our own key, not for an authority")]
    Foreign,
}

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
    request: Option<String>,
    attributes: Option<Attributes>,
}

/// A certificate for the request that says what we want now.
#[derive(Debug)]
struct Issued {
    request: String,
    certificate: String,
    validity: Validity,
}

/// One answer of the provider.
struct Answer {
    request: String,
    certificate: String,
    ca: String,
    is_revoked: bool,
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
        let attributes = Attributes {
            common_name: snapshot.identity.application.as_str().to_owned(),
            names: names.map(str::to_owned).collect(),
        };
        let mut tls = Self { attributes: Some(attributes), ..Self::default() };
        let Some(secret) = snapshot.owned_secrets.get(&key_label(snapshot, endpoint)) else {
            return tls;
        };
        let text = secret.content.get("private-key");
        let key = match text.ok_or(TlsError::Key).and_then(PrivateKey::read) {
            Ok(key) => key,
            Err(error) => {
                problems.note("secret of the private key", error.to_string());
                return tls;
            }
        };
        let answers = answers(relation, problems);
        let ours = requests(&relation.local_unit);
        let attributes = tls.attributes.as_ref();
        let is_current =
            |request: &&String| attributes.is_some_and(|a| a.are_those_of(request, &key));
        tls.request = ours.iter().find(is_current).cloned();
        let serve = |certificate: &str, ca: &str| InHand {
            key: key.text.clone(),
            key_id: secret.id.clone(),
            certificate: certificate.trim().to_owned(),
            ca: ca.trim().to_owned(),
        };
        // The answer to what we want now; else to what we wanted before.
        let mut candidates: Vec<&String> = tls.request.iter().collect();
        candidates.extend(ours.iter().filter(|request| Some(*request) != tls.request.as_ref()));
        for request in candidates {
            let Some(answer) = answers.iter().find(|a| same_pem(&a.request, request)) else {
                continue;
            };
            if answer.is_revoked {
                continue;
            }
            match Validity::of(&answer.certificate, &key) {
                Ok(validity) if !validity.is_over(snapshot.now) => {
                    tls.in_hand = Some(serve(&answer.certificate, &answer.ca));
                    if Some(request) == tls.request.as_ref() {
                        let certificate = answer.certificate.trim().to_owned();
                        tls.issued =
                            Some(Issued { request: request.clone(), certificate, validity });
                    }
                    break;
                }
                Ok(_) => {}
                Err(error) => {
                    problems.note(place(relation, None, "certificates"), error.to_string());
                }
            }
        }
        if tls.in_hand.is_none() {
            // The provider forgets answers to requests that are gone; our secret keeps them.
            let revoked = |request: &str| {
                answers.iter().any(|answer| answer.is_revoked && same_pem(&answer.request, request))
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

/// A certificate in our secrets that still holds, the one that holds longest, with the authority
/// that we trust.
fn kept(
    snapshot: &Snapshot,
    endpoint: &EndpointName,
    key: &PrivateKey,
    is_revoked: impl Fn(&str) -> bool,
) -> Option<(String, String)> {
    let ca = snapshot.host_files.get(std::path::Path::new(nginx::CA))?.as_ref()?;
    let ca = String::from_utf8(ca.clone()).ok()?;
    let prefix = certificate_prefix(snapshot, endpoint);
    let secrets = snapshot.owned_secrets.iter();
    let text = |secret: &charm::snapshot::OwnedSecret, member: &str| {
        secret.content.get(member).map(|text| text.reveal().to_owned())
    };
    let (_, certificate) = secrets
        .filter(|(label, _)| label.as_str().starts_with(&prefix))
        .filter_map(|(_, secret)| Some((text(secret, "csr")?, text(secret, "certificate")?)))
        .filter(|(request, _)| !is_revoked(request))
        .filter_map(|(_, certificate)| {
            let validity = Validity::of(&certificate, key).ok()?;
            (!validity.is_over(snapshot.now)).then_some((validity.until, certificate))
        })
        .max()?;
    Some((certificate, ca))
}

fn key_label(snapshot: &Snapshot, endpoint: &EndpointName) -> SecretLabel {
    let number = snapshot.identity.unit.number();
    label(format!("{LABEL_PREFIX}-private-key-{number}-{endpoint}"))
}

fn certificate_prefix(snapshot: &Snapshot, endpoint: &EndpointName) -> String {
    let number = snapshot.identity.unit.number();
    format!("{LABEL_PREFIX}-certificate-{number}-{endpoint}-")
}

fn certificate_label(snapshot: &Snapshot, endpoint: &EndpointName, request: &str) -> SecretLabel {
    let digest = Sha256::digest(request.trim().as_bytes());
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    label(certificate_prefix(snapshot, endpoint) + &hash)
}

fn label(text: String) -> SecretLabel {
    text.parse().expect("the text is not empty")
}

/// The requests in our own databag.
fn requests(bag: &relation_lib::Databag) -> Vec<String> {
    let value = bag.get(REQUESTS).and_then(|text| parse_json(text).ok()).unwrap_or_default();
    let entries = value.as_array().map_or(&[][..], Vec::as_slice);
    let text = |entry: &serde_json::Value| {
        entry["certificate_signing_request"].as_str().map(str::to_owned)
    };
    entries.iter().filter_map(text).collect()
}

/// The provider's answers. One that can't be read is no answer.
fn answers(relation: &Relation, problems: &mut Problems) -> Vec<Answer> {
    let Some(text) = relation.remote_app_data.get("certificates") else {
        return Vec::new();
    };
    let value = match parse_json(text) {
        Ok(value) => value,
        Err(error) => {
            problems.note(place(relation, None, "certificates"), error.to_string());
            return Vec::new();
        }
    };
    let mut answers = Vec::new();
    for entry in value.as_array().map_or(&[][..], Vec::as_slice) {
        let text = |member: &str| entry[member].as_str().map(str::to_owned);
        match (text("certificate_signing_request"), text("certificate"), text("ca")) {
            (Some(request), Some(certificate), Some(ca)) => answers.push(Answer {
                request,
                certificate,
                ca,
                is_revoked: entry["revoked"].as_bool() == Some(true),
            }),
            _ => problems.note(
                place(relation, None, "certificates"),
                "expected `certificate_signing_request`, `certificate` and `ca`",
            ),
        }
    }
    answers
}

/// The secrets to look at, given what was read so far.
pub fn needs(solution: &Solution, seen: &Snapshot) -> Vec<SecretNeed> {
    let Some(endpoint) = solution.endpoints.certificates.as_ref() else {
        return Vec::new();
    };
    let is_going = matches!(&seen.event, Event::Relation(event)
        if event.kind == RelationEventKind::Broken && event.endpoint == *endpoint);
    let Some((_, relation)) = relation(solution, seen) else {
        return if is_going { vec![SecretNeed::Listing] } else { Vec::new() };
    };
    let mut needs = vec![SecretNeed::Owned(key_label(seen, endpoint))];
    let answers = answers(relation, &mut Problems::default());
    let requests = requests(&relation.local_unit);
    for request in &requests {
        needs.push(SecretNeed::Owned(certificate_label(seen, endpoint, request)));
    }
    let is_answered = requests
        .iter()
        .any(|request| answers.iter().any(|answer| same_pem(&answer.request, request)));
    if !is_answered && !requests.is_empty() {
        needs.push(SecretNeed::Listing);
        let prefix = certificate_prefix(seen, endpoint);
        let kept = seen.secret_listing.values().flatten();
        let kept = kept.filter(|label| label.as_str().starts_with(&prefix));
        needs.extend(kept.cloned().map(SecretNeed::Owned));
    }
    needs
}

/// Whether an event of a secret says that a certificate is near its end, and which.
fn expiring<'a>(snapshot: &'a Snapshot, label: &SecretLabel) -> bool {
    matches!(&snapshot.event, Event::Secret(event)
        if event.kind == SecretEventKind::Expired && names(snapshot, event, label))
}

fn names(snapshot: &Snapshot, event: &charm::event::SecretEvent, label: &SecretLabel) -> bool {
    let by_id = snapshot.owned_secrets.get(label).is_some_and(|s| s.id.bare() == event.id.bare());
    event.label.as_ref() == Some(label) || by_id
}
