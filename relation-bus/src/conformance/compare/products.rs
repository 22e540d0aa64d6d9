//! What is different for the published charms of a product.
//!
//! Their configuration texts are compared by meaning, nginx files block by block without order,
//! ports as sets, prose not at all. What only an older generation of their library does, or
//! doesn't do, is left out of account.

use serde_json::{Value, json};

use super::nginx::{self, Word, maps_once, words};
use super::values::{ANY_TEXT, canonical};
use super::yaml::meaning;
use crate::conformance::case::Generation;
use crate::conformance::outcome::{Databag, Outcome, Secret};

/// Keys of a configuration that hold several addresses in one text, in no order.
const ADDRESS_LISTS: [&str; 2] = ["frontend_address", "scheduler_address"];

/// An outcome without what doesn't count for a product.
pub(super) fn settled(outcome: &Outcome, generation: Generation) -> Outcome {
    let mut out = outcome.clone();
    out.derived = None;
    for relation in &mut out.relations {
        if relation.endpoint == "catalogue" {
            free(&mut relation.local_app_data, "description");
        }
        if generation == Generation::Older {
            relation.local_app_data.remove("is_port_open");
            if relation.local_app_data.get("event").is_some_and(|event| event == "{}") {
                relation.local_app_data.remove("event");
            }
        }
    }
    if generation == Generation::Older {
        out.app_status = None;
        for container in &mut out.containers {
            for service in container.plan.services.values_mut() {
                remove(service, "summary");
            }
            for check in container.plan.checks.values_mut() {
                remove(check, "level");
            }
            for target in container.plan.log_targets.values_mut() {
                if let Some(labels) = target.get_mut("labels") {
                    remove(labels, "job");
                }
            }
            container.actions.retain(|action| action.words != ["nginx", "-s", "reload"]);
        }
        out.secrets = one_of_each(std::mem::take(&mut out.secrets));
    }
    out
}

/// The form in which the value of a key is compared, if it has one of its own.
pub(super) fn form(endpoint: &str, key: &str, text: &str) -> Option<Value> {
    match (endpoint, key) {
        (_, "worker_config") | ("ingress", "config" | "static") => {
            let text = serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
            Some(without_address_order(meaning(&text)))
        }
        (_, "worker_ports") => {
            let mut ports: Vec<Value> = serde_json::from_str(text).ok()?;
            ports.sort_by_cached_key(canonical);
            Some(Value::from(ports))
        }
        (_, "promtail_binary_zip_url") => {
            let mut builds: Value = serde_json::from_str(text).ok()?;
            for build in builds.as_object_mut()?.values_mut() {
                if let Some(url @ Value::String(_)) = build.get_mut("url") {
                    *url = json!(ANY_TEXT);
                }
            }
            Some(builds)
        }
        _ => None,
    }
}

/// An nginx configuration as nested blocks without order, and apart from it the locations that
/// nginx tries one after the other.
pub(super) fn blocks(config: &str) -> Value {
    let mut tried = Vec::new();
    let words = maps_once(words(config));
    let block = block(&mut words.into_iter(), &mut tried);
    json!({"blocks": block, "tried": tried})
}

fn block(words: &mut impl Iterator<Item = Word>, tried: &mut Vec<Value>) -> Value {
    let mut directives = Vec::new();
    let mut head: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        match word {
            Word::Text(text) => head.push(text),
            Word::Mark(';') => directives.push(json!([std::mem::take(&mut head)])),
            Word::Mark('{') => {
                let head = std::mem::take(&mut head);
                if head.first().is_some_and(|word| word == "location")
                    && head.get(1).is_some_and(|way| way.starts_with('~'))
                {
                    tried.push(json!(head));
                }
                directives.push(json!([head, block(words, tried)]));
            }
            Word::Mark(_) => break,
        }
    }
    directives.sort_by_cached_key(canonical);
    Value::from(directives)
}

fn without_address_order(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(list) if ADDRESS_LISTS.contains(&key.as_str()) => {
                    let mut addresses: Vec<&str> = list.split(',').collect();
                    addresses.sort_unstable();
                    (key, Value::from(addresses.join(",")))
                }
                value => (key, without_address_order(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(without_address_order).collect(),
        other => other,
    }
}

fn free(bag: &mut Databag, key: &str) {
    if let Some(text) = bag.get_mut(key) {
        ANY_TEXT.clone_into(text);
    }
}

fn remove(object: &mut Value, member: &str) {
    if let Some(members) = object.as_object_mut() {
        members.shift_remove(member);
    }
}

/// Secrets with the endpoint left out of the labels of certificates, each label once.
fn one_of_each(secrets: Vec<Secret>) -> Vec<Secret> {
    let mut out: Vec<Secret> = Vec::new();
    for mut secret in secrets {
        if let Some(short) = secret.label.as_deref().and_then(without_endpoint) {
            secret.label = Some(short);
        }
        let is_new = |other: &Secret| other.label != secret.label || other.label.is_none();
        if out.iter().all(is_new) {
            out.push(secret);
        }
    }
    out
}

/// `…-certificate-<unit>-<endpoint>-<hash>` without the endpoint.
fn without_endpoint(label: &str) -> Option<String> {
    const HASH: usize = 64;
    const MARK: &str = "-certificate-";
    let is_hash = |text: &str| text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let at = label.find(MARK)? + MARK.len();
    let (unit, rest) = label[at..].split_once('-')?;
    let hash = rest.get(rest.len().checked_sub(HASH)?..).filter(|hash| is_hash(hash))?;
    let number = unit.chars().all(|c| c.is_ascii_digit()) && !unit.is_empty();
    number.then(|| format!("{}{unit}-{hash}", &label[..at]))
}

/// Where two configurations part, for people: their words, if only the order differs.
pub(super) fn shown(want: &str, got: &str) -> (String, String) {
    let (want, got) = (maps_once(words(want)), maps_once(words(got)));
    (nginx::around(&want, &got), nginx::around(&got, &want))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_have_no_order_but_tried_locations_have() {
        let a = blocks("http { server { listen 1; a b; } map x y { k v; } }");
        let b = blocks("http { map x y { k v; } server { a b; listen 1; } }");
        assert_eq!(a, b);
        let a = blocks("location ~ /a { x; } location ~ /b { x; } location = /c { y; }");
        let b = blocks("location ~ /b { x; } location ~ /a { x; } location = /c { y; }");
        let c = blocks("location = /c { y; } location ~ /a { x; } location ~ /b { x; }");
        assert_ne!(a, b);
        assert_eq!(a, c);
    }

    #[test]
    fn a_configuration_is_compared_by_meaning() {
        let of = |text: &str| form("cluster", "worker_config", text);
        assert_eq!(
            of(r#""a: {frontend_address: \"x:1,y:2\"}""#),
            of("\"a:\\n  frontend_address: y:2,x:1\\n\"")
        );
        assert_ne!(of("\"a: 1\""), of("\"a: 2\""));
        assert_eq!(form("cluster", "worker_ports", "[2,1]"), Some(json!([1, 2])));
        assert_eq!(form("cluster", "config", "a"), None);
    }

    #[test]
    fn labels_of_certificates_lose_their_endpoint() {
        let hash = "a".repeat(64);
        assert_eq!(
            without_endpoint(&format!("x-certificate-0-tls-in-{hash}")),
            Some(format!("x-certificate-0-{hash}"))
        );
        assert_eq!(without_endpoint("x-certificate-0-tls-in-abc"), None);
    }
}
