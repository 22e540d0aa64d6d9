//! The file as it is written, and the checks that make it a solution.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;

use charm::names::EndpointName;
use charm::patterns::solution_file::{self, name};
use serde::Deserialize;
use serde_yaml::Spanned;

use super::actions::is_result_name;
use super::integrations::{MeshPolicyEntry, RemoteWriteEntry};
use super::nginx::Nginx;
use super::{
    Action, CatalogueItem, Coherence, DataSource, Endpoints, Finding, Injection, Ordered,
    Resources, Roles, Solution, SolutionError, TelemetryProxy, Template, WorkerPorts,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    roles: Vec<String>,
    #[serde(default)]
    meta_roles: Ordered<Spanned<Vec<String>>>,
    minimal_deployment: Vec<Spanned<String>>,
    #[serde(default)]
    recommended_deployment: Ordered<Spanned<u32>>,
    #[serde(default)]
    below_recommended_message: Option<String>,
    #[serde(default)]
    coherence: Coherence,
    endpoints: Spanned<Endpoints>,
    #[serde(deserialize_with = "name")]
    peer_endpoint: EndpointName,
    #[serde(default)]
    external_url: Option<Template>,
    worker_metrics_port: NonZeroU16,
    workers_config: Template,
    #[serde(default)]
    worker_ports: Option<WorkerPorts>,
    #[serde(default)]
    workload_tracing_protocols: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    telemetry_proxy: Option<TelemetryProxy>,
    #[serde(default)]
    remote_write_endpoints: Option<RemoteWriteEntry>,
    #[serde(default)]
    resources: Option<Resources>,
    #[serde(default)]
    catalogue_item: Option<CatalogueItem>,
    #[serde(default)]
    grafana_source: Option<Spanned<DataSource>>,
    #[serde(default)]
    mesh_policies: Option<Vec<Spanned<MeshPolicyEntry>>>,
    nginx: Spanned<Nginx>,
    #[serde(default)]
    actions: Ordered<Spanned<Action>>,
    #[serde(default)]
    label_matcher_injection: Injection,
}

pub(super) fn parse(file: &str, text: &str) -> Result<Solution, SolutionError> {
    let raw: File = solution_file::parse(file, text)?;
    let mut findings = Findings(Vec::new());
    let roles = check_roles(&raw, &mut findings);
    check_rest(&raw, &mut findings);
    let mut policies = Vec::new();
    for entry in raw.mesh_policies.into_iter().flatten() {
        let line = entry.referenced.line();
        match entry.value.try_into() {
            Ok(policy) => policies.push(policy),
            Err(reason) => findings.add(line, reason),
        }
    }
    if !findings.0.is_empty() {
        return Err(SolutionError::Contradictory { file: file.to_owned(), findings: findings.0 });
    }
    Ok(Solution {
        roles,
        coherence: raw.coherence,
        endpoints: raw.endpoints.value,
        peer_endpoint: raw.peer_endpoint,
        external_url: raw.external_url,
        worker_metrics_port: raw.worker_metrics_port,
        workers_config: raw.workers_config,
        worker_ports: raw.worker_ports,
        workload_tracing_protocols: raw
            .workload_tracing_protocols
            .into_iter()
            .flatten()
            .map(|protocol| protocol.value)
            .collect(),
        telemetry_proxy: raw.telemetry_proxy,
        remote_write: raw.remote_write_endpoints.map(Into::into),
        resources: raw.resources,
        catalogue_item: raw.catalogue_item,
        grafana_source: raw.grafana_source.map(|source| source.value),
        mesh_policies: policies,
        nginx: raw.nginx.value,
        actions: raw.actions.into_iter().map(|(name, action)| (name, action.value)).collect(),
        label_matcher_injection: raw.label_matcher_injection,
    })
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, line: u64, reason: impl Into<String>) {
        self.0.push(Finding { line, reason: reason.into() });
    }
}

