//! self-signed-certificates: an authority that signs whatever it is asked to.
//!
//! | endpoint | what is read | what is written |
//! |---|---|---|
//! | `certificates` | signing requests, of units and applications | certificates by the root |
//!
//! The root is kept in a secret of the application. When the option with its name changes, another
//! one takes its place: what the old one signed is revoked at once, and signed by the new one when
//! the charm is woken next.

use charm::Charm;
use charm::desired::{Desired, SecretGoal, SecretOwner};
use charm::names::SecretLabel;
use charm::needs::{Bag, ConfigNeed, Needs, SecretNeed};
use charm::secret::{SecretContent, SecretText};
use charm::snapshot::{Relation, Snapshot};
use charm::status::Status;
use relation_lib::tls_certificates::{
    Authority, Certificate, CertificateSigningRequest, PrivateKey, ProviderCertificate, Purpose,
    TlsError, TlsProviderAppData, TlsRequirerData, Validity,
};
use serde_json::Value;

use crate::names;

/// Label of the secret with the root, and its keys.
const ROOT: &str = "active-ca-certificates";
const CERTIFICATE: &str = "ca-certificate";
const KEY: &str = "private-key";
/// Requests of one relation that are answered in one dispatch.
const AT_ONCE: usize = 99;

/// The charm `self-signed-certificates`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SelfSignedCertificates;

impl Charm for SelfSignedCertificates {
    fn needs(&self, seen: &Snapshot) -> Needs {
        let bags = [Bag::LocalApp, Bag::RemoteApp, Bag::RemoteUnits].into();
        let mut needs = Needs {
            config: [ConfigNeed::Options].into(),
            endpoints: [(names::endpoint("certificates"), bags)].into(),
            ..Needs::default()
        };
        if seen.leadership.proof().is_some() {
            needs.secrets.insert(SecretNeed::Owned(label()));
        }
        needs
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        desired.unit_statuses.push(Status::active(""));
        if let Err(error) = certify(snapshot, &mut desired) {
            desired.problem("the root", error.to_string());
            desired.unit_statuses.push(Status::blocked(format!("[root] {error}")));
        }
        desired
    }
}

fn certify(snapshot: &Snapshot, desired: &mut Desired) -> Result<(), TlsError> {
    let Some(leader) = snapshot.leadership.proof() else { return Ok(()) };
    let days = |option, usual| days(snapshot, option).unwrap_or(usual);
    let now = seconds(snapshot);
    let stored = stored_root(snapshot);
    let name = option(snapshot, "ca-common-name").unwrap_or(snapshot.metadata.name.as_str());
    let (root, standing) = match stored {
        Some(root) if root.certificate().parse()?.attributes.common_name == name => {
            (root, Standing::Kept)
        }
        _ => {
            let validity = Validity::of_days(now, days("root-ca-validity", 365));
            let key = PrivateKey::generate(snapshot.seed.0)?;
            (Authority::self_signed(name, key, validity)?, Standing::New)
        }
    };
    let content = SecretContent::from([
        (CERTIFICATE.to_owned(), SecretText::new(root.certificate().as_str())),
        (KEY.to_owned(), SecretText::new(root.key().to_pem())),
    ]);
    let goal = SecretGoal::Present {
        owner: SecretOwner::Application(*leader),
        content,
        expire: None,
        grants: Default::default(),
    };
    desired.secrets.insert(label(), goal);
    let validity = Validity::of_days(now, days("certificate-validity", 90));
    for relation in snapshot.relations_of(&names::endpoint("certificates")) {
        let (answer, problems) = answer(relation, &root, standing, validity);
        for problem in problems {
            desired.problem(format!("relation `{}:{}`", relation.endpoint, relation.id), problem);
        }
        desired.app_databag(leader, relation.id, answer.encode());
    }
    Ok(())
}

/// Whether the root is the one that signed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Kept,
    New,
}

