//! Whatever a remote writes: nothing panics, and what was understood is understood again.

use indexmap::IndexMap;
use proptest::prelude::*;
use relation_lib::databag::{Databag, patched};
use relation_lib::encoding::{compact_json, parse_json, python_json, python_json_sorted, sorted};
use relation_lib::grafana_dashboard::PackedDashboard;
use relation_lib::interface::{Specification, describe, recode, specifications};
use relation_lib::prometheus_scrape::{
    ConsumerOptions, ScrapeProviderAppData, ScrapeProviderUnitData, jobs_of_all, jobs_of_relation,
    render_for_prometheus,
};
use relation_lib::tls_certificates::{
    Certificate, CertificateSigningRequest, PrivateKey, Validity,
};
use serde_json::Value;

/// Names that decoders look for, so that generated objects get past the first check.
const MEMBERS: [&str; 40] = [
    "url",
    "protocol",
    "name",
    "type",
    "groups",
    "rules",
    "alert",
    "expr",
    "labels",
    "templates",
    "content",
    "uuid",
    "juju_topology",
    "charm",
    "targets",
    "static_configs",
    "job_name",
    "relabel_configs",
    "metrics_path",
    "model",
    "model_uuid",
    "application",
    "unit",
    "charm_name",
    "certificate_signing_request",
    "certificate",
    "ca",
    "chain",
    "csr",
    "error",
    "errors",
    "code",
    "message",
    "source_namespace",
    "endpoints",
    "ports",
    "direct_url",
    "listeners",
    "port",
    "uid",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::sample::select(vec![
            "loom",
            "loom/0",
            "http",
            "grpc",
            "http://loom:80/x",
            "*:80",
            "up == 0",
            "{a=\"b\"}",
            "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11",
            "12",
            "True",
            "-----BEGIN CERTIFICATE-----",
        ])
        .prop_map(str::to_owned),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let name = prop_oneof![
            4 => proptest::sample::select(MEMBERS.to_vec()).prop_map(str::to_owned),
            1 => text(),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => json().prop_map(|value| python_json(&value)),
        1 => json().prop_map(|value| compact_json(&value)),
        1 => text(),
    ]
}

/// A databag with keys of its specification, and one more.
fn databag() -> impl Strategy<Value = (&'static Specification, Databag)> {
    proptest::sample::select(specifications().iter().collect::<Vec<_>>()).prop_flat_map(
        |specification| {
            let mut names: Vec<String> =
                specification.keys.iter().map(|key| key.name.to_owned()).collect();
            names.push("unknown".to_owned());
            let keys = proptest::sample::select(names);
            let bag = proptest::collection::btree_map(keys, value(), 0..8);
            (Just(specification), bag)
        },
    )
}

fn interface(specification: &Specification) -> String {
    match specification.interface {
        suffix @ ("_cluster" | "peers") => format!("loom{suffix}"),
        name => name.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_was_understood_is_understood_again((specification, bag) in databag()) {
        let interface = interface(specification);
        let (side, kind) = (specification.side, specification.kind);
        let _ = describe(&interface, side, kind, &bag);
        if let Some(Ok(read)) = recode(&interface, side, kind, &bag) {
            let written = patched(&Databag::new(), &read.value);
            let again = recode(&interface, side, kind, &written).unwrap().unwrap();
            prop_assert_eq!(&again.skipped, &vec![]);
            prop_assert_eq!(again.value, read.value);
        }
    }

    #[test]
    fn scrape_jobs_of_anybody_are_expanded(
        jobs in value(), metadata in value(), unit in databag(), url in text(),
    ) {
        let bag = Databag::from([
            ("scrape_jobs".to_owned(), jobs),
            ("scrape_metadata".to_owned(), metadata),
        ]);
        let app = ScrapeProviderAppData::decode(&bag).value;
        let external = ScrapeProviderUnitData::from_external_url("loom/1", &url);
        let external = patched(&Databag::new(), &external.encode());
        let units = [("loom/0", &unit.1), ("loom/1", &external)];
        let jobs = jobs_of_relation(&app, units, &ConsumerOptions::of_prometheus()).value;
        let names: std::collections::BTreeSet<_> = jobs.iter().map(|job| job.job_name()).collect();
        prop_assert_eq!(names.len(), jobs.len());
        let all = jobs_of_all([jobs.clone(), jobs.clone()]);
        prop_assert!(render_for_prometheus(all, "/etc/prometheus").scrape_configs.len() >= jobs.len());
    }

    #[test]
    fn json_survives_python(value in json()) {
        prop_assert_eq!(&parse_json(&python_json(&value)).unwrap(), &value);
        prop_assert!(python_json(&value).is_ascii());
        prop_assert_eq!(python_json_sorted(&value), python_json(&sorted(value)));
    }

    #[test]
    fn texts_that_are_no_pem_are_refused(text in text()) {
        let framed = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----");
        prop_assert!(Certificate::from_pem(&text).parse().is_err());
        prop_assert!(Certificate::from_pem(&framed).parse().is_err());
        prop_assert!(CertificateSigningRequest::from_pem(&text).parse().is_err());
        prop_assert!(PrivateKey::from_pem(&text).is_err());
    }

    #[test]
    fn renewal_is_never_in_the_past(a in any::<i64>(), b in any::<i64>(), now in any::<i32>()) {
        let now = i64::from(now);
        let validity = Validity { not_before: a, not_after: b };
        let _ = validity.is_due(now);
        prop_assert!(validity.renewal(now) >= now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn packed_texts_unpack(text in any::<String>(), at in any::<prop::sample::Index>()) {
        let packed = PackedDashboard::pack(&text);
        prop_assert_eq!(packed.unpack(), Ok(text.clone()));
        // One changed character: never a panic, and never another text.
        let mut changed = packed.as_str().to_owned();
        let at = at.index(changed.len());
        changed.replace_range(at..=at, if &changed[at..=at] == "A" { "B" } else { "A" });
        if let Ok(other) = PackedDashboard::from_wire(changed).unpack() {
            prop_assert_eq!(other, text);
        }
    }

    #[test]
    fn bytes_that_are_no_archive_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text: String = bytes.iter().map(|byte| char::from(byte % 64 + 48)).collect();
        let _ = PackedDashboard::from_wire(text).unpack();
    }
}

#[test]
fn order_of_endpoints_is_kept() {
    let endpoints: IndexMap<String, String> =
        ["logs/10", "logs/2"].map(|unit| (unit.to_owned(), "u".to_owned())).into();
    assert_eq!(python_json(&endpoints), r#"{"logs/10": "u", "logs/2": "u"}"#);
}
