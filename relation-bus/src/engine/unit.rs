//! Units: made, scaled and buried.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bus, EngineError, UnitRuntime};
use crate::charm_folder::{CharmFolder, Content, Program, install};
use crate::dispatch::{Agent, Confinement, RootSetup, Surroundings, UnitRoot, lock};
use crate::model::{Life, SecretOwner, Unit, least_count};
use crate::names::UnitName;
use crate::uniter::LocalState;

/// The name server that pods are told of.
const DNS_SERVER: &str = "10.152.183.10";

impl Bus {
    /// Adds a unit; its ordinal is the next one. When a unit of that name is still on its way out,
    /// the new one comes after it.
    ///
    /// # Errors
    ///
    /// When there is no such application, or the unit's files cannot be made.
    pub async fn add_unit(&mut self, application: &str) -> Result<UnitName, EngineError> {
        let (unit, is_free) = {
            let mut model = lock(&self.model);
            let missing = || EngineError::NoApplication(application.to_owned());
            let entry = model.applications.get_mut(application).ok_or_else(missing)?;
            let unit = UnitName::new(application, entry.scale);
            entry.scale += 1;
            let is_free = !entry.units.contains_key(&unit);
            (unit, is_free)
        };
        if is_free {
            self.make_unit(&unit)?;
        }
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

    /// Brings an application to a number of units: adds the next ordinals, or removes the highest.
    ///
    /// # Errors
    ///
    /// As [`Bus::add_unit`] and [`Bus::remove_unit`].
    pub async fn scale(&mut self, application: &str, units: u32) -> Result<(), EngineError> {
        loop {
            let scale = {
                let model = lock(&self.model);
                let entry = model.applications.get(application);
                entry.ok_or_else(|| EngineError::NoApplication(application.to_owned()))?.scale
            };
            match scale.cmp(&units) {
                std::cmp::Ordering::Less => drop(self.add_unit(application).await?),
                std::cmp::Ordering::Equal => return Ok(()),
                std::cmp::Ordering::Greater => drop(self.remove_unit(application)?),
            }
        }
    }

    /// Makes a unit of that name, with its files and containers.
    fn make_unit(&mut self, unit: &UnitName) -> Result<(), EngineError> {
        let application = unit.application();
        let missing = || EngineError::NoApplication(application.to_owned());
        let charm = self.charms.get(application).cloned().ok_or_else(missing)?;
        let address = self.next_pod_address();
        let root = UnitRoot::at(&self.folder.join(format!("u{}", self.next_root)), unit);
        self.next_root += 1;
        {
            let mut model = lock(&self.model);
            let mut made = Unit::new(unit.clone(), &address);
            for (name, declared) in &charm.metadata.storage {
                let locate = |path: &str| root.locate(path).display().to_string();
                let count = least_count(declared);
                let instances = model.make_storage(&charm.metadata, name, count, locate);
                made.storage.extend(instances.into_iter().map(|made| (made.id.clone(), made)));
            }
            let entry = model.applications.get_mut(application).ok_or_else(missing)?;
            entry.units.insert(unit.clone(), made);
        }
        root.make(&self.root_setup(unit, &address, &charm))?;
        self.make_storage_folders(unit)?;
        let (confinement, surroundings) = self.surround(&charm, &root)?;
        let agent = Agent {
            unit: unit.clone(),
            root,
            surroundings,
            confinement,
            time_limit: self.settings.time_limit,
            runner: self.settings.runner.clone(),
        };
        self.install_charm(&charm, &agent)?;
        let containers = self.bring_up(&agent, &charm.metadata.containers, &BTreeMap::new())?;
        let runtime = UnitRuntime { agent, local: LocalState::default(), containers };
        self.units.insert(unit.clone(), runtime);
        self.elect(application);
        self.update_cluster(application);
        Ok(())
    }

    /// The address that the next pod gets.
    pub(super) fn next_pod_address(&mut self) -> String {
        self.next_address += 1;
        format!("10.1.{}.{}", 71 + self.next_address / 240, self.next_address % 240 + 4)
    }

    /// What the files of a unit's root say.
    pub(super) fn root_setup(
        &self,
        unit: &UnitName,
        address: &str,
        charm: &CharmFolder,
    ) -> RootSetup {
        let model = lock(&self.model);
        RootSetup {
            model: model.name.clone(),
            fqdn: model.fqdn(unit),
            address: address.to_owned(),
            dns_server: DNS_SERVER.to_owned(),
            has_ipv6: false,
            containers: charm.metadata.containers.clone(),
            program: self.program.clone(),
        }
    }

    /// Where a charm's process finds its unit's paths, and the cluster. A foreign charm expects
    /// Juju's paths, and speaks to the cluster over TLS only.
    pub(super) fn surround(
        &self,
        charm: &CharmFolder,
        root: &UnitRoot,
    ) -> Result<(Confinement, Surroundings), EngineError> {
        let (confinement, cluster) = match &charm.program {
            Program::Folder => (Confinement::Container, &self.secure_cluster_server),
            Program::Binary(_) => (Confinement::None, &self.cluster_server),
        };
        if let Some(authority) = cluster.authority() {
            root.write("var/run/secrets/kubernetes.io/serviceaccount/ca.crt", authority)?;
        }
        let kubernetes = Some(cluster.address().to_string());
        Ok((confinement, Surroundings { kubernetes, variables: BTreeMap::new() }))
    }

    /// Fills the charm directory of a unit.
    pub(super) fn install_charm(
        &self,
        charm: &CharmFolder,
        agent: &Agent,
    ) -> Result<(), EngineError> {
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
        Ok(install(&content, &agent.root.charm())?)
    }

    /// A unit that has run its last hook goes away. One of that name that was asked for meanwhile
    /// comes.
    pub(super) fn bury(&mut self, unit: &UnitName) {
        self.units.remove(unit);
        let application = unit.application().to_owned();
        let mut model = lock(&self.model);
        for relation in model.relations.values_mut() {
            relation.leave_scope(unit);
        }
        model.secrets.retain(|_, secret| secret.owner != SecretOwner::Unit(unit.clone()));
        for secret in model.secrets.values_mut() {
            // Revisions that only this unit tracked are of no use any more.
            secret.consumers.remove(unit);
        }
        let (mut gone, mut is_wanted) = (false, false);
        if let Some(entry) = model.applications.get_mut(&application) {
            entry.units.remove(unit);
            gone = entry.units.is_empty() && entry.life != Life::Alive;
            is_wanted = entry.life == Life::Alive && unit.number() < entry.scale;
            if entry.leader.as_ref() == Some(unit) {
                entry.leader = None;
            }
        }
        if gone {
            model.applications.remove(&application);
            model.relations.retain(|_, relation| {
                !(relation.is_peer() && relation.side(&application).is_some())
            });
            model.secrets.retain(|_, secret| secret.owner.application() != application);
            self.charms.remove(&application);
        }
        drop(model);
        self.elect(&application);
        self.sweep();
        if is_wanted && let Err(error) = self.make_unit(unit) {
            let level = crate::model::Level::Error;
            let text = error.to_string();
            lock(&self.model).add_log(unit.as_str(), "relation-bus.unit", level, text);
        }
    }
}
