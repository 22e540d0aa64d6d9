//! From the input of a case to a world on the bus.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Map, json};

use super::case::{ContainerInput, EndpointInput, EventInput, Input, ServiceState};
use super::solution::{self, Injection};
use crate::charm_folder::{CharmMetadata, ConfigOption, Endpoint};
use crate::model::{OpenedPort, Role, SecretOwner};
use crate::names::{RelationId, SecretId, UnitName};
use crate::one_shot::{Charm, Event, World, WorldPeer, WorldRelation, WorldSecret};
use crate::pebble::{CheckSetup, ContainerSetup, ExecAnswer};

/// Where the pod of a unit is when the case doesn't say.
const SOME_ADDRESS: &str = "10.1.0.10";

/// A text of a case that the bus can't take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use `{text}` as {kind}")]
pub struct SceneError {
    /// What it should be.
    pub kind: &'static str,
    /// The text.
    pub text: String,
}

fn parse<T: FromStr>(kind: &'static str, text: &str) -> Result<T, SceneError> {
    text.parse().map_err(|_| SceneError { kind, text: text.to_owned() })
}

/// The world that a case describes, with `program` as the charm's `dispatch`.
///
/// # Errors
///
/// When a name, a port or an id in the case is none.
pub fn world(
    input: &Input,
    program: &Path,
    root: PathBuf,
    kubernetes: Option<String>,
) -> Result<World, SceneError> {
    let unit: UnitName = parse("unit", &input.unit)?;
    let mut relations = Vec::new();
    for relation in &input.relations {
        relations.push(WorldRelation {
            id: RelationId(relation.id),
            endpoint: relation.endpoint.clone(),
            remote_application: relation.remote_app.clone(),
            local_application: relation.local_app_data.clone(),
            local_unit: relation.local_unit_data.clone(),
            remote_application_data: relation.remote_app_data.clone(),
            remote_units: units(&relation.remote_units)?,
        });
    }
    let mut peers = Vec::new();
    for peer in &input.peers {
        peers.push(WorldPeer {
            id: RelationId(peer.id),
            endpoint: peer.endpoint.clone(),
            local_application: peer.local_app_data.clone(),
            local_unit: peer.local_unit_data.clone(),
            units: units(&peer.units)?,
        });
    }
    let leader = if input.leader {
        Some(unit.clone())
    } else {
        peers.iter().flat_map(|peer| peer.units.keys()).min().cloned()
    };
    Ok(World {
        model_name: input.model.name.clone(),
        model_uuid: input.model.uuid.clone(),
        juju_version: input.juju_version.clone(),
        charm: charm(input, program),
        leader,
        config: input.config.clone().into_iter().collect(),
        fqdn: input.fqdn.clone(),
        dns_server: input.dns_server.clone(),
        has_ipv6: input.ipv6,
        environment: input.env.clone(),
        networks: input.networks.clone(),
        address: address(input).to_owned(),
        relations,
        peers,
        charm_container_files: bytes(&input.charm_container_files),
        secrets: secrets(input, &unit)?,
        opened_ports: input
            .opened_ports
            .iter()
            .map(|port| opened_port(port))
            .collect::<Result<_, _>>()?,
        workload_version: input.workload_version.clone(),
        state: BTreeMap::new(),
        kubernetes,
        root,
        unit,
    })
}

/// The event of a case.
///
/// # Errors
///
/// When a name or an id in it is none.
pub fn event(event: &EventInput) -> Result<Event, SceneError> {
    let unit = |text: &Option<String>| text.as_deref().map(|text| parse("unit", text)).transpose();
    Ok(Event {
        name: event.name.clone(),
        relation: event.relation_id.map(RelationId),
        remote_unit: unit(&event.remote_unit)?,
        departing_unit: unit(&event.departing_unit)?,
        container: event.container.clone(),
        check: event.check.clone(),
        secret: event.secret_id.as_deref().map(|id| parse("secret id", id)).transpose()?,
        revision: event.revision,
    })
}

/// A container as it is before the event.
///
/// # Errors
///
/// When a check has a status that no check has.
pub fn container(container: &ContainerInput) -> Result<ContainerSetup, SceneError> {
    let mut checks = Vec::new();
    for check in &container.checks {
        checks.push(CheckSetup {
            name: check.name.clone(),
            level: check.level.clone(),
            status: parse("status of a check", &check.status)?,
            failures: check.failures.into(),
            threshold: check.threshold.into(),
        });
    }
    let active = container.services.iter().filter(|(_, state)| **state == ServiceState::Active);
    Ok(ContainerSetup {
        files: bytes(&container.files),
        layers: container.layers.clone().into_iter().collect(),
        active: active.map(|(name, _)| name.clone()).collect(),
        checks,
        execs: container
            .execs
            .iter()
            .map(|exec| ExecAnswer {
                command: exec.command.clone(),
                return_code: exec.return_code,
                stdout: exec.stdout.clone(),
                stderr: String::new(),
            })
            .collect(),
        restart_error: container.restart_error.clone(),
        ..ContainerSetup::default()
    })
}

