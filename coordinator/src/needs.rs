//! What the coordinator looks at.

use std::collections::BTreeSet;
use std::path::PathBuf;

use charm::names::EndpointName;
use charm::needs::{Bag, ConfigNeed, ContainerNeeds, Needs, PortsNeed};
use charm::patterns::pod_labels::PodLabels;
use charm::snapshot::Snapshot;
use relation_lib::encoding::python_json;

use crate::solution::{MeshPolicy, RemoteWrite, Solution};
use crate::{exporter, mesh, nginx, rules, tls};

/// Everything that a decision depends on, and nothing else.
pub(crate) fn needs(solution: &Solution, seen: &Snapshot) -> Needs {
    let mut needs = Needs::default();
    needs.config.insert(ConfigNeed::Options);
    ask_databags(solution, &mut needs);
    for container in &seen.metadata.containers {
        let mut files = ContainerNeeds::default();
        let wanted: &[&str] = match container.as_str() {
            nginx::CONTAINER => &[nginx::CONFIGURATION, nginx::KEY, nginx::CERTIFICATE, nginx::CA],
            exporter::CONTAINER => &[exporter::KEY, exporter::CERTIFICATE, exporter::WEB_CONFIG],
            _ => &[],
        };
        files.files.extend(wanted.iter().map(|file| (*file).to_owned()));
        needs.containers.insert(container.clone(), files);
    }
    needs.secrets.extend(tls::needs(solution, seen));
    needs.networks.extend(solution.endpoints.metrics.clone());
    if let Some(ingress) = &solution.endpoints.ingress {
        needs.networks.insert(ingress.clone());
        needs.ports.insert(PortsNeed::Opened);
    }
    needs.charm_folders.extend(rules::FOLDERS.map(PathBuf::from));
    needs.charm_folders.insert(PathBuf::from(relation_lib::grafana_dashboard::FOLDER));
    needs.host_files.insert(PathBuf::from(nginx::CA));
    if seen.leadership.proof().is_some() {
        needs.kubernetes.extend(PodLabels::of_application(seen, python_json).queries(seen));
    }
    needs.kubernetes.extend(mesh::queries(solution, seen));
    if let Some(resources) = &solution.resources {
        needs.kubernetes.extend(resources.queries(seen));
    }
    needs
}

fn ask_databags(solution: &Solution, needs: &mut Needs) {
    use Bag::{LocalApp, LocalUnit, RemoteApp, RemoteUnits};
    let endpoints = &solution.endpoints;
    let mut ask = |endpoint: Option<&EndpointName>, bags: &[Bag]| {
        let Some(endpoint) = endpoint else { return };
        let asked: &mut BTreeSet<Bag> = needs.endpoints.entry(endpoint.clone()).or_default();
        asked.extend(bags);
    };
    ask(endpoints.cluster.as_ref(), &[LocalApp, RemoteApp, RemoteUnits]);
    ask(endpoints.certificates.as_ref(), &[LocalUnit, RemoteApp]);
    ask(endpoints.logging.as_ref(), &[LocalApp, RemoteUnits]);
    ask(endpoints.metrics.as_ref(), &[LocalApp, LocalUnit]);
    ask(endpoints.charm_tracing.as_ref(), &[LocalApp, RemoteApp]);
    ask(endpoints.workload_tracing.as_ref(), &[LocalApp, RemoteApp]);
    ask(endpoints.s3.as_ref(), &[LocalApp, RemoteApp]);
    ask(endpoints.catalogue.as_ref(), &[LocalApp]);
    ask(endpoints.grafana_source.as_ref(), &[LocalApp, LocalUnit, RemoteApp]);
    ask(endpoints.send_datasource.as_ref(), &[LocalApp, RemoteApp]);
    ask(endpoints.receive_datasource.as_ref(), &[LocalApp, RemoteApp]);
    ask(endpoints.grafana_dashboards.as_ref(), &[LocalApp]);
    ask(endpoints.ingress.as_ref(), &[LocalApp, LocalUnit, RemoteApp]);
    ask(endpoints.traefik_route.as_ref(), &[LocalApp, RemoteApp]);
    ask(endpoints.istio_ingress.as_ref(), &[LocalApp, RemoteApp]);
    ask(endpoints.service_mesh.as_ref(), &[LocalApp, RemoteApp]);
    ask(endpoints.service_mesh_provide_cmr_mesh.as_ref(), &[RemoteApp]);
    ask(endpoints.service_mesh_require_cmr_mesh.as_ref(), &[LocalApp]);
    ask(Some(&solution.peer_endpoint), &[LocalUnit, RemoteUnits]);
    for policy in &solution.mesh_policies {
        let (MeshPolicy::Unit { relation, .. } | MeshPolicy::App { relation, .. }) = policy;
        ask(Some(relation), &[]);
    }
    if let Some(RemoteWrite::Endpoint(endpoint)) = &solution.remote_write {
        ask(Some(endpoint), &[RemoteUnits]);
    }
}
