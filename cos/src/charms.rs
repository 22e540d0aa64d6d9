//! Which charm this is.

use charm::desired::Desired;
use charm::needs::Needs;
use charm::snapshot::Snapshot;
use charm::{ActionCall, ActionOutcome, Charm};

use crate::catalogue::Catalogue;
use crate::certificates::SelfSignedCertificates;
use crate::grafana::Grafana;
use crate::loki::Loki;
use crate::prometheus::Prometheus;
use crate::s3_integrator::S3Integrator;
use crate::tempo::Tempo;
use crate::traefik::Traefik;

/// One of the charms of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CosCharm {
    /// `prometheus-k8s`.
    Prometheus,
    /// `loki-k8s`.
    Loki,
    /// `tempo-coordinator-k8s`.
    Tempo,
    /// `s3-integrator`.
    S3Integrator,
    /// `self-signed-certificates`.
    SelfSignedCertificates,
    /// `traefik-k8s`.
    Traefik,
    /// `catalogue-k8s`.
    Catalogue,
    /// `grafana-k8s`.
    Grafana,
}

impl CosCharm {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Prometheus,
        Self::Loki,
        Self::Tempo,
        Self::S3Integrator,
        Self::SelfSignedCertificates,
        Self::Traefik,
        Self::Catalogue,
        Self::Grafana,
    ];

    /// The name in the charm's metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus-k8s",
            Self::Loki => "loki-k8s",
            Self::Tempo => "tempo-coordinator-k8s",
            Self::S3Integrator => "s3-integrator",
            Self::SelfSignedCertificates => "self-signed-certificates",
            Self::Traefik => "traefik-k8s",
            Self::Catalogue => "catalogue-k8s",
            Self::Grafana => "grafana-k8s",
        }
    }

    /// The charm of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|charm| charm.name() == name)
    }

    fn charm(self) -> &'static dyn Charm {
        match self {
            Self::Prometheus => &Prometheus,
            Self::Loki => &Loki,
            Self::Tempo => &Tempo,
            Self::S3Integrator => &S3Integrator,
            Self::SelfSignedCertificates => &SelfSignedCertificates,
            Self::Traefik => &Traefik,
            Self::Catalogue => &Catalogue,
            Self::Grafana => &Grafana,
        }
    }
}

impl Charm for CosCharm {
    fn needs(&self, seen: &Snapshot) -> Needs {
        self.charm().needs(seen)
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        self.charm().reconcile(snapshot)
    }

    fn action(&self, snapshot: &Snapshot, call: &ActionCall) -> ActionOutcome {
        self.charm().action(snapshot, call)
    }
}
