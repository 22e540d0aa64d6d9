//! What a scraper makes of the jobs it is sent: the names, labels and targets that Prometheus
//! ends up with.

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::job::ScrapeJob;
use super::{ScrapeProviderAppData, ScrapeProviderUnitData};
use crate::databag::{Databag, Decoded, Skipped};
use crate::encoding::python_json;
use crate::topology::JujuTopology;
use crate::url_parts::url_parts;

/// The protocol that Prometheus falls back to for targets that don't name theirs.
pub const PROMETHEUS_FALLBACK_PROTOCOL: &str = "PrometheusText0.0.4";

/// How a particular scraper differs from the plain consumer library.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsumerOptions {
    /// Set as `fallback_scrape_protocol` on every job of a relation that says who it is from;
    /// it enters the hash of ambiguous names.
    pub fallback_scrape_protocol: Option<String>,
}

impl ConsumerOptions {
    /// What the Prometheus charm uses.
    #[must_use]
    pub fn of_prometheus() -> Self {
        ConsumerOptions { fallback_scrape_protocol: Some(PROMETHEUS_FALLBACK_PROTOCOL.to_owned()) }
    }
}

/// The jobs that one relation results in: named, labelled, wildcards expanded, names unique.
///
/// `units` are the remote units with their databags, in the order in which jobs shall appear.
/// Without units, or without jobs, there is nothing. Jobs of a relation without
/// `scrape_metadata` are taken as they are; one of those that has no name can't be used and is
/// skipped.
#[must_use]
pub fn jobs_of_relation<'a>(
    app: &ScrapeProviderAppData,
    units: impl IntoIterator<Item = (&'a str, &'a Databag)>,
    options: &ConsumerOptions,
) -> Decoded<Vec<ScrapeJob>> {
    let mut units = units.into_iter().peekable();
    let jobs = app.scrape_jobs.as_deref().unwrap_or_default();
    if units.peek().is_none() || jobs.is_empty() {
        return Decoded::default();
    }
    let mut skipped = Vec::new();
    let jobs = match &app.scrape_metadata {
        None => {
            let mut named = Vec::with_capacity(jobs.len());
            for (index, job) in jobs.iter().enumerate() {
                if job.job_name().is_some() {
                    named.push(job.clone());
                } else {
                    skipped.push(Skipped {
                        key: "scrape_jobs".to_owned(),
                        entry: Some(index.to_string()),
                        reason: "neither the job has a name nor the relation `scrape_metadata`"
                            .to_owned(),
                    });
                }
            }
            named
        }
        Some(topology) => {
            let units = UnitTable::of(units);
            let mut expanded = Vec::new();
            for job in jobs {
                expand(&prefixed(job, topology), topology, &units, &mut expanded);
            }
            if let Some(protocol) = &options.fallback_scrape_protocol {
                for job in &mut expanded {
                    let members = job.members_mut();
                    members.insert("fallback_scrape_protocol".to_owned(), protocol.clone().into());
                }
            }
            expanded
        }
    };
    Decoded { value: with_unique_names(jobs), skipped }
}

/// The jobs of all relations together: names made unique once more, equal jobs only once.
#[must_use]
pub fn jobs_of_all(relations: impl IntoIterator<Item = Vec<ScrapeJob>>) -> Vec<ScrapeJob> {
    with_unique_names(relations.into_iter().flatten().collect())
}

/// What goes into the configuration of Prometheus, and the files that it names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrometheusJobs {
    /// The entries of `scrape_configs`.
    pub scrape_configs: Vec<ScrapeJob>,
    /// Certificates and keys that jobs carried as PEM text, by path.
    pub files: BTreeMap<String, crate::databag::SecretText>,
    /// Names of jobs with a client certificate but no key, or a key but no certificate:
    /// Prometheus refuses such a configuration.
    pub half_client_pairs: Vec<String>,
}

/// What the Prometheus charm writes for the jobs of all relations: labels of the target win over
/// those of the scraper, and PEM texts in `tls_config` become files below `folder`.
#[must_use]
pub fn render_for_prometheus(jobs: Vec<ScrapeJob>, folder: &str) -> PrometheusJobs {
    let mut out = PrometheusJobs::default();
    for mut job in jobs {
        let name = job.job_name().unwrap_or_default().to_owned();
        if let Some(tls) = job.members_mut().get_mut("tls_config").and_then(Value::as_object_mut) {
            if tls.contains_key("cert_file") != tls.contains_key("key_file") {
                out.half_client_pairs.push(name.clone());
            }
            for (member, suffix) in
                [("ca_file", "ca.crt"), ("cert_file", "client.crt"), ("key_file", "client.key")]
            {
                if let Some(Value::String(text)) = tls.get_mut(member)
                    && text.contains("-----BEGIN")
                {
                    // The name is foreign and must not lead out of the folder.
                    let path = format!("{folder}/{}-{suffix}", name.replace('/', "_"));
                    let pem = std::mem::replace(text, path.clone());
                    out.files.insert(path, pem.into());
                }
            }
        }
        out.scrape_configs.push(job.with("honor_labels", true));
    }
    out
}

