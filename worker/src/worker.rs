//! The worker charm: what it looks at, and what should then be true.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use charm::Charm;
use charm::desired::{
    Comparison, Desired, FileGoal, Reload, RunningServices, ServiceGoal, Settle, TraceDestination,
    VersionProbe,
};
use charm::event::{Event, WorkloadEventKind};
use charm::layer::Layer;
use charm::needs::{Bag, ChecksNeed, ConfigNeed, ContainerNeeds, Needs, PortsNeed, SecretNeed};
use charm::patterns::compute_resources::Readiness;
use charm::patterns::log_forwarding::LogForwarding;
use charm::patterns::pod_labels::PodLabels;
use charm::patterns::template::RenderError;
use charm::ports::Port;
use charm::secret::SecretText;
use charm::snapshot::{ContainerState, FileRead, ServiceState, Snapshot};
use charm::status::Status;
use relation_lib::{encoding, yaml};
use serde_json::Value;

use crate::cluster::{Cluster, Config};
use crate::context::Context;
use crate::layer::{LayerError, READY_CHECK};
use crate::roles::Roles;
use crate::solution::{Solution, SolutionError};
use crate::turn::{self, Turn};
use crate::{paths, tls, version};

/// How long a dispatch waits until a workload that took its turn is ready. After that Pebble tells
/// when it is: the check is down by then.
const READINESS_PATIENCE: Duration = Duration::from_secs(30);

/// A worker charm on a solution.
#[derive(Debug)]
pub struct Worker {
    solution: Result<Solution, SolutionError>,
}

impl Worker {
    /// The worker of the solution in a charm's root folder.
    pub fn load(charm_root: &Path) -> Self {
        Self { solution: Solution::load(charm_root) }
    }

    /// The worker of a solution.
    pub fn new(solution: Solution) -> Self {
        Self { solution: Ok(solution) }
    }
}

impl Charm for Worker {
    fn problem(&self) -> Option<String> {
        self.solution.as_ref().err().map(ToString::to_string)
    }

    fn needs(&self, seen: &Snapshot) -> Needs {
        self.solution.as_ref().map_or_else(|_| Needs::default(), |solution| needs(solution, seen))
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        match &self.solution {
            Ok(solution) => reconcile(solution, snapshot),
            Err(error) => {
                let mut desired = Desired::default();
                desired.unit_statuses.push(Status::blocked(format!("[solution] {error}")));
                desired
            }
        }
    }
}

fn needs(solution: &Solution, seen: &Snapshot) -> Needs {
    let cluster = Cluster::of(solution, seen);
    let mut needs = Needs {
        config: [ConfigNeed::Options].into(),
        endpoints: [(
            solution.cluster_endpoint.clone(),
            [Bag::LocalApp, Bag::LocalUnit, Bag::RemoteApp].into(),
        )]
        .into(),
        ports: [PortsNeed::Opened].into(),
        host_files: [paths::TRUSTED_CA.into()].into(),
        secrets: tls::private_key_secret(&cluster).map(SecretNeed::Observed).into_iter().collect(),
        ..Needs::default()
    };
    for container in &seen.metadata.containers {
        needs.containers.insert(container.clone(), ContainerNeeds::default());
    }
    let ours = needs.containers.entry(solution.container.clone()).or_default();
    ours.files = paths::ALL.map(str::to_owned).into();
    if solution.readiness_endpoint.is_some() {
        ours.checks.insert(ChecksNeed::States);
    }
    if seen.leadership.proof().is_some() {
        needs.kubernetes.extend(labels(seen).queries(seen));
    }
    if let Some(resources) = &solution.resources {
        needs.kubernetes.extend(resources.queries(seen));
        needs.kubernetes.push(resources.pod_query(seen));
    }
    needs
}

