//! The tables of `juju status`.

use std::collections::BTreeMap;

use super::super::{Column, View, natural_order, offers, storage, table};
use super::{Selection, agent, workload_status};
use crate::model::{AgentStatus, Application, Model, Protocol, Relation, Role, Unit};

/// Longer messages end in dots, so that a row stays readable.
const LONGEST_MESSAGE: usize = 120;

/// The same for what a workload says of its version.
const LONGEST_VERSION: usize = 30;

/// The sections that are shown when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sections {
    /// `--relations`.
    pub relations: Section,
    /// `--storage`.
    pub storage: Section,
}

/// Whether a section is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Section {
    /// It is.
    Shown,
    /// It isn't.
    #[default]
    Hidden,
}

/// The tables, with an empty line between two of them.
#[must_use]
pub fn tabular(view: View<'_>, selection: &Selection, sections: Sections) -> String {
    let model = view.model;
    let mut tables = vec![heading(view)];
    tables.extend(offers::consumed_table(view));
    let mut applications: Vec<&Application> =
        model.applications.values().filter(|a| selection.takes_application(a)).collect();
    applications.sort_by(|a, b| natural_order(&a.name, &b.name));
    if !applications.is_empty() {
        tables.push(application_table(&applications));
        let units = applications.iter().flat_map(|a| a.units.values());
        let mut units: Vec<&Unit> = units.filter(|unit| selection.takes_unit(unit)).collect();
        units.sort_by(|a, b| natural_order(a.name.as_str(), b.name.as_str()));
        if !units.is_empty() {
            tables.push(unit_table(model, &units));
        }
    }
    tables.extend(offers::offered_table(view));
    if sections.relations == Section::Shown {
        let relations = model.relations.values().filter(|relation| {
            relation.sides.iter().any(|s| applications.iter().any(|a| a.name == s.application))
        });
        let relations: Vec<&Relation> = relations.collect();
        if !relations.is_empty() {
            tables.push(relation_table(&relations));
        }
    }
    if sections.storage == Section::Shown {
        tables.extend(storage::status_table(view));
    }
    tables.join("\n")
}

fn heading(view: View<'_>) -> String {
    let controller = view.controller;
    let cloud = match controller.region.as_str() {
        "" => controller.cloud.clone(),
        region => format!("{}/{region}", controller.cloud),
    };
    use Column::Left;
    table(
        &[
            Left("Model"),
            Left("Controller"),
            Left("Cloud/Region"),
            Left("Version"),
            Left("SLA"),
            Left("Timestamp"),
        ],
        &[vec![
            view.model.name.clone(),
            controller.name.clone(),
            cloud,
            view.model.juju_version.clone(),
            "unsupported".to_owned(),
            format!("{}Z", view.model.clock.time_of_day()),
        ]],
    )
}

fn application_table(applications: &[&Application]) -> String {
    use Column::{Left, Right};
    let rows: Vec<_> =
        applications.iter().map(|application| application_row(application)).collect();
    table(
        &[
            Left("App"),
            Left("Version"),
            Left("Status"),
            Right("Scale"),
            Left("Charm"),
            Left("Channel"),
            Right("Rev"),
            Left("Address"),
            Left("Exposed"),
            Left("Message"),
        ],
        &rows,
    )
}

fn application_row(application: &Application) -> Vec<String> {
    let status = application.shown_status();
    // A version may have several lines; the first one is for tables.
    let version = application.workload_version.lines().next().unwrap_or_default();
    vec![
        application.name.clone(),
        shortened(version, LONGEST_VERSION),
        status.value.to_string(),
        scale(application),
        application.charm.name.clone(),
        String::new(),
        application.charm_revision.to_string(),
        application.service_address.clone(),
        "no".to_owned(),
        shortened(&status.message, LONGEST_MESSAGE),
    ]
}

/// How many units there are; with those that have come up in front, when some have not.
fn scale(application: &Application) -> String {
    let up = |unit: &&Unit| unit.agent != AgentStatus::Allocating;
    let up = application.units.values().filter(up).count();
    match application.units.len() {
        all if all == up => all.to_string(),
        all => format!("{up}/{all}"),
    }
}

fn unit_table(model: &Model, units: &[&Unit]) -> String {
    use Column::Left;
    let rows: Vec<_> = units.iter().map(|unit| unit_row(model, unit)).collect();
    table(
        &[
            Left("Unit"),
            Left("Workload"),
            Left("Agent"),
            Left("Address"),
            Left("Ports"),
            Left("Message"),
        ],
        &rows,
    )
}