fn check_roles(raw: &File, findings: &mut Findings) -> Roles {
    let all: BTreeSet<String> = raw.roles.iter().cloned().collect();
    let known = || format!("expected one of {}", backticked(&raw.roles));
    for (meta, members) in &raw.meta_roles {
        let line = members.referenced.line();
        if !all.contains(meta) {
            findings.add(line, format!("meta role `{meta}` is not a role: {}", known()));
        }
        for member in members.value.iter().filter(|member| !all.contains(*member)) {
            findings.add(line, format!("`{member}` of `{meta}` is not a role: {}", known()));
        }
    }
    for role in raw.minimal_deployment.iter().filter(|role| !all.contains(&role.value)) {
        let reason =
            format!("`{}` of the minimal deployment is not a role: {}", role.value, known());
        findings.add(role.referenced.line(), reason);
    }
    for (role, count) in raw.recommended_deployment.iter().filter(|(role, _)| !all.contains(*role))
    {
        let reason = format!("`{role}` of the recommended deployment is not a role: {}", known());
        findings.add(count.referenced.line(), reason);
    }
    let recommended: BTreeMap<String, u32> = raw
        .recommended_deployment
        .iter()
        .map(|(role, count)| (role.clone(), count.value))
        .collect();
    Roles {
        all,
        meta: raw
            .meta_roles
            .iter()
            .map(|(role, members)| (role.clone(), members.value.clone()))
            .collect(),
        minimal: raw.minimal_deployment.iter().map(|role| role.value.clone()).collect(),
        recommended,
        below_recommended_message: raw.below_recommended_message.clone(),
    }
}

fn check_rest(raw: &File, findings: &mut Findings) {
    let endpoints = &raw.endpoints;
    if endpoints.value.cluster.is_none() {
        findings
            .add(endpoints.referenced.line(), "`cluster` is missing: expected an endpoint name");
    }
    let mesh = [
        &endpoints.value.service_mesh,
        &endpoints.value.service_mesh_provide_cmr_mesh,
        &endpoints.value.service_mesh_require_cmr_mesh,
    ];
    let wired = mesh.iter().filter(|endpoint| endpoint.is_some()).count();
    if wired != 0 && wired != mesh.len() {
        let reason = "the mesh has three endpoints: expected `service-mesh`, \
                      `service-mesh-provide-cmr-mesh` and `service-mesh-require-cmr-mesh`, or none";
        findings.add(endpoints.referenced.line(), reason);
    }
    if raw.telemetry_proxy.is_some() {
        // A gRPC client can't be told a path, and the proxy tells receivers apart by path.
        let protocols = raw.workload_tracing_protocols.iter().flatten();
        for protocol in protocols.filter(|protocol| protocol.value.ends_with("_grpc")) {
            let reason = format!(
                "`{}` can't pass the telemetry proxy: expected an HTTP protocol such as `otlp_http`",
                protocol.value
            );
            findings.add(protocol.referenced.line(), reason);
        }
    }
    let ingresses =
        [&endpoints.value.ingress, &endpoints.value.traefik_route, &endpoints.value.istio_ingress];
    if ingresses.into_iter().any(Option::is_some) && raw.nginx.value.servers.is_empty() {
        let reason = "an ingress leads to `nginx.servers`: expected at least one";
        findings.add(endpoints.referenced.line(), reason);
    }
    if let Some(source) = &raw.grafana_source
        && source.value.url.is_none()
        && source.value.unit_url.is_none()
    {
        let reason = "a source has an address: expected `url`, `unit_url` or both";
        findings.add(source.referenced.line(), reason);
    }
    for (name, action) in &raw.actions {
        for key in action.value.results.keys().filter(|key| !is_result_name(key)) {
            let reason = format!(
                "result `{key}` of action `{name}`: expected lower-case words joined by hyphens"
            );
            findings.add(action.referenced.line(), reason);
        }
    }
    check_nginx(&raw.nginx, findings);
}

fn check_nginx(nginx: &Spanned<Nginx>, findings: &mut Findings) {
    let line = nginx.referenced.line();
    let mut names = BTreeSet::new();
    for upstream in &nginx.value.upstreams {
        if !names.insert(upstream.name.as_str()) {
            findings.add(line, format!("upstream `{}` is there twice", upstream.name));
        }
    }
    let mut ports = BTreeSet::new();
    let mut servers = BTreeSet::new();
    for server in &nginx.value.servers {
        let name = server.routed_name();
        if !is_word(&name) {
            let reason = format!("server `{name}`: expected lower-case words joined by hyphens");
            findings.add(line, reason);
        }
        if !servers.insert(name.replace('_', "-")) {
            findings.add(line, format!("server `{name}` is there twice"));
        }
        if !ports.insert(server.port) {
            findings.add(line, format!("port {} is served twice: expected one list", server.port));
        }
        for location in &server.locations {
            if location.path.is_empty() {
                findings.add(line, "a location has no `path`");
            }
            if !["", "=", "~", "~*", "^~"].contains(&location.modifier.as_str()) {
                let found = &location.modifier;
                findings.add(line, format!("modifier `{found}`: expected `=`, `~`, `~*` or `^~`"));
            }
            if let Some(backend) = location.backend.as_deref().filter(|name| !names.contains(name))
            {
                let reason = format!("location `{}`: no upstream `{backend}`", location.path);
                findings.add(line, reason);
            }
        }
    }
}

