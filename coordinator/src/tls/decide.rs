//! What should become of key, request and secrets.

use charm::desired::{Desired, SecretGoal, SecretOwner};
use charm::event::{Event, Lifecycle, RelationEventKind, SecretEvent, SecretEventKind};
use charm::names::{EndpointName, SecretLabel};
use charm::secret::{SecretContent, SecretText};
use charm::snapshot::{Seed, Snapshot};
use relation_lib::databag::replacing;
use relation_lib::tls_certificates::{
    CertificateSigningRequest, PrivateKey, TlsError, TlsRequirerData, random_uuid,
};
use sha2::{Digest, Sha256};

use super::{Tls, is_of_certificate, key_label, label_of_certificate, moment, now, relation};
use crate::coherence::Deployment;
use crate::facts::Facts;

/// Keeps the key, asks for a certificate, keeps the certificate; forgets all when the relation goes.
pub fn decide(facts: &Facts<'_>, deployment: Deployment, desired: &mut Desired) {
    let (solution, snapshot) = (facts.solution, facts.snapshot);
    let Some(endpoint) = &solution.endpoints.certificates else {
        return;
    };
    let Some((_, relation)) = relation(solution, snapshot) else {
        forget(snapshot, endpoint, desired);
        return;
    };
    drop_superseded(facts, endpoint, desired);
    if deployment == Deployment::Blocked && !concerns(snapshot, endpoint) {
        return;
    }
    let made;
    let key = match &facts.tls.key {
        Some(key) => key,
        None => match PrivateKey::generate(derived(&snapshot.seed, "private key")) {
            Ok(key) => {
                made = key;
                &made
            }
            Err(error) => return desired.problem("certificates", error.to_string()),
        },
    };
    keep_key(facts, key, endpoint, desired);
    match request(facts, key, endpoint) {
        Ok(request) => {
            let data = TlsRequirerData::of_requests([request]);
            desired.unit_databag(relation.id, replacing(&relation.local_unit, data.encode()));
        }
        Err(error) => desired.problem("certificates", error.to_string()),
    }
    keep_certificate(&facts.tls, snapshot, endpoint, desired);
}

/// The request that should stand in our databag: the one that is there, unless its certificate
/// nears its end.
fn request(
    facts: &Facts<'_>,
    key: &PrivateKey,
    endpoint: &EndpointName,
) -> Result<CertificateSigningRequest, TlsError> {
    let (tls, snapshot) = (&facts.tls, facts.snapshot);
    let is_ending = |request: &CertificateSigningRequest| {
        let label = label_of_certificate(snapshot, endpoint, request);
        let issued = tls.issued.as_ref();
        is_expiring(snapshot, &label)
            || issued.is_some_and(|issued| issued.validity.is_due(now(snapshot)))
    };
    if let Some(request) = tls.request.as_ref().filter(|request| !is_ending(request)) {
        return Ok(request.clone());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&derived(&snapshot.seed, "unique identifier")[..16]);
    tls.attributes.sign(key, &random_uuid(bytes))
}

/// Random bytes for a purpose; those for different purposes have nothing in common.
fn derived(seed: &Seed, purpose: &str) -> [u8; 32] {
    Sha256::new_with_prefix(seed.0).chain_update(purpose.as_bytes()).finalize().into()
}

/// Workers serve with the leader's key, so the leader lets them read it.
fn keep_key(facts: &Facts<'_>, key: &PrivateKey, endpoint: &EndpointName, desired: &mut Desired) {
    let snapshot = facts.snapshot;
    let shares = snapshot.leadership.proof().is_some() && facts.tls.in_hand().is_some();
    let grants = facts.cluster.apps.iter().filter(|_| shares).map(|app| app.relation).collect();
    let goal = SecretGoal::Present {
        owner: SecretOwner::Unit,
        content: SecretContent::from([("private-key".to_owned(), SecretText::new(key.to_pem()))]),
        expire: None,
        grants,
    };
    desired.secrets.insert(key_label(snapshot, endpoint), goal);
}

fn keep_certificate(
    tls: &Tls,
    snapshot: &Snapshot,
    endpoint: &EndpointName,
    desired: &mut Desired,
) {
    let Some(issued) = &tls.issued else { return };
    let label = label_of_certificate(snapshot, endpoint, &issued.request);
    let goal = SecretGoal::Present {
        owner: SecretOwner::Unit,
        content: SecretContent::from([
            ("certificate".to_owned(), SecretText::new(issued.certificate.as_str())),
            ("csr".to_owned(), SecretText::new(issued.request.as_str())),
        ]),
        expire: Some(moment(issued.validity.renewal(now(snapshot)))),
        grants: Default::default(),
    };
    desired.secrets.insert(label, goal);
}

/// A certificate that nears its end and has a successor in hand is dropped.
fn drop_superseded(facts: &Facts<'_>, endpoint: &EndpointName, desired: &mut Desired) {
    let Event::Secret(event) = &facts.snapshot.event else { return };
    let Some(issued) = facts.tls.issued.as_ref() else { return };
    let current = label_of_certificate(facts.snapshot, endpoint, &issued.request);
    if event.kind == SecretEventKind::Expired
        && let Some(label) = &event.label
        && is_of_certificate(facts.snapshot, endpoint, label)
        && *label != current
    {
        desired.secrets.insert(label.clone(), SecretGoal::Absent);
    }
}

fn forget(snapshot: &Snapshot, endpoint: &EndpointName, desired: &mut Desired) {
    let key = key_label(snapshot, endpoint);
    let ours =
        |label: &&SecretLabel| **label == key || is_of_certificate(snapshot, endpoint, label);
    for label in snapshot.secret_listing.values().flatten().filter(ours) {
        desired.secrets.insert(label.clone(), SecretGoal::Absent);
    }
}

/// Events that the Python library answers whether or not the deployment works.
fn concerns(snapshot: &Snapshot, endpoint: &EndpointName) -> bool {
    match &snapshot.event {
        Event::Relation(event) if event.endpoint == *endpoint => {
            matches!(event.kind, RelationEventKind::Created | RelationEventKind::Changed)
        }
        Event::Secret(event) => event.kind == SecretEventKind::Expired,
        Event::Lifecycle(lifecycle) => *lifecycle == Lifecycle::LeaderElected,
        _ => false,
    }
}

/// Whether the event says that the secret with this label is at its end.
fn is_expiring(snapshot: &Snapshot, label: &SecretLabel) -> bool {
    let is_meant = |event: &SecretEvent| {
        let known = snapshot.owned_secrets.get(label);
        event.label.as_ref() == Some(label)
            || known.is_some_and(|secret| secret.id.bare() == event.id.bare())
    };
    matches!(&snapshot.event, Event::Secret(event)
        if event.kind == SecretEventKind::Expired && is_meant(event))
}
