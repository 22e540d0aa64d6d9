//! Reading the snapshot: what the charm asks for, each thing once.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::desired::Desired;
use crate::environment::Dispatch;
use crate::kubernetes::{KubernetesAnswer, KubernetesQuery};
use crate::names::{EndpointName, RelationId, SecretLabel};
use crate::needs::{Bag, ConfigNeed, ContainerNeeds, Needs, PortsNeed, SecretNeed};
use crate::program::Charm;
use crate::snapshot::{SecretRefusal, Seed, Snapshot};
use crate::tools::{Owner, SecretInfo, ToolError, Tools};
use crate::workloads::Workloads;

mod container;
mod relations;

/// Under which key of the unit's state the workload version that was set last is remembered: Juju
/// has no way to ask for it.
pub const WORKLOAD_VERSION_KEY: &str = "workload-version";

/// How often a charm may ask for more. Each round needs something that the last one brought, and
/// nothing in a model is nested that deep.
const ROUNDS: usize = 16;

/// Why the snapshot can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A hook tool failed.
    #[error("cannot read the model")]
    Tool(#[from] ToolError),
    /// A file of the charm can't be read.
    #[error("cannot read `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads what charms ask for, and remembers what it has read.
pub(crate) struct Reader<'a> {
    tools: Tools<'a>,
    dispatch: &'a Dispatch,
    workloads: &'a Workloads,
    listed: BTreeSet<EndpointName>,
    bags: BTreeSet<(RelationId, Bag)>,
    done: Needs,
    infos: Vec<(SecretLabel, SecretInfo)>,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing yet.
    pub(crate) fn new(tools: Tools<'a>, dispatch: &'a Dispatch, workloads: &'a Workloads) -> Self {
        Self {
            tools,
            dispatch,
            workloads,
            listed: BTreeSet::new(),
            bags: BTreeSet::new(),
            done: Needs::default(),
            infos: Vec::new(),
        }
    }

    /// Facts that every charm sees.
    pub(crate) fn facts(&self, snapshot: &mut Snapshot) -> Result<(), ReadError> {
        snapshot.leadership = self.tools.leadership()?;
        snapshot.unit_status = self.tools.status(Owner::Unit)?;
        snapshot.host = self.dispatch.root.facts();
        snapshot.now = SystemTime::now();
        snapshot.seed = seed()?;
        snapshot.interrupted = crate::interrupted::read(&self.dispatch.charm_dir);
        Ok(())
    }

    /// Reads all that a charm asks for, until it asks for nothing new.
    pub(crate) async fn satisfy(
        &mut self,
        charm: &impl Charm,
        snapshot: &mut Snapshot,
    ) -> Result<(), ReadError> {
        for _ in 0..ROUNDS {
            let needs = charm.needs(snapshot);
            if needs == self.done {
                break;
            }
            let before = self.done.clone();
            self.read(&needs, snapshot).await?;
            if self.done == before {
                break;
            }
        }
        Ok(())
    }

    /// Reads what a decision mentions and the charm did not look at, so that only what differs is
    /// written.
    pub(crate) async fn complete(
        &mut self,
        desired: &Desired,
        snapshot: &mut Snapshot,
    ) -> Result<(), ReadError> {
        let mut needs = Needs::default();
        needs.host_files.extend(desired.host_files.keys().cloned());
        needs.state.extend(desired.state.keys().cloned());
        if desired.workload_version.is_some() || desired.version_probe.is_some() {
            needs.state.insert(WORKLOAD_VERSION_KEY.to_owned());
        }
        if desired.ports.is_some() {
            needs.ports.insert(PortsNeed::Opened);
        }
        needs.secrets.extend(desired.secrets.keys().cloned().map(SecretNeed::Owned));
        for (name, goal) in &desired.containers {
            let files = goal.files.keys().cloned().collect();
            let container = ContainerNeeds { files, ..ContainerNeeds::default() };
            needs.containers.insert(name.clone(), container);
        }
        self.read(&needs, snapshot).await?;
        for (patched, bag) in
            [(desired.unit_databags(), Bag::LocalUnit), (desired.app_databags(), Bag::LocalApp)]
        {
            for relation in patched.keys() {
                self.bag(snapshot, *relation, bag)?;
            }
        }
        if snapshot.app_status.is_none()
            && snapshot.leadership.proof().is_some()
            && !desired.app_statuses().is_empty()
        {
            snapshot.app_status = self.tools.status(Owner::Application)?;
        }
        Ok(())
    }

    async fn read(&mut self, needs: &Needs, snapshot: &mut Snapshot) -> Result<(), ReadError> {
        if !needs.config.is_empty() && self.done.config.insert(ConfigNeed::Options) {
            snapshot.config = self.tools.config()?;
        }
        for (endpoint, bags) in &needs.endpoints {
            self.relations(snapshot, endpoint, bags)?;
        }
        for secret in &needs.secrets {
            if self.done.secrets.insert(secret.clone()) {
                self.secret(snapshot, secret)?;
            }
        }
        self.grants(snapshot);
        for endpoint in &needs.networks {
            if self.done.networks.insert(endpoint.clone())
                && let Some(address) = self.tools.address(endpoint)?
            {
                snapshot.networks.insert(endpoint.clone(), address);
            }
        }
        if !needs.ports.is_empty() && self.done.ports.insert(PortsNeed::Opened) {
            snapshot.opened_ports = self.tools.opened_ports()?;
        }
        if !needs.state.is_subset(&self.done.state) {
            self.done.state.extend(needs.state.iter().cloned());
            let asked = self.done.state.clone();
            snapshot.state = self.tools.state()?;
            snapshot.state.retain(|key, _| asked.contains(key));
        }
        for folder in &needs.charm_folders {
            if self.done.charm_folders.insert(folder.clone()) {
                self.charm_folder(snapshot, folder)?;
            }
        }
        for path in &needs.host_files {
            if self.done.host_files.insert(path.clone()) {
                snapshot.host_files.insert(path.clone(), self.host_file(path));
            }
        }
        self.containers(snapshot, &needs.containers).await;
        for query in &needs.kubernetes {
            if snapshot.kubernetes_answer(query).is_none() {
                let answer = self.kubernetes(query).await;
                snapshot.kubernetes.push((query.clone(), answer));
                self.done.kubernetes.push(query.clone());
            }
        }
        Ok(())
    }

    async fn kubernetes(&self, query: &KubernetesQuery) -> KubernetesAnswer {
        match self.workloads.kubernetes() {
            Ok(client) => client.query(query).await,
            Err(refusal) => KubernetesAnswer::Refused(refusal.clone()),
        }
    }

    fn secret(&mut self, snapshot: &mut Snapshot, need: &SecretNeed) -> Result<(), ReadError> {
        match need {
            SecretNeed::Owned(label) => {
                if let Some(info) = self.tools.secret_info(label)? {
                    let content = self.tools.own_secret(label)?;
                    let owned = crate::snapshot::OwnedSecret {
                        id: info.id.clone(),
                        content,
                        grants: BTreeSet::new(),
                    };
                    snapshot.owned_secrets.insert(label.clone(), owned);
                    self.infos.push((label.clone(), info));
                }
            }
            SecretNeed::Observed(id) => {
                let content = match self.tools.observed_secret(id) {
                    Ok(content) => Ok(content),
                    Err(error @ ToolError::Refused { .. }) => Err(SecretRefusal {
                        id: id.to_string(),
                        reason: error.stderr().unwrap_or_default().to_owned(),
                    }),
                    Err(error) => return Err(error.into()),
                };
                snapshot.observed_secrets.insert(id.clone(), content);
            }
            SecretNeed::Listing => snapshot.secret_listing = self.tools.secret_listing()?,
        }
        Ok(())
    }

    /// Grants are told by endpoints, so they can be read only as far as relations are.
    fn grants(&self, snapshot: &mut Snapshot) {
        let application = snapshot.identity.application.clone();
        for (label, info) in &self.infos {
            let granted = snapshot
                .relations
                .iter()
                .filter(|relation| info.is_granted_on(relation, &application))
                .map(|relation| relation.id)
                .collect();
            if let Some(secret) = snapshot.owned_secrets.get_mut(label) {
                secret.grants = granted;
            }
        }
    }

    fn host_file(&self, path: &Path) -> Option<Vec<u8>> {
        match fs::read(self.dispatch.root.path(path)) {
            Ok(content) => Some(content),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!("cannot read `{}`: {error}", path.display());
                }
                None
            }
        }
    }

    fn charm_folder(&self, snapshot: &mut Snapshot, folder: &Path) -> Result<(), ReadError> {
        let root = &self.dispatch.charm_dir;
        let mut folders = vec![root.join(folder)];
        while let Some(folder) = folders.pop() {
            let failed = |source| ReadError::File { path: folder.clone(), source };
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
                // Links to files are followed, links to folders are not: they may lead round in circles.
                if kind.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    let content = fs::read(&path)
                        .map_err(|source| ReadError::File { path: path.clone(), source })?;
                    let relative = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
                    snapshot.charm_files.insert(relative, content);
                }
            }
        }
        Ok(())
    }

    /// Forgets secrets, so that one that was just made is read again.
    pub(crate) fn forget_secrets(&mut self) {
        self.done
            .secrets
            .retain(|need| !matches!(need, SecretNeed::Owned(_) | SecretNeed::Listing));
        self.infos.clear();
    }
}

fn seed() -> Result<Seed, ReadError> {
    use std::io::Read;
    const SOURCE: &str = "/dev/urandom";
    let mut seed = [0; 32];
    fs::File::open(SOURCE)
        .and_then(|mut file| file.read_exact(&mut seed))
        .map_err(|source| ReadError::File { path: PathBuf::from(SOURCE), source })?;
    Ok(Seed(seed))
}

#[cfg(test)]
mod tests;
