//! Scrape jobs as they travel.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cluster::WorkerTopology;
use crate::databag::{FromJson, Mismatch};

/// The port on which the web server's exporter of a coordinator unit answers.
pub const NGINX_EXPORTER_PORT: u16 = 9113;

/// The members that a job may have; all others are dropped on both sides.
pub const ALLOWED_MEMBERS: [&str; 17] = [
    "job_name",
    "metrics_path",
    "static_configs",
    "scrape_interval",
    "scrape_timeout",
    "proxy_url",
    "relabel_configs",
    "metric_relabel_configs",
    "sample_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "scheme",
    "basic_auth",
    "tls_config",
    "authorization",
    "params",
];

/// Whether a target speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Plain HTTP; jobs don't mention it.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
}

/// One scrape job: an object in Prometheus' own form whose order of members is kept, since the
/// scraper derives names from it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScrapeJob(Map<String, Value>);

impl ScrapeJob {
    /// A job with the given members.
    #[must_use]
    pub fn from_members(members: Map<String, Value>) -> Self {
        ScrapeJob(members)
    }

    /// The job of the web server's exporter of a coordinator unit.
    #[must_use]
    pub fn of_coordinator_unit(unit: &str, hostname: &str, scheme: Scheme) -> Self {
        let targets = json!([{
            "targets": [format!("{hostname}:{NGINX_EXPORTER_PORT}")],
            "labels": {"juju_unit": unit},
        }]);
        ScrapeJob::default()
            .with("metrics_path", "/metrics")
            .with("static_configs", targets)
            .with_scheme(scheme)
    }

    /// The members, in their order.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The members, to be changed.
    pub fn members_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    /// A member that is a text.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member)?.as_str()
    }

    /// The name of the job, if it has one.
    #[must_use]
    pub fn job_name(&self) -> Option<&str> {
        self.text("job_name").filter(|name| !name.is_empty())
    }

    /// Every address that the job names, wildcards included.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.0
            .get("static_configs")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|config| config.get("targets")?.as_array())
            .flatten()
            .filter_map(Value::as_str)
    }

    /// The same with a member set, in place or at the end.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0.insert(member.to_owned(), value.into());
        self
    }

    /// The job without the members that nobody takes. `metrics_path` and `static_configs` always
    /// come first, with their defaults `/metrics` and port 80 of every unit.
    #[must_use]
    pub fn sanitized(self) -> Self {
        let mut members = Map::new();
        members.insert("metrics_path".into(), "/metrics".into());
        members.insert("static_configs".into(), json!([{"targets": ["*:80"]}]));
        members.extend(
            self.0.into_iter().filter(|(member, _)| ALLOWED_MEMBERS.contains(&member.as_str())),
        );
        ScrapeJob(members)
    }

    fn with_scheme(self, scheme: Scheme) -> Self {
        match scheme {
            Scheme::Http => self,
            Scheme::Https => self.with("scheme", "https"),
        }
    }
}

impl FromJson for ScrapeJob {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        Map::from_json(value).map(ScrapeJob)
    }
}

/// The jobs that a provider sends: cleaned, and the default job where there is none.
#[must_use]
pub fn sanitized(jobs: Vec<ScrapeJob>) -> Vec<ScrapeJob> {
    if jobs.is_empty() {
        return vec![ScrapeJob::default().sanitized()];
    }
    jobs.into_iter().map(ScrapeJob::sanitized).collect()
}

/// A worker unit to scrape: who it is goes into relabelings, since labels of a target lose
/// against the topology that the scraper adds.
#[derive(Debug, Clone, Copy)]
pub struct WorkerTarget<'a> {
    /// Name of the model, the coordinator's own.
    pub model: &'a str,
    /// UUID of the model.
    pub model_uuid: &'a str,
    /// Who the worker is.
    pub worker: &'a WorkerTopology,
}