/// A unit to scrape, as its databag has it.
struct Unit {
    address: String,
    path: String,
}

/// The units of a relation by name, and their names by host.
struct UnitTable {
    units: IndexMap<String, Unit>,
    by_host: BTreeMap<String, String>,
}

impl UnitTable {
    /// Units that have not said their address can't be scraped and are left out.
    fn of<'a>(bags: impl IntoIterator<Item = (&'a str, &'a Databag)>) -> Self {
        let mut table = UnitTable { units: IndexMap::new(), by_host: BTreeMap::new() };
        for (unit, bag) in bags {
            let data = ScrapeProviderUnitData::decode(bag).value;
            // Charms of the first revisions call the address `prometheus_scrape_host`.
            let address = data.address.or_else(|| bag.get("prometheus_scrape_host").cloned());
            let Some(address) = address else { continue };
            let name = data.name.unwrap_or_else(|| unit.to_owned());
            for host in [Some(address.clone()), data.fqdn].into_iter().flatten() {
                table.by_host.insert(host, name.clone());
            }
            let path = data.path.unwrap_or_default();
            table.units.insert(name, Unit { address, path });
        }
        table
    }

    /// The unit that a plain target belongs to.
    fn unit_of_target(&self, target: &str) -> Option<&str> {
        let host = url_parts(target).host?;
        self.by_host.get(&host).map(String::as_str)
    }
}

/// The job with the name that says who it is from, and without members that nobody takes.
fn prefixed(job: &ScrapeJob, topology: &JujuTopology) -> ScrapeJob {
    let mut name = format!("juju_{}_prometheus_scrape", topology.identifier());
    if let Some(own) = job.job_name() {
        name = format!("{name}_{own}");
    }
    job.clone().with("job_name", name).sanitized()
}

/// Appends the jobs that one job results in: those of single units first, then the one that
/// keeps all targets that belong to no unit.
fn expand(job: &ScrapeJob, topology: &JujuTopology, units: &UnitTable, out: &mut Vec<ScrapeJob>) {
    let mut foreign_configs = Vec::new();
    let configs = job.members().get("static_configs").and_then(Value::as_array);
    for config in configs.into_iter().flatten().filter_map(Value::as_object) {
        let targets = config.get("targets").and_then(Value::as_array);
        let targets = targets.into_iter().flatten().filter_map(Value::as_str);
        let (wildcards, plain): (Vec<&str>, Vec<&str>) =
            targets.partition(|target| target.starts_with('*'));

        let mut by_unit: IndexMap<&str, Vec<String>> = IndexMap::new();
        let mut foreign = Vec::new();
        for target in plain {
            match units.unit_of_target(target) {
                Some(unit) => by_unit.entry(unit).or_default().push(target.to_owned()),
                None => foreign.push(target),
            }
        }
        if !foreign.is_empty() {
            let labels = merged_labels(topology, None, config);
            foreign_configs.push(with_targets(config, foreign.into(), labels));
        }
        for (unit, targets) in by_unit {
            out.push(job_of_unit(job, config, targets, unit, &units.units[unit].path, topology));
        }
        if !wildcards.is_empty() {
            for (name, unit) in &units.units {
                let targets = wildcards.iter().map(|t| t.replace('*', &unit.address)).collect();
                out.push(job_of_unit(job, config, targets, name, &unit.path, topology));
            }
        }
    }
    if !foreign_configs.is_empty() {
        let job = job
            .clone()
            .with("static_configs", foreign_configs)
            .with("metrics_path", metrics_path(job));
        out.push(with_instance(job, &["juju_model", "juju_model_uuid", "juju_application"]));
    }
}

fn job_of_unit(
    job: &ScrapeJob,
    config: &Map<String, Value>,
    targets: Vec<String>,
    unit: &str,
    unit_path: &str,
    topology: &JujuTopology,
) -> ScrapeJob {
    let number = unit.rsplit('/').next().unwrap_or(unit);
    let name = format!("{}-{number}", job.job_name().unwrap_or_default());
    let labels = merged_labels(topology, Some(unit), config);
    let job = job
        .clone()
        .with("job_name", name)
        .with("metrics_path", format!("{unit_path}{}", metrics_path(job)))
        .with("static_configs", vec![with_targets(config, targets.into(), labels)]);
    with_instance(job, &["juju_model", "juju_model_uuid", "juju_application", "juju_unit"])
}

