//! `nginx.conf`, from the solution and what is known of the model.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use charm::snapshot::Ipv6;
use relation_lib::prometheus_scrape::Scheme;

use super::directive::{Directive, write};
use super::{CERTIFICATE, KEY};
use crate::address::Host;
use crate::solution::nginx::{Location, Map, Nginx, Server, Switch, UpstreamTls};

/// A place, or several alike, that requests are passed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamBlock {
    /// What locations call it.
    pub name: String,
    /// The hosts, at least one.
    pub hosts: Vec<Host>,
    /// Their port.
    pub port: NonZeroU16,
}

/// Everything that the configuration is made from.
#[derive(Debug)]
pub struct Configuration<'a> {
    /// The solution's part.
    pub nginx: &'a Nginx,
    /// The name that the server answers to.
    pub server_name: String,
    /// The address of the DNS server.
    pub resolver: &'a str,
    /// Whether the host has IPv6.
    pub ipv6: Ipv6,
    /// Whether servers speak TLS.
    pub scheme: Scheme,
    /// Upstreams that have somebody in them, in order.
    pub upstreams: Vec<UpstreamBlock>,
    /// What is served, in order, each port once.
    pub servers: Vec<Server>,
}

impl Configuration<'_> {
    /// The text of `nginx.conf`.
    pub fn text(&self) -> String {
        let connections = self.nginx.worker_connections.get();
        let files = (u32::from(connections) * 2).to_string();
        write(&[
            Directive::simple(
                "worker_processes",
                [self.nginx.worker_processes.to_string().as_str()],
            ),
            Directive::simple("error_log", ["/dev/stderr", "error"]),
            Directive::simple("pid", ["/tmp/nginx.pid"]),
            Directive::simple("worker_rlimit_nofile", [files.as_str()]),
            Directive::block(
                "events",
                [],
                vec![Directive::simple("worker_connections", [connections.to_string().as_str()])],
            ),
            Directive::block("http", [], self.http()),
        ])
    }

    fn http(&self) -> Vec<Directive> {
        let mut http: Vec<Directive> = self.upstreams.iter().map(upstream).collect();
        for (directive, path) in [
            ("client_body_temp_path", "/tmp/client_temp"),
            ("proxy_temp_path", "/tmp/proxy_temp_path"),
            ("fastcgi_temp_path", "/tmp/fastcgi_temp"),
            ("uwsgi_temp_path", "/tmp/uwsgi_temp"),
            ("scgi_temp_path", "/tmp/scgi_temp"),
            ("include", "/etc/nginx/mime.types"),
            ("default_type", "application/octet-stream"),
        ] {
            http.push(Directive::simple(directive, [path]));
        }
        http.push(Directive::simple("log_format", ["main", LOG_FORMAT]));
        http.extend(self.maps());
        http.push(Directive::simple("access_log", ["/dev/stderr"]));
        http.push(Directive::simple("sendfile", ["on"]));
        http.push(Directive::simple("tcp_nopush", ["on"]));
        http.push(Directive::simple("resolver", [bracketed(self.resolver).as_str()]));
        http.push(Directive::simple(
            "proxy_read_timeout",
            [self.nginx.proxy_read_timeout.as_str()],
        ));
        http.extend(self.servers.iter().filter_map(|server| self.server(server)));
        http
    }

    /// The built-in maps, then the solution's; nginx needs none of them twice.
    fn maps(&self) -> Vec<Directive> {
        let entry = Directive::simple;
        let mut maps = vec![
            Directive::block(
                "map",
                ["$status", "$loggable"],
                vec![entry("~^[23]", ["0"]), entry("default", ["1"])],
            ),
            Directive::block(
                "map",
                ["$http_x_scope_orgid", "$ensured_x_scope_orgid"],
                vec![entry("default", ["$http_x_scope_orgid"]), entry("", ["anonymous"])],
            ),
        ];
        for map in self.nginx.maps.iter().map(map_block) {
            if !maps.contains(&map) {
                maps.push(map);
            }
        }
        maps
    }

    /// A server with something to serve; without, the port isn't opened.
    fn server(&self, server: &Server) -> Option<Directive> {
        let known: BTreeSet<&str> = self.upstreams.iter().map(|u| u.name.as_str()).collect();
        let served: Vec<&Location> = server
            .locations
            .iter()
            .filter(|location| location.backend.as_deref().is_none_or(|name| known.contains(name)))
            .collect();
        let protocol = if served.iter().any(|location| location.is_grpc == Switch::On) {
            Protocol::Grpc
        } else {
            Protocol::Http
        };
        let mut locations = Vec::new();
        if self.nginx.enable_health_check == Switch::On {
            let answer = vec![
                Directive::simple("return", ["200", "'OK'"]),
                Directive::simple("auth_basic", ["off"]),
            ];
            locations.push(Directive::block("location", ["=", "/"], answer));
        }
        if self.nginx.enable_status_page == Switch::On {
            let answer = vec![Directive::simple("stub_status", [])];
            locations.push(Directive::block("location", ["=", "/status"], answer));
        }
        locations.extend(served.into_iter().map(|location| self.location(location, protocol)));
        if locations.is_empty() {
            return None;
        }
        let mut block = self.listen(server.port, protocol);
        block.push(Directive::simple(
            "proxy_set_header",
            ["X-Scope-OrgID", "$ensured_x_scope_orgid"],
        ));
        block.push(Directive::simple("server_name", [self.server_name.as_str()]));
        if self.scheme == Scheme::Https {
            let versions = self.nginx.tls_versions.iter().map(String::as_str);
            block.push(Directive::simple("ssl_certificate", [CERTIFICATE]));
            block.push(Directive::simple("ssl_certificate_key", [KEY]));
            block.push(Directive::simple("ssl_protocols", versions));
            block.push(Directive::simple("ssl_ciphers", [self.nginx.ciphers.as_str()]));
        }
        block.extend(locations);
        Some(Directive::block("server", [], block))
    }

    fn listen(&self, port: NonZeroU16, protocol: Protocol) -> Vec<Directive> {
        let tls = (self.scheme == Scheme::Https).then_some("ssl");
        let on = |address: String| {
            let arguments = [Some(address.as_str()), tls];
            Directive::simple("listen", arguments.into_iter().flatten())
        };
        let mut listen = vec![on(port.to_string())];
        if self.ipv6 == Ipv6::Available {
            listen.push(on(format!("[::]:{port}")));
        }
        if protocol == Protocol::Grpc {
            listen.push(Directive::simple("http2", ["on"]));
        }
        listen
    }

    fn location(&self, location: &Location, protocol: Protocol) -> Directive {
        let mut block = Vec::new();
        let rewrite = location
            .rewrite
            .as_ref()
            .map(|arguments| Directive::simple("rewrite", arguments.iter().map(String::as_str)));
        if let Some(backend) = &location.backend {
            let tls = match location.upstream_tls {
                Some(tls) => tls == UpstreamTls::On,
                None => self.scheme == Scheme::Https,
            };
            let scheme = match (protocol, tls) {
                (Protocol::Http, false) => "http",
                (Protocol::Http, true) => "https",
                (Protocol::Grpc, false) => "grpc",
                (Protocol::Grpc, true) => "grpcs",
            };
            let url = format!("{scheme}://{backend}{}", location.backend_url);
            let pass = if protocol == Protocol::Grpc { "grpc_pass" } else { "proxy_pass" };
            block.push(Directive::simple("set", ["$backend", url.as_str()]));
            block.extend(rewrite);
            block.push(Directive::simple(pass, ["$backend"]));
            let timeout = self.nginx.proxy_connect_timeout.as_str();
            block.push(Directive::simple("proxy_connect_timeout", [timeout]));
        } else {
            block.extend(rewrite);
        }
        for (header, value) in &location.headers {
            block.push(Directive::simple("proxy_set_header", [header.as_str(), value.as_str()]));
        }
        for (name, arguments) in &location.extra_directives {
            block.push(Directive::simple(name, arguments.0.iter().map(String::as_str)));
        }
        let modifier = Some(location.modifier.as_str()).filter(|modifier| !modifier.is_empty());
        let arguments = modifier.into_iter().chain([location.path.as_str()]);
        Directive::block("location", arguments, block)
    }
}

