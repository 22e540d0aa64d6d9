//! What Juju makes in the cluster: containers with their Pebble, and the objects of applications.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Bus, Container, EngineError, PebbleKind, Reach, Serving};
use crate::dispatch::{Agent, lock};
use crate::names::UnitName;
use crate::pebble::{ContainerSetup, Daemon, DaemonSetup, ExecAnswer, Workload};

/// Content of files by path.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

impl Bus {
    /// Brings up the containers of a unit, and makes them reachable. They are empty but for the
    /// files that are given for each.
    pub(super) fn bring_up(
        &self,
        agent: &Agent,
        names: &[String],
        kept: &BTreeMap<String, Files>,
    ) -> Result<BTreeMap<String, Container>, EngineError> {
        let mut containers = BTreeMap::new();
        for name in names {
            let files = kept.get(name).cloned().unwrap_or_default();
            containers.insert(name.clone(), self.begin_container(agent, name, files)?);
        }
        Ok(containers)
    }

    /// A container that has just begun, and answers.
    pub(super) fn begin_container(
        &self,
        agent: &Agent,
        name: &str,
        files: Files,
    ) -> Result<Container, EngineError> {
        let workload = self.make_workload(agent, name, files)?;
        let real = self.real(agent, name);
        let mut container = Container { workload, real, server: None, read: None };
        container.server = Some(serve(agent, name, &container)?);
        Ok(container)
    }

    /// The real daemon of a container that has an image, when real ones are asked for.
    fn real(&self, agent: &Agent, name: &str) -> Option<DaemonSetup> {
        let PebbleKind::Real(program) = &self.settings.pebble else { return None };
        let image = self.images.get(agent.unit.application())?.get(name)?;
        let fqdn = lock(&self.model).fqdn(&agent.unit);
        let short = fqdn.split('.').next().unwrap_or_default().to_owned();
        Some(DaemonSetup {
            program: program.clone(),
            root: agent.root.path().join("containers").join(name),
            image: Some(image.clone()),
            sockets: agent.root.container_socket(name).parent()?.to_owned(),
            // It shares this machine's network: what it serves under its own name is on loopback.
            hosts: format!("127.0.0.1 localhost\n::1 localhost\n127.0.0.1 {fqdn} {short}\n"),
        })
    }

