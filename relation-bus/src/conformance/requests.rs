//! Certificate signing requests, in the form in which they are judged.

use serde_json::{Value, json};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{Oid, asn1_rs};
use x509_parser::prelude::{FromDer, parse_x509_pem};

/// `x500UniqueIdentifier` (RFC 4519, 2.43), which tells apart requests of one name.
const UNIQUE_IDENTIFIER: Oid<'static> = asn1_rs::oid!(2.5.4.45);

/// The value of a `certificate_signing_requests` key, decoded: one entry for each request, with
/// `common_name`, `sans_dns`, `sans_ip`, `has_unique_identifier` and `ca`.
///
/// A request that can't be read, or isn't signed with its own key, is an entry with `error`.
/// Nothing when the value itself is no list.
#[must_use]
pub fn decoded(value: &str) -> Option<Value> {
    let requests: Vec<Value> = serde_json::from_str(value).ok()?;
    Some(requests.iter().map(decoded_request).collect())
}

fn decoded_request(entry: &Value) -> Value {
    let pem = entry["certificate_signing_request"].as_str().unwrap_or_default();
    let facts = parse_x509_pem(pem.as_bytes())
        .map_err(|error| error.to_string())
        .and_then(|(_, pem)| facts(&pem.contents));
    match facts {
        Ok(mut facts) => {
            facts["ca"] = json!(entry["ca"].as_bool().unwrap_or(false));
            facts
        }
        Err(error) => json!({ "error": error }),
    }
}

fn facts(der: &[u8]) -> Result<Value, String> {
    let (_, request) =
        X509CertificationRequest::from_der(der).map_err(|error| error.to_string())?;
    request.verify_signature().map_err(|error| format!("signature: {error}"))?;
    let subject = &request.certification_request_info.subject;
    let common_name = subject.iter_common_name().next().and_then(|name| name.as_str().ok());
    let unique =
        subject.iter_attributes().any(|attribute| *attribute.attr_type() == UNIQUE_IDENTIFIER);
    let (mut dns, mut ip) = (Vec::new(), Vec::new());
    for extension in request.requested_extensions().into_iter().flatten() {
        let ParsedExtension::SubjectAlternativeName(names) = extension else { continue };
        for name in &names.general_names {
            match name {
                GeneralName::DNSName(name) => dns.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => ip.push(address(bytes)),
                _ => {}
            }
        }
    }
    dns.sort();
    ip.sort();
    Ok(json!({
        "common_name": common_name,
        "sans_dns": dns,
        "sans_ip": ip,
        "has_unique_identifier": unique,
    }))
}

fn address(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(four).to_string();
    }
    if let Ok(sixteen) = <[u8; 16]>::try_from(bytes) {
        return std::net::Ipv6Addr::from(sixteen).to_string();
    }
    format!("{bytes:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_says_so() {
        let entries = decoded(r#"[{"certificate_signing_request": "x"}]"#).unwrap();
        assert!(entries[0]["error"].is_string(), "{entries}");
        assert_eq!(decoded("x"), None);
        assert_eq!(decoded("[]"), Some(json!([])));
    }

    #[test]
    fn requests_of_recorded_cases_decode_as_recorded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/conformance/cases");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let case: Value = serde_json::from_str(&text).unwrap();
            for relation in case["expected"]["relations"].as_array().into_iter().flatten() {
                let key = "certificate_signing_requests";
                let expected = &relation["decoded"]["local_unit_data"][key];
                if let Some(raw) = relation["local_unit_data"][key].as_str() {
                    assert_eq!(decoded(raw).as_ref(), Some(expected));
                    seen += 1;
                }
            }
        }
        assert!(seen > 3, "{seen}");
    }
}
