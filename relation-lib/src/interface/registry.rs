//! The table of all databags.

use std::fmt;

use super::{DatabagKind, Finding, Side, checks};
use crate::alertmanager_dispatch::{self, AlertmanagerProviderUnitData};
use crate::catalogue::{self, CatalogueRequirerAppData};
use crate::certificate_transfer::{
    self, CertificateTransferProviderAppData, CertificateTransferProviderUnitData,
    CertificateTransferRequirerAppData,
};
use crate::cluster::{
    self, ClusterProviderAppData, ClusterRequirerAppData, ClusterRequirerUnitData,
};
use crate::cross_model_mesh::{self, CrossModelMeshRequirerAppData};
use crate::databag::{Databag, DatabagPatch, DecodeError, Decoded, Encoding, Key};
use crate::grafana_dashboard::{self, DashboardProviderAppData, DashboardRequirerAppData};
use crate::grafana_datasource::{
    self, GrafanaSourceProviderAppData, GrafanaSourceProviderUnitData, GrafanaSourceRequirerAppData,
};
use crate::grafana_datasource_exchange::{self, DatasourceExchangeAppData};
use crate::ingress::{
    self, IngressProviderAppData, IngressRequirerAppData, IngressRequirerUnitData,
};
use crate::ingress_per_unit::{
    self, IngressPerUnitProviderAppData, IngressPerUnitRequirerUnitData,
};
use crate::istio_ingress_route::{self, IstioRouteProviderAppData, IstioRouteRequirerAppData};
use crate::loki_push_api::{self, LokiProviderAppData, LokiProviderUnitData, LokiRequirerAppData};
use crate::peers::{PeerUnitData, TempoPeerUnitData};
use crate::prometheus_api::{self, PrometheusApiProviderAppData};
use crate::prometheus_remote_write::{
    self, RemoteWriteProviderAppData, RemoteWriteProviderUnitData, RemoteWriteRequirerAppData,
};
use crate::prometheus_scrape::{
    self, ScrapeProviderAppData, ScrapeProviderUnitData, ScrapeRequirerAppData,
};
use crate::s3::{self, S3ProviderAppData, S3RequirerAppData};
use crate::service_mesh::{self, MeshProviderAppData, MeshRequirerAppData};
use crate::tempo_api::{self, TempoApiProviderAppData};
use crate::tls_certificates::{self, TlsProviderAppData, TlsRequirerData};
use crate::tracing::{self, TracingProviderAppData, TracingRequirerAppData};
use crate::traefik_route::{self, TraefikRouteProviderAppData, TraefikRouteRequirerAppData};

/// One databag of one interface.
pub struct Specification {
    /// The interface; for clusters and peers, which are named after the product, what the name
    /// ends in.
    pub interface: &'static str,
    /// Who writes the databag.
    pub side: Side,
    /// Whether it is the application's or a unit's.
    pub kind: DatabagKind,
    /// The wire type that describes it.
    pub type_name: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    pub(super) recode: fn(&Databag) -> Result<Decoded<DatabagPatch>, DecodeError>,
    pub(super) check: Option<fn(&Databag) -> Vec<Finding>>,
}

impl fmt::Debug for Specification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ({})", self.interface, self.side, self.kind, self.type_name)
    }
}

impl PartialEq for Specification {
    fn eq(&self, other: &Self) -> bool {
        (self.interface, self.side, self.kind) == (other.interface, other.side, other.kind)
    }
}

impl Eq for Specification {}

/// Some databags can always be read, others not.
trait Outcome<T> {
    fn outcome(self) -> Result<Decoded<T>, DecodeError>;
}

impl<T> Outcome<T> for Decoded<T> {
    fn outcome(self) -> Result<Decoded<T>, DecodeError> {
        Ok(self)
    }
}

impl<T> Outcome<T> for Result<Decoded<T>, DecodeError> {
    fn outcome(self) -> Result<Decoded<T>, DecodeError> {
        self
    }
}