const LOG_FORMAT: &str = concat!(
    "$remote_addr - $remote_user [$time_local]  $status \"$request\" ",
    "$body_bytes_sent \"$http_referer\" \"$http_user_agent\" \"$http_x_forwarded_for\""
);

/// What all locations of a port speak: one that is gRPC makes all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Grpc,
}

fn upstream(upstream: &UpstreamBlock) -> Directive {
    let zone = format!("{}_zone", upstream.name);
    let mut block = vec![Directive::simple("zone", [zone.as_str(), "64k"])];
    for host in &upstream.hosts {
        let server = format!("{}:{}", host.with_brackets(), upstream.port);
        block.push(Directive::simple("server", [server.as_str(), "resolve"]));
    }
    Directive::block("upstream", [upstream.name.as_str()], block)
}

fn map_block(map: &Map) -> Directive {
    let entries = map
        .values
        .iter()
        .map(|(value, arguments)| Directive::simple(value, arguments.0.iter().map(String::as_str)));
    Directive::block("map", [map.source.as_str(), map.target.as_str()], entries.collect())
}

/// An IPv6 address in brackets, as `resolver` needs it.
fn bracketed(address: &str) -> String {
    address.parse::<Host>().map_or_else(|_| address.to_owned(), |host| host.with_brackets())
}
