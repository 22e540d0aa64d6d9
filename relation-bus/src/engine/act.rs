//! What an operator does to a model.

use serde_json::Value;

use super::secrets::prune;
use super::{Answers, Bus, EngineError, Images, Trust};
use crate::charm_folder::CharmFolder;
use crate::dispatch::lock;
use crate::model::{Application, Life, Relation, RelationLife, Role, Side, relation_key};
use crate::names::RelationId;

impl Bus {
    /// Says what commands in an application's containers answer. Only containers that come up
    /// later know it.
    pub fn answer(&mut self, application: &str, answers: Answers) {
        self.answers.insert(application.to_owned(), answers);
    }

    /// Says what an application's containers bring along: their programs and other files. With
    /// [`PebbleKind::Real`](super::PebbleKind::Real) a real daemon runs in each of them that comes
    /// up later.
    pub fn bring_along(&mut self, application: &str, images: Images) {
        self.images.insert(application.to_owned(), images);
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

    /// Sets a config option, or with nothing resets it to its default. A text is read as the
    /// option's type.
    ///
    /// # Errors
    ///
    /// When there is no such application or option, or the value is of another type.
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
        let Some(declared) = entry.charm.config.get(option) else {
            return Err(EngineError::NoOption {
                application: application.to_owned(),
                option: option.to_owned(),
            });
        };
        let value = match value {
            Some(value) => Some(declared.check(option, value).map_err(EngineError::Config)?),
            None => None,
        };
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

    /// Sets a setting of the model, or with nothing resets it (`juju model-config`).
    ///
    /// # Errors
    ///
    /// When the value is not of the setting's type.
    pub fn set_model_config(
        &mut self,
        name: &str,
        value: Option<Value>,
    ) -> Result<(), EngineError> {
        lock(&self.model).set_setting(name, value)?;
        // An interval that has changed begins anew.
        for runtime in self.units.values_mut() {
            runtime.local.update_status_at = None;
        }
        Ok(())
    }

    /// Lets the timer of `update-status` fire in every unit.
    pub fn update_status(&mut self) {
        for runtime in self.units.values_mut() {
            runtime.local.update_status_due = true;
        }
    }

    /// Takes away relations that are over: dying, and nobody in them any more.
    pub(crate) fn sweep(&mut self) {
        let mut model = lock(&self.model);
        prune(&mut model);
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
