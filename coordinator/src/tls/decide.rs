//! What should become of key, request and secrets.

use charm::desired::{Desired, SecretGoal, SecretOwner};
use charm::event::{Event, Lifecycle, RelationEventKind, SecretEventKind};
use charm::names::{EndpointName, SecretLabel};
use charm::secret::{SecretContent, SecretText};
use charm::snapshot::Snapshot;
use relation_lib::databag::replacing;
use relation_lib::encoding::python_json;
use serde_json::json;

use super::key::PrivateKey;
use super::{
    REQUESTS, Tls, TlsError, certificate_label, certificate_prefix, expiring, key_label, relation,
};
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
        None => match PrivateKey::generate(&snapshot.seed) {
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
            let entry = json!([{"certificate_signing_request": request, "ca": false}]);
            let patch = [(REQUESTS.to_owned(), Some(python_json(&entry)))].into();
            desired.unit_databag(relation.id, replacing(&relation.local_unit, patch));
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
) -> Result<String, TlsError> {
    let (tls, snapshot) = (&facts.tls, facts.snapshot);
    let ending = |request: &String| {
        let label = certificate_label(snapshot, endpoint, request);
        let issued = tls.issued.as_ref();
        expiring(snapshot, &label)
            || issued.is_some_and(|issued| issued.validity.is_ending(snapshot.now))
    };
    if let Some(request) = tls.request.as_ref().filter(|request| !ending(request)) {
        return Ok(request.clone());
    }
    tls.attributes.as_ref().ok_or(TlsError::Sign)?.sign(key, &snapshot.seed)
}

/// Workers serve with the leader's key, so the leader lets them read it.
fn keep_key(facts: &Facts<'_>, key: &PrivateKey, endpoint: &EndpointName, desired: &mut Desired) {
    let snapshot = facts.snapshot;
    let shares = snapshot.leadership.proof().is_some() && facts.tls.in_hand().is_some();
    let grants = facts.cluster.apps.iter().filter(|_| shares).map(|app| app.relation).collect();
    let goal = SecretGoal::Present {
        owner: SecretOwner::Unit,
        content: SecretContent::from([("private-key".to_owned(), key.text.clone())]),
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
    let label = certificate_label(snapshot, endpoint, &issued.request);
    let text = |text: &str| SecretText::new(text.trim());
    let goal = SecretGoal::Present {
        owner: SecretOwner::Unit,
        content: SecretContent::from([
            ("certificate".to_owned(), text(&issued.certificate)),
            ("csr".to_owned(), text(&issued.request)),
        ]),
        expire: Some(issued.validity.reminder(snapshot.now)),
        grants: Default::default(),
    };
    desired.secrets.insert(label, goal);
}

/// A certificate that nears its end and has a successor in hand is dropped.
fn drop_superseded(facts: &Facts<'_>, endpoint: &EndpointName, desired: &mut Desired) {
    let Event::Secret(event) = &facts.snapshot.event else { return };
    let Some(issued) = facts.tls.issued.as_ref() else { return };
    let prefix = certificate_prefix(facts.snapshot, endpoint);
    let current = certificate_label(facts.snapshot, endpoint, &issued.request);
    if event.kind == SecretEventKind::Expired
        && let Some(label) = &event.label
        && label.as_str().starts_with(&prefix)
        && *label != current
    {
        desired.secrets.insert(label.clone(), SecretGoal::Absent);
    }
}

fn forget(snapshot: &Snapshot, endpoint: &EndpointName, desired: &mut Desired) {
    let key = key_label(snapshot, endpoint);
    let prefix = certificate_prefix(snapshot, endpoint);
    let ours = |label: &&SecretLabel| **label == key || label.as_str().starts_with(&prefix);
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
