//! What an operator does to a model.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Answers, Bus, EngineError, Trust, UnitRuntime};
use crate::charm_folder::{CharmFolder, Content, Program, install};
use crate::dispatch::{Agent, Confinement, RootSetup, Surroundings, UnitRoot, lock};
use crate::model::{
    Application, Life, Relation, RelationLife, Role, Side, Unit, least_count, relation_key,
};
use crate::names::{RelationId, UnitName};
use crate::uniter::LocalState;

/// The name server that pods are told of.
const DNS_SERVER: &str = "10.152.183.10";

impl Bus {
    /// Says what commands in an application's containers answer. Only containers that come up
    /// later know it.
    pub fn answer(&mut self, application: &str, answers: Answers) {
        self.answers.insert(application.to_owned(), answers);
    }

    /// Deploys a charm. Its program must have been built. Peer relations are made at once.
    ///
    /// # Errors
    ///
    /// When the name is taken, or a unit cannot be made.
    pub async fn deploy(
        &mut self,
        name: &str,
        charm: &CharmFolder,
        units: u32,
    ) -> Result<(), EngineError> {
        {
            let mut model = lock(&self.model);
            if model.applications.contains_key(name) {
                return Err(EngineError::Exists(name.to_owned()));
            }
            let mut application = Application::new(name, charm.metadata.clone());
            let number = model.applications.len() + 20;
            application.service_address = format!("10.152.183.{}", number % 250);
            model.applications.insert(name.to_owned(), application);
            for (endpoint, declared) in &charm.metadata.endpoints {
                if declared.role == Role::Peer {
                    let id = model.reserve_relation_id();
                    let relation = Relation {
                        id,
                        interface: declared.interface.clone(),
                        sides: vec![Side::new(name, endpoint, Role::Peer)],
                        life: RelationLife::Alive,
                    };
                    model.relations.insert(id, relation);
                }
            }
        }
        self.charms.insert(name.to_owned(), charm.clone());
        for _ in 0..units {
            self.add_unit(name).await?;
        }
        self.update_cluster(name);
        Ok(())
    }

    /// Adds a unit; its ordinal is the next one.
    ///
    /// # Errors
    ///
    /// When there is no such application, or the unit's files cannot be made.
    pub async fn add_unit(&mut self, application: &str) -> Result<UnitName, EngineError> {
        let charm = self
            .charms
            .get(application)
            .cloned()
            .ok_or_else(|| EngineError::NoApplication(application.to_owned()))?;
        self.next_address += 1;
        let address =
            format!("10.1.{}.{}", 71 + self.next_address / 240, self.next_address % 240 + 4);
        let place = self.folder.join(format!("u{}", self.next_root));
        self.next_root += 1;
        let (unit, root, setup) = {
            let mut model = lock(&self.model);
            let entry = model
                .applications
                .get_mut(application)
                .ok_or_else(|| EngineError::NoApplication(application.to_owned()))?;
            let unit = UnitName::new(application, entry.scale);
            entry.scale += 1;
            let root = UnitRoot::at(&place, &unit);
            let mut made = Unit::new(unit.clone(), &address);
            for (name, declared) in &charm.metadata.storage {
                let locate = |path: &str| root.locate(path).display().to_string();
                let count = least_count(declared);
                let instances = model.make_storage(&charm.metadata, name, count, locate);
                made.storage.extend(instances.into_iter().map(|made| (made.id.clone(), made)));
            }
            if let Some(entry) = model.applications.get_mut(application) {
                entry.units.insert(unit.clone(), made);
            }
            let setup = RootSetup {
                model: model.name.clone(),
                fqdn: model.fqdn(&unit),
                address,
                dns_server: DNS_SERVER.to_owned(),
                has_ipv6: false,
                containers: charm.metadata.containers.clone(),
                program: self.program.clone(),
            };
            (unit, root, setup)
        };
        root.make(&setup)?;
        self.make_storage_folders(&unit)?;
        let dispatch = match &charm.program {
            Program::Folder => None,
            Program::Binary(name) => self.program.parent().map(|folder| folder.join(name)),
        };
        let content = Content {
            metadata: &charm.metadata,
            folder: Some(&charm.path),
            files: &BTreeMap::new(),
            folders: &BTreeSet::new(),
            dispatch: dispatch.as_deref(),
        };
        install(&content, &root.charm())?;
        let (confinement, cluster) = match &charm.program {
            Program::Folder => (Confinement::Container, &self.secure_cluster_server),
            Program::Binary(_) => (Confinement::None, &self.cluster_server),
        };
        if let Some(authority) = cluster.authority() {
            root.write("var/run/secrets/kubernetes.io/serviceaccount/ca.crt", authority)?;
        }
        let agent = Agent {
            unit: unit.clone(),
            root,
            surroundings: Surroundings {
                kubernetes: Some(cluster.address().to_string()),
                variables: BTreeMap::new(),
            },
            confinement,
            time_limit: self.settings.time_limit,
            runner: self.settings.runner.clone(),
        };
        let containers = self.bring_up(&agent, &charm.metadata.containers).await?;
        let runtime = UnitRuntime { agent, local: LocalState::default(), containers };
        self.units.insert(unit.clone(), runtime);
        self.elect(application);
        self.update_cluster(application);
        Ok(unit)
    }

