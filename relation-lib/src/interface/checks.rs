//! What can be wrong with a databag that can be read.

use serde_json::Value;

use super::Severity::{Error, Note, Warning};
use super::{Finding, Severity};
use crate::alert_rules::{AlertRules, Feedback};
use crate::catalogue::CatalogueRequirerAppData;
use crate::cluster::{ClusterProviderAppData, ClusterRequirerAppData, ClusterRequirerUnitData};
use crate::databag::{Databag, FromJson};
use crate::encoding::parse_json;
use crate::grafana_dashboard::{DashboardProviderAppData, DashboardRequirerAppData};
use crate::injection::{self, Language};
use crate::loki_push_api::{LokiProviderUnitData, LokiRequirerAppData, PUSH_PATH};
use crate::prometheus_remote_write::RemoteWriteRequirerAppData;
use crate::prometheus_scrape::{ALLOWED_MEMBERS, ScrapeJob, ScrapeProviderAppData};
use crate::s3::S3ProviderAppData;
use crate::tls_certificates::{
    Certificate, CertificateSigningRequest, TlsProviderAppData, TlsRequirerData,
};
use crate::topology::JujuTopology;
use crate::tracing::{ReceiverProtocol, TracingProviderAppData, TracingRequirerAppData, Transport};
use crate::url_parts::url_parts;
use crate::yaml;

pub(super) fn cluster_provider(bag: &Databag) -> Vec<Finding> {
    let data = ClusterProviderAppData::decode(bag).value;
    let mut findings = Vec::new();
    if let Some(Err(error)) = data.worker_config.text().map(yaml::parse) {
        let message = format!("the configuration is no YAML: {error}");
        findings.push(Finding::new(Error, "worker_config", message));
    }
    if data.server_cert.is_some() != data.privkey_secret_id.is_some() {
        let message = "certificate and key belong together, and only one is there";
        findings.push(Finding::new(Warning, "server_cert", message));
    }
    if data.privkey_secret_id.is_some_and(|id| !id.starts_with("secret:")) {
        let message = "not the id of a secret: it starts with `secret:`";
        findings.push(Finding::new(Error, "privkey_secret_id", message));
    }
    findings
}

pub(super) fn cluster_role(bag: &Databag) -> Vec<Finding> {
    let Ok(data) = ClusterRequirerAppData::decode(bag) else { return vec![] };
    let role = &data.value.role;
    if data.value.roles().next().is_none() {
        return vec![Finding::new(Warning, "role", "no role: the worker takes part in nothing")];
    }
    if role.split(',').any(|token| token != token.trim()) {
        let message = "a Python coordinator takes the blanks for part of the role";
        return vec![Finding::new(Warning, "role", message)];
    }
    vec![]
}

pub(super) fn cluster_unit(bag: &Databag) -> Vec<Finding> {
    let Ok(data) = ClusterRequirerUnitData::decode(bag) else { return vec![] };
    let mut findings = Vec::new();
    if data.value.address.contains(['/', ' ']) {
        let message = "a host name is wanted, without scheme and path";
        findings.push(Finding::new(Error, "address", message));
    }
    let topology = &data.value.juju_topology;
    if topology.unit.split('/').next() != Some(&topology.application) {
        let message = "the unit is none of the application";
        findings.push(Finding::new(Warning, "juju_topology", message));
    }
    findings
}

pub(super) fn loki_endpoint(bag: &Databag) -> Vec<Finding> {
    let Some(endpoint) = LokiProviderUnitData::decode(bag).value.endpoint else { return vec![] };
    let parts = url_parts(&endpoint.url);
    let message = if parts.scheme.is_none() || parts.host.is_none() {
        "not a URL: nothing can be pushed there".to_owned()
    } else if !parts.path.ends_with(PUSH_PATH) {
        format!("does not end in `{PUSH_PATH}`, which is where Loki takes logs")
    } else {
        return vec![];
    };
    vec![Finding::new(Warning, "endpoint", message)]
}

pub(super) fn log_rules(bag: &Databag) -> Vec<Finding> {
    let data = LokiRequirerAppData::decode(bag).value;
    let mut findings = topology("metadata", data.metadata.as_ref());
    findings.extend(rules(data.alert_rules.as_ref(), Language::LogQl));
    findings
}

pub(super) fn metric_rules(bag: &Databag) -> Vec<Finding> {
    let data = RemoteWriteRequirerAppData::decode(bag).value;
    rules(data.alert_rules.as_ref(), Language::PromQl)
}