macro_rules! specification {
    ($interface:expr, $side:ident, $kind:ident, $type:ident) => {
        specification!($interface, $side, $kind, $type, None)
    };
    ($interface:expr, $side:ident, $kind:ident, $type:ident, check $check:ident) => {
        specification!($interface, $side, $kind, $type, Some(checks::$check))
    };
    ($interface:expr, $side:ident, $kind:ident, $type:ident, $check:expr) => {
        Specification {
            interface: $interface,
            side: Side::$side,
            kind: DatabagKind::$kind,
            type_name: stringify!($type),
            keys: $type::KEYS,
            recode: |bag| $type::decode(bag).outcome().map(|read| read.map(|value| value.encode())),
            check: $check,
        }
    };
}

/// What the interface of peers ends in.
const PEERS_SUFFIX: &str = "peers";

/// The peer unit databag, which two wire types share.
const PEER_KEYS: &[Key] =
    &[Key::optional("hostname", Encoding::Raw), Key::optional("fqdn", Encoding::PythonJson)];

fn recode_peer(bag: &Databag) -> Result<Decoded<DatabagPatch>, DecodeError> {
    let mut read = PeerUnitData::decode(bag).map(|value| value.encode());
    let tempo = TempoPeerUnitData::decode(bag).map(|value| value.encode());
    read.value.extend(tempo.value);
    read.skipped.extend(tempo.skipped);
    Ok(read)
}

static SPECIFICATIONS: &[Specification] = &[
    specification!(cluster::INTERFACE_SUFFIX, Provider, Application, ClusterProviderAppData, check cluster_provider),
    specification!(cluster::INTERFACE_SUFFIX, Requirer, Application, ClusterRequirerAppData, check cluster_role),
    specification!(cluster::INTERFACE_SUFFIX, Requirer, Unit, ClusterRequirerUnitData, check cluster_unit),
    Specification {
        interface: PEERS_SUFFIX,
        side: Side::Peer,
        kind: DatabagKind::Unit,
        type_name: "PeerUnitData, TempoPeerUnitData",
        keys: PEER_KEYS,
        recode: recode_peer,
        check: None,
    },
    specification!(loki_push_api::INTERFACE, Provider, Application, LokiProviderAppData, check feedback),
    specification!(loki_push_api::INTERFACE, Provider, Unit, LokiProviderUnitData, check loki_endpoint),
    specification!(loki_push_api::INTERFACE, Requirer, Application, LokiRequirerAppData, check log_rules),
    specification!(prometheus_scrape::INTERFACE, Provider, Application, ScrapeProviderAppData, check scrape),
    specification!(prometheus_scrape::INTERFACE, Provider, Unit, ScrapeProviderUnitData),
    specification!(prometheus_scrape::INTERFACE, Requirer, Application, ScrapeRequirerAppData, check feedback),
    specification!(prometheus_remote_write::INTERFACE, Provider, Application, RemoteWriteProviderAppData, check feedback),
    specification!(prometheus_remote_write::INTERFACE, Provider, Unit, RemoteWriteProviderUnitData),
    specification!(prometheus_remote_write::INTERFACE, Requirer, Application, RemoteWriteRequirerAppData, check metric_rules),
    specification!(tracing::INTERFACE, Provider, Application, TracingProviderAppData, check tracing_receivers),
    specification!(tracing::INTERFACE, Requirer, Application, TracingRequirerAppData, check tracing_requests),
    specification!(grafana_dashboard::INTERFACE, Provider, Application, DashboardProviderAppData, check dashboards),
    specification!(grafana_dashboard::INTERFACE, Requirer, Application, DashboardRequirerAppData, check dashboard_feedback),
    specification!(catalogue::INTERFACE, Requirer, Application, CatalogueRequirerAppData, check catalogue_entry),
    specification!(s3::INTERFACE, Provider, Application, S3ProviderAppData, check s3_options),
    specification!(s3::INTERFACE, Requirer, Application, S3RequirerAppData),
    specification!(tls_certificates::INTERFACE, Provider, Application, TlsProviderAppData, check tls_answers),
    specification!(tls_certificates::INTERFACE, Requirer, Application, TlsRequirerData, check tls_requests),
    specification!(tls_certificates::INTERFACE, Requirer, Unit, TlsRequirerData, check tls_requests),
    specification!(service_mesh::INTERFACE, Provider, Application, MeshProviderAppData),
    specification!(service_mesh::INTERFACE, Requirer, Application, MeshRequirerAppData),
    specification!(
        cross_model_mesh::INTERFACE,
        Requirer,
        Application,
        CrossModelMeshRequirerAppData
    ),
    specification!(
        grafana_datasource::INTERFACE,
        Provider,
        Application,
        GrafanaSourceProviderAppData
    ),
    specification!(grafana_datasource::INTERFACE, Provider, Unit, GrafanaSourceProviderUnitData),
    specification!(
        grafana_datasource::INTERFACE,
        Requirer,
        Application,
        GrafanaSourceRequirerAppData
    ),
    specification!(
        grafana_datasource_exchange::INTERFACE,
        Provider,
        Application,
        DatasourceExchangeAppData
    ),
    specification!(
        grafana_datasource_exchange::INTERFACE,
        Requirer,
        Application,
        DatasourceExchangeAppData
    ),
    specification!(ingress::INTERFACE, Provider, Application, IngressProviderAppData),
    specification!(ingress::INTERFACE, Requirer, Application, IngressRequirerAppData),
    specification!(ingress::INTERFACE, Requirer, Unit, IngressRequirerUnitData),
    specification!(
        ingress_per_unit::INTERFACE,
        Provider,
        Application,
        IngressPerUnitProviderAppData
    ),
    specification!(ingress_per_unit::INTERFACE, Requirer, Unit, IngressPerUnitRequirerUnitData),
    specification!(traefik_route::INTERFACE, Provider, Application, TraefikRouteProviderAppData),
    specification!(traefik_route::INTERFACE, Requirer, Application, TraefikRouteRequirerAppData),
    specification!(
        istio_ingress_route::INTERFACE,
        Provider,
        Application,
        IstioRouteProviderAppData
    ),
    specification!(
        istio_ingress_route::INTERFACE,
        Requirer,
        Application,
        IstioRouteRequirerAppData
    ),
    specification!(tempo_api::INTERFACE, Provider, Application, TempoApiProviderAppData),
    specification!(prometheus_api::INTERFACE, Provider, Application, PrometheusApiProviderAppData),
    specification!(
        certificate_transfer::INTERFACE,
        Provider,
        Application,
        CertificateTransferProviderAppData
    ),
    specification!(
        certificate_transfer::INTERFACE,
        Provider,
        Unit,
        CertificateTransferProviderUnitData
    ),
    specification!(
        certificate_transfer::INTERFACE,
        Requirer,
        Application,
        CertificateTransferRequirerAppData
    ),
    specification!(alertmanager_dispatch::INTERFACE, Provider, Unit, AlertmanagerProviderUnitData),
];

