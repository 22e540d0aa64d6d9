use charm::snapshot::Seed;

use super::certificate::{pem_of_der, same_pem};
use super::key::PrivateKey;
use super::request::Attributes;

fn attributes(names: &[&str]) -> Attributes {
    Attributes {
        common_name: "tally".to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn a_request_says_what_it_asks_for_and_for_which_key() {
    let key = PrivateKey::generate(&Seed([1; 32])).expect("a key");
    let text = key.text.reveal();
    assert!(text.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"), "PKCS#1");
    assert!(text.ends_with("-----END RSA PRIVATE KEY-----"), "no line break at the end");
    let wanted = attributes(&["tally-0.tally", "tally.stage.svc"]);
    let request = wanted.sign(&key, &Seed([1; 32])).expect("a request");
    assert!(request.lines().all(|line| line.len() <= 64));
    assert!(wanted.are_those_of(&request, &key));
    assert!(!attributes(&["tally-0.tally"]).are_those_of(&request, &key));
    let other = PrivateKey::generate(&Seed([2; 32])).expect("another key");
    assert!(!wanted.are_those_of(&request, &other));
    let again = PrivateKey::read(&key.text).expect("what was written");
    assert!(wanted.are_those_of(&request, &again));
    assert_ne!(wanted.sign(&key, &Seed([3; 32])).expect("a request"), request);
}

#[test]
fn requests_of_nobody_are_nobodys() {
    let key = PrivateKey::generate(&Seed([1; 32])).expect("a key");
    for junk in ["", "junk", &pem_of_der("CERTIFICATE REQUEST", b"junk")] {
        assert!(!attributes(&[]).are_those_of(junk, &key));
    }
}

#[test]
fn line_breaks_do_not_make_another_pem() {
    assert!(same_pem(
        "-----BEGIN X-----\nAA\n-----END X-----\n",
        "-----BEGIN X-----\r\nAA\r\n-----END X-----"
    ));
    assert!(!same_pem("-----BEGIN X-----\nAA", "-----BEGIN X-----\nAB"));
}