fn reconcile(solution: &Solution, snapshot: &Snapshot) -> Desired {
    let mut desired = Desired::default();
    if let Some(resources) = &solution.resources {
        desired.kubernetes.extend(resources.writes(snapshot));
        desired.unit_statuses.extend(resources.status(snapshot));
    }
    let pass = Pass::new(solution, snapshot);
    desired.problems.extend(pass.cluster.problems());
    let layer = pass.layer();
    if !is_failed_check(&snapshot.event) && pass.may_act() {
        desired.charm_tracing = pass.charm_tracing();
        pass.cluster.publish(snapshot, &pass.roles, solution.restart.rolling(), &mut desired);
        pass.label_pods(&mut desired);
        pass.run_or_stop(&layer, &mut desired);
        pass.forward_logs(&mut desired);
    }
    desired.version_probe = pass.version_probe();
    pass.statuses(&layer, &mut desired);
    desired
}

/// A check that goes down never restarts anything.
fn is_failed_check(event: &Event) -> bool {
    matches!(event, Event::Workload(event) if matches!(event.kind, WorkloadEventKind::CheckFailed(_)))
}

fn labels(snapshot: &Snapshot) -> PodLabels {
    PodLabels::of_application(snapshot, |labels: &Value| encoding::python_json(labels))
}

/// One pass over a snapshot.
struct Pass<'a> {
    solution: &'a Solution,
    snapshot: &'a Snapshot,
    cluster: Cluster<'a>,
    roles: Roles,
    /// The workload container, if it can be reached.
    container: Option<&'a ContainerState>,
}

impl<'a> Pass<'a> {
    fn new(solution: &'a Solution, snapshot: &'a Snapshot) -> Self {
        Self {
            solution,
            snapshot,
            cluster: Cluster::of(solution, snapshot),
            roles: Roles::of(snapshot),
            container: snapshot.container(&solution.container),
        }
    }

    /// Containers are about to be replaced while resources are not in effect: what would be
    /// started now is killed in a moment.
    fn may_act(&self) -> bool {
        let resources = self.solution.resources.as_ref();
        resources.is_none_or(|wanted| wanted.readiness(self.snapshot) == Readiness::InEffect)
    }

    /// Asked when the workload has just come up, as it then may be another one.
    fn version_probe(&self) -> Option<VersionProbe> {
        let Event::Workload(event) = &self.snapshot.event else { return None };
        let container = self.solution.container.clone();
        if event.container != container || event.kind != WorkloadEventKind::Ready {
            return None;
        }
        let command = self.solution.version_command()?;
        Some(VersionProbe { container, command, read: version::read })
    }

    /// Whether the workload has all that it needs to run: the configuration may be an old one.
    fn is_ready(&self) -> bool {
        let configured = match self.cluster.config {
            Config::Absent => false,
            Config::Unreadable(_) => self.has_config_on_disk(),
            Config::Known(_) => true,
        };
        self.container.is_some() && !self.roles.enabled().is_empty() && configured
    }

    fn has_config_on_disk(&self) -> bool {
        let file = self.container.and_then(|state| state.files.get(paths::CONFIG));
        matches!(file, Some(FileRead::Content(_)))
    }

    fn layer(&self) -> Result<Layer, LayerError> {
        let context = Context::of(self.snapshot, &self.cluster, &self.roles).to_value();
        self.solution.layer.layer(
            &context,
            self.solution.readiness_endpoint.as_ref(),
            &self.snapshot.identity.proxies,
        )
    }

    fn charm_tracing(&self) -> Option<TraceDestination> {
        let data = &self.cluster.data.value;
        let receiver = data.charm_tracing_receivers.as_ref()?.get("otlp_http")?;
        // Without an authority a receiver on https would be refused each time.
        let ca = match receiver.starts_with("https://") {
            true => Some(data.ca_cert.clone()?),
            false => None,
        };
        self.is_ready().then(|| TraceDestination { url: format!("{receiver}/v1/traces"), ca })
    }

    fn label_pods(&self, desired: &mut Desired) {
        if self.snapshot.leadership.proof().is_none() || self.cluster.is_unreadable("worker_labels")
        {
            return;
        }
        let wanted = self.cluster.data.value.worker_labels.iter().flatten();
        let wanted = wanted.map(|(label, value)| (label.as_str(), value.as_str()));
        let changes = labels(self.snapshot).changes(self.snapshot, wanted);
        desired.kubernetes.extend(changes.writes);
        desired.problems.extend(changes.problem);
    }

