//! Every databag that the Python charms were recorded to write decodes and encodes back to the
//! recorded bytes.

#![expect(clippy::unwrap_used, reason = "a fixture that is not as expected fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use relation_lib::databag::{Databag, patched};
use relation_lib::grafana_dashboard;
use relation_lib::interface::{DatabagKind, Side, describe, recode};
use relation_lib::tls_certificates::TlsRequirerData;
use relation_lib::topology::JujuTopology;
use serde_json::{Value, json};

/// One databag of a case.
struct Recorded {
    place: String,
    interface: String,
    side: Side,
    kind: DatabagKind,
    bag: Databag,
}

fn cases() -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/conformance/cases");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the fixtures are part of the repository")
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
        .into_iter()
        .map(|path| {
            let case = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            (path, case)
        })
        .collect()
}

fn bag(value: &Value) -> Databag {
    serde_json::from_value(value.clone()).unwrap()
}

/// Interface and side of every endpoint that the charm of a case declares.
fn endpoints(case: &Value) -> BTreeMap<String, (String, Side)> {
    let mut endpoints = BTreeMap::new();
    for (list, side) in
        [("provides", Side::Provider), ("requires", Side::Requirer), ("peers", Side::Peer)]
    {
        for (name, endpoint) in case["input"]["charm"][list].as_object().unwrap() {
            let interface = endpoint["interface"].as_str().unwrap().to_owned();
            endpoints.insert(name.clone(), (interface, side));
        }
    }
    endpoints
}

fn other(side: Side) -> Side {
    match side {
        Side::Provider => Side::Requirer,
        Side::Requirer => Side::Provider,
        Side::Peer => Side::Peer,
    }
}

/// What the reference wrote, and (`of_others`) what it was given to read.
fn recorded(of_others: &mut Vec<Recorded>) -> Vec<Recorded> {
    let mut written = Vec::new();
    for (path, case) in cases() {
        let endpoints = endpoints(&case);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let locals =
            [("local_app_data", DatabagKind::Application), ("local_unit_data", DatabagKind::Unit)];
        for part in ["relations", "peers"] {
            for relation in case["expected"][part].as_array().into_iter().flatten() {
                let (interface, side) = &endpoints[relation["endpoint"].as_str().unwrap()];
                for (member, kind) in locals {
                    let place = format!("{name} {} {member}", relation["id"]);
                    let bag = bag(&relation[member]);
                    let (interface, side) = (interface.clone(), *side);
                    written.push(Recorded { place, interface, side, kind, bag });
                }
            }
            for relation in case["input"][part].as_array().into_iter().flatten() {
                let (interface, side) = &endpoints[relation["endpoint"].as_str().unwrap()];
                let mut read = |member: &str, value: &Value, side, kind| {
                    let place = format!("{name} {} {member}", relation["id"]);
                    let (interface, bag) = (interface.clone(), bag(value));
                    of_others.push(Recorded { place, interface, side, kind, bag });
                };
                for (member, kind) in locals {
                    read(member, &relation[member], *side, kind);
                }
                if let Some(data) = relation.get("remote_app_data") {
                    read("remote_app_data", data, other(*side), DatabagKind::Application);
                }
                for member in ["remote_units", "units"] {
                    for (unit, data) in
                        relation.get(member).and_then(Value::as_object).into_iter().flatten()
                    {
                        read(unit, data, other(*side), DatabagKind::Unit);
                    }
                }
            }
        }
    }
    written
}

/// The keys of a databag that its specification knows.
fn known(recorded: &Recorded) -> Option<Databag> {
    let description = describe(&recorded.interface, recorded.side, recorded.kind, &recorded.bag);
    let keys = description.specification?.keys;
    let known = |name: &str| keys.iter().any(|key| key.name == name);
    Some(
        recorded
            .bag
            .iter()
            .filter(|(name, _)| known(name))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    )
}

#[test]
fn what_the_reference_wrote_is_written_to_the_byte() {
    let mut compared = 0;
    for recorded in recorded(&mut Vec::new()) {
        let Some(expected) = known(&recorded).filter(|bag| !bag.is_empty()) else { continue };
        let read = recode(&recorded.interface, recorded.side, recorded.kind, &recorded.bag);
        let read = read.unwrap().unwrap_or_else(|error| panic!("{}: {error}", recorded.place));
        assert_eq!(read.skipped, [], "{}", recorded.place);
        assert_eq!(patched(&Databag::new(), &read.value), expected, "{}", recorded.place);
        compared += expected.len();
    }
    assert!(compared > 500, "only {compared} values were compared");
}