/// All databags that are known.
#[must_use]
pub fn specifications() -> &'static [Specification] {
    SPECIFICATIONS
}

/// Whether anything is known about an interface.
pub(super) fn is_known(interface: &str) -> bool {
    SPECIFICATIONS.iter().any(|specification| names(specification, interface))
}

pub(super) fn find(
    interface: &str,
    side: Side,
    kind: DatabagKind,
) -> Option<&'static Specification> {
    SPECIFICATIONS.iter().find(|specification| {
        specification.side == side && specification.kind == kind && names(specification, interface)
    })
}

fn names(specification: &Specification, interface: &str) -> bool {
    match specification.interface {
        suffix @ (cluster::INTERFACE_SUFFIX | PEERS_SUFFIX) => interface.ends_with(suffix),
        name => name == interface,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_own_exactly_the_keys_they_list() {
        for specification in specifications() {
            let Ok(read) = (specification.recode)(&Databag::new()) else { continue };
            let mut listed: Vec<_> = specification.keys.iter().map(|key| key.name).collect();
            listed.sort_unstable();
            let owned: Vec<_> = read.value.keys().map(String::as_str).collect();
            assert_eq!(owned, listed, "{specification:?}");
        }
    }

    #[test]
    fn no_place_is_listed_twice() {
        for (index, specification) in specifications().iter().enumerate() {
            assert!(!specifications()[..index].contains(specification), "{specification:?}");
        }
    }

    #[test]
    fn products_name_clusters_and_peers() {
        assert!(find("tempo_cluster", Side::Provider, DatabagKind::Application).is_some());
        assert!(find("tempo_cluster", Side::Provider, DatabagKind::Unit).is_none());
        assert!(find("loki_peers", Side::Peer, DatabagKind::Unit).is_some());
        assert!(!is_known("clusters"));
    }
}
