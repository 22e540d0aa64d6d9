//! The form of a model, and what an operator does to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use relation_bus::model_file::ModelPlan;
use serde_json::{Value, json};

use crate::random::Random;

/// What a model is made of: how many units, which options, which relations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// Units by application.
    pub(crate) units: BTreeMap<String, u32>,
    /// Options that are set, by application and option.
    pub(crate) options: BTreeMap<(String, String), Value>,
    /// Relations, each by its two ends.
    pub(crate) relations: BTreeSet<(String, String)>,
}

/// Something that an operator does.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Relate(String, String),
    Unrelate(String, String),
    Scale(String, u32),
    Configure(String, String, Option<Value>),
    /// Another unit becomes leader.
    MoveLeadership(String),
    /// The timer of update-status fires everywhere.
    UpdateStatus,
    /// A container's Pebble goes away, or comes back.
    Reach(String, String, bool),
    /// An application is removed, and deployed and related again under the same name.
    Replace(String),
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relate(one, other) => write!(f, "relate {one} {other}"),
            Self::Unrelate(one, other) => write!(f, "unrelate {one} {other}"),
            Self::Scale(application, units) => write!(f, "scale {application} {units}"),
            Self::Configure(application, option, Some(value)) => {
                write!(f, "configure {application} {option}={value}")
            }
            Self::Configure(application, option, None) => {
                write!(f, "configure {application} --reset {option}")
            }
            Self::MoveLeadership(application) => write!(f, "move the leadership of {application}"),
            Self::UpdateStatus => f.write_str("update-status"),
            Self::Reach(unit, container, true) => write!(f, "{container} of {unit} answers"),
            Self::Reach(unit, container, false) => write!(f, "{container} of {unit} is silent"),
            Self::Replace(application) => write!(f, "remove {application} and deploy it again"),
        }
    }
}

/// Ends that may be related or not as an operator likes; the authorities are apart.
const RELATIONS: [(&str, &str); 14] = [
    ("tally:tally-cluster", "tally-front:tally-cluster"),
    ("tally:tally-cluster", "tally-back:tally-cluster"),
    ("tally:s3", "s3:s3-credentials"),
    ("tally:metrics-endpoint", "prometheus:metrics-endpoint"),
    ("tally:send-remote-write", "prometheus:receive-remote-write"),
    ("tally:logging", "loki:logging"),
    ("tally:charm-tracing", "tempo:tracing"),
    ("tally:workload-tracing", "tempo:tracing"),
    ("tally:grafana-dashboard", "grafana:grafana-dashboard"),
    ("tally:grafana-source", "grafana:grafana-source"),
    ("prometheus:grafana-source", "grafana:grafana-source"),
    ("tally:receive-datasource", "prometheus:send-datasource"),
    ("tally:catalogue", "catalogue:catalogue"),
    ("tally:ingress", "traefik:ingress"),
];

/// Without these a deployment can't work: each model has them at its end.
const NEEDED: [(&str, &str); 3] = [RELATIONS[0], RELATIONS[1], RELATIONS[2]];

const CERTIFICATES: &str = "tally:certificates";
const AUTHORITIES: [&str; 2] = ["ca-one:certificates", "ca-two:certificates"];

/// Applications that operators scale, and how far.
const SCALED: [(&str, u32); 4] = [("tally", 2), ("tally-front", 3), ("tally-back", 2), ("loki", 2)];

/// What a deployment can do without.
const AROUND: [&str; 8] =
    ["prometheus", "loki", "tempo", "grafana", "catalogue", "traefik", "ca-one", "ca-two"];

fn application_of(end: &str) -> &str {
    end.split(':').next().unwrap_or(end)
}

impl Shape {
    /// What a model file says.
    pub(crate) fn of(plan: &ModelPlan) -> Self {
        let mut shape =
            Self { units: BTreeMap::new(), options: BTreeMap::new(), relations: BTreeSet::new() };
        for (name, application) in &plan.applications {
            shape.units.insert(name.clone(), application.units);
            for (option, value) in &application.config {
                shape.options.insert((name.clone(), option.clone()), value.clone());
            }
        }
        for (one, other, _) in &plan.relations {
            let end = |end: &relation_bus::model_file::End| {
                format!("{}:{}", end.application, end.endpoint.clone().unwrap_or_default())
            };
            shape.relations.insert((end(one), end(other)));
        }
        shape
    }

    /// A form with some of what stands around the deployment, and some of the relations.
    pub(crate) fn in_part(mut self, random: &mut Random) -> Self {
        self.units.retain(|name, _| !AROUND.contains(&name.as_str()) || random.below(2) == 0);
        let units = self.units.clone();
        self.options.retain(|(application, _), _| units.contains_key(application));
        let is_there = |end: &String| units.contains_key(application_of(end));
        self.relations.retain(|(one, other)| is_there(one) && is_there(other));
        self.relations.retain(|_| random.below(3) > 0);
        self
    }

    fn has_both(&self, one: &str, other: &str) -> bool {
        self.has(application_of(one)) && self.has(application_of(other))
    }

    fn has(&self, application: &str) -> bool {
        self.units.contains_key(application)
    }

    /// Relations of an application.
    pub(crate) fn relations_of(&self, application: &str) -> Vec<(String, String)> {
        let is_of = |end: &str| application_of(end) == application;
        let all = self.relations.iter();
        all.filter(|(one, other)| is_of(one) || is_of(other)).cloned().collect()
    }

