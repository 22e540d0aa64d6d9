//! A bundle out of YAML.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Bundle, BundleApplication, BundleError, overlay};
use crate::model_file::End;

/// Members of a bundle that describe it, or that it doesn't lose anything without.
const DESCRIPTIONS: [&str; 10] = [
    "bundle",
    "name",
    "description",
    "docs",
    "issues",
    "source",
    "tags",
    "website",
    "default-base",
    "series",
];

/// The same of an application: what a store, a machine or a space would be needed for.
const INCIDENTALS: [&str; 9] = [
    "annotations",
    "base",
    "series",
    "channel",
    "revision",
    "constraints",
    "bindings",
    "description",
    "plan",
];

/// Reads a bundle; further documents of the text lie over the first one.
///
/// # Errors
///
/// When the text is no YAML or no bundle; the error names the part that is wrong.
pub fn read(text: &str) -> Result<Bundle, BundleError> {
    let documents: Vec<Value> =
        serde_yaml::from_multiple(text).map_err(|error| BundleError::Yaml(Box::new(error)))?;
    let mut documents = documents.into_iter();
    let mut whole = documents.next().unwrap_or_default();
    documents.for_each(|document| overlay(&mut whole, document));
    from_document(&whole)
}

/// A bundle out of a document with every overlay in it.
pub(super) fn from_document(document: &Value) -> Result<Bundle, BundleError> {
    let members = mapping(document, || "the bundle".to_owned())?;
    let mut bundle = Bundle::default();
    for (key, value) in members {
        match key.as_str() {
            // The older name.
            "applications" | "services" => {
                for (name, declared) in mapping(value, || key.clone())? {
                    let place = format!("applications.{name}");
                    let application = application(&place, declared, &mut bundle.notes)?;
                    bundle.applications.push((name.clone(), application));
                }
            }
            "saas" => {
                for (name, declared) in mapping(value, || key.clone())? {
                    let place = || format!("saas.{name}.url");
                    let url = text(&declared["url"], place)?;
                    bundle.saas.push((name.clone(), url));
                }
            }
            "relations" => {}
            "variables" => bundle.notes.push("variables are not heeded".to_owned()),
            "machines" => bundle.notes.push("machines are not heeded".to_owned()),
            _ if DESCRIPTIONS.contains(&key.as_str()) => {}
            _ => bundle.notes.push(format!("`{key}` is not heeded")),
        }
    }
    for (number, relation) in list(&document["relations"], || "relations".to_owned())?.enumerate() {
        relate(&mut bundle, &format!("relations[{number}]"), relation)?;
    }
    Ok(bundle)
}

fn application(
    place: &str,
    declared: &Value,
    notes: &mut Vec<String>,
) -> Result<BundleApplication, BundleError> {
    let mut application = BundleApplication { units: 1, ..BundleApplication::default() };
    let members = mapping(declared, || place.to_owned())?;
    if !members.contains_key("charm") {
        return refuse(format!("{place}.charm"), "the name or path of a charm", &Value::Null);
    }
    for (key, value) in members {
        let here = || format!("{place}.{key}");
        match key.as_str() {
            "charm" => application.charm = text(value, here)?,
            "scale" | "num_units" => {
                let units = value.as_u64().and_then(|units| u32::try_from(units).ok());
                let Some(units) = units else { return refuse(here(), "a number of units", value) };
                application.units = units;
            }
            "options" => {
                let options = mapping(value, here)?.iter();
                application.options = options.map(|(k, v)| (k.clone(), v.clone())).collect();
            }
            "trust" => match value.as_bool() {
                Some(trust) => application.trust = trust,
                None => return refuse(here(), "a boolean", value),
            },
            "resources" => application.resources = texts(value, &here())?,
            "storage" => application.storage = texts(value, &here())?,
            "offers" => {
                for (offer, declared) in mapping(value, here)? {
                    let place = || format!("{place}.offers.{offer}.endpoints");
                    let endpoints = list(&declared["endpoints"], place)?;
                    let endpoints = endpoints
                        .map(|endpoint| text(endpoint, place))
                        .collect::<Result<_, _>>()?;
                    application.offers.insert(offer.clone(), endpoints);
                }
            }
            "expose" | "exposed-endpoints" | "devices" | "to" => {
                notes.push(format!("`{}` is not heeded", here()));
            }
            _ if INCIDENTALS.contains(&key.as_str()) => {}
            _ => notes.push(format!("`{}` is not heeded", here())),
        }
    }
    Ok(application)
}

/// One relation, or several when its second end is a list.
fn relate(bundle: &mut Bundle, place: &str, relation: &Value) -> Result<(), BundleError> {
    let ends: Vec<&Value> = list(relation, || place.to_owned())?.collect();
    let [one, others] = ends.as_slice() else {
        return refuse(place.to_owned(), "two ends", relation);
    };
    let others: Vec<&Value> = match others {
        Value::Array(others) => others.iter().collect(),
        other => vec![other],
    };
    for other in others {
        let shown = format!("[{one}, {other}]");
        let ends = [one, &other].map(|end| end_of(bundle, place, &shown, end));
        let [one, other] = ends;
        bundle.relations.push((one?, other?));
    }
    Ok(())
}