impl WorkerTarget<'_> {
    /// The job that scrapes the worker itself.
    #[must_use]
    pub fn direct(&self, address: &str, port: u16, scheme: Scheme) -> ScrapeJob {
        self.job("/metrics", format!("{address}:{port}"), scheme)
    }

    /// The job that scrapes it through the coordinator's telemetry proxy.
    #[must_use]
    pub fn proxied(&self, app_host: &str, port: u16, scheme: Scheme) -> ScrapeJob {
        let path = format!("/proxy/worker/{}/metrics", self.worker.unit.replace('/', "-"));
        self.job(&path, format!("{app_host}:{port}"), scheme)
    }

    fn job(&self, path: &str, target: String, scheme: Scheme) -> ScrapeJob {
        let relabel =
            |label: &str, value: &str| json!({"target_label": label, "replacement": value});
        ScrapeJob::default()
            .with("metrics_path", path)
            .with("static_configs", json!([{"targets": [target]}]))
            .with(
                "relabel_configs",
                vec![
                    relabel("juju_charm", &self.worker.charm_name),
                    relabel("juju_unit", &self.worker.unit),
                    relabel("juju_application", &self.worker.application),
                    relabel("juju_model", self.model),
                    relabel("juju_model_uuid", self.model_uuid),
                ],
            )
            .with_scheme(scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::python_json;

    #[test]
    fn worker_jobs_hold_to_the_byte() {
        let worker = WorkerTopology {
            application: "loom-read".into(),
            unit: "loom-read/0".into(),
            charm_name: "loom-worker-k8s".into(),
        };
        let target = WorkerTarget { model: "stage", model_uuid: "20d3ed5c", worker: &worker };
        let relabelings = r#"[{"target_label": "juju_charm", "replacement": "loom-worker-k8s"}, {"target_label": "juju_unit", "replacement": "loom-read/0"}, {"target_label": "juju_application", "replacement": "loom-read"}, {"target_label": "juju_model", "replacement": "stage"}, {"target_label": "juju_model_uuid", "replacement": "20d3ed5c"}]"#;
        assert_eq!(
            python_json(&target.direct("h", 9400, Scheme::Http)),
            format!(
                r#"{{"metrics_path": "/metrics", "static_configs": [{{"targets": ["h:9400"]}}], "relabel_configs": {relabelings}}}"#
            )
        );
        assert_eq!(
            python_json(&target.proxied("loom.stage", 3300, Scheme::Https)),
            format!(
                r#"{{"metrics_path": "/proxy/worker/loom-read-0/metrics", "static_configs": [{{"targets": ["loom.stage:3300"]}}], "relabel_configs": {relabelings}, "scheme": "https"}}"#
            )
        );
        assert_eq!(
            python_json(&ScrapeJob::of_coordinator_unit("loom/1", "loom-1", Scheme::Http)),
            r#"{"metrics_path": "/metrics", "static_configs": [{"targets": ["loom-1:9113"], "labels": {"juju_unit": "loom/1"}}]}"#
        );
    }

    #[test]
    fn only_members_that_are_known_are_sent() {
        let job = ScrapeJob::default()
            .with("job_name", "a")
            .with("honor_labels", true)
            .with("metrics_path", "/m");
        assert_eq!(
            python_json(&job.sanitized()),
            r#"{"metrics_path": "/m", "static_configs": [{"targets": ["*:80"]}], "job_name": "a"}"#
        );
        let default =
            r#"[{"metrics_path": "/metrics", "static_configs": [{"targets": ["*:80"]}]}]"#;
        assert_eq!(python_json(&sanitized(vec![])), default);
    }

    #[test]
    fn targets_of_all_configs_are_seen() {
        let configs = json!([{"targets": ["a", 5]}, {"targets": null}, 7, {"targets": ["b:1"]}]);
        let job = ScrapeJob::default().with("static_configs", configs);
        assert_eq!(job.targets().collect::<Vec<_>>(), ["a", "b:1"]);
    }
}