pub(super) fn scrape(bag: &Databag) -> Vec<Finding> {
    let data = ScrapeProviderAppData::decode(bag).value;
    let mut findings = topology("scrape_metadata", data.scrape_metadata.as_ref());
    for (index, entry) in data.scrape_jobs.iter().flatten().enumerate() {
        let found = |severity, message: String| {
            Finding::new(severity, "scrape_jobs", message).at(index.to_string())
        };
        if data.scrape_metadata.is_none() && entry.job_name().is_none() {
            let message = "neither the job has a name nor the relation `scrape_metadata`";
            findings.push(found(Error, message.to_owned()));
        }
        findings.extend(job(entry).into_iter().map(|(severity, message)| found(severity, message)));
    }
    findings.extend(rules(data.alert_rules.as_ref(), Language::PromQl));
    findings
}

fn job(job: &ScrapeJob) -> Vec<(Severity, String)> {
    let mut findings = Vec::new();
    for member in job.members().keys().filter(|name| !ALLOWED_MEMBERS.contains(&name.as_str())) {
        findings.push((Note, format!("`{member}` is dropped by every reader")));
    }
    if job.targets().next().is_none() {
        findings.push((Warning, "names no target: nothing is scraped".to_owned()));
    }
    for target in job.targets().filter(|target| target.contains('/')) {
        findings.push((Error, format!("`{target}` is no target: `host:port` is wanted")));
    }
    let configs = job.members().get("static_configs").and_then(Value::as_array);
    if configs.into_iter().flatten().any(|config| config.get("labels").is_some_and(Value::is_null))
    {
        let message = "`labels` is null: a Python scraper fails its hook on it".to_owned();
        findings.push((Warning, message));
    }
    findings
}

pub(super) fn tracing_receivers(bag: &Databag) -> Vec<Finding> {
    let Ok(data) = TracingProviderAppData::decode(bag) else { return vec![] };
    let mut findings = Vec::new();
    for (index, receiver) in data.value.receivers.iter().enumerate() {
        let has_scheme = receiver.url.contains("://");
        let message = match receiver.protocol.transport {
            Transport::Grpc if has_scheme => "a gRPC receiver is `host:port`, without scheme",
            Transport::Http if !has_scheme => "an HTTP receiver is a URL with its scheme",
            Transport::Other(_) => "carried by something that a Python requirer refuses",
            _ => continue,
        };
        findings.push(Finding::new(Warning, "receivers", message).at(index.to_string()));
    }
    findings
}

pub(super) fn tracing_requests(bag: &Databag) -> Vec<Finding> {
    let Ok(data) = TracingRequirerAppData::decode(bag) else { return vec![] };
    let unknown = data.value.receivers.into_iter().filter_map(|protocol| match protocol {
        ReceiverProtocol::Other(name) => Some(name),
        _ => None,
    });
    let message = "a protocol that Tempo does not have: it ignores the whole request";
    unknown.map(|name| Finding::new(Error, "receivers", message).at(name)).collect()
}

pub(super) fn dashboards(bag: &Databag) -> Vec<Finding> {
    let Some(data) = DashboardProviderAppData::decode(bag).value.dashboards else { return vec![] };
    let mut findings = Vec::new();
    for (id, template) in data.templates {
        let message = match template.content.unpack() {
            Err(error) => error.to_string(),
            Ok(text) => match parse_json(&text) {
                Err(error) => format!("the dashboard is {error}"),
                Ok(Value::Object(_)) => continue,
                Ok(_) => "the dashboard is no JSON object".to_owned(),
            },
        };
        let message = format!("{message}; Grafana drops all dashboards of the relation for it");
        findings.push(Finding::new(Error, "dashboards", message).at(id));
    }
    findings
}

pub(super) fn dashboard_feedback(bag: &Databag) -> Vec<Finding> {
    let problems = DashboardRequirerAppData::decode(bag).value.problems.unwrap_or_default();
    let finding = |problem: crate::grafana_dashboard::DashboardProblem| {
        let message = format!("Grafana refuses it: {}", problem.error);
        Finding::new(Warning, "event", message).at(problem.dashboard_id)
    };
    problems.into_iter().map(finding).collect()
}

pub(super) fn catalogue_entry(bag: &Databag) -> Vec<Finding> {
    let endpoints = CatalogueRequirerAppData::decode(bag).value.api_endpoints.unwrap_or_default();
    let broken = endpoints.into_iter().filter(|(_, url)| url.starts_with("None"));
    let message = "starts with `None`: the charm had no URL when it wrote this";
    broken.map(|(name, _)| Finding::new(Warning, "api_endpoints", message).at(name)).collect()
}