fn charm(input: &Input, program: &Path) -> Charm {
    let declared = &input.charm;
    let mut endpoints = BTreeMap::new();
    for (role, section) in [
        (Role::Provider, &declared.provides),
        (Role::Requirer, &declared.requires),
        (Role::Peer, &declared.peers),
    ] {
        endpoints.extend(section.iter().map(|(name, e)| (name.clone(), endpoint(role, e))));
    }
    let options = declared.config_options.iter().map(|(name, option)| {
        let option = ConfigOption {
            kind: option["type"].as_str().unwrap_or("string").to_owned(),
            default: option.get("default").filter(|value| !value.is_null()).cloned(),
            description: String::new(),
        };
        (name.clone(), option)
    });
    let mut files = bytes(&declared.files);
    if let Some(solution) = &input.solution {
        let injection = if input.label_matcher_injection { Injection::On } else { Injection::Off };
        // Every JSON text is a YAML text.
        let text = solution::translate(solution, input.role, injection).to_string();
        files.insert("solution.yaml".to_owned(), text.into_bytes());
    }
    let actions = declared.actions.iter().map(|name| (name.clone(), json!({})));
    Charm {
        metadata: CharmMetadata {
            name: declared.name.clone(),
            summary: String::new(),
            description: String::new(),
            endpoints,
            containers: declared.containers.clone(),
            mounts: BTreeMap::new(),
            config: options.collect(),
            actions: actions.collect(),
            storage: Map::new(),
            resources: Map::new(),
        },
        dispatch: program.to_owned(),
        files,
        folders: declared.dirs.iter().cloned().collect::<BTreeSet<_>>(),
    }
}

fn endpoint(role: Role, input: &EndpointInput) -> Endpoint {
    Endpoint {
        role,
        interface: input.interface.clone(),
        limit: input.limit,
        optional: input.optional,
    }
}

fn units<T: Clone>(units: &BTreeMap<String, T>) -> Result<BTreeMap<UnitName, T>, SceneError> {
    units.iter().map(|(name, bag)| Ok((parse("unit", name)?, bag.clone()))).collect()
}

fn bytes(files: &BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect()
}

/// The unit's address: that of some network, or what Juju wrote into a databag.
fn address(input: &Input) -> &str {
    let bags = input.relations.iter().map(|relation| &relation.local_unit_data);
    let bags = bags.chain(input.peers.iter().map(|peer| &peer.local_unit_data));
    let seeded = bags.filter_map(|bag| bag.get("private-address"));
    input.networks.values().chain(seeded).map(String::as_str).next().unwrap_or(SOME_ADDRESS)
}

fn secrets(input: &Input, unit: &UnitName) -> Result<Vec<WorldSecret>, SceneError> {
    let mut secrets = Vec::new();
    for secret in &input.secrets {
        let owner = match secret.owner.as_deref() {
            Some("unit") => SecretOwner::Unit(unit.clone()),
            Some("app") => SecretOwner::Application(input.app.clone()),
            Some(other) => {
                return Err(SceneError { kind: "owner of a secret", text: other.to_owned() });
            }
            // The case doesn't say whose: any application that we are related to will do.
            None => SecretOwner::Application(
                input.relations.first().map_or("another", |relation| &relation.remote_app).into(),
            ),
        };
        let mut grants = BTreeMap::new();
        for (relation, applications) in &secret.grants {
            grants.insert(RelationId(parse("relation id", relation)?), applications.clone());
        }
        secrets.push(WorldSecret {
            id: parse::<SecretId>("secret id", &secret.id)?,
            label: secret.label.clone().unwrap_or_default(),
            owner,
            content: secret.content.clone(),
            grants,
        });
    }
    Ok(secrets)
}

/// A port that a case spells `tcp/9400`.
fn opened_port(text: &str) -> Result<OpenedPort, SceneError> {
    let error = || SceneError { kind: "port", text: text.to_owned() };
    let (protocol, number) = text.split_once('/').ok_or_else(error)?;
    format!("{number}/{protocol}").parse().map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_spelt_the_other_way_round() {
        assert_eq!(opened_port("tcp/9400").unwrap().to_string(), "9400/tcp");
        assert_eq!(opened_port("9400").unwrap_err().to_string(), "cannot use `9400` as port");
    }

    #[test]
    fn an_event_keeps_its_subject() {
        let input = serde_json::json!({
            "name": "relation-departed", "relation_id": 4,
            "remote_unit": "a/1", "departing_unit": "a/1",
        });
        let event = event(&serde_json::from_value(input).unwrap()).unwrap();
        assert_eq!(event.relation, Some(RelationId(4)));
        assert_eq!(event.departing_unit, Some(UnitName::new("a", 1)));
    }
}
