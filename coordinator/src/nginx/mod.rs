//! The web server in front of the workers: its configuration, its container.
//!
//! A change of the configuration or of the certificate is a reload, never a restart; nothing
//! happens when nothing changed.

mod configuration;
mod directive;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::path::PathBuf;

use charm::desired::{Comparison, Desired, FileGoal, Reaction, ServiceGoal, Trigger};
use charm::layer::Layer;
use charm::names::ContainerName;
use charm::secret::SecretText;
use charm::snapshot::FileRead;
use charm::status::Status;
use serde_json::{Value, json};

pub use configuration::{Configuration, UpstreamBlock};

use crate::address::Host;
use crate::facts::Facts;
use crate::solution::nginx::{Server, Switch};

/// The container's name.
pub const CONTAINER: &str = "nginx";
/// The configuration.
pub const CONFIGURATION: &str = "/etc/nginx/nginx.conf";
/// The private key.
pub const KEY: &str = "/etc/nginx/certs/server.key";
/// The certificate.
pub const CERTIFICATE: &str = "/etc/nginx/certs/server.cert";
/// The authority, in this container and in the charm's.
pub const CA: &str = "/usr/local/share/ca-certificates/ca.crt";

/// What should be true in the web server's container, and of the authority in the charm's own.
pub fn decide(facts: &Facts<'_>, desired: &mut Desired) {
    trust_ca_in_charm(facts, desired);
    let Some(container) = container(facts) else {
        return;
    };
    let configuration = match configuration(facts, desired) {
        Ok(configuration) => configuration.text(),
        Err(status) => {
            desired.unit_statuses.push(status);
            return;
        }
    };
    let configuration = match on_disk(facts, &container) {
        Some(found) if words::same(found, &configuration) => found.to_owned(),
        _ => configuration,
    };
    let goal = desired.container(&container);
    goal.files.insert(CONFIGURATION.to_owned(), FileGoal::text(configuration));
    let tls = facts.tls.in_hand();
    let present = |content: Option<&SecretText>, mode| match content {
        Some(content) => {
            FileGoal::Present { content: content.clone(), mode, comparison: Comparison::Bytes }
        }
        None => FileGoal::Absent,
    };
    goal.files.insert(KEY.to_owned(), present(tls.map(|tls| &tls.key), 0o600));
    let certificate = tls.map(|tls| SecretText::new(&tls.certificate));
    goal.files.insert(CERTIFICATE.to_owned(), present(certificate.as_ref(), 0o644));
    let ca = tls.map(|tls| SecretText::new(&tls.ca));
    goal.files.insert(CA.to_owned(), present(ca.as_ref(), 0o644));
    goal.layers.push((CONTAINER.to_owned(), layer()));
    goal.reactions_before_start.push(refresh_authorities(CA));
    goal.services = ServiceGoal::Replanned([CONTAINER.to_owned()].into());
    goal.reactions.push(Reaction {
        command: ["nginx", "-s", "reload"].map(str::to_owned).to_vec(),
        trigger: Trigger {
            files: [CONFIGURATION, KEY, CERTIFICATE].map(str::to_owned).into(),
            layers: BTreeSet::new(),
        },
    });
}

/// The configuration that is there.
fn on_disk<'a>(facts: &'a Facts<'_>, container: &ContainerName) -> Option<&'a str> {
    match facts.snapshot.container(container)?.files.get(CONFIGURATION)? {
        FileRead::Content(bytes) => std::str::from_utf8(bytes).ok(),
        FileRead::Missing | FileRead::Unreadable(_) => None,
    }
}

fn container(facts: &Facts<'_>) -> Option<ContainerName> {
    facts.snapshot.metadata.containers.iter().find(|name| name.as_str() == CONTAINER).cloned()
}

/// The charm itself talks TLS to others, so it trusts the authority as well.
fn trust_ca_in_charm(facts: &Facts<'_>, desired: &mut Desired) {
    let goal = match facts.tls.in_hand() {
        Some(tls) => FileGoal::text(&tls.ca),
        None => FileGoal::Absent,
    };
    desired.host_files.insert(PathBuf::from(CA), goal);
    desired.host_reactions.push(refresh_authorities(CA));
}

fn refresh_authorities(file: &str) -> Reaction {
    Reaction {
        command: ["update-ca-certificates", "--fresh"].map(str::to_owned).to_vec(),
        trigger: Trigger { files: [file.to_owned()].into(), layers: BTreeSet::new() },
    }
}

fn layer() -> Layer {
    let service = json!({
        "override": "replace",
        "summary": "nginx",
        "command": "nginx -g 'daemon off;'",
        "startup": "enabled",
    });
    let Value::Object(service) = service else { return Layer::default() };
    Layer {
        summary: "Nginx layer.".to_owned(),
        description: "Pebble config layer for Nginx.".to_owned(),
        services: [(CONTAINER.to_owned(), service)].into(),
        ..Layer::default()
    }
}

fn configuration<'a>(
    facts: &'a Facts<'_>,
    desired: &mut Desired,
) -> Result<Configuration<'a>, Status> {
    let nginx = &facts.solution.nginx;
    let server_name = facts
        .render("`nginx.server_name`", &nginx.server_name)
        .map_err(|error| Status::blocked(format!("[solution] {error}")))?;
    let resolver = facts.snapshot.host.nameserver.as_deref().ok_or_else(|| {
        Status::blocked("[nginx] no nameserver in /etc/resolv.conf: check the DNS of the cluster")
    })?;
    let mut upstreams = upstreams(facts);
    let mut servers = nginx.servers.clone();
    if let Some(proxy) = facts.proxy() {
        let taken = nginx.upstreams.iter().map(|upstream| upstream.name.clone());
        let routes = proxy.routes(taken);
        upstreams.extend(routes.upstreams);
        for (what, reason) in routes.refused {
            desired.problem(format!("telemetry proxy, `{what}`"), reason);
        }
        if !routes.locations.is_empty() {
            match servers.iter_mut().find(|server| server.port == proxy.port) {
                Some(server) => server.locations.extend(routes.locations),
                None => servers.push(Server {
                    name: None,
                    port: proxy.port,
                    locations: routes.locations,
                }),
            }
        }
    }
    Ok(Configuration {
        nginx,
        server_name,
        resolver,
        ipv6: facts.snapshot.host.ipv6,
        scheme: facts.scheme(),
        upstreams,
        servers,
    })
}

/// The solution's upstreams that have a worker. One without lookup key has every worker.
fn upstreams(facts: &Facts<'_>) -> Vec<UpstreamBlock> {
    let by_role = facts.cluster.addresses_by_role();
    let every = facts.cluster.addresses();
    facts
        .solution
        .nginx
        .upstreams
        .iter()
        .filter_map(|upstream| {
            let hosts: BTreeSet<&Host> = match &upstream.lookup_key {
                Some(role) => by_role.get(role.as_str())?.clone(),
                None => every.clone(),
            };
            let hosts: Vec<Host> = hosts.into_iter().cloned().collect();
            let block = UpstreamBlock { name: upstream.name.clone(), hosts, port: upstream.port };
            (!block.hosts.is_empty()).then_some(block)
        })
        .collect()
}

/// The port on which the status page is served: that of the first server that there is.
pub fn status_port(facts: &Facts<'_>) -> Option<NonZeroU16> {
    if facts.solution.nginx.enable_status_page == Switch::Off {
        return None;
    }
    let first = facts.solution.nginx.servers.first().map(|server| server.port);
    first.or_else(|| facts.proxy().map(|proxy| proxy.port))
}