fn unit_row(model: &Model, unit: &Unit) -> Vec<String> {
    let status = workload_status(model, unit);
    let leader = if model.is_leader(&unit.name) { "*" } else { "" };
    let (word, doing) = agent(unit);
    let message = match doing_what(word, doing) {
        Some(what) => format!("({what}) {}", status.message),
        None => status.message,
    };
    vec![
        format!("{}{leader}", unit.name),
        status.value.to_string(),
        word.to_owned(),
        unit.address.clone(),
        ports(unit),
        shortened(&message, LONGEST_MESSAGE),
    ]
}

/// The hook or action that an agent runs, out of its message.
fn doing_what<'a>(word: &str, message: &'a str) -> Option<&'a str> {
    let running = message.strip_prefix("running ").filter(|_| word == "executing")?;
    running.strip_suffix(" hook").or_else(|| running.strip_prefix("action "))
}

/// Ports by protocol, neighbours as a range: `80-81,443/tcp 53/udp`.
fn ports(unit: &Unit) -> String {
    let mut by_protocol: BTreeMap<&str, Vec<(u16, u16)>> = BTreeMap::new();
    let mut icmp = None;
    for port in &unit.opened_ports {
        if port.protocol == Protocol::Icmp {
            icmp = Some("icmp".to_owned());
            continue;
        }
        let ranges = by_protocol.entry(port.protocol.as_str()).or_default();
        match ranges.last_mut() {
            Some((_, to)) if u32::from(*to) + 1 >= u32::from(port.from) => *to = port.to.max(*to),
            _ => ranges.push((port.from, port.to)),
        }
    }
    let texts = by_protocol.into_iter().map(|(protocol, ranges)| {
        let ranges = ranges.into_iter().map(|(from, to)| match from == to {
            true => from.to_string(),
            false => format!("{from}-{to}"),
        });
        format!("{}/{protocol}", ranges.collect::<Vec<_>>().join(","))
    });
    icmp.into_iter().chain(texts).collect::<Vec<_>>().join(" ")
}

fn relation_table(relations: &[&Relation]) -> String {
    use Column::Left;
    let mut rows: Vec<_> = relations.iter().map(|relation| relation_row(relation)).collect();
    rows.sort();
    table(
        &[
            Left("Integration provider"),
            Left("Requirer"),
            Left("Interface"),
            Left("Type"),
            Left("Message"),
        ],
        &rows,
    )
}

fn relation_row(relation: &Relation) -> Vec<String> {
    let end = |role| {
        let side = relation.sides.iter().find(|side| side.role == role);
        side.or(relation.sides.first())
            .map(|side| format!("{}:{}", side.application, side.endpoint))
            .unwrap_or_default()
    };
    let kind = if relation.is_peer() { "peer" } else { "regular" };
    vec![
        end(Role::Provider),
        end(Role::Requirer),
        relation.interface.clone(),
        kind.to_owned(),
        String::new(),
    ]
}

/// The first line of a text, cut off with dots when it is too long.
fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest.saturating_sub(3)).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::UnitName;
    use crate::shapes::samples;

    #[test]
    fn tables_have_the_columns_of_juju() {
        let mut model = samples::model();
        let unit = UnitName::new("web", 1);
        let busy = "running db-relation-changed hook".to_owned();
        model.unit_mut(&unit).unwrap().agent = AgentStatus::Executing(busy);
        let unit = UnitName::new("db", 0);
        model.unit_mut(&unit).unwrap().agent = AgentStatus::Allocating;
        let sections = Sections { relations: Section::Shown, storage: Section::Hidden };
        let text = tabular(samples::view(&model), &Selection::default(), sections);
        assert_eq!(
            text,
            "\
Model  Controller    Cloud/Region   Version  SLA          Timestamp
m      relation-bus  local/default  3.6.8    unsupported  01:01:01Z

App  Version  Status  Scale  Charm    Channel  Rev  Address        Exposed  Message
db            active    0/1  db-k8s              0  10.152.183.20  no       ready
web           active      2  web-k8s             0  10.152.183.20  no       ready

Unit    Workload  Agent       Address    Ports          Message
db/0*   active    allocating  10.1.71.5                 ready
web/0*  active    idle        10.1.71.5  80-81,443/tcp  ready
web/1   active    executing   10.1.71.6                 (db-relation-changed) ready

Integration provider  Requirer   Interface  Type     Message
db:sql                web:db     sql        regular
web:peers             web:peers  web_peers  peer
"
        );
    }

    #[test]
    fn long_messages_end_in_dots() {
        assert_eq!(shortened("abcdef", 5), "ab...");
        assert_eq!(shortened("abcde", 5), "abcde");
    }
}