#[test]
fn what_the_reference_read_is_read_or_named() {
    let mut read_from = Vec::new();
    recorded(&mut read_from);
    let mut exact = 0;
    for recorded in read_from {
        let Some(expected) = known(&recorded).filter(|bag| !bag.is_empty()) else { continue };
        let Some(Ok(read)) =
            recode(&recorded.interface, recorded.side, recorded.kind, &recorded.bag)
        else {
            // What can't be read at all is told to people.
            let told = describe(&recorded.interface, recorded.side, recorded.kind, &recorded.bag);
            assert_ne!(told.findings, [], "{}", recorded.place);
            continue;
        };
        let written = patched(&Databag::new(), &read.value);
        for (key, text) in &expected {
            if written.get(key) == Some(text) {
                exact += 1;
                continue;
            }
            // Others write with members, blanks and quotes of their own, and nonsense. What was
            // understood must be the same when it is read again, and what was not be named.
            let skipped = read.skipped.iter().any(|skipped| skipped.key == *key);
            let again = recode(&recorded.interface, recorded.side, recorded.kind, &written);
            let again = again.unwrap().unwrap();
            assert!(
                skipped || again.value.get(key) == read.value.get(key),
                "{}: `{key}`",
                recorded.place
            );
            assert!(skipped || again.skipped.is_empty(), "{}: `{key}`", recorded.place);
        }
    }
    assert!(exact > 500, "only {exact} values came back to the byte");
}

#[test]
fn private_keys_and_store_keys_are_never_shown() {
    let mut databags = Vec::new();
    let written = recorded(&mut databags);
    databags.extend(written);
    for recorded in databags {
        let told = describe(&recorded.interface, recorded.side, recorded.kind, &recorded.bag);
        let shown = format!("{} {:?}", Value::Object(told.value), told.findings);
        for key in ["secret-key", "access-key"] {
            if let Some(secret) = recorded.bag.get(key) {
                assert!(!shown.contains(&format!("\"{secret}\"")), "{}", recorded.place);
            }
        }
        assert!(!shown.contains("PRIVATE KEY"), "{}", recorded.place);
    }
}

#[test]
fn dashboards_of_a_charm_are_packed_to_the_byte() {
    let mut compared = 0;
    for (path, case) in cases() {
        let input = &case["input"];
        let Some(recorded) = case["expected"]["relations"]
            .as_array()
            .into_iter()
            .flatten()
            .find_map(|relation| relation["local_app_data"].get("dashboards")?.as_str())
        else {
            continue;
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let topology = JujuTopology::new(
            text(&input["model"]["name"]),
            text(&input["model"]["uuid"]).parse().unwrap(),
            text(&input["app"]).parse().unwrap(),
        )
        .with_unit(text(&input["unit"]).parse().unwrap());
        let files = input["charm"]["files"].as_object().unwrap();
        let files = files
            .iter()
            .filter(|(path, _)| path.starts_with(grafana_dashboard::FOLDER))
            .map(|(path, text)| (path.as_str(), text.as_str().unwrap()));
        let charm = text(&input["charm"]["name"]);
        let (templates, _) = grafana_dashboard::templates_of_files(&charm, &topology, files);
        let recorded: Value = serde_json::from_str(recorded).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        assert_eq!(serde_json::to_value(templates).unwrap(), recorded["templates"], "{name}");
        compared += 1;
    }
    assert!(compared > 0);
}

#[test]
fn certificate_requests_say_what_was_recorded() {
    let mut compared = 0;
    for (path, case) in cases() {
        for relation in case["expected"]["relations"].as_array().into_iter().flatten() {
            let decoded = &relation["decoded"]["local_unit_data"]["certificate_signing_requests"];
            let Some(decoded) = decoded.as_array() else { continue };
            let data = TlsRequirerData::decode(&bag(&relation["local_unit_data"])).value;
            assert_eq!(data.certificate_signing_requests.len(), decoded.len());
            for ((request, entry), expected) in
                data.requests().zip(&data.certificate_signing_requests).zip(decoded)
            {
                let attributes = request.parse().unwrap().attributes;
                let said = json!({
                    "common_name": attributes.common_name,
                    "sans_dns": attributes.sans_dns,
                    "sans_ip": attributes.sans_ip,
                    "has_unique_identifier": attributes.has_unique_identifier,
                    "ca": entry.ca,
                });
                assert_eq!(&said, expected, "{}", path.display());
                compared += 1;
            }
        }
    }
    assert!(compared > 0);
}
