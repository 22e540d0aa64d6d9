//! What the charm's endpoints are for.

use charm::names::EndpointName;
use serde::Deserialize;

use charm::patterns::solution_file::optional_name;

/// Endpoint names by purpose. `None`: the solution doesn't have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Endpoints {
    /// Certificates for the web server (`tls-certificates`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub certificates: Option<EndpointName>,
    /// The workers (`<product>_cluster`, provider).
    #[serde(default, deserialize_with = "optional_name")]
    pub cluster: Option<EndpointName>,
    /// Who shows our dashboards (`grafana_dashboard`, provider).
    #[serde(default, deserialize_with = "optional_name")]
    pub grafana_dashboards: Option<EndpointName>,
    /// Where logs go (`loki_push_api`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub logging: Option<EndpointName>,
    /// Who scrapes us (`prometheus_scrape`, provider).
    #[serde(default, deserialize_with = "optional_name")]
    pub metrics: Option<EndpointName>,
    /// Where traces of the charms go (`tracing`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub charm_tracing: Option<EndpointName>,
    /// Where traces of the workloads go (`tracing`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub workload_tracing: Option<EndpointName>,
    /// The object store (`s3`, requirer). `None`: the solution needs none.
    #[serde(default, deserialize_with = "optional_name")]
    pub s3: Option<EndpointName>,
    /// Who is a data source to the Grafana that shows us (`grafana_datasource`, provider).
    #[serde(default, deserialize_with = "optional_name")]
    pub grafana_source: Option<EndpointName>,
    /// Who wants to know our data sources (`grafana_datasource_exchange`, provider).
    #[serde(default, deserialize_with = "optional_name")]
    pub send_datasource: Option<EndpointName>,
    /// Who tells us their data sources (`grafana_datasource_exchange`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub receive_datasource: Option<EndpointName>,
    /// The catalogue (`catalogue`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub catalogue: Option<EndpointName>,
    /// One URL from outside for the whole application (`ingress` v2, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub ingress: Option<EndpointName>,
    /// The servers' ports through Traefik (`traefik_route`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub traefik_route: Option<EndpointName>,
    /// The servers' ports through an Istio gateway (`istio_ingress_route`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub istio_ingress: Option<EndpointName>,
    /// The service mesh (`service_mesh`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub service_mesh: Option<EndpointName>,
    /// Who tells us its name in another model (`cross_model_mesh`, provider).
    #[serde(default, deserialize_with = "optional_name")]
    pub service_mesh_provide_cmr_mesh: Option<EndpointName>,
    /// To whom we tell our name in this model (`cross_model_mesh`, requirer).
    #[serde(default, deserialize_with = "optional_name")]
    pub service_mesh_require_cmr_mesh: Option<EndpointName>,
}
