//! Databags: the sets of keys, and each value.

use std::collections::BTreeSet;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::values::{self, masked_like, read, same_json_text};
use super::{Judge, Profile, Strictness, json, products};
use crate::conformance::outcome::{Databag, Openness, RelationOutcome};

/// Keys that Juju writes into unit databags; the reference wipes them at times.
const OF_JUJU: [&str; 3] = ["egress-subnets", "ingress-address", "private-address"];
/// Key that workers of ours write and the reference doesn't know.
const OF_OURS: &str = "features";
/// Key whose value is judged by what is in the requests.
const REQUESTS: &str = "certificate_signing_requests";

impl Judge<'_> {
    pub(super) fn relations(
        &mut self,
        part: &str,
        expected: &[RelationOutcome],
        found: &[RelationOutcome],
    ) {
        for want in expected {
            let path = format!("{part}/{}", want.id);
            let Some(got) = found.iter().find(|relation| relation.id == want.id) else {
                self.missing(&path, &want.endpoint);
                continue;
            };
            for (side, want_bag, got_bag) in [
                ("local_app_data", &want.local_app_data, &got.local_app_data),
                ("local_unit_data", &want.local_unit_data, &got.local_unit_data),
            ] {
                self.databag(&format!("{path}/{side}"), &want.endpoint, want_bag, got_bag);
                if let Some(want_requests) = decoded(want, side, REQUESTS) {
                    let got_requests = decoded(got, side, REQUESTS).cloned();
                    self.json(
                        &format!("{path}/decoded/{side}/{REQUESTS}"),
                        &requests_in_order(want_requests.clone()),
                        &requests_in_order(got_requests.unwrap_or_default()),
                    );
                }
            }
        }
    }

    fn databag(&mut self, path: &str, endpoint: &str, expected: &Databag, found: &Databag) {
        let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        for key in keys {
            if OF_JUJU.contains(&key.as_str()) || key == OF_OURS {
                continue;
            }
            let here = format!("{path}/{key}");
            match (expected.get(key), found.get(key)) {
                (Some(want), Some(got)) if self.profile != Profile::Generic => {
                    match (products::form(endpoint, key, want), products::form(endpoint, key, got))
                    {
                        (Some(want), Some(got)) => self.json(&here, &want, &got),
                        _ => self.databag_value(&here, key, want, got),
                    }
                }
                (Some(want), Some(got)) => self.databag_value(&here, key, want, got),
                (Some(want), None) => self.missing(&here, want),
                (None, Some(got)) => self.unexpected(&here, got),
                (None, None) => {}
            }
        }
    }

    fn databag_value(&mut self, path: &str, key: &str, expected: &str, found: &str) {
        let open = self.open.get(path).copied();
        if expected == found || (key == REQUESTS && open == Some(Openness::Generated)) {
            return;
        }
        if key == "dashboards" {
            return self.dashboards(path, expected, found);
        }
        let by_bytes =
            self.strictness == Strictness::Bytes && open.is_none() && key != "alert_rules";
        if by_bytes {
            return self.differ(
                path,
                String::new(),
                Some(expected.to_owned()),
                Some(found.to_owned()),
            );
        }
        if same_json_text(expected, found) {
            return;
        }
        let (want, mut got) = (read(expected), read(found));
        if key == "alert_rules" {
            got = masked_like(&want, &got);
        }
        self.json(path, &want, &got);
    }

    /// Dashboards are compared unpacked; their uuid only has to be one.
    fn dashboards(&mut self, path: &str, expected: &str, found: &str) {
        match (unpacked(expected), unpacked(found)) {
            (Ok(want), Ok(got)) => self.json(path, &want, &got),
            (want, got) => {
                let shown = |side: Result<Value, String>| {
                    Some(side.map_or_else(|why| why, |_| "dashboards".to_owned()))
                };
                self.differ(path, String::new(), shown(want), shown(got));
            }
        }
    }
}

fn decoded<'a>(relation: &'a RelationOutcome, side: &str, key: &str) -> Option<&'a Value> {
    relation.decoded.as_ref()?.get(side)?.get(key)
}

