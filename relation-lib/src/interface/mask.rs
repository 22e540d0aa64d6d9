//! Databags as people may see them: decoded, secrets masked, packed things described.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::databag::{Confidentiality, Databag, Encoding, Key};
use crate::encoding::parse_json;
use crate::grafana_dashboard::PackedDashboard;
use crate::tls_certificates::{Certificate, CertificateSigningRequest};
use crate::yaml;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "(secret)";

/// Parts of names whose values are secrets, wherever they stand.
const SECRET_NAMES: [&str; 9] = [
    "secret",
    "password",
    "passwd",
    "token",
    "private_key",
    "credential",
    "access_key",
    "bearer",
    "authorization",
];

/// A databag, each value decoded as its key says.
pub(super) fn visible(bag: &Databag, keys: &[Key]) -> Map<String, Value> {
    bag.iter().map(|(name, text)| (name.clone(), visible_value(name, text, keys))).collect()
}

fn visible_value(name: &str, text: &str, keys: &[Key]) -> Value {
    let key = keys.iter().find(|key| key.name == name);
    if key.is_some_and(|key| key.confidentiality == Confidentiality::Secret) {
        return MASK.into();
    }
    let value = match key.map(|key| key.encoding) {
        Some(Encoding::Raw) => Value::from(text),
        Some(Encoding::Yaml) => yaml::parse(text).unwrap_or_else(|_| text.into()),
        // Unknown keys are mostly JSON as well.
        _ => parse_json(text).unwrap_or_else(|_| text.into()),
    };
    masked(name, value)
}

/// A value without its secrets, given the name under which it stands.
pub(super) fn masked(name: &str, value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| {
                let value = if name == "secure_extra_fields" && !value.is_null() {
                    MASK.into()
                } else {
                    masked(&name, value)
                };
                (name, value)
            };
            Value::Object(members.into_iter().map(member).collect())
        }
        Value::Array(entries) => {
            Value::Array(entries.into_iter().map(|entry| masked(name, entry)).collect())
        }
        Value::String(text) => masked_text(name, text),
        other if is_secret_name(name) && !other.is_null() && !other.is_boolean() => MASK.into(),
        other => other,
    }
}

fn masked_text(name: &str, text: String) -> Value {
    // The id of a Juju secret is no secret.
    let is_reference = text.starts_with("secret:");
    if text.contains("PRIVATE KEY-----") || (is_secret_name(name) && !is_reference) {
        return MASK.into();
    }
    if name == "worker_config" {
        // The configuration of a workload has the keys of its object store in it.
        return match yaml::parse(&text) {
            Ok(value) => masked("", value),
            Err(_) => format!("({} bytes that are no YAML)", text.len()).into(),
        };
    }
    if text.starts_with("-----BEGIN CERTIFICATE-----") {
        return described_certificate(&text).into();
    }
    if text.starts_with("-----BEGIN CERTIFICATE REQUEST-----") {
        return described_request(&text).into();
    }
    if name == "content" && text.starts_with("/Td6WFo") {
        return described_dashboard(&text);
    }
    match (text.find("://"), text.find('@')) {
        (Some(scheme), Some(at)) if scheme < at && !text[scheme + 3..at].contains('/') => {
            format!("{}://{MASK}{}", &text[..scheme], &text[at..]).into()
        }
        _ => text.into(),
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_NAMES.iter().any(|part| name.contains(part)) && !name.ends_with("secret_id")
}

fn described_certificate(pem: &str) -> String {
    match Certificate::from_pem(pem).parse() {
        Ok(parsed) => format!(
            "(certificate of `{}`, issued by {}, valid until {})",
            parsed.attributes.common_name,
            parsed.issuer,
            day(parsed.validity.not_after),
        ),
        Err(_) => "(unreadable certificate)".to_owned(),
    }
}

fn described_request(pem: &str) -> String {
    match CertificateSigningRequest::from_pem(pem).parse() {
        Ok(parsed) => {
            let names: Vec<_> = parsed.attributes.sans_dns.into_iter().collect();
            format!(
                "(request of `{}` for {})",
                parsed.attributes.common_name,
                if names.is_empty() { "no names".to_owned() } else { names.join(", ") },
            )
        }
        Err(_) => "(unreadable request)".to_owned(),
    }
}

fn described_dashboard(packed: &str) -> Value {
    let Ok(text) = PackedDashboard::from_wire(packed).unpack() else {
        return format!("({} bytes that can't be unpacked)", packed.len()).into();
    };
    let dashboard = parse_json(&text).unwrap_or_default();
    let member = |name: &str| dashboard.get(name).cloned().unwrap_or_default();
    json!({
        "title": member("title"),
        "uid": member("uid"),
        "version": member("version"),
        "bytes packed": packed.len(),
        "bytes": text.len(),
    })
}

fn day(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_or_else(|_| "the end of days".to_owned(), |moment| moment.date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, value: Value) -> Value {
        masked(name, value)
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let job = json!([{"basic_auth": {"username": "u", "password": "p"},
                          "authorization": {"credentials": "c", "type": "Bearer"},
                          "bearer_token": "t"}]);
        assert_eq!(
            shown("scrape_jobs", job),
            json!([{"basic_auth": {"username": "u", "password": MASK},
                    "authorization": {"credentials": MASK, "type": "Bearer"},
                    "bearer_token": MASK}])
        );
        assert_eq!(shown("a", json!({"secret-key": 5})), json!({"secret-key": MASK}));
        assert_eq!(
            shown("grafana_source_data", json!({"secure_extra_fields": {"v": "x"}})),
            json!({"secure_extra_fields": MASK})
        );
        assert_eq!(shown("url", json!("http://u:p@h/a@b")), json!("http://(secret)@h/a@b"));
        assert_eq!(shown("x", json!("-----BEGIN RSA PRIVATE KEY-----\n")), json!(MASK));
    }

    #[test]
    fn the_configuration_of_a_workload_is_opened_and_masked() {
        let config = json!("s3:\n  bucket: b\n  secret_access_key: k\n  access_key_id: i\n");
        assert_eq!(
            shown("worker_config", config),
            json!({"s3": {"bucket": "b", "secret_access_key": MASK, "access_key_id": MASK}})
        );
        assert_eq!(shown("worker_config", json!("a: [")), json!("(4 bytes that are no YAML)"));
    }

    #[test]
    fn the_id_of_a_secret_is_none() {
        let id = json!("secret:e99ss83g43bzodhw9dp7");
        assert_eq!(shown("privkey_secret_id", id.clone()), id);
        assert_eq!(shown("token", id.clone()), id);
    }

    #[test]
    fn packed_dashboards_show_their_size() {
        let packed = PackedDashboard::pack(r#"{"title": "T", "version": 3}"#);
        let value = shown("content", packed.as_str().into());
        assert_eq!(value["title"], "T");
        assert_eq!(value["bytes"], 28);
        assert_eq!(value["bytes packed"], packed.as_str().len());
    }
}