    fn run_or_stop(&self, layer: &Result<Layer, LayerError>, desired: &mut Desired) {
        if self.is_ready() {
            self.run(layer, desired);
        } else if self.container.is_some()
            && (self.roles.enabled().is_empty() || self.cluster.config == Config::Absent)
        {
            self.stop(layer, desired);
        }
    }

    fn run(&self, layer: &Result<Layer, LayerError>, desired: &mut Desired) {
        let tls = tls::files(self.snapshot, &self.cluster);
        desired.host_files.extend(tls.host);
        desired.host_reactions.push(tls::refresh_trust_store());
        desired.unit_statuses.extend(tls.status);
        desired.ports = self.ports();
        let mut files = tls.workload;
        if let Config::Known(config) = &self.cluster.config {
            let content = SecretText::new(yaml::dump_sorted(config));
            let file = FileGoal::Present { content, mode: 0o644, comparison: Comparison::Yaml };
            files.insert(paths::CONFIG.to_owned(), file);
        }
        let (Ok(layer), Some(state)) = (layer, self.container) else {
            self.cluster.ask_for_turn(None, desired);
            desired.container(&self.solution.container).files.extend(files);
            return;
        };
        let mut running = RunningServices {
            services: enabled_services(layer),
            causes: self.solution.restart.causes(state, &files, layer),
            reload: self.reload().ok().flatten(),
            retry: self.solution.restart_retry.into(),
            ..RunningServices::default()
        };
        if let Some(reason) = self.has_to_wait(state, &running) {
            // Until then it runs on with all that it was started with.
            self.cluster.ask_for_turn(Some(&reason), desired);
            desired.unit_statuses.push(Status::maintenance(format!(
                "[restart] {reason}: waiting for this unit's turn"
            )));
            running.causes.clear();
        } else {
            self.finish_turn(state, &mut running, desired);
            let goal = desired.container(&self.solution.container);
            goal.files.extend(files);
            goal.reactions_before_start.push(tls::refresh_trust_store());
            goal.layers.push((self.solution.container.to_string(), layer.clone()));
        }
        desired.container(&self.solution.container).services = ServiceGoal::Running(running);
    }

    /// Why a restart has to wait for this unit's turn, if it has to. A workload that doesn't run, and
    /// a restart that was begun, wait for nothing.
    fn has_to_wait(&self, state: &ContainerState, running: &RunningServices) -> Option<String> {
        let reason = turn::restart_reason(&running.causes)?;
        let is_up = |name: &String| state.services.get(name) == Some(&ServiceState::Active);
        let begun = self.snapshot.interrupted.get(&self.solution.container);
        let waits = self.turn() == Turn::Others
            && running.services.iter().any(is_up)
            && begun.is_none_or(|begun| turn::restart_reason(&begun.causes).is_none());
        waits.then_some(reason)
    }

    fn turn(&self) -> Turn {
        let rolling = self.solution.restart.rolling();
        Turn::of(rolling, &self.cluster.data.value, &self.snapshot.identity.unit)
    }

    /// Takes the request for a turn back, but not before the workload is ready again: the next unit
    /// goes down when this one is up.
    fn finish_turn(
        &self,
        state: &ContainerState,
        running: &mut RunningServices,
        desired: &mut Desired,
    ) {
        if !self.cluster.asks_for_turn() {
            return;
        }
        let check = state.checks.get(READY_CHECK);
        if self.turn() == Turn::Ours && check.is_some() {
            running.settle =
                Some(Settle { check: READY_CHECK.to_owned(), patience: READINESS_PATIENCE });
        }
        let restarts = turn::restart_reason(&running.causes).is_some();
        let is_ready = check.is_none_or(|check| check.status != "down" && check.failures == 0);
        if restarts || is_ready || self.turn() != Turn::Ours {
            self.cluster.ask_for_turn(None, desired);
        }
    }