/// What a relation is told: every request is answered once; answers to requests that are gone go.
fn answer(
    relation: &Relation,
    root: &Authority,
    standing: Standing,
    validity: Validity,
) -> (TlsProviderAppData, Vec<String>) {
    let before = relation.local_app.as_ref().map(TlsProviderAppData::decode);
    let before = before.map(|before| before.value.certificates).unwrap_or_default();
    let mut certificates = Vec::new();
    let mut problems = Vec::new();
    let mut signed = 0;
    for request in requests(relation) {
        let known = before.iter().find(|known| {
            CertificateSigningRequest::from_pem(&known.certificate_signing_request) == request
        });
        match (known, standing) {
            (Some(known), Standing::New) => {
                certificates.push(ProviderCertificate { revoked: Some(true), ..known.clone() });
            }
            (Some(known), Standing::Kept) if known.revoked != Some(true) => {
                certificates.push(known.clone());
            }
            _ if signed == AT_ONCE => {}
            _ => match root.issue(&request, Purpose::Leaf, validity) {
                Ok(leaf) => {
                    signed += 1;
                    certificates.push(entry(&request, &leaf, root));
                }
                Err(error) => problems.push(error.to_string()),
            },
        }
    }
    (TlsProviderAppData { certificates, ..TlsProviderAppData::default() }, problems)
}

fn entry(
    request: &CertificateSigningRequest,
    leaf: &Certificate,
    root: &Authority,
) -> ProviderCertificate {
    let root = root.certificate().to_string();
    ProviderCertificate {
        ca: root.clone(),
        certificate_signing_request: request.to_string(),
        certificate: leaf.to_string(),
        chain: Some(vec![leaf.to_string(), root]),
        revoked: None,
    }
}

/// The requests of a relation: the application's, then those of units by name.
fn requests(relation: &Relation) -> Vec<CertificateSigningRequest> {
    let bags = [&relation.remote_app_data].into_iter().chain(relation.remote_units.values());
    let mut requests: Vec<CertificateSigningRequest> = Vec::new();
    for request in
        bags.flat_map(|bag| TlsRequirerData::decode(bag).value.requests().collect::<Vec<_>>())
    {
        if !requests.contains(&request) {
            requests.push(request);
        }
    }
    requests
}

fn stored_root(snapshot: &Snapshot) -> Option<Authority> {
    let content = &snapshot.owned_secrets.get(&label())?.content;
    let certificate = Certificate::from_pem(content.get(CERTIFICATE)?.reveal());
    let key = PrivateKey::from_pem(content.get(KEY)?.reveal()).ok()?;
    let is_valid =
        certificate.parse().is_ok_and(|parsed| parsed.validity.contains(seconds(snapshot)));
    Authority::from_parts(certificate, key).ok().filter(|_| is_valid)
}

fn label() -> SecretLabel {
    ROOT.parse().expect("the names in the code are valid ones")
}