fn metrics_path(job: &ScrapeJob) -> &str {
    job.text("metrics_path").filter(|path| !path.is_empty()).unwrap_or("/metrics")
}

fn with_targets(config: &Map<String, Value>, targets: Value, labels: Value) -> Value {
    let mut config = config.clone();
    config.insert("targets".to_owned(), targets);
    config.insert("labels".to_owned(), labels);
    Value::Object(config)
}

/// The labels of the topology, then those of the job, which win.
fn merged_labels(
    topology: &JujuTopology,
    unit: Option<&str>,
    config: &Map<String, Value>,
) -> Value {
    let mut labels: Map<String, Value> =
        topology.labels().into_iter().map(|(name, value)| (name, value.into())).collect();
    if let Some(unit) = unit {
        labels.insert("juju_unit".to_owned(), unit.into());
    }
    // Some charms write `null` for no labels, on which the Python library fails.
    if let Some(own) = config.get("labels").and_then(Value::as_object) {
        labels.extend(own.clone());
    }
    Value::Object(labels)
}

/// The label `instance` is made of the topology, so that it outlives the unit's address. It must
/// be the last relabeling, since it reads what the others write.
fn with_instance(job: ScrapeJob, labels: &[&str]) -> ScrapeJob {
    let mut relabelings =
        job.members().get("relabel_configs").and_then(Value::as_array).cloned().unwrap_or_default();
    relabelings.push(json!({
        "source_labels": labels,
        "separator": "_",
        "target_label": "instance",
        "regex": "(.*)",
    }));
    job.with("relabel_configs", relabelings)
}

