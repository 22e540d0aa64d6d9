//! A second dispatch over an unchanged model asks for nothing new.

use charm::Charm;
use charm::databag::{Databag, DatabagPatch};
use charm::desired::Desired;
use charm::snapshot::{ContainerState, Snapshot};
use charm::testing::{RelationBuilder, SnapshotBuilder};
use cos::CosCharm;
use relation_lib::tls_certificates::{
    Authority, PrivateKey, RequestAttributes, TlsRequirerData, Validity,
};

const TOPOLOGY: &str = r#"{"model": "stage", "model_uuid": "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11", "application": "loom", "unit": "loom/0", "charm_name": "loom-k8s"}"#;
const BAD_RULES: &str = r#"{"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up >"}]}]}"#;

const SOURCE: &str = r#"{"model": "stage", "model_uuid": "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11", "application": "loom", "type": "loom", "extra_fields": null, "secure_extra_fields": null}"#;

/// What the secret of an authority named `seal` holds.
fn authority() -> [(&'static str, String); 2] {
    let key = PrivateKey::generate([3; 32]).expect("a key");
    let validity = Validity::of_days(1_767_225_600, 365);
    let root = Authority::self_signed("seal", key, validity).expect("a root");
    [("ca-certificate", root.certificate().to_string()), ("private-key", root.key().to_pem())]
}

/// What the databag of a unit that asks for a certificate holds.
fn request() -> String {
    let key = PrivateKey::generate([4; 32]).expect("a key");
    let request = RequestAttributes::of_server("loom", ["loom"]).sign(&key, "u").expect("signed");
    let patch = TlsRequirerData::of_requests([request]).encode();
    patch["certificate_signing_requests"].clone().unwrap_or_default()
}

fn leader(unit: &str) -> SnapshotBuilder {
    Snapshot::for_test(unit).leader()
}

fn snapshot(charm: CosCharm) -> Snapshot {
    match charm {
        CosCharm::Prometheus => leader("press/0")
            .container("prometheus", ContainerState::default())
            .relation(
                RelationBuilder::new("metrics-endpoint", 5, "loom")
                    .remote_app([("scrape_metadata", TOPOLOGY), ("alert_rules", BAD_RULES)]),
            )
            .relation(RelationBuilder::new("receive-remote-write", 6, "scout"))
            .build(),
        CosCharm::Loki => leader("attic/0")
            .container("loki", ContainerState::default())
            .relation(
                RelationBuilder::new("logging", 5, "loom")
                    .remote_app([("metadata", TOPOLOGY), ("alert_rules", BAD_RULES)]),
            )
            .build(),
        CosCharm::Tempo => leader("trail/0")
            .container("tempo", ContainerState::default())
            .relation(RelationBuilder::new("tracing", 5, "loom"))
            .build(),
        CosCharm::S3Integrator => leader("blob/0")
            .config("endpoint", "http://blob")
            .config("access-key", "AK")
            .config("secret-key", "SK")
            .relation(
                RelationBuilder::new("s3-credentials", 5, "loom")
                    .remote_app([("bucket", "relation-5")]),
            )
            .build(),
        CosCharm::SelfSignedCertificates => leader("seal/0")
            .owned_secret(
                "active-ca-certificates",
                "secret:d2b5v8q4m6s7c1n0p3rg",
                authority().each_ref().map(|(key, text)| (*key, text.as_str())),
            )
            .charm("seal")
            .relation(
                RelationBuilder::new("certificates", 5, "loom")
                    .remote_unit("loom/0", [("certificate_signing_requests", request().as_str())]),
            )
            .build(),
        CosCharm::Traefik => leader("gate/0")
            .container("traefik", ContainerState::default())
            .config("external_hostname", "edge.example")
            .relation(RelationBuilder::new("traefik-route", 5, "loom"))
            .build(),
        CosCharm::Catalogue => leader("shelf/0")
            .container("catalogue", ContainerState::default())
            .relation(RelationBuilder::new("catalogue", 5, "loom").remote_app([("name", "Loom")]))
            .build(),
        CosCharm::Grafana => leader("glass/0")
            .container("grafana", ContainerState::default())
            .relation(
                RelationBuilder::new("grafana-source", 5, "loom")
                    .remote_app([("grafana_source_data", SOURCE)]),
            )
            .build(),
    }
}

fn patch(bag: &mut Databag, patch: Option<&DatabagPatch>) {
    for (key, value) in patch.into_iter().flatten() {
        match value {
            Some(value) => bag.insert(key.clone(), value.clone()),
            None => bag.remove(key),
        };
    }
}

/// The snapshot after what is desired was written.
fn written(mut snapshot: Snapshot, desired: &Desired) -> Snapshot {
    for relation in &mut snapshot.relations {
        patch(&mut relation.local_unit, desired.unit_databags().get(&relation.id));
        let local_app = relation.local_app.get_or_insert_default();
        patch(local_app, desired.app_databags().get(&relation.id));
    }
    for (key, value) in &desired.state {
        if let Some(value) = value {
            snapshot.state.insert(key.clone(), value.clone());
        }
    }
    snapshot
}

#[test]
fn nothing_is_left_to_write() {
    for charm in CosCharm::ALL {
        let first = snapshot(charm);
        let desired = charm.reconcile(&first);
        // A catalogue only reads.
        let speaks = charm != CosCharm::Catalogue;
        assert_eq!(!desired.app_databags().is_empty(), speaks, "{}", charm.name());
        let second = written(first, &desired);
        let again = charm.reconcile(&second);
        let third = written(second.clone(), &again);
        assert_eq!(third.relations, second.relations, "{}", charm.name());
        assert!(again.state.is_empty(), "{}", charm.name());
        assert_eq!(again.unit_statuses, desired.unit_statuses, "{}", charm.name());
    }
}

#[test]
fn every_charm_is_found_by_its_name() {
    for charm in CosCharm::ALL {
        assert_eq!(CosCharm::named(charm.name()), Some(charm));
    }
    assert_eq!(CosCharm::named("mimir-coordinator-k8s"), None);
}