pub(super) fn s3_options(bag: &Databag) -> Vec<Finding> {
    let mut findings = Vec::new();
    for key in ["endpoint", "bucket", "access-key", "secret-key", "region"] {
        let kind = match bag.get(key).map(|text| parse_json(text)) {
            Some(Ok(Value::Number(_))) => "a number",
            Some(Ok(Value::Bool(_))) => "a boolean",
            Some(Ok(Value::Null)) => "nothing",
            Some(Ok(Value::Array(_) | Value::Object(_))) => "a structure",
            Some(Ok(Value::String(_)) | Err(_)) | None => continue,
        };
        let message =
            format!("looks like {kind}: a Python requirer takes it for one and refuses it");
        findings.push(Finding::new(Warning, key, message));
    }
    for (index, pem) in
        S3ProviderAppData::decode(bag).value.tls_ca_chain.into_iter().flatten().enumerate()
    {
        if Certificate::from_pem(&pem).parse().is_err() {
            let message = "no certificate in PEM form";
            findings.push(Finding::new(Warning, "tls-ca-chain", message).at(index.to_string()));
        }
    }
    findings
}

pub(super) fn tls_requests(bag: &Databag) -> Vec<Finding> {
    let key = "certificate_signing_requests";
    let requests: Vec<_> = TlsRequirerData::decode(bag).value.requests().collect();
    let unreadable = requests.iter().enumerate().filter_map(|(index, request)| {
        let error = request.parse().err()?;
        Some(Finding::new(Error, key, error.to_string()).at(index.to_string()))
    });
    unreadable.collect()
}

pub(super) fn tls_answers(bag: &Databag) -> Vec<Finding> {
    let data = TlsProviderAppData::decode(bag).value;
    let mut findings = Vec::new();
    for (index, issued) in data.certificates.iter().enumerate() {
        let request = CertificateSigningRequest::from_pem(&issued.certificate_signing_request);
        let certificate = Certificate::from_pem(&issued.certificate);
        let message = match (request.parse(), certificate.parse()) {
            (Err(error), _) | (_, Err(error)) => error.to_string(),
            (Ok(request), Ok(certificate)) if request.public_key != certificate.public_key => {
                "the certificate is for another key than the request".to_owned()
            }
            _ => continue,
        };
        findings.push(Finding::new(Error, "certificates", message).at(index.to_string()));
    }
    for refused in data.request_errors {
        let error = refused.error;
        let message =
            format!("refused: {} ({} {})", error.message, error.code.number(), error.name);
        findings.push(Finding::new(Warning, "request_errors", message));
    }
    findings
}

/// What a reader of rules and jobs says about them.
pub(super) fn feedback(bag: &Databag) -> Vec<Finding> {
    let value = bag.get("event").and_then(|text| parse_json(text).ok());
    let Some(Ok(feedback)) = value.as_ref().map(Feedback::from_json) else { return vec![] };
    let errors = feedback.errors().map(|text| format!("the rules are refused: {text}"));
    let jobs = feedback.scrape_job_errors().map(|text| format!("the jobs are refused: {text}"));
    [errors, jobs]
        .into_iter()
        .flatten()
        .map(|message| Finding::new(Warning, "event", message))
        .collect()
}

fn topology(key: &str, topology: Option<&JujuTopology>) -> Vec<Finding> {
    match topology {
        Some(topology) if !topology.model_uuid.is_random() => {
            let message = "the model uuid is no version 4: Python readers refuse it";
            vec![Finding::new(Warning, key, message)]
        }
        _ => vec![],
    }
}