/// Jobs that share a name get a hash of themselves appended to it; equal jobs are kept once.
/// Jobs of one name end up next to each other.
fn with_unique_names(jobs: Vec<ScrapeJob>) -> Vec<ScrapeJob> {
    let mut by_name: IndexMap<String, Vec<ScrapeJob>> = IndexMap::new();
    for job in jobs {
        by_name.entry(job.job_name().unwrap_or_default().to_owned()).or_default().push(job);
    }
    let mut seen = IndexSet::new();
    let mut out = Vec::new();
    for (name, jobs) in by_name {
        let ambiguous = jobs.len() > 1;
        for mut job in jobs {
            if ambiguous {
                let hash = hex(&Sha256::digest(python_json(&job)));
                job = job.with("job_name", format!("{name}_{hash}"));
            }
            if seen.insert(python_json(&job)) {
                out.push(job);
            }
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::WorkerTopology;
    use crate::prometheus_scrape::{Scheme, WorkerTarget};

    const UUID: &str = "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11";

    fn loom() -> JujuTopology {
        JujuTopology::new("stage", UUID.parse().unwrap(), "loom".parse().unwrap())
            .with_unit("loom/0".parse().unwrap())
            .with_charm_name("loom-coordinator-k8s")
    }

    fn unit(name: &str, address: &str, path: &str, fqdn: &str) -> (String, Databag) {
        let data = ScrapeProviderUnitData {
            address: Some(address.to_owned()),
            path: Some(path.to_owned()),
            name: Some(name.to_owned()),
            fqdn: Some(fqdn.to_owned()),
        };
        (name.to_owned(), crate::databag::patched(&Databag::new(), &data.encode()))
    }

    fn run(jobs: Vec<Value>, units: &[(String, Databag)]) -> Vec<Value> {
        let jobs: Vec<ScrapeJob> =
            jobs.into_iter().map(|job| serde_json::from_value(job).unwrap()).collect();
        let app = ScrapeProviderAppData {
            scrape_metadata: Some(loom()),
            scrape_jobs: Some(jobs),
            alert_rules: None,
        };
        let units = units.iter().map(|(name, bag)| (name.as_str(), bag));
        let read = jobs_of_relation(&app, units, &ConsumerOptions::default());
        read.value.into_iter().map(|job| serde_json::to_value(job).unwrap()).collect()
    }

    fn worker_job(application: &str, number: u8) -> Value {
        let worker = WorkerTopology {
            application: application.to_owned(),
            unit: format!("{application}/{number}"),
            charm_name: "loom-worker-k8s".to_owned(),
        };
        let target = WorkerTarget { model: "stage", model_uuid: UUID, worker: &worker };
        let host =
            format!("{application}-{number}.{application}-endpoints.stage.svc.cluster.local");
        serde_json::to_value(target.direct(&host, 9400, Scheme::Http)).unwrap()
    }

    #[test]
    fn colliding_names_get_the_hash_of_the_job() {
        let (_, bag) = unit("loom/0", "loom-0", "", "");
        let jobs = vec![worker_job("loom-read", 0), worker_job("loom-read", 1)];
        let named = run(jobs, &[("loom/0".to_owned(), bag)]);
        assert_eq!(
            named[0]["job_name"],
            "juju_stage_20d3ed5c_loom_prometheus_scrape_ab2f953e1a13be3592f1794a2544f700f872579b118e3d84d7232ff9362cb941"
        );
        assert_eq!(named.len(), 2);
        assert_ne!(named[0]["job_name"], named[1]["job_name"]);
    }

    #[test]
    fn a_wildcard_becomes_a_job_for_each_unit() {
        let jobs = vec![json!({"job_name": "x", "static_configs":
            [{"targets": ["*:90", "*"], "labels": {"juju_charm": "own", "a": "b"}}]})];
        let units = [unit("loom/0", "10.0.0.1", "/p", ""), unit("loom/10", "h", "", "")];
        let named = run(jobs, &units);
        assert_eq!(
            named[0].to_string(),
            json!({
                "metrics_path": "/p/metrics",
                "static_configs": [{"targets": ["10.0.0.1:90", "10.0.0.1"], "labels": {
                    "juju_model": "stage", "juju_model_uuid": UUID, "juju_application": "loom",
                    "juju_charm": "own", "juju_unit": "loom/0", "a": "b"}}],
                "job_name": "juju_stage_20d3ed5c_loom_prometheus_scrape_x-0",
                "relabel_configs": [{
                    "source_labels":
                        ["juju_model", "juju_model_uuid", "juju_application", "juju_unit"],
                    "separator": "_", "target_label": "instance", "regex": "(.*)"}],
            })
            .to_string()
        );
        assert_eq!(named[1]["job_name"], "juju_stage_20d3ed5c_loom_prometheus_scrape_x-10");
        assert_eq!(named[1]["metrics_path"], "/metrics");
    }

    #[test]
    fn plain_targets_are_matched_to_units_by_address_and_name() {
        let jobs = vec![json!({"static_configs":
            [{"targets": ["[2001:db8::1]:9", "loom-1.x:9", "other:9"], "labels": null}]})];
        let units = [unit("loom/0", "2001:db8::1", "", ""), unit("loom/1", "a", "", "loom-1.x")];
        let named = run(jobs, &units);
        let targets: Vec<_> =
            named.iter().map(|job| job["static_configs"][0]["targets"].to_string()).collect();
        assert_eq!(targets, [r#"["[2001:db8::1]:9"]"#, r#"["loom-1.x:9"]"#, r#"["other:9"]"#]);
        assert_eq!(named[0]["static_configs"][0]["labels"]["juju_unit"], "loom/0");
        assert_eq!(named[2]["static_configs"][0]["labels"].get("juju_unit"), None);
        assert_eq!(named[2]["job_name"], "juju_stage_20d3ed5c_loom_prometheus_scrape");
    }

    #[test]
    fn without_metadata_jobs_are_taken_as_they_are() {
        let app = ScrapeProviderAppData {
            scrape_metadata: None,
            scrape_jobs: Some(vec![
                ScrapeJob::default().with("job_name", "n").with("honor_timestamps", false),
                ScrapeJob::default(),
            ]),
            alert_rules: None,
        };
        let bag = Databag::new();
        let read = jobs_of_relation(&app, [("pins/0", &bag)], &ConsumerOptions::of_prometheus());
        assert_eq!(read.value.len(), 1);
        assert_eq!(python_json(&read.value[0]), r#"{"job_name": "n", "honor_timestamps": false}"#);
        assert_eq!(read.skipped[0].entry.as_deref(), Some("1"));
        let none = jobs_of_relation(&app, [], &ConsumerOptions::default());
        assert_eq!(none.value, []);
    }

    #[test]
    fn equal_jobs_of_two_relations_are_kept_once() {
        let job = ScrapeJob::default().with("job_name", "n");
        let other = job.clone().with("scheme", "https");
        assert_eq!(jobs_of_all([vec![job.clone()], vec![job.clone()]]).len(), 1);
        assert_eq!(jobs_of_all([vec![job], vec![other]]).len(), 2);
    }

    #[test]
    fn prometheus_gets_pem_texts_as_files() {
        let job = ScrapeJob::default()
            .with("job_name", "n")
            .with("tls_config", json!({"ca_file": "-----BEGIN X", "cert_file": "/a/path"}));
        let rendered = render_for_prometheus(vec![job], "/etc/prometheus");
        assert_eq!(
            python_json(&rendered.scrape_configs),
            r#"[{"job_name": "n", "tls_config": {"ca_file": "/etc/prometheus/n-ca.crt", "cert_file": "/a/path"}, "honor_labels": true}]"#
        );
        assert_eq!(rendered.files["/etc/prometheus/n-ca.crt"].expose(), "-----BEGIN X");
        assert_eq!(rendered.half_client_pairs, ["n"]);
    }
}
