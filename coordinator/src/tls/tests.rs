use charm::desired::SecretGoal;
use charm::event::{Event, RelationEventKind, SecretEvent, SecretEventKind};
use charm::names::RelationId;
use charm::snapshot::{Seed, Snapshot};
use charm::testing::{RelationBuilder, SnapshotBuilder};
use relation_lib::encoding::python_json;
use relation_lib::tls_certificates::{
    Authority, CertificateSigningRequest, PrivateKey, Purpose, Validity,
};
use serde_json::json;

use super::{decide, label_of_certificate};
use crate::coherence::Deployment;
use crate::facts::Facts;
use crate::solution::Solution;

const SOLUTION: &str = "\
roles: [all]
minimal_deployment: [all]
endpoints: {cluster: tally-cluster, certificates: certificates}
peer_endpoint: peers
worker_metrics_port: 9400
workers_config: ''
nginx: {server_name: tally}
";
const DAY: i64 = 86_400;

fn solution() -> Solution {
    Solution::parse("solution.yaml", SOLUTION).expect("valid")
}

fn unit() -> SnapshotBuilder {
    Snapshot::for_test("tally/0").leader().fqdn("tally-0.tally")
}

fn worker(number: u32) -> RelationBuilder {
    let unit = format!("w{number}/0");
    let topology =
        format!(r#"{{"application": "w{number}", "unit": "{unit}", "charm_name": "w"}}"#);
    let address = format!("\"w{number}-0\"");
    RelationBuilder::new("tally-cluster", number, &format!("w{number}"))
        .remote_app([("role", "\"all\"")])
        .remote_unit(&unit, [("juju_topology", topology.as_str()), ("address", address.as_str())])
}

/// The key and the request that a unit with one worker comes up with.
fn asked() -> (String, CertificateSigningRequest) {
    let solution = solution();
    let snapshot = unit()
        .relation(worker(1))
        .relation(RelationBuilder::new("certificates", 9, "seal"))
        .build();
    let facts = Facts::read(&solution, &snapshot);
    let mut desired = Default::default();
    decide(&facts, Deployment::Working, &mut desired);
    let Some(SecretGoal::Present { content, .. }) = desired.secrets.values().next() else {
        unreachable!("the key is kept");
    };
    let bag = &desired.unit_databags()[&RelationId(9)];
    let text = bag["certificate_signing_requests"].as_deref().expect("a request");
    let entries: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let request = entries[0]["certificate_signing_request"].as_str().expect("a text");
    (content["private-key"].reveal().to_owned(), CertificateSigningRequest::from_pem(request))
}

/// A unit whose request was answered, certificate valid for the given number of days from now on.
fn answered(days: u32) -> (SnapshotBuilder, String) {
    let (key, request) = asked();
    let start = super::now(&unit().build());
    let authority = Authority::self_signed(
        "seal",
        PrivateKey::generate([9; 32]).expect("a key"),
        Validity::of_days(start - 100 * DAY, 1000),
    );
    let authority = authority.expect("an authority");
    let validity =
        Validity { not_before: start - 100 * DAY, not_after: start + i64::from(days) * DAY };
    let certificate = authority.issue(&request, Purpose::Leaf, validity).expect("a certificate");
    let answer = python_json(&json!([{
        "ca": authority.certificate().as_str(),
        "certificate_signing_request": request.as_str(),
        "certificate": certificate.as_str(),
    }]));
    let requests = python_json(&json!([
        {"certificate_signing_request": request.as_str(), "ca": false}
    ]));
    let relation = RelationBuilder::new("certificates", 9, "seal")
        .local_unit([("certificate_signing_requests", requests.as_str())])
        .remote_app([("certificates", answer.as_str())]);
    let label = super::key_label(&unit().build(), &"certificates".parse().expect("a name"));
    let builder = unit().relation(relation).owned_secret(
        label.as_str(),
        "secret:key",
        [("private-key", key.as_str())],
    );
    (builder, request.as_str().to_owned())
}

/// The requests that the unit ends up with, and whether a certificate serves.
fn outcome(snapshot: &Snapshot) -> (String, bool) {
    // A later dispatch than the one that asked first.
    let snapshot = Snapshot { seed: Seed([8; 32]), ..snapshot.clone() };
    let solution = solution();
    let facts = Facts::read(&solution, &snapshot);
    let mut desired = Default::default();
    decide(&facts, Deployment::Working, &mut desired);
    let bag = &desired.unit_databags()[&RelationId(9)];
    let text = bag["certificate_signing_requests"].clone().expect("a request");
    (text, facts.tls.in_hand().is_some())
}

fn holds(requests: &str, request: &str) -> bool {
    requests.contains(&request.replace('\n', "\\n"))
}

#[test]
fn a_certificate_that_holds_serves_and_nothing_new_is_asked_for() {
    let (builder, request) = answered(900);
    let (requests, serves) = outcome(&builder.relation(worker(1)).build());
    assert!(serves);
    assert!(holds(&requests, &request));
}

#[test]
fn with_another_worker_the_certificate_in_hand_serves_until_the_new_one_is_there() {
    let (builder, request) = answered(900);
    let (requests, serves) = outcome(&builder.relation(worker(1)).relation(worker(2)).build());
    assert!(serves, "the old one serves on");
    assert!(!holds(&requests, &request), "a new one is asked for");
}

#[test]
fn a_certificate_near_its_end_is_renewed_and_serves_on() {
    let (builder, request) = answered(1);
    let (requests, serves) = outcome(&builder.relation(worker(1)).build());
    assert!(serves);
    assert!(!holds(&requests, &request));
}

#[test]
fn a_reminder_of_the_secret_renews_as_well() {
    let (builder, request) = answered(900);
    let endpoint = "certificates".parse().expect("a name");
    let csr = CertificateSigningRequest::from_pem(&request);
    let label = label_of_certificate(&unit().build(), &endpoint, &csr);
    let event = SecretEvent {
        kind: SecretEventKind::Expired,
        id: "secret:cert".parse().expect("an id"),
        label: Some(label),
        revision: Some(1),
    };
    let snapshot = builder.relation(worker(1)).event(Event::Secret(event)).build();
    let (requests, serves) = outcome(&snapshot);
    assert!(serves);
    assert!(!holds(&requests, &request));
}

#[test]
fn a_certificate_that_is_over_serves_no_longer() {
    let (builder, _) = answered(0);
    let mut snapshot = builder.relation(worker(1)).build();
    snapshot.now += std::time::Duration::from_secs(60);
    assert!(!outcome(&snapshot).1);
}

#[test]
fn without_the_providers_answer_the_kept_certificate_serves() {
    let (builder, request) = answered(900);
    let mut snapshot = builder.relation(worker(1)).relation(worker(2)).build();
    let relation = snapshot.relations.iter_mut().find(|r| r.id == RelationId(9)).expect("there");
    let answers = relation.remote_app_data.remove("certificates").expect("an answer");
    let answers: serde_json::Value = serde_json::from_str(&answers).expect("JSON");
    let text = |key: &str| answers[0][key].as_str().expect("a text").to_owned();
    assert!(!outcome(&snapshot).1, "nothing is left");
    let endpoint = "certificates".parse().expect("a name");
    let csr = CertificateSigningRequest::from_pem(&request);
    let kept = charm::snapshot::OwnedSecret {
        id: "secret:cert".parse().expect("an id"),
        content: charm::testing::secret_content([
            ("certificate", &text("certificate")),
            ("csr", &request),
        ]),
        grants: Default::default(),
    };
    snapshot.owned_secrets.insert(label_of_certificate(&snapshot, &endpoint, &csr), kept);
    snapshot.host_files.insert(crate::nginx::CA.into(), Some(text("ca").into_bytes()));
    assert!(outcome(&snapshot).1, "our secret keeps it");
}

#[test]
fn when_the_relation_goes_key_and_certificates_are_forgotten() {
    let solution = solution();
    let endpoint = "certificates".parse().expect("a name");
    let label = super::key_label(&unit().build(), &endpoint);
    let snapshot = unit()
        .relation_event(RelationEventKind::Broken, "certificates", 9)
        .owned_secret(label.as_str(), "secret:key", [("private-key", "x")])
        .owned_secret("somebody-elses", "secret:other", [("token", "x")])
        .build();
    let facts = Facts::read(&solution, &snapshot);
    let mut desired = Default::default();
    decide(&facts, Deployment::Blocked, &mut desired);
    assert_eq!(desired.secrets, [(label, SecretGoal::Absent)].into());
}

#[test]
fn the_key_follows_from_the_seed() {
    assert_eq!(asked().0, asked().0);
    let key = asked().0;
    assert!(key.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
}
