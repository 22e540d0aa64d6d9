//! `solution.yaml`: everything that makes the coordinator the coordinator of one product.
//!
//! The file is read once, checked as a whole, and refused with file, line and what was expected.
//! `docs/solution.md` explains every option with an example.
//!
//! | part | types |
//! |---|---|
//! | roles and what must be there | [`Roles`], [`Coherence`] |
//! | what the charm's endpoints are for | [`Endpoints`] |
//! | texts that depend on the model | [`Template`] |
//! | what operators can ask | [`Action`] |
//! | the web server | [`nginx::Nginx`] |

mod actions;
mod endpoints;
mod file;
mod integrations;
pub mod nginx;
mod roles;

use std::num::NonZeroU16;
use std::path::Path;

use charm::names::EndpointName;
use indexmap::IndexMap;

pub use actions::{Action, Requirement};
pub use charm::patterns::compute_resources::Resources;
use charm::patterns::solution_file;
pub use charm::patterns::solution_file::{FILE_NAME, Finding, SolutionError};
pub use charm::patterns::template::{RenderError, Template};
pub use endpoints::Endpoints;
pub use integrations::{
    CatalogueItem, DataSource, MeshEndpoint, MeshPolicy, RemoteWrite, TelemetryProxy, WorkerPorts,
};
pub use roles::{Coherence, Roles};

/// The configuration of one coordinator charm.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Roles, meta roles, and what must or should be deployed.
    pub roles: Roles,
    /// How the question "is the deployment coherent" is answered.
    pub coherence: Coherence,
    /// What the charm's endpoints are for.
    pub endpoints: Endpoints,
    /// The peer endpoint.
    pub peer_endpoint: EndpointName,
    /// The URL under which the coordinator is reached from outside. Empty when rendered: none.
    pub external_url: Option<Template>,
    /// Port of the workers' metrics.
    pub worker_metrics_port: NonZeroU16,
    /// The workload configuration that workers get.
    pub workers_config: Template,
    /// The ports that workers open; `None`: the coordinator doesn't say.
    pub worker_ports: Option<WorkerPorts>,
    /// Protocols asked for on the workload-tracing endpoint, in this order.
    pub workload_tracing_protocols: Vec<String>,
    /// The telemetry proxy, when the workers' telemetry goes through the coordinator.
    pub telemetry_proxy: Option<TelemetryProxy>,
    /// Where workers write metrics to; `None`: the solution has nothing to do with remote write.
    pub remote_write: Option<RemoteWrite>,
    /// Kubernetes resources of one of our containers.
    pub resources: Option<Resources>,
    /// The entry in the catalogue.
    pub catalogue_item: Option<CatalogueItem>,
    /// The deployment as a data source of Grafana.
    pub grafana_source: Option<DataSource>,
    /// The solution's own service-mesh policies, in order.
    pub mesh_policies: Vec<MeshPolicy>,
    /// The web server.
    pub nginx: nginx::Nginx,
    /// What operators can ask, by the action's name.
    pub actions: Ordered<Action>,
    /// Whether label matchers are injected into the expressions of alert rules.
    pub label_matcher_injection: Injection,
}

/// Whether label matchers are injected into the expressions of alert rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
pub enum Injection {
    /// Every selector names the model and application that it is about.
    #[default]
    #[serde(rename = "on", alias = "true")]
    On,
    /// Expressions stay as they are written, but for the topology token.
    #[serde(rename = "off", alias = "false")]
    Off,
}

impl Solution {
    /// Reads `solution.yaml` in a charm's root folder.
    ///
    /// # Errors
    /// When the file can't be read, isn't of the schema, or contradicts itself.
    pub fn load(charm_root: &Path) -> Result<Self, SolutionError> {
        Self::parse(FILE_NAME, &solution_file::text(charm_root)?)
    }

    /// Reads the text of a solution; `file` is what errors call it.
    ///
    /// # Errors
    /// When the text isn't of the schema or contradicts itself. All contradictions are named.
    pub fn parse(file: &str, text: &str) -> Result<Self, SolutionError> {
        file::parse(file, text)
    }

    /// Whether logs, traces, metrics and remote write of the workers go through the coordinator.
    pub fn is_proxied(&self) -> bool {
        self.telemetry_proxy.is_some()
    }
}

/// A map that keeps the order of the file.
pub type Ordered<T> = IndexMap<String, T>;
