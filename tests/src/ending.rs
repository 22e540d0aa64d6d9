//! How a model ended, in texts that two runs can be compared by.
//!
//! Left out is what may differ between two ways to the same model: numbers of relations, addresses,
//! ids of secrets, and keys and certificates, of which only what they say counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use relation_bus::engine::Bus;
use relation_bus::model::{Model, Relation, SecretOwner};
use relation_lib::tls_certificates::{Certificate, CertificateSigningRequest, RequestAttributes};
use serde_json::{Value, json};

/// Keys of unit databags that are the controller's.
const OF_JUJU: [&str; 3] = ["egress-subnets", "ingress-address", "private-address"];

/// Everything that was left behind: a text for each place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending(BTreeMap<String, String>);

impl Ending {
    /// Looks at a model that has settled.
    pub fn of(bus: &Bus) -> Self {
        let names = Names::of(&bus.model());
        let mut ending = Self(BTreeMap::new());
        ending.databags(&bus.model(), &names);
        ending.units(bus, &names);
        ending.secrets(&bus.model(), &names);
        ending.cluster(bus, &names);
        ending
    }

    /// Where another ending differs from this one, which is what is expected; a line for each text.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let places: BTreeSet<&String> = self.0.keys().chain(found.0.keys()).collect();
        let texts = places.into_iter().map(|place| (place, self.0.get(place), found.0.get(place)));
        texts
            .filter(|(_, expected, found)| expected != found)
            .map(|(place, expected, found)| {
                let nothing = String::from("(nothing)");
                let (expected, found) = (expected.unwrap_or(&nothing), found.unwrap_or(&nothing));
                format!("{place}\n{}", compared(expected, found))
            })
            .collect()
    }

    fn put(&mut self, place: String, text: String, names: &Names) {
        self.0.insert(names.place(&place), names.text(&text));
    }

    fn databags(&mut self, model: &Model, names: &Names) {
        for relation in model.relations.values() {
            let title = title(relation);
            for side in &relation.sides {
                for (key, value) in &side.bag.content {
                    let place = format!("{title} application {}: {key}", side.application);
                    self.put(place, value.clone(), names);
                }
                for (unit, bag) in side.in_scope() {
                    self.put(format!("{title} unit {unit}"), "is there".to_owned(), names);
                    let own =
                        bag.content.iter().filter(|(key, _)| !OF_JUJU.contains(&key.as_str()));
                    for (key, value) in own {
                        self.put(format!("{title} unit {unit}: {key}"), value.clone(), names);
                    }
                }
            }
        }
    }

    fn units(&mut self, bus: &Bus, names: &Names) {
        let model = bus.model();
        for application in model.applications.values() {
            let name = &application.name;
            let status = application.status.as_ref();
            let status = status.map(|s| format!("{} {}", s.value.as_str(), s.message));
            self.put(format!("{name}: status"), status.unwrap_or_default(), names);
            self.put(format!("{name}: version"), application.workload_version.clone(), names);
        }
        for (unit, entry) in model.units() {
            let status = entry.shown_status();
            let status = format!("{} {}", status.value.as_str(), status.message);
            self.put(format!("{unit}: status"), status, names);
            self.put(format!("{unit}: ports"), format!("{:?}", entry.opened_ports), names);
            for (key, value) in &entry.state {
                self.put(format!("{unit}: state {key}"), value.clone(), names);
            }
        }
        drop(model);
        for (unit, plans) in bus.plans() {
            for (container, plan) in plans {
                let place = format!("{unit}: container {container}");
                self.put(format!("{place}: plan"), shown(&without_history(plan)), names);
                let Some(workload) = bus.workload(&unit, &container) else { continue };
                for (service, info) in workload.services() {
                    self.put(format!("{place}: service {service}"), info.current, names);
                }
                for (path, content) in workload.files() {
                    let text = String::from_utf8_lossy(&content).into_owned();
                    self.put(format!("{place}: file {path}"), text, names);
                }
            }
            let authorities =
                bus.root(&unit).map(|root| root.join("usr/local/share/ca-certificates"));
            for (path, text) in authorities.iter().flat_map(|folder| files(folder)) {
                self.put(format!("{unit}: authority {path}"), text, names);
            }
        }
    }

    /// Who has secrets of which kind, and who may read them. A certificate that was superseded
    /// stays until it expires, so how many there are is not looked at. The key of a unit that led
    /// stays readable to workers, who may not have heard of another leader's yet: only the leader's
    /// grants are compared.
    fn secrets(&mut self, model: &Model, names: &Names) {
        for secret in model.secrets.values() {
            let grants: BTreeSet<String> = secret
                .grants
                .iter()
                .filter_map(|grant| model.relations.get(&grant.relation?).map(title))
                .collect();
            let is_followers =
                matches!(&secret.owner, SecretOwner::Unit(unit) if !model.is_leader(unit));
            let grants = if is_followers { BTreeSet::new() } else { grants };
            let place = format!("secret {} of {:?}", kind(&secret.label), secret.owner);
            self.put(place, format!("{grants:?}"), names);
        }
    }

    fn cluster(&mut self, bus: &Bus, names: &Names) {
        for object in bus.cluster().objects() {
            let kind = object["kind"].as_str().unwrap_or_default();
            if kind == "Pod" {
                continue;
            }
            let mut kept = object.clone();
            let meta = &object["metadata"];
            kept["metadata"] =
                json!({"labels": meta["labels"], "annotations": meta["annotations"]});
            kept["status"] = Value::Null;
            for decided_by_the_bus in ["replicas", "clusterIP"] {
                kept["spec"][decided_by_the_bus] = Value::Null;
            }
            self.put(format!("{kind} {}", meta["name"]), shown(&kept), names);
        }
    }
}