/// Whether ingresses can use a text in names; underscores become hyphens there.
fn is_word(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inner)
}

fn backticked(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "\
roles: [read, write, all]
meta_roles:
  all: [read, write]
minimal_deployment: [read, write]
endpoints:
  cluster: tally-cluster
  s3: null
peer_endpoint: peers
worker_metrics_port: 9400
workers_config: 'role: {{ app_host }}'
nginx:
  server_name: {verbatim: tally.example}
  upstreams:
    - {name: read, port: 9400, lookup_key: read}
  servers:
    - port: 8080
      locations:
        - {path: /read, backend: read, rewrite: ['^/x(/.*)$', $1, break]}
";

    fn refused(from: &str, to: &str) -> String {
        assert!(SMALL.contains(from), "`{from}` is not in the text");
        match Solution::parse("solution.yaml", &SMALL.replacen(from, to, 1)) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_small_solution_has_documented_defaults() {
        let solution = Solution::parse("solution.yaml", SMALL).expect("valid");
        assert_eq!(solution.coherence, Coherence::Roles);
        assert_eq!(solution.endpoints.s3, None);
        assert_eq!(solution.nginx.ciphers, "HIGH:!aNULL:!MD5");
        assert_eq!(solution.nginx.worker_connections.get(), 4096);
        assert_eq!(solution.nginx.worker_processes.get(), 5);
        assert_eq!(solution.label_matcher_injection, Injection::On);
        let location = &solution.nginx.servers[0].locations[0];
        assert_eq!(location.rewrite.as_deref().map(<[_]>::len), Some(3));
    }

    #[test]
    fn contradictions_name_line_and_expectation() {
        assert_eq!(
            refused("all: [read", "every: [read"),
            "cannot use `solution.yaml`: line 3: meta role `every` is not a role: \
             expected one of `read`, `write`, `all`"
        );
        assert_eq!(
            refused("minimal_deployment: [read, write]", "minimal_deployment: [reed]"),
            "cannot use `solution.yaml`: line 4: `reed` of the minimal deployment is not a role: \
             expected one of `read`, `write`, `all`"
        );
        assert_eq!(
            refused("backend: read", "backend: wrong"),
            "cannot use `solution.yaml`: line 12: location `/read`: no upstream `wrong`"
        );
    }

    #[test]
    fn what_ingresses_lead_to_must_be_there_and_have_a_name() {
        let none =
            SMALL.split("  servers:").next().expect("a text").replace("s3: null", "ingress: i");
        let error = Solution::parse("solution.yaml", &none).expect_err("refused").to_string();
        assert_eq!(
            error,
            "cannot use `solution.yaml`: line 6: an ingress leads to `nginx.servers`: \
             expected at least one"
        );
        assert_eq!(
            refused("- port: 8080", "- name: Front Door\n      port: 8080"),
            "cannot use `solution.yaml`: line 12: server `Front Door`: \
             expected lower-case words joined by hyphens"
        );
        let twice = "- {name: a-b, port: 1}\n    - {name: a_b, port: 2}\n    - port: 8080";
        assert_eq!(
            refused("- port: 8080", twice),
            "cannot use `solution.yaml`: line 12: server `a_b` is there twice"
        );
    }

    #[test]
    fn results_of_actions_have_names_that_juju_takes() {
        let action = "actions: {list: {results: {otlp_http: x}}}\npeer_endpoint";
        assert_eq!(
            refused("peer_endpoint", action),
            "cannot use `solution.yaml`: line 8: result `otlp_http` of action `list`: \
             expected lower-case words joined by hyphens"
        );
    }

    #[test]
    fn grpc_tracing_can_not_pass_the_proxy() {
        let error = refused(
            "peer_endpoint",
            "telemetry_proxy: {http_port: 1, https_port: 2}\n\
             workload_tracing_protocols: [otlp_http, otlp_grpc]\npeer_endpoint",
        );
        assert_eq!(
            error,
            "cannot use `solution.yaml`: line 9: `otlp_grpc` can't pass the telemetry proxy: \
             expected an HTTP protocol such as `otlp_http`"
        );
    }

    #[test]
    fn malformed_files_name_the_place() {
        let error = refused("worker_metrics_port: 9400", "worker_metrics_port: many");
        assert!(error.starts_with("cannot read `solution.yaml`, line 9, column 22: "), "{error}");
        let error = refused("peer_endpoint", "colour: red\npeer_endpoint");
        assert!(error.contains("line 8") && error.contains("colour"), "{error}");
        let error = refused("app_host }}", "app_host");
        assert!(error.contains("line 10"), "{error}");
    }
}