/// Requests with the names that each is for as a set.
fn requests_in_order(mut requests: Value) -> Value {
    for request in requests.as_array_mut().into_iter().flatten() {
        for names in ["sans_dns", "sans_ip"] {
            if let Some(Value::Array(names)) = request.get_mut(names) {
                names.sort_by_cached_key(values::canonical);
            }
        }
    }
    requests
}

/// The value of a `dashboards` key with each template's content unpacked, without the uuid.
fn unpacked(text: &str) -> Result<Value, String> {
    let mut value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let members = value.as_object_mut().ok_or("no object")?;
    let uuid = members.shift_remove("uuid").unwrap_or_default();
    if !uuid.as_str().is_some_and(is_random_uuid) {
        return Err(format!("`uuid` is {uuid}, which is no UUID of version 4"));
    }
    let templates = members.get_mut("templates").and_then(Value::as_object_mut);
    for (name, template) in templates.ok_or("no `templates`")? {
        let content = template.get_mut("content").ok_or_else(|| format!("{name}: no content"))?;
        let packed = content.as_str().ok_or_else(|| format!("{name}: content is no text"))?;
        let packed = BASE64.decode(packed).map_err(|error| format!("{name}: {error}"))?;
        *content = dashboard(&packed).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(json(&value))
}

fn dashboard(packed: &[u8]) -> Result<Value, String> {
    let mut text = String::new();
    liblzma::read::XzDecoder::new(packed)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Whether a text is a UUID of version 4, in lower case.
fn is_random_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            14 => c == '4',
            19 => matches!(c, '8' | '9' | 'a' | 'b'),
            _ => matches!(c, '0'..='9' | 'a'..='f'),
        })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::tests::{paths, with_value};
    use super::super::{Judgement, Rules, judge};
    use super::*;

    #[test]
    fn spacing_counts_only_byte_for_byte() {
        let (want, got) = (with_value("a", "{\"x\": 1}"), with_value("a", "{\"x\":1}"));
        assert_eq!(paths(&want, &got), [""; 0]);
        let judgement =
            judge(&want, &got, Rules { strictness: Strictness::Bytes, ..Rules::default() });
        assert!(matches!(judgement, Judgement::Different { .. }));
    }

    #[test]
    fn keys_of_juju_and_announced_features_do_not_count() {
        let got = with_value("egress-subnets", "x");
        assert_eq!(paths(&with_value("features", "[]"), &got), [""; 0]);
        assert_eq!(
            paths(&with_value("a", "1"), &with_value("b", "1")),
            ["relations/5/local_app_data/a", "relations/5/local_app_data/b"]
        );
    }

    #[test]
    fn annotations_of_alert_rules_are_free() {
        let want = with_value("alert_rules", "{\"groups\":[{\"summary\":\"(any text)\"}]}");
        let ours = with_value("alert_rules", "{\"groups\":[{\"summary\":\"ours\"}]}");
        let none = with_value("alert_rules", "{\"groups\":[{}]}");
        assert_eq!(paths(&want, &ours), [""; 0]);
        assert_eq!(paths(&want, &none), ["relations/5/local_app_data/alert_rules"]);
    }

    fn dashboards(content: &str, uuid: &str) -> String {
        let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 6);
        packer.write_all(content.as_bytes()).unwrap();
        let content = BASE64.encode(packer.finish().unwrap());
        serde_json::json!({"templates": {"file:a": {"content": content}}, "uuid": uuid}).to_string()
    }

    #[test]
    fn dashboards_are_compared_unpacked() {
        let bag = |content: &str, uuid: &str| with_value("dashboards", &dashboards(content, uuid));
        let want = bag("{\"a\": 1}", "00000000-0000-4000-8000-000000000000");
        let path = ["relations/5/local_app_data/dashboards"];
        let got = bag("{\"a\":1}", "0be5cd10-3a48-4e8c-a1f2-9b6a7c4d5e6f");
        assert_eq!(paths(&want, &got), [""; 0]);
        let got = bag("{\"a\":2}", "0be5cd10-3a48-4e8c-a1f2-9b6a7c4d5e6f");
        assert_eq!(paths(&want, &got), path);
        assert_eq!(paths(&want, &bag("{\"a\":1}", "not-random")), path);
    }
}