    fn reload(&self) -> Result<Option<Reload>, RenderError> {
        let context = Context::of(self.snapshot, &self.cluster, &self.roles).to_value();
        self.solution.restart.reload(&context, self.cluster.data.value.ca_cert.as_deref())
    }

    fn stop(&self, layer: &Result<Layer, LayerError>, desired: &mut Desired) {
        self.cluster.ask_for_turn(None, desired);
        let services = match layer {
            Ok(layer) => layer.services.keys().cloned().collect(),
            // Service and container have the same name, unless a solution says something else.
            Err(_) => [self.solution.container.to_string()].into(),
        };
        let goal = desired.container(&self.solution.container);
        goal.services = ServiceGoal::Stopped(services);
        goal.files.extend(paths::ALL.map(|path| (path.to_owned(), FileGoal::Absent)));
        goal.reactions.push(tls::refresh_trust_store());
    }

    /// The ports that the coordinator names. `None`: it can't be told, so they stay as they are.
    fn ports(&self) -> Option<BTreeSet<Port>> {
        if self.cluster.is_unreadable("worker_ports") {
            return None;
        }
        match &self.cluster.data.value.worker_ports {
            Some(ports) => Some(
                ports
                    .iter()
                    .filter_map(|port| std::num::NonZeroU16::new(*port))
                    .map(Port::tcp)
                    .collect(),
            ),
            None if self.solution.legacy_ports.is_empty() => None,
            None => Some(self.solution.legacy_ports.iter().copied().map(Port::tcp).collect()),
        }
    }

    /// In every container that can be reached, whatever the workload does.
    fn forward_logs(&self, desired: &mut Desired) {
        if self.cluster.is_unreadable("loki_endpoints") {
            return;
        }
        let endpoints = self.cluster.data.value.loki_endpoints.iter().flatten();
        let forwarding = LogForwarding::new(self.snapshot, endpoints);
        for (name, container) in &self.snapshot.containers {
            let plan = container.state().map(|state| &state.plan);
            if let Some(layer) = plan.and_then(|plan| forwarding.layer(name, plan)) {
                desired.container(name).layers.push(layer);
            }
        }
    }

    fn statuses(&self, layer: &Result<Layer, LayerError>, desired: &mut Desired) {
        let mut add = |status| desired.unit_statuses.push(status);
        if self.container.is_none() {
            add(Status::waiting(format!("Waiting for `{}` container", self.solution.container)));
        }
        match self.cluster.relations {
            0 => add(Status::blocked("Missing relation to a coordinator charm")),
            1 => {}
            _ => add(Status::blocked(
                "[cluster] several coordinators are related: remove all but one of these relations",
            )),
        }
        match &self.cluster.config {
            Config::Absent => add(Status::waiting("Waiting for coordinator to publish a config")),
            Config::Unreadable(reason) => add(Status::blocked(format!(
                "[cluster] the coordinator's configuration can't be read ({reason}): {}",
                if self.is_ready() { "running with the last good one" } else { "not started" }
            ))),
            // The workload runs, without what the key was about.
            Config::Known(_) => {
                for skipped in &self.cluster.data.skipped {
                    add(Status::active(format!("[cluster] the coordinator's key {skipped}")));
                }
            }
        }
        add(self.roles.status(self.snapshot));
        if self.is_ready() {
            if let Err(error) = layer {
                add(Status::blocked(format!("[layer] {}", error.in_one_line())));
            }
            if let Err(error) = self.reload() {
                add(Status::blocked(format!("[restart] {error}")));
            }
            let check = self.container.and_then(|state| state.checks.get(READY_CHECK));
            if check.is_some_and(|check| check.status == "down") {
                add(Status::blocked(format!("Pebble check [{READY_CHECK}] is 'DOWN'.")));
            }
        }
    }
}

fn enabled_services(layer: &Layer) -> BTreeSet<String> {
    let enabled = |members: &serde_json::Map<String, Value>| {
        members.get("startup") == Some(&"enabled".into())
    };
    layer
        .services
        .iter()
        .filter(|(_, members)| enabled(members))
        .map(|(name, _)| name.clone())
        .collect()
}