fn rules(rules: Option<&AlertRules>, language: Language) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, group) in rules.iter().flat_map(|rules| &rules.groups).enumerate() {
        let name = group.get("name").and_then(Value::as_str);
        let entry = name.map_or_else(|| format!("groups.{index}"), str::to_owned);
        let mut found = |severity, message: String| {
            findings.push(Finding::new(severity, "alert_rules", message).at(entry.clone()));
        };
        if name.is_none() {
            found(Error, "the group has no name".to_owned());
        }
        let rules = group.get("rules").and_then(Value::as_array);
        if rules.is_none_or(Vec::is_empty) {
            found(Note, "the group has no rules".to_owned());
        }
        for rule in rules.into_iter().flatten() {
            let text = |member: &str| rule.get(member).and_then(Value::as_str);
            let Some(name) = text("alert").or_else(|| text("record")) else {
                found(Error, "a rule neither alerts nor records".to_owned());
                continue;
            };
            match text("expr") {
                None => found(Error, format!("rule `{name}` has no expression")),
                Some(expression) => {
                    if let Err(error) = injection::check(language, expression) {
                        found(Error, format!("rule `{name}`: {error}"));
                    }
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bag(key: &str, value: &str) -> Databag {
        Databag::from([(key.to_owned(), value.to_owned())])
    }

    fn told(findings: Vec<Finding>) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rule_that_does_not_parse_is_named() {
        let rules = r#"{"groups": [{"name": "g", "rules": [
            {"alert": "A", "expr": "up =="}, {"record": "r"}, {"expr": "up"},
            {"alert": "B", "expr": "up == 0"}]}, {"rules": []}]}"#;
        let told = told(metric_rules(&bag("alert_rules", rules)));
        assert_eq!(told.len(), 5, "{told:#?}");
        assert!(
            told[0].starts_with("error: `g` of `alert_rules`: rule `A`: cannot"),
            "{}",
            told[0]
        );
        assert_eq!(told[1], "error: `g` of `alert_rules`: rule `r` has no expression");
        assert_eq!(told[2], "error: `g` of `alert_rules`: a rule neither alerts nor records");
        assert_eq!(told[3], "error: `groups.1` of `alert_rules`: the group has no name");
        assert_eq!(told[4], "note: `groups.1` of `alert_rules`: the group has no rules");
    }

    #[test]
    fn jobs_that_reach_nobody_are_named() {
        let jobs = r#"[{"job_name": "a", "static_configs": [{"targets": ["http://h:1"], "labels": null}]},
                       {"honor_labels": true}]"#;
        assert_eq!(
            told(scrape(&bag("scrape_jobs", jobs))),
            [
                "error: `0` of `scrape_jobs`: `http://h:1` is no target: `host:port` is wanted",
                "warning: `0` of `scrape_jobs`: `labels` is null: a Python scraper fails its hook on it",
                "error: `1` of `scrape_jobs`: neither the job has a name nor the relation `scrape_metadata`",
                "note: `1` of `scrape_jobs`: `honor_labels` is dropped by every reader",
                "warning: `1` of `scrape_jobs`: names no target: nothing is scraped",
            ]
        );
    }

    #[test]
    fn urls_that_lead_nowhere_are_named() {
        let endpoint =
            |url: &str| told(loki_endpoint(&bag("endpoint", &format!(r#"{{"url": "{url}"}}"#))));
        assert_eq!(endpoint("http://a:3100/loki/api/v1/push"), [""; 0]);
        assert_eq!(
            endpoint("a:3100"),
            ["warning: `endpoint`: not a URL: nothing can be pushed there"]
        );
        assert_eq!(endpoint("http://a:3100").len(), 1);
        let receivers = r#"[{"protocol": {"name": "otlp_grpc", "type": "grpc"}, "url": "http://a:1"},
                            {"protocol": {"name": "zipkin", "type": "http"}, "url": "a:1"}]"#;
        assert_eq!(
            told(tracing_receivers(&bag("receivers", receivers))),
            [
                "warning: `0` of `receivers`: a gRPC receiver is `host:port`, without scheme",
                "warning: `1` of `receivers`: an HTTP receiver is a URL with its scheme",
            ]
        );
        assert_eq!(told(tracing_requests(&bag("receivers", r#"["pigeon"]"#))).len(), 1);
    }

    #[test]
    fn what_the_other_side_says_is_passed_on() {
        let event = r#"{"valid": false, "errors": "bad rule", "scrape_job_errors": "bad job"}"#;
        assert_eq!(
            told(feedback(&bag("event", event))),
            [
                "warning: `event`: the rules are refused: bad rule",
                "warning: `event`: the jobs are refused: bad job"
            ]
        );
        let event = r#"{"errors": [{"dashboard_id": "file:a", "error": "no"}]}"#;
        assert_eq!(
            told(dashboard_feedback(&bag("event", event))),
            ["warning: `file:a` of `event`: Grafana refuses it: no"]
        );
    }

    #[test]
    fn requests_and_answers_that_are_none_are_named() {
        let requests = r#"[{"certificate_signing_request": "x"}]"#;
        assert_eq!(
            told(tls_requests(&bag("certificate_signing_requests", requests))),
            [
                "error: `0` of `certificate_signing_requests`: cannot read the certificate request: it is no PKCS#10 request in PEM form"
            ]
        );
        let refused = r#"[{"csr": "x", "error": {"code": 102, "name": "DOMAIN_NOT_ALLOWED", "message": "no"}}]"#;
        assert_eq!(
            told(tls_answers(&bag("request_errors", refused))),
            ["warning: `request_errors`: refused: no (102 DOMAIN_NOT_ALLOWED)"]
        );
    }

    #[test]
    fn roles_and_addresses_are_looked_at() {
        assert_eq!(told(cluster_role(&bag("role", r#""a, b""#))).len(), 1);
        assert_eq!(told(cluster_role(&bag("role", r#""""#))).len(), 1);
        assert_eq!(told(cluster_role(&bag("role", r#""a,b""#))), [""; 0]);
        let mut unit = bag("address", r#""http://a""#);
        unit.insert(
            "juju_topology".into(),
            r#"{"application": "a", "unit": "b/0", "charm_name": "c"}"#.into(),
        );
        assert_eq!(told(cluster_unit(&unit)).len(), 2);
    }
}