fn end_of(bundle: &Bundle, place: &str, shown: &str, end: &Value) -> Result<End, BundleError> {
    let end = text(end, || place.to_owned())?;
    let (application, endpoint) = match end.split_once(':') {
        Some((application, endpoint)) => (application, Some(endpoint.to_owned())),
        None => (end.as_str(), None),
    };
    let is_known = bundle.applications.iter().any(|(name, _)| name == application)
        || bundle.saas.iter().any(|(name, _)| name == application);
    if !is_known {
        return Err(BundleError::NoApplication {
            relation: shown.to_owned(),
            application: application.to_owned(),
        });
    }
    Ok(End { application: application.to_owned(), endpoint })
}

fn refuse<T>(place: String, expected: &'static str, found: &Value) -> Result<T, BundleError> {
    let found = match found {
        Value::Null => "nothing".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        value => format!("`{value}`"),
    };
    Err(BundleError::Form { place, expected, found })
}

fn mapping(value: &Value, place: impl Fn() -> String) -> Result<&Map<String, Value>, BundleError> {
    match value {
        Value::Object(members) => Ok(members),
        other => refuse(place(), "a mapping", other),
    }
}

/// The entries of a list; none where there is nothing.
fn list(
    value: &Value,
    place: impl Fn() -> String,
) -> Result<impl Iterator<Item = &Value>, BundleError> {
    match value {
        Value::Null => Ok([].iter()),
        Value::Array(entries) => Ok(entries.iter()),
        other => refuse(place(), "a list", other),
    }
}

fn text(value: &Value, place: impl Fn() -> String) -> Result<String, BundleError> {
    match value {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        other => refuse(place(), "a text", other),
    }
}

/// A mapping of texts; numbers, such as the revision of a resource, count as texts.
fn texts(value: &Value, place: &str) -> Result<BTreeMap<String, String>, BundleError> {
    let entries = mapping(value, || place.to_owned())?.iter().map(|(key, value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        Value::Number(number) => Ok((key.clone(), number.to_string())),
        other => refuse(format!("{place}.{key}"), "a text", other),
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn end(application: &str, endpoint: &str) -> End {
        let endpoint = (!endpoint.is_empty()).then(|| endpoint.to_owned());
        End { application: application.to_owned(), endpoint }
    }

    #[test]
    fn a_bundle_with_an_overlay_is_read() {
        let bundle = read(
            "\
bundle: kubernetes
default-base: ubuntu@22.04/stable
variables: {x: &x 1}
saas:
  sql: {url: 'admin/other.sql'}
applications:
  web:
    charm: ./web.charm
    channel: edge
    scale: 2
    trust: true
    options: {port: 80, text: 'include-file://text.txt'}
    resources: {image: web:1, rock: 7}
    expose: true
  api: {charm: api, num_units: 0}
relations:
- - web:api
  - api:web
- [web, [sql, api:sql]]
--- # overlay.yaml
applications:
  api:
    offers:
      sql: {endpoints: [sql]}
",
        )
        .unwrap();
        let [(_, web), (_, api)] = bundle.applications.as_slice() else { unreachable!() };
        assert_eq!(
            *web,
            BundleApplication {
                charm: "./web.charm".to_owned(),
                units: 2,
                trust: true,
                options: BTreeMap::from([
                    ("port".to_owned(), json!(80)),
                    ("text".to_owned(), json!("include-file://text.txt")),
                ]),
                resources: BTreeMap::from([
                    ("image".to_owned(), "web:1".to_owned()),
                    ("rock".to_owned(), "7".to_owned()),
                ]),
                ..BundleApplication::default()
            }
        );
        assert_eq!(api.units, 0);
        assert_eq!(api.offers["sql"], ["sql"]);
        assert_eq!(
            bundle.relations,
            [
                (end("web", "api"), end("api", "web")),
                (end("web", ""), end("sql", "")),
                (end("web", ""), end("api", "sql")),
            ]
        );
        assert_eq!(bundle.saas, [("sql".to_owned(), "admin/other.sql".to_owned())]);
        assert_eq!(
            bundle.notes,
            ["variables are not heeded", "`applications.web.expose` is not heeded"]
        );
        let options = web.options_with(|path| {
            assert_eq!(path, "text.txt");
            Ok::<_, ()>(b"hello".to_vec())
        });
        assert_eq!(options.unwrap()["text"], "hello");
    }

    #[test]
    fn mistakes_name_the_part() {
        for (text, expected) in [
            (
                "applications: []",
                "cannot use the bundle: applications must be a mapping, found a list",
            ),
            (
                "applications: {a: {scale: 1}}",
                "cannot use the bundle: applications.a.charm must be the name or path of a charm, \
                 found nothing",
            ),
            (
                "applications: {a: {charm: x, scale: -1}}",
                "cannot use the bundle: applications.a.scale must be a number of units, found `-1`",
            ),
            (
                "applications: {a: {charm: x}}\nrelations: [[a:b, c:d]]",
                "cannot use the bundle: relation [\"a:b\", \"c:d\"] refers to application \"c\" not \
                 defined in this bundle",
            ),
            (
                "applications: {a: {charm: x}}\nrelations: [[a:b]]",
                "cannot use the bundle: relations[0] must be two ends, found a list",
            ),
            ("[", "cannot unmarshal bundle contents"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