    /// Removes the unit with the highest ordinal, as Kubernetes does.
    ///
    /// # Errors
    ///
    /// When there is no such application or it has no unit.
    pub fn remove_unit(&mut self, application: &str) -> Result<UnitName, EngineError> {
        let mut model = lock(&self.model);
        let missing = || EngineError::NoApplication(application.to_owned());
        let entry = model.applications.get_mut(application).ok_or_else(missing)?;
        let alive = entry.units.values_mut().filter(|unit| unit.life == Life::Alive);
        let unit = alive.max_by_key(|unit| unit.name.number()).ok_or_else(missing)?;
        unit.life = Life::Dying;
        let name = unit.name.clone();
        entry.scale = name.number();
        Ok(name)
    }

    /// Removes an application: its units and relations go with it.
    ///
    /// # Errors
    ///
    /// When there is no such application.
    pub fn remove_application(&mut self, application: &str) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        let entry = model
            .applications
            .get_mut(application)
            .ok_or_else(|| EngineError::NoApplication(application.to_owned()))?;
        entry.life = Life::Dying;
        for unit in entry.units.values_mut() {
            unit.life = Life::Dying;
        }
        for relation in model.relations.values_mut() {
            if !relation.is_peer() && relation.side(application).is_some() {
                relation.life = RelationLife::Dying;
            }
        }
        drop(model);
        self.sweep();
        Ok(())
    }

    /// Relates two applications, each given as `app` or `app:endpoint`.
    ///
    /// # Errors
    ///
    /// When the ends do not fit, or fit in more than one way.
    pub fn integrate(&mut self, one: &str, other: &str) -> Result<RelationId, EngineError> {
        let mut model = lock(&self.model);
        let ends = |text: &str| -> Result<Vec<(Side, String)>, EngineError> {
            let (name, wanted) = match text.split_once(':') {
                Some((name, endpoint)) => (name, Some(endpoint)),
                None => (text, None),
            };
            let declared: Vec<(&String, Role, &String)> =
                match (model.applications.get(name), model.saas.get(name)) {
                    (Some(application), _) => {
                        let endpoints = application.charm.endpoints.iter();
                        endpoints.map(|(name, end)| (name, end.role, &end.interface)).collect()
                    }
                    (None, Some(saas)) => {
                        let endpoints = saas.endpoints.iter();
                        endpoints.map(|(name, end)| (name, end.role, &end.interface)).collect()
                    }
                    (None, None) => return Err(EngineError::NoApplication(name.to_owned())),
                };
            let fitting = declared.into_iter().filter(|(endpoint, role, _)| {
                *role != Role::Peer && wanted.is_none_or(|wanted| wanted == *endpoint)
            });
            let found: Vec<_> = fitting
                .map(|(endpoint, role, interface)| {
                    (Side::new(name, endpoint, role), interface.clone())
                })
                .collect();
            match (found.is_empty(), wanted) {
                (true, Some(wanted)) => Err(EngineError::NoEndpoint {
                    application: name.to_owned(),
                    endpoint: wanted.to_owned(),
                }),
                _ => Ok(found),
            }
        };
        let (left, right) = (ends(one)?, ends(other)?);
        let mut pairs = Vec::new();
        for (a, interface) in &left {
            for (b, other_interface) in &right {
                if interface == other_interface && a.role != b.role {
                    pairs.push((a, b, interface));
                }
            }
        }
        let (a, b, interface) = match pairs.as_slice() {
            [pair] => *pair,
            [] => return Err(EngineError::NoFit),
            several => {
                let mut ways: Vec<_> = several
                    .iter()
                    .map(|(a, b, _)| format!("\"{}\"", relation_key([*a, *b])))
                    .collect();
                ways.sort();
                return Err(EngineError::Ambiguous { ends: format!("{one} {other}"), ways });
            }
        };
        let exists = model.relations.values().any(|relation| {
            relation.life == RelationLife::Alive
                && [a, b].into_iter().all(|end| {
                    relation.sides.iter().any(|side| {
                        (&side.application, &side.endpoint) == (&end.application, &end.endpoint)
                    })
                })
        });
        if exists {
            return Err(EngineError::RelationExists { key: relation_key([a, b]) });
        }
        let (sides, interface) = (vec![a.clone(), b.clone()], interface.clone());
        let id = model.reserve_relation_id();
        let relation = Relation { id, interface, sides, life: RelationLife::Alive };
        model.relations.insert(id, relation);
        Ok(id)
    }

    /// Removes a relation; both applications stay.
    ///
    /// # Errors
    ///
    /// When there is none with that id.
    pub fn remove_relation(&mut self, id: RelationId) -> Result<(), EngineError> {
        lock(&self.model).relations.get_mut(&id).ok_or(EngineError::NoRelation(id))?.life =
            RelationLife::Dying;
        self.sweep();
        Ok(())
    }

    /// Sets a config option, or with nothing resets it to its default.
    ///
    /// # Errors
    ///
    /// When there is no such application or option.
    pub fn configure(
        &mut self,
        application: &str,
        option: &str,
        value: Option<Value>,
    ) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        let entry = model
            .applications
            .get_mut(application)
            .ok_or_else(|| EngineError::NoApplication(application.to_owned()))?;
        if !entry.charm.config.contains_key(option) {
            return Err(EngineError::NoOption {
                application: application.to_owned(),
                option: option.to_owned(),
            });
        }
        match value {
            Some(value) => entry.config.insert(option.to_owned(), value),
            None => entry.config.remove(option),
        };
        Ok(())
    }

    /// Lets an application use the cluster, or not.
    ///
    /// # Errors
    ///
    /// When there is no such application.
    pub fn trust(&mut self, application: &str, trust: Trust) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        let entry = model
            .applications
            .get_mut(application)
            .ok_or_else(|| EngineError::NoApplication(application.to_owned()))?;
        entry.trusted = trust == Trust::Granted;
        Ok(())
    }

    /// Moves the leadership to a unit. The loser is not told.
    ///
    /// # Errors
    ///
    /// When there is no such unit.
    pub fn set_leader(&mut self, unit: &UnitName) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        let missing = || EngineError::NoUnit(unit.clone());
        let entry = model.applications.get_mut(unit.application()).ok_or_else(missing)?;
        if !entry.units.contains_key(unit) {
            return Err(missing());
        }
        let former = entry.leader.replace(unit.clone());
        if let Some(runtime) =
            former.filter(|former| former != unit).and_then(|former| self.units.get_mut(&former))
        {
            runtime.local.leads = false;
        }
        Ok(())
    }

    /// Lets the timer of `update-status` fire in every unit.
    pub fn update_status(&mut self) {
        for runtime in self.units.values_mut() {
            runtime.local.update_status_due = true;
        }
    }

    /// Gives the leadership to the lowest unit when nobody has it.
    pub(super) fn elect(&mut self, application: &str) {
        let mut model = lock(&self.model);
        let Some(entry) = model.applications.get_mut(application) else { return };
        let held = entry.leader.as_ref().is_some_and(|leader| entry.units.contains_key(leader));
        if !held {
            let alive = entry.units.values().filter(|unit| unit.life == Life::Alive);
            entry.leader = alive.min_by_key(|unit| unit.name.number()).map(|u| u.name.clone());
        }
    }

    /// Takes away relations that are over: dying, and nobody in them any more.
    pub(crate) fn sweep(&mut self) {
        let mut model = lock(&self.model);
        let dying: Vec<RelationId> = model
            .relations
            .values()
            .filter(|relation| relation.life == RelationLife::Dying)
            .map(|relation| relation.id)
            .collect();
        for id in dying {
            let Some(relation) = model.relations.get_mut(&id) else { continue };
            // A unit that entered but whose created never ended well has nothing to be told.
            for (name, runtime) in &mut self.units {
                if !runtime.local.relations.contains_key(&id) {
                    relation.leave_scope(name);
                    let failed = runtime.local.failed.as_ref();
                    let about = failed.and_then(|failed| failed.hook.relation());
                    if about.is_some_and(|hook| hook.relation == id) {
                        runtime.local.failed = None;
                    }
                }
            }
            if relation.is_empty() {
                model.relations.remove(&id);
                for secret in model.secrets.values_mut() {
                    secret.grants.retain(|grant| grant.relation != Some(id));
                }
            }
        }
    }
}
