//! `prometheus_scrape`: what to scrape, and the rules on it.
//!
//! What is scraped is the provider, Prometheus (or a collector) the requirer, which the library
//! calls consumer. Described is version 0, patch 65 (61 and 56 in the field read the same). The
//! leader of the provider writes [`ScrapeProviderAppData`], each of its units
//! [`ScrapeProviderUnitData`]; the leader of the consumer answers with [`ScrapeRequirerAppData`].
//! What a consumer makes of it all is computed by [`jobs_of_relation`] and [`jobs_of_all`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::prometheus_scrape::{
//!     ConsumerOptions, ScrapeJob, ScrapeProviderAppData, ScrapeProviderUnitData, Scheme,
//!     jobs_of_relation,
//! };
//! use relation_lib::topology::JujuTopology;
//!
//! let uuid = "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse()?;
//! let topology = JujuTopology::new("stage", uuid, "loom".parse()?);
//! let job = ScrapeJob::of_coordinator_unit("loom/0", "loom-0", Scheme::Http);
//! let app = ScrapeProviderAppData::new(topology, vec![job], Default::default());
//! let unit = ScrapeProviderUnitData::from_external_url("loom/0", "https://Edge.example:8443/x");
//! let unit = patched(&Databag::new(), &unit.encode());
//! assert_eq!(unit["prometheus_scrape_unit_address"], "edge.example");
//! assert_eq!(unit["prometheus_scrape_unit_path"], "/x");
//!
//! let jobs = jobs_of_relation(&app, [("loom/0", &unit)], &ConsumerOptions::default()).value;
//! assert_eq!(jobs[0].job_name(), Some("juju_stage_20d3ed5c_loom_prometheus_scrape"));
//! # Ok::<(), relation_lib::topology::NameError>(())
//! ```

mod consumer;
mod job;

use std::net::IpAddr;

pub use consumer::{
    ConsumerOptions, PROMETHEUS_FALLBACK_PROTOCOL, PrometheusJobs, jobs_of_all, jobs_of_relation,
    render_for_prometheus,
};
pub use job::{ALLOWED_MEMBERS, NGINX_EXPORTER_PORT, Scheme, ScrapeJob, WorkerTarget, sanitized};

use crate::alert_rules::{AlertRules, Feedback};
use crate::databag::{Databag, DatabagPatch, Decoded, Encoding, Key, Reader, Writer};
use crate::topology::JujuTopology;
use crate::url_parts::url_parts;

/// The name of the interface.
pub const INTERFACE: &str = "prometheus_scrape";

/// What the leader of the scraped application says.
///
/// Provider application databag, `prometheus_scrape` v0 patch 65. Python-style JSON. A provider
/// that forwards jobs of others writes no `scrape_metadata`: its jobs are taken as they are.
///
/// | key | value | example |
/// |---|---|---|
/// | `scrape_metadata` | topology of the application, see [`JujuTopology`] | `{"model": "stage", …, "charm_name": "loom-coordinator-k8s"}` |
/// | `scrape_jobs` | list of jobs in Prometheus' form, see [`ScrapeJob`] | `[{"metrics_path": "/metrics", "static_configs": [{"targets": ["*:80"]}]}]` |
/// | `alert_rules` | `groups` with PromQL, members in any order, see [`AlertRules`] | `{"groups": […]}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrapeProviderAppData {
    /// `scrape_metadata`: who is scraped.
    pub scrape_metadata: Option<JujuTopology>,
    /// `scrape_jobs`: what to scrape; `None` where the provider has not spoken yet.
    pub scrape_jobs: Option<Vec<ScrapeJob>>,
    /// `alert_rules`: the rules on it.
    pub alert_rules: Option<AlertRules>,
}

impl ScrapeProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::optional("scrape_metadata", Encoding::PythonJson),
        Key::required("scrape_jobs", Encoding::PythonJson),
        Key::optional("alert_rules", Encoding::PythonJson),
    ];

    /// What a provider sends: jobs are cleaned, see [`sanitized`].
    #[must_use]
    pub fn new(topology: JujuTopology, jobs: Vec<ScrapeJob>, rules: AlertRules) -> Self {
        ScrapeProviderAppData {
            scrape_metadata: Some(topology),
            scrape_jobs: Some(sanitized(jobs)),
            alert_rules: Some(rules),
        }
    }

    /// Reads the databag; a job or group that is no object spoils only itself.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let scrape_metadata = match reader.raw("scrape_metadata") {
            // What a provider without metadata may write.
            Some("{}") => None,
            _ => reader.optional("scrape_metadata"),
        };
        let value = ScrapeProviderAppData {
            scrape_metadata,
            scrape_jobs: reader.list("scrape_jobs"),
            alert_rules: AlertRules::read(&mut reader, "alert_rules"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("scrape_metadata", self.scrape_metadata.as_ref())
            .json("scrape_jobs", self.scrape_jobs.as_ref())
            .json("alert_rules", self.alert_rules.as_ref())
            .finish()
    }
}

