//! The secrets to look at.

use charm::event::{Event, RelationEventKind};
use charm::needs::SecretNeed;
use charm::snapshot::Snapshot;

use super::{
    answers, answers_to, is_of_certificate, key_label, label_of_certificate, relation, requests,
};
use crate::problem::Problems;
use crate::solution::Solution;

/// The secrets to look at, given what was read so far.
///
/// While what we ask for is answered, that is the key and the certificate; else also what is left
/// of earlier certificates. When the relation goes, the labels of all.
pub fn needs(solution: &Solution, seen: &Snapshot) -> Vec<SecretNeed> {
    let Some(endpoint) = solution.endpoints.certificates.as_ref() else {
        return Vec::new();
    };
    let is_going = matches!(&seen.event, Event::Relation(event)
        if event.kind == RelationEventKind::Broken && event.endpoint == *endpoint);
    let Some((_, relation)) = relation(solution, seen) else {
        return if is_going { vec![SecretNeed::Listing] } else { Vec::new() };
    };
    let requests = requests(relation);
    let answers = answers(relation, &requests, &mut Problems::default());
    let mut needs = vec![SecretNeed::Owned(key_label(seen, endpoint))];
    for request in &requests {
        needs.push(SecretNeed::Owned(label_of_certificate(seen, endpoint, request)));
    }
    let is_answered =
        requests.iter().any(|request| answers.iter().any(|answer| answers_to(answer, request)));
    if !is_answered && !requests.is_empty() {
        needs.push(SecretNeed::Listing);
        let labels = seen.secret_listing.values().flatten();
        let kept = labels.filter(|label| is_of_certificate(seen, endpoint, label));
        needs.extend(kept.cloned().map(SecretNeed::Owned));
    }
    needs
}