    /// What would make another authority, or none, the one in use.
    fn swap_of_authority(&self, random: &mut Random) -> Vec<Deed> {
        let now = self.relations.iter().find(|(one, _)| one == CERTIFICATES).cloned();
        let present = AUTHORITIES.into_iter().filter(|end| self.has(application_of(end)));
        let choices: Vec<_> = [None].into_iter().chain(present.map(Some)).collect();
        let next = random.one_of(&choices);
        let mut deeds = Vec::new();
        match (now, next) {
            (Some((_, now)), Some(next)) if now == *next => {}
            (now, next) => {
                deeds.extend(now.map(|(one, other)| Deed::Unrelate(one, other)));
                deeds.extend(
                    next.map(|next| Deed::Relate(CERTIFICATES.to_owned(), next.to_owned())),
                );
            }
        }
        deeds
    }

    /// Something to do next. Swapping an authority is two deeds, and now and then none.
    pub(crate) fn next(&self, random: &mut Random) -> Vec<Deed> {
        match random.below(12) {
            0..=2 => {
                let possible = RELATIONS.into_iter();
                let possible: Vec<_> =
                    possible.filter(|(one, other)| self.has_both(one, other)).collect();
                let (one, other) = random.one_of(&possible);
                let ends = ((*one).to_owned(), (*other).to_owned());
                vec![match self.relations.contains(&ends) {
                    true => Deed::Unrelate(ends.0, ends.1),
                    false => Deed::Relate(ends.0, ends.1),
                }]
            }
            3 | 4 => self.swap_of_authority(random),
            5 | 6 => {
                let possible = SCALED.into_iter().filter(|(application, _)| self.has(application));
                let possible: Vec<_> = possible.collect();
                let (application, most) = random.one_of(&possible);
                let units = u32::try_from(random.below(*most as usize + 1)).unwrap_or(1);
                vec![Deed::Scale((*application).to_owned(), units)]
            }
            7 | 8 => {
                let possible = options().into_iter().filter(|(name, ..)| self.has(name));
                let possible: Vec<_> = possible.collect();
                let (application, option, value) = random.one_of(&possible).clone();
                vec![Deed::Configure(application.to_owned(), option.to_owned(), value)]
            }
            9 => {
                let application = random.one_of(&["tally", "tally", "tally-front"]);
                vec![Deed::MoveLeadership((*application).to_owned())]
            }
            10 => {
                let (application, container) = random.one_of(&[
                    ("tally", "nginx"),
                    ("tally-front", "tally"),
                    ("loki", "loki"),
                ]);
                let units = self.units.get(*application).copied().unwrap_or_default();
                if units == 0 {
                    return vec![Deed::UpdateStatus];
                }
                let unit = format!("{application}/{}", random.below(units as usize));
                vec![
                    Deed::Reach(unit.clone(), (*container).to_owned(), false),
                    Deed::Reach(unit, (*container).to_owned(), true),
                ]
            }
            _ => {
                let possible = ["loki", "prometheus", "tempo", "traefik", "tally-back", "s3"];
                let possible: Vec<_> = possible.into_iter().filter(|name| self.has(name)).collect();
                vec![Deed::Replace((*random.one_of(&possible)).to_owned())]
            }
        }
    }

    /// What is missing for a deployment that works.
    pub(crate) fn missing(&self) -> Vec<Deed> {
        let mut deeds = Vec::new();
        for (application, _) in SCALED {
            if self.units.get(application) == Some(&0) {
                deeds.push(Deed::Scale(application.to_owned(), 1));
            }
        }
        for (one, other) in NEEDED {
            let ends = (one.to_owned(), other.to_owned());
            if !self.relations.contains(&ends) {
                deeds.push(Deed::Relate(ends.0, ends.1));
            }
        }
        for role in ["role-read", "role-write"] {
            let key = ("tally-front".to_owned(), role.to_owned());
            if self.options.get(&key) != Some(&json!(true)) {
                deeds.push(Deed::Configure(key.0, key.1, Some(json!(true))));
            }
        }
        deeds
    }

    /// The form after a deed.
    pub(crate) fn after(mut self, deed: &Deed) -> Self {
        match deed {
            Deed::Relate(one, other) => {
                self.relations.insert((one.clone(), other.clone()));
            }
            Deed::Unrelate(one, other) => {
                self.relations.remove(&(one.clone(), other.clone()));
            }
            Deed::Scale(application, units) => {
                self.units.insert(application.clone(), *units);
            }
            Deed::Configure(application, option, value) => {
                let key = (application.clone(), option.clone());
                match value {
                    Some(value) => self.options.insert(key, value.clone()),
                    None => self.options.remove(&key),
                };
            }
            Deed::MoveLeadership(_) | Deed::UpdateStatus | Deed::Reach(..) | Deed::Replace(_) => {}
        }
        self
    }
}

fn options() -> Vec<(&'static str, &'static str, Option<Value>)> {
    vec![
        ("tally", "retention_hours", Some(json!(24))),
        ("tally", "retention_hours", None),
        ("tally", "cpu_limit", Some(json!("500m"))),
        ("tally", "cpu_limit", None),
        ("tally-front", "role-read", Some(json!(false))),
        ("tally-front", "role-read", Some(json!(true))),
        ("tally-front", "role-backend", Some(json!(true))),
        ("tally-front", "role-backend", None),
        ("traefik", "external_hostname", Some(json!("gate.example"))),
        ("traefik", "external_hostname", None),
        ("s3", "region", Some(json!("south-2"))),
        ("s3", "region", None),
        (
            "s3",
            "tls-ca-chain",
            Some(json!("-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----")),
        ),
        ("s3", "tls-ca-chain", None),
        ("tempo", "always_enable_zipkin", Some(json!(true))),
        ("prometheus", "evaluation_interval", Some(json!("2m"))),
        ("ca-one", "ca-common-name", Some(json!("three"))),
    ]
}