/// A relation by its ends.
fn title(relation: &Relation) -> String {
    let ends: Vec<_> =
        relation.sides.iter().map(|s| format!("{}:{}", s.application, s.endpoint)).collect();
    ends.join(" - ")
}

/// A secret's label without the hash of the request that it holds the answer to.
fn kind(label: &str) -> String {
    match label.rsplit_once('-') {
        Some((kind, hash)) if hash.len() == 64 => kind.to_owned(),
        _ => label.to_owned(),
    }
}

/// A plan without what can't be taken back: a log target that once was stays, switched off. The
/// names of targets don't count, only where they point.
fn without_history(mut plan: Value) -> Value {
    let targets = plan["log-targets"].take();
    let targets = targets.as_object().into_iter().flatten();
    let mut on: Vec<String> = targets
        .map(|(_, target)| target)
        .filter(|target| target["services"] != json!(["-all"]))
        .map(ToString::to_string)
        .collect();
    on.sort();
    plan["log-targets"] = json!(on);
    plan
}

/// A value with its members in order, so that texts can be compared.
fn shown(value: &Value) -> String {
    serde_json::to_string_pretty(&sorted(value)).unwrap_or_default()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> =
                members.iter().map(|(name, value)| (name, sorted(value))).collect();
            json!(members)
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let read = |path: &Path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some((name, std::fs::read_to_string(path).ok()?))
    };
    entries.filter_map(|entry| read(&entry.path())).collect()
}

/// The lines that differ, with what they have in common left out.
fn compared(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = expected.iter().zip(&found).take_while(same).count();
    let (e, f) = (&expected[head..], &found[head..]);
    let tail = e.iter().rev().zip(f.iter().rev()).take_while(same).count();
    let mut text = String::new();
    for (sign, lines) in [('-', &e[..e.len() - tail]), ('+', &f[..f.len() - tail])] {
        for line in lines.iter().take(12) {
            let line: String = line.chars().take(1500).collect();
            let _ = writeln!(text, "  {sign} {line}");
        }
    }
    text
}

/// What stands for numbers, addresses and ids of one run.
struct Names {
    /// In texts of any kind, the longest first.
    anywhere: Vec<(String, String)>,
    /// In places.
    in_places: Vec<(String, String)>,
}

impl Names {
    fn of(model: &Model) -> Self {
        let mut anywhere = Vec::new();
        let mut in_places = Vec::new();
        for (unit, entry) in model.units() {
            anywhere.push((entry.address.clone(), format!("<address of {unit}>")));
        }
        for application in model.applications.values() {
            let name = format!("<service of {}>", application.name);
            anywhere.push((application.service_address.clone(), name));
        }
        for secret in model.secrets.values() {
            let name = format!("<{} of {:?}>", kind(&secret.label), secret.owner);
            anywhere
                .push((format!("secret://{}/{}", model.uuid, secret.id.as_str()), name.clone()));
            anywhere.push((format!("secret:{}", secret.id.as_str()), name));
        }
        for relation in model.relations.values() {
            let ends = title(relation);
            anywhere.push((format!("relation-{}", relation.id), format!("relation-<{ends}>")));
            for side in &relation.sides {
                let numbered = format!("_{}_{}", side.endpoint, relation.id);
                let named = format!("_{}_<{ends}>", side.endpoint);
                in_places.push((numbered.clone(), named.clone()));
                anywhere.push((numbered, named));
            }
        }
        for list in [&mut anywhere, &mut in_places] {
            list.retain(|(text, _)| !text.is_empty());
            list.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        }
        Self { anywhere, in_places }
    }

    fn place(&self, place: &str) -> String {
        replaced(place, &self.in_places)
    }

    fn text(&self, text: &str) -> String {
        replaced(&without_hashes(&without_pem(text)), &self.anywhere)
    }
}

fn replaced(text: &str, names: &[(String, String)]) -> String {
    names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// A text with hashes of files replaced: files are compared themselves.
fn without_hashes(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() {
            word.push(c);
            continue;
        }
        out.push_str(if word.len() == 64 { "<hash>" } else { &word });
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// A text with keys, requests and certificates replaced by what they say.
fn without_pem(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some(start) = rest.find("-----BEGIN ") {
        let label = rest[start + 11..].split("-----").next().unwrap_or_default();
        let end = format!("-----END {label}-----");
        let Some(length) = rest[start..].find(&end).map(|at| at + end.len()) else { break };
        out.push_str(&rest[..start]);
        let pem = rest[start..start + length].replace("\\n", "\n");
        out.push_str(&said(label, &pem));
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    out
}

fn said(label: &str, pem: &str) -> String {
    let subject = |attributes: &RequestAttributes| {
        format!("{} for {:?}", attributes.common_name, attributes.sans_dns)
    };
    match label {
        "CERTIFICATE" => match Certificate::from_pem(pem).parse() {
            Ok(parsed) => {
                format!("<certificate of {} by {}>", subject(&parsed.attributes), parsed.issuer)
            }
            Err(_) => "<unreadable certificate>".to_owned(),
        },
        "CERTIFICATE REQUEST" => match CertificateSigningRequest::from_pem(pem).parse() {
            Ok(parsed) => format!("<request of {}>", subject(&parsed.attributes)),
            Err(_) => "<unreadable request>".to_owned(),
        },
        _ => format!("<{label}>"),
    }
}