    /// A container as it begins: with some files, and the folders at which storage is mounted.
    fn make_workload(
        &self,
        agent: &Agent,
        name: &str,
        files: Files,
    ) -> Result<Workload, EngineError> {
        let declared = self.answers.get(agent.unit.application());
        let declared = declared.and_then(|answers| answers.get(name));
        let refresh = ExecAnswer {
            command: vec!["update-ca-certificates".to_owned()],
            return_code: 0,
            stdout: String::new(),
            stderr: String::new(),
        };
        let answers = declared.into_iter().flatten().map(|answer| ExecAnswer {
            command: answer.command.clone(),
            return_code: answer.return_code,
            stdout: answer.stdout.clone(),
            stderr: String::new(),
        });
        let setup = ContainerSetup {
            files,
            directories: self.mounts(&agent.unit, name).into_iter().collect(),
            execs: [refresh].into_iter().chain(answers).collect(),
            ..ContainerSetup::default()
        };
        Workload::new(setup).map_err(|error| EngineError::Workload {
            unit: agent.unit.clone(),
            container: name.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Where storage is mounted in a container.
    fn mounts(&self, unit: &UnitName, container: &str) -> Vec<String> {
        let charm = self.charms.get(unit.application());
        let mounts = charm.and_then(|charm| charm.metadata.mounts.get(container));
        mounts.into_iter().flatten().map(|mount| mount.location.clone()).collect()
    }

    /// The files of a container that lie in mounted storage, and so outlive it.
    pub(super) fn mounted_files(&self, unit: &UnitName, container: &str) -> Files {
        let mounts = self.mounts(unit, container);
        let Some(workload) = self.workload(unit, container).filter(|_| !mounts.is_empty()) else {
            return Files::new();
        };
        let is_mounted = |path: &str| {
            mounts.iter().any(|mount| {
                path.strip_prefix(mount.trim_end_matches('/'))
                    .is_some_and(|rest| rest.starts_with('/'))
            })
        };
        workload.files().into_iter().filter(|(path, _)| is_mounted(path)).collect()
    }

    /// Gives a unit's pod another address.
    pub(super) fn move_pod(&self, unit: &UnitName, address: &str) {
        let pod = unit.dashed();
        let objects = self.cluster.objects();
        let known = objects
            .into_iter()
            .find(|object| object["kind"] == "Pod" && object["metadata"]["name"] == pod);
        if let Some(mut object) = known {
            object["status"]["podIP"] = address.into();
            self.cluster.insert(object);
        }
    }

    /// Makes a container answer, or not. A real daemon ends and begins anew: its files stay, its
    /// layers don't.
    ///
    /// # Errors
    ///
    /// When there is no such container, or its socket cannot be made.
    pub async fn set_reach(
        &mut self,
        unit: &UnitName,
        container: &str,
        reach: Reach,
    ) -> Result<(), EngineError> {
        let runtime = self.units.get_mut(unit).ok_or_else(|| EngineError::NoUnit(unit.clone()))?;
        let entry = runtime.containers.get_mut(container).ok_or_else(|| {
            EngineError::NoContainer { unit: unit.clone(), container: container.to_owned() }
        })?;
        match (reach, entry.server.is_some()) {
            (Reach::Up, false) => {
                entry.server = Some(serve(&runtime.agent, container, entry)?);
            }
            (Reach::Down, _) => {
                if let Some(server) = entry.server.take() {
                    server.stop().await;
                }
            }
            (Reach::Up, true) => {}
        }
        Ok(())
    }

    /// Brings the objects of an application up to date with its units.
    pub(super) fn update_cluster(&self, application: &str) {
        let model = lock(&self.model);
        let Some(entry) = model.applications.get(application) else { return };
        let mut containers = vec![json!({"name": "charm", "resources": {}})];
        let named = |name: &String| json!({"name": name, "resources": {}});
        containers.extend(entry.charm.containers.iter().map(named));
        let labels = json!({"app.kubernetes.io/name": application});
        let meta = |name: &str| json!({"name": name, "namespace": model.name, "labels": labels});
        let replicas = entry.units.len();
        let exists = self.cluster.objects().iter().any(|object| {
            object["kind"] == "StatefulSet" && object["metadata"]["name"] == application
        });
        if !exists {
            let revision = format!("{application}-1");
            self.cluster.insert(json!({
                "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta(application),
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": labels},
                    "serviceName": format!("{application}-endpoints"),
                    "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
                },
                "status": {
                    "observedGeneration": 1, "replicas": replicas, "readyReplicas": replicas,
                    "currentRevision": revision, "updateRevision": revision,
                },
            }));
            for name in [application.to_owned(), format!("{application}-endpoints")] {
                self.cluster.insert(json!({
                    "apiVersion": "v1", "kind": "Service", "metadata": meta(&name),
                    "spec": {"clusterIP": entry.service_address, "selector": labels},
                }));
            }
        }
        for unit in entry.units.values() {
            let pod = unit.name.dashed();
            let known =
                |object: &Value| object["kind"] == "Pod" && object["metadata"]["name"] == pod;
            if !self.cluster.objects().iter().any(known) {
                self.cluster.insert(json!({
                    "apiVersion": "v1", "kind": "Pod", "metadata": meta(&pod),
                    "spec": {"containers": containers}, "status": {"podIP": unit.address},
                }));
            }
        }
    }
}

/// Serves a container on its socket in the unit's root.
fn serve(agent: &Agent, name: &str, container: &Container) -> Result<Serving, EngineError> {
    if let Some(setup) = &container.real {
        let daemon = Daemon::start(setup).map_err(|source| EngineError::Daemon {
            unit: agent.unit.clone(),
            container: name.to_owned(),
            source,
        })?;
        return Ok(Serving::Real(daemon));
    }
    let socket = agent.root.container_socket(name);
    let server = container.workload.serve_now(&socket).map_err(|source| {
        EngineError::Container { unit: agent.unit.clone(), container: name.to_owned(), source }
    })?;
    Ok(Serving::Embedded(server))
}
