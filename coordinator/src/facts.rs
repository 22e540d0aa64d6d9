//! Everything that the decisions share, read once from the snapshot.

use charm::snapshot::Snapshot;
use indexmap::IndexMap;
use relation_lib::prometheus_scrape::Scheme;
use relation_lib::service_mesh::MeshProviderAppData;
use relation_lib::topology::JujuTopology;

use crate::address::HttpUrl;
use crate::cluster::Cluster;
use crate::coherence::ObjectStore;
use crate::correlation::Correlation;
use crate::ingress::Ingress;
use crate::problem::Problems;
use crate::proxy::Proxy;
use crate::solution::Solution;
use crate::tls::Tls;
use crate::traces::{self, Receivers};
use crate::{host_name, logs, mesh, remote_write};

/// What is known in one dispatch.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What the charm is.
    pub solution: &'a Solution,
    /// What it sees.
    pub snapshot: &'a Snapshot,
    /// The workers.
    pub cluster: Cluster,
    /// The object store.
    pub store: ObjectStore,
    /// Certificates. The one fact that decides between http and https everywhere.
    pub tls: Tls,
    /// Loki unit → URL to push to.
    pub logs: IndexMap<String, String>,
    /// Where the charms' traces go.
    pub charm_receivers: Receivers,
    /// Where the workloads' traces go.
    pub workload_receivers: Receivers,
    /// Where metrics are written to; `None`: the solution has nothing to do with remote write.
    pub remote_write: Option<Vec<String>>,
    /// What the beacon of the service mesh says.
    pub mesh: Option<MeshProviderAppData>,
    /// What the ingresses answer.
    pub(crate) ingress: Ingress,
    /// Data sources of others that ours go together with.
    pub(crate) correlation: Correlation,
    /// The URL from outside, if there is one: that of the ingress, else the solution's own.
    pub external_url: Option<String>,
    /// The name of our Kubernetes Service.
    pub app_host: String,
    /// What was skipped.
    pub problems: Problems,
}

impl<'a> Facts<'a> {
    /// Reads the snapshot.
    pub fn read(solution: &'a Solution, snapshot: &'a Snapshot) -> Self {
        let mut problems = Problems::default();
        let identity = &snapshot.identity;
        let cluster = Cluster::read(solution, snapshot, &mut problems);
        let app_host = host_name::of_application(
            identity.application.as_str(),
            identity.model.as_str(),
            &snapshot.host.fqdn,
        );
        let mut facts = Self {
            tls: Tls::read(solution, snapshot, &cluster, &app_host, &mut problems),
            store: ObjectStore::read(solution, snapshot, &mut problems),
            logs: logs::read(solution, snapshot, &mut problems),
            charm_receivers: traces::read(
                solution.endpoints.charm_tracing.as_ref(),
                snapshot,
                &mut problems,
            ),
            workload_receivers: traces::read(
                solution.endpoints.workload_tracing.as_ref(),
                snapshot,
                &mut problems,
            ),
            mesh: mesh::read(solution, snapshot, &mut problems),
            ingress: Ingress::read(solution, snapshot, &mut problems),
            correlation: Correlation::read(solution, snapshot, &mut problems),
            remote_write: None,
            external_url: None,
            cluster,
            app_host,
            problems,
            solution,
            snapshot,
        };
        facts.remote_write = remote_write::read(&mut facts);
        facts.external_url = match facts.ingress.url() {
            Some(url) => Some(url.to_owned()),
            None => facts.render_external_url(),
        };
        facts
    }

    fn render_external_url(&mut self) -> Option<String> {
        let template = self.solution.external_url.as_ref()?;
        let text = match template.render("`external_url`", &self.context()) {
            Ok(text) => text,
            Err(error) => {
                self.problems.note("solution.yaml", error.to_string());
                return None;
            }
        };
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        match url.parse::<HttpUrl>() {
            Ok(_) => Some(url),
            Err(error) => {
                self.problems.note("solution.yaml, `external_url`", error.to_string());
                None
            }
        }
    }

    /// Whether we speak TLS.
    pub fn scheme(&self) -> Scheme {
        if self.tls.in_hand().is_some() { Scheme::Https } else { Scheme::Http }
    }

    /// The scheme as it stands in a URL.
    pub fn scheme_text(&self) -> &'static str {
        match self.scheme() {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The telemetry proxy, if the solution has one.
    pub fn proxy(&self) -> Option<Proxy<'_>> {
        Proxy::of(self)
    }

    /// Who we are, as telemetry labels say it.
    pub fn topology(&self) -> JujuTopology {
        let identity = &self.snapshot.identity;
        let uuid = identity.model_uuid.as_str().parse();
        let application = identity.application.as_str().parse();
        let unit = identity.unit.as_str().parse();
        JujuTopology::new(
            identity.model.as_str(),
            uuid.expect("Juju's own UUID has the canonical form"),
            application.expect("Juju's own application has a valid name"),
        )
        .with_unit(unit.expect("Juju's own unit has a valid name"))
        .with_charm_name(self.snapshot.metadata.name.as_str())
    }
}