fn option<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a str> {
    snapshot.config.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A time as the published charm's options have it, `90d`.
fn days(snapshot: &Snapshot, name: &str) -> Option<u32> {
    option(snapshot, name)?.trim_end_matches('d').parse().ok()
}

fn seconds(snapshot: &Snapshot) -> i64 {
    let since = snapshot.now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::names::RelationId;
    use charm::testing::{RelationBuilder, SnapshotBuilder};
    use relation_lib::databag::{Databag, patched};
    use relation_lib::tls_certificates::RequestAttributes;

    fn request(unit: &str) -> CertificateSigningRequest {
        let key = PrivateKey::generate([5; 32]).expect("a key");
        RequestAttributes::of_server(unit, [unit]).sign(&key, "u").expect("a request")
    }

    fn bag_of(requests: &[CertificateSigningRequest]) -> Databag {
        patched(&Databag::new(), &TlsRequirerData::of_requests(requests.to_vec()).encode())
    }

    fn unit(root: Option<&SecretContent>) -> SnapshotBuilder {
        let builder = Snapshot::for_test("seal/0").leader().charm("self-signed-certificates");
        match root {
            None => builder,
            Some(root) => builder.owned_secret(
                ROOT,
                "secret:d2b5v8q4m6s7c1n0p3rg",
                [(CERTIFICATE, root[CERTIFICATE].reveal()), (KEY, root[KEY].reveal())],
            ),
        }
    }

    fn root_of(desired: &Desired) -> SecretContent {
        let Some(SecretGoal::Present { content, .. }) = desired.secrets.get(&label()) else {
            unreachable!("a root is kept");
        };
        content.clone()
    }

    fn told(desired: &Desired) -> TlsProviderAppData {
        let patch = &desired.app_databags()[&RelationId(5)];
        TlsProviderAppData::decode(&patched(&Databag::new(), patch)).value
    }

    fn asking(
        requests: &[CertificateSigningRequest],
        told: &TlsProviderAppData,
    ) -> RelationBuilder {
        let before = patched(&Databag::new(), &told.encode());
        let before = before.get("certificates").cloned().unwrap_or_default();
        let asked = bag_of(requests)["certificate_signing_requests"].clone();
        RelationBuilder::new("certificates", 5, "loom")
            .local_app([("certificates", before.as_str())])
            .remote_unit("loom/0", [("certificate_signing_requests", asked.as_str())])
    }

    #[test]
    fn requests_are_answered_once_and_by_the_root() {
        let (one, other) = (request("loom-0"), request("loom-1"));
        let both = asking(&[one.clone(), other.clone()], &TlsProviderAppData::default());
        let first = SelfSignedCertificates.reconcile(&unit(None).relation(both).build());
        let root = root_of(&first);
        let answers = told(&first);
        assert_eq!(answers.certificates.len(), 2);
        for answer in &answers.certificates {
            assert_eq!(answer.ca, root[CERTIFICATE].reveal());
            assert_eq!(answer.chain, Some(vec![answer.certificate.clone(), answer.ca.clone()]));
            assert_eq!(answer.revoked, None);
        }
        let issued = Certificate::from_pem(&answers.certificates[0].certificate);
        assert_eq!(issued.parse().expect("valid").issuer, "CN=self-signed-certificates");

        let again = unit(Some(&root)).relation(asking(&[one.clone(), other], &answers)).build();
        assert_eq!(told(&SelfSignedCertificates.reconcile(&again)), answers);
        let less = unit(Some(&root)).relation(asking(&[one], &answers)).build();
        assert_eq!(
            told(&SelfSignedCertificates.reconcile(&less)).certificates,
            answers.certificates[..1]
        );
    }

    #[test]
    fn another_name_of_the_root_revokes_and_signs_anew_later() {
        let one = request("loom-0");
        let asked = asking(std::slice::from_ref(&one), &TlsProviderAppData::default());
        let first = SelfSignedCertificates.reconcile(&unit(None).relation(asked).build());
        let (root, answers) = (root_of(&first), told(&first));

        let renamed = unit(Some(&root)).config("ca-common-name", "wax");
        let relation = asking(std::slice::from_ref(&one), &answers);
        let revoked = SelfSignedCertificates.reconcile(&renamed.relation(relation).build());
        let (root, answers) = (root_of(&revoked), told(&revoked));
        assert_eq!(answers.certificates[0].revoked, Some(true));

        let renamed = unit(Some(&root)).config("ca-common-name", "wax");
        let relation = asking(std::slice::from_ref(&one), &answers);
        let signed = told(&SelfSignedCertificates.reconcile(&renamed.relation(relation).build()));
        assert_eq!(signed.certificates[0].revoked, None);
        let issued = Certificate::from_pem(&signed.certificates[0].certificate);
        assert_eq!(issued.parse().expect("valid").issuer, "CN=wax");
    }
}
