//! s3-integrator: hands the connection to an object store to whoever asks for a bucket.
//!
//! | endpoint | what is read | what is written |
//! |---|---|---|
//! | `s3-credentials` | `bucket`: the request | the connection from the charm's options, and the request itself |
//!
//! The published charm takes access key and secret key by an action; this one has options for
//! them, so that a model file is enough.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use charm::Charm;
use charm::desired::Desired;
use charm::needs::{Bag, ConfigNeed, Needs};
use charm::snapshot::Snapshot;
use charm::status::Status;
use relation_lib::databag::SecretText;
use relation_lib::s3::{S3ProviderAppData, S3RequirerAppData};
use serde_json::Value;

use crate::names;

const PEM_END: &str = "-----END CERTIFICATE-----";

/// The charm `s3-integrator`.
#[derive(Debug, Clone, Copy, Default)]
pub struct S3Integrator;

impl Charm for S3Integrator {
    fn needs(&self, _seen: &Snapshot) -> Needs {
        let bags = [Bag::LocalApp, Bag::RemoteApp].into();
        Needs {
            config: [ConfigNeed::Options].into(),
            endpoints: [(names::endpoint("s3-credentials"), bags)].into(),
            ..Needs::default()
        }
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        let endpoint = names::endpoint("s3-credentials");
        match connection(snapshot) {
            Err(option) => desired.unit_statuses.push(Status::blocked(format!(
                "Missing parameters: {option}. Set the option `{option}`"
            ))),
            Ok(connection) => {
                desired.unit_statuses.push(Status::active(""));
                let Some(leader) = snapshot.leadership.proof() else { return desired };
                let bucket = bucket(snapshot);
                for relation in snapshot.relations_of(&endpoint) {
                    let asked = S3RequirerAppData::decode(&relation.remote_app_data).value.bucket;
                    if asked.is_none() {
                        continue;
                    }
                    let request = relation.remote_app_data.iter();
                    let answer = S3ProviderAppData {
                        bucket: bucket.clone(),
                        data: Some(
                            request.map(|(k, v)| (k.clone(), Value::from(v.clone()))).collect(),
                        ),
                        ..connection.clone()
                    };
                    desired.app_databag(leader, relation.id, answer.encode());
                }
            }
        }
        desired
    }
}

/// Everything but the bucket; an error names the option without which nobody can connect.
fn connection(snapshot: &Snapshot) -> Result<S3ProviderAppData, &'static str> {
    let needed = |name| option(snapshot, name).ok_or(name);
    let days = snapshot.config.get("experimental-delete-older-than-days");
    Ok(S3ProviderAppData {
        endpoint: Some(needed("endpoint")?),
        access_key: Some(SecretText::new(needed("access-key")?)),
        secret_key: Some(SecretText::new(needed("secret-key")?)),
        region: option(snapshot, "region"),
        path: option(snapshot, "path"),
        s3_uri_style: option(snapshot, "s3-uri-style"),
        storage_class: option(snapshot, "storage-class"),
        s3_api_version: option(snapshot, "s3-api-version"),
        delete_older_than_days: days.and_then(Value::as_i64).map(|days| days.to_string()),
        tls_ca_chain: option(snapshot, "tls-ca-chain").map(|text| certificates(&text)),
        attributes: option(snapshot, "attributes")
            .map(|text| text.split(',').map(|entry| entry.trim().to_owned()).collect()),
        ..S3ProviderAppData::default()
    })
}

fn option(snapshot: &Snapshot, name: &str) -> Option<String> {
    let text = snapshot.config.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// The bucket that everybody gets: the configured one, else the one handed out before, else the
/// first one that was asked for.
fn bucket(snapshot: &Snapshot) -> Option<String> {
    let endpoint = names::endpoint("s3-credentials");
    let relations: Vec<_> = snapshot.relations_of(&endpoint).collect();
    let handed_out = relations.iter().filter_map(|relation| {
        S3ProviderAppData::decode(relation.local_app.as_ref()?).value.bucket
    });
    let asked = relations
        .iter()
        .filter_map(|relation| S3RequirerAppData::decode(&relation.remote_app_data).value.bucket);
    option(snapshot, "bucket").or_else(|| handed_out.chain(asked).next())
}

/// The option holds PEM texts, in base64 or as they are.
fn certificates(text: &str) -> Vec<String> {
    let decoded = STANDARD.decode(text.split_whitespace().collect::<String>()).ok();
    let pem = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    pem.as_deref()
        .unwrap_or(text)
        .split_inclusive(PEM_END)
        .map(str::trim)
        .filter(|certificate| !certificate.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::databag::DatabagPatch;
    use charm::names::RelationId;
    use charm::testing::{RelationBuilder, SnapshotBuilder};

    fn unit() -> SnapshotBuilder {
        Snapshot::for_test("blob/0")
            .leader()
            .config("endpoint", "https://blob.example:9000")
            .config("access-key", "AK")
            .config("secret-key", "SK")
            .config("region", "")
    }

    fn requester(id: u32, bucket: &str) -> RelationBuilder {
        RelationBuilder::new("s3-credentials", id, "loom").remote_app([("bucket", bucket)])
    }

    fn set(patch: &DatabagPatch) -> Vec<(&str, &str)> {
        patch.iter().filter_map(|(k, v)| Some((k.as_str(), v.as_deref()?))).collect()
    }

    #[test]
    fn a_request_is_answered_from_the_options() {
        let snapshot =
            unit().config("bucket", "bolts").relation(requester(3, "relation-3")).build();
        let desired = S3Integrator.reconcile(&snapshot);
        let patch = &desired.app_databags()[&RelationId(3)];
        assert_eq!(
            set(patch),
            [
                ("access-key", "AK"),
                ("bucket", "bolts"),
                ("data", r#"{"bucket": "relation-3"}"#),
                ("endpoint", "https://blob.example:9000"),
                ("secret-key", "SK"),
            ]
        );
        assert_eq!(patch.get("region"), Some(&None), "an option that was reset is cleared");
    }

    #[test]
    fn nobody_is_answered_before_asking() {
        let silent = RelationBuilder::new("s3-credentials", 3, "loom");
        let desired = S3Integrator.reconcile(&unit().relation(silent).build());
        assert!(desired.app_databags().is_empty());
    }

    #[test]
    fn without_an_option_the_first_bucket_asked_for_serves_everybody() {
        let relations = unit().relation(requester(4, "relation-4")).relation(requester(3, "three"));
        let desired = S3Integrator.reconcile(&relations.build());
        for id in [3, 4] {
            let written = &desired.app_databags()[&RelationId(id)]["bucket"];
            assert_eq!(written.as_deref(), Some("three"));
        }
        let again = unit().relation(requester(3, "three").local_app([("bucket", "old")]));
        let desired = S3Integrator.reconcile(&again.build());
        let written = &desired.app_databags()[&RelationId(3)]["bucket"];
        assert_eq!(written.as_deref(), Some("old"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let desired = S3Integrator.reconcile(&unit().config("secret-key", "").build());
        let expected = "Missing parameters: secret-key. Set the option `secret-key`";
        assert_eq!(desired.unit_statuses, [Status::blocked(expected)]);
    }

    #[test]
    fn a_chain_is_split_into_certificates() {
        let one = format!("-----BEGIN CERTIFICATE-----\na\n{PEM_END}");
        let chain = format!("{one}\n{one}\n");
        let expected = vec![one.clone(), one];
        assert_eq!(certificates(&STANDARD.encode(&chain)), expected);
        assert_eq!(certificates(&chain), expected);
    }
}