/// Where a unit of the scraped application is.
///
/// Provider unit databag, `prometheus_scrape` v0 patch 65. Plain texts.
///
/// | key | value | example |
/// |---|---|---|
/// | `prometheus_scrape_unit_address` | host or IP, for wildcard targets | `edge.example` |
/// | `prometheus_scrape_unit_path` | prefix of the metrics path | `/stage-loom` |
/// | `prometheus_scrape_unit_name` | name of the unit | `loom/0` |
/// | `prometheus_scrape_unit_fqdn` | full host name, for plain targets; not in patch 56 | `loom-0.loom-endpoints.stage.svc.cluster.local` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrapeProviderUnitData {
    /// `prometheus_scrape_unit_address`: where the unit is; without it, it isn't scraped.
    pub address: Option<String>,
    /// `prometheus_scrape_unit_path`: prefix of the metrics path; `None` and empty are the same.
    pub path: Option<String>,
    /// `prometheus_scrape_unit_name`: the unit.
    pub name: Option<String>,
    /// `prometheus_scrape_unit_fqdn`: its host name; `None` and empty are the same.
    pub fqdn: Option<String>,
}

impl ScrapeProviderUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("prometheus_scrape_unit_address", Encoding::Raw),
        Key::optional("prometheus_scrape_unit_path", Encoding::Raw),
        Key::optional("prometheus_scrape_unit_name", Encoding::Raw),
        Key::optional("prometheus_scrape_unit_fqdn", Encoding::Raw),
    ];

    /// What a unit with an external URL says: its host without the port, its path as written.
    #[must_use]
    pub fn from_external_url(unit: &str, url: &str) -> Self {
        let parts = url_parts(url);
        ScrapeProviderUnitData {
            address: parts.host,
            path: Some(parts.path.to_owned()),
            name: Some(unit.to_owned()),
            fqdn: None,
        }
    }

    /// What a unit without one says: the address it is bound to when that is an IP, else its
    /// host name.
    #[must_use]
    pub fn from_bind_address(unit: &str, bind_address: &str, fqdn: &str) -> Self {
        let is_ip = bind_address.parse::<IpAddr>().is_ok();
        ScrapeProviderUnitData {
            address: Some(if is_ip { bind_address } else { fqdn }.to_owned()),
            path: None,
            name: Some(unit.to_owned()),
            fqdn: Some(fqdn.to_owned()),
        }
    }

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let reader = Reader::new(bag);
        let text = |key| reader.raw(key).map(str::to_owned);
        let value = ScrapeProviderUnitData {
            address: text("prometheus_scrape_unit_address"),
            path: text("prometheus_scrape_unit_path"),
            name: text("prometheus_scrape_unit_name"),
            fqdn: text("prometheus_scrape_unit_fqdn"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .raw("prometheus_scrape_unit_address", self.address.as_deref())
            .raw("prometheus_scrape_unit_path", self.path.as_deref())
            .raw("prometheus_scrape_unit_name", self.name.as_deref())
            .raw("prometheus_scrape_unit_fqdn", self.fqdn.as_deref())
            .finish()
    }
}

/// What the leader of the consumer answers.
///
/// Requirer application databag, `prometheus_scrape` v0 patch 65.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `event` | Python-style JSON | feedback on rules and jobs, see [`Feedback`] | `{"scrape_job_errors": "…"}`, `{}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrapeRequirerAppData {
    /// `event`: what became of rules and jobs of this relation.
    pub event: Option<Feedback>,
}

impl ScrapeRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("event", Encoding::PythonJson)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let event = reader.optional("event");
        reader.finish(ScrapeRequirerAppData { event })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("event", self.event.as_ref()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    fn written(data: &ScrapeProviderUnitData) -> Vec<(String, String)> {
        patched(&Databag::new(), &data.encode()).into_iter().collect()
    }

    #[test]
    fn unit_data_follows_from_url_or_address() {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| (format!("prometheus_scrape_unit_{k}"), (*v).to_owned()))
                .collect::<Vec<_>>()
        };
        let url = "https://edge.example/stage-loom";
        assert_eq!(
            written(&ScrapeProviderUnitData::from_external_url("loom/0", url)),
            pairs(&[("address", "edge.example"), ("name", "loom/0"), ("path", "/stage-loom")])
        );
        assert_eq!(
            written(&ScrapeProviderUnitData::from_external_url("loom/0", "loom-0.example")),
            pairs(&[("address", "loom-0.example"), ("name", "loom/0")])
        );
        assert_eq!(
            written(&ScrapeProviderUnitData::from_bind_address("loom/0", "10.1.20.31", "f")),
            pairs(&[("address", "10.1.20.31"), ("fqdn", "f"), ("name", "loom/0")])
        );
        assert_eq!(
            written(&ScrapeProviderUnitData::from_bind_address("loom/0", "nowhere", "f")),
            pairs(&[("address", "f"), ("fqdn", "f"), ("name", "loom/0")])
        );
    }

    #[test]
    fn a_job_that_is_no_object_spoils_only_itself() {
        let bag = Databag::from([
            ("scrape_jobs".to_owned(), r#"["x", {"job_name": "n"}]"#.to_owned()),
            ("scrape_metadata".to_owned(), r#"{"model": "m"}"#.to_owned()),
        ]);
        let read = ScrapeProviderAppData::decode(&bag);
        assert_eq!(read.value.scrape_jobs.as_deref().map(<[_]>::len), Some(1));
        assert_eq!(read.value.scrape_metadata, None);
        let told: Vec<_> = read.skipped.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "`scrape_metadata`: expected a value, found nothing at `model_uuid`",
                "`0` of `scrape_jobs`: expected an object, found a string"
            ]
        );
    }
}
