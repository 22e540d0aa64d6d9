use std::num::NonZeroU16;

use charm::snapshot::Ipv6;
use relation_lib::prometheus_scrape::Scheme;

use super::{Configuration, UpstreamBlock};
use crate::solution::nginx::{Nginx, Server, Switch};

const SOLUTION: &str = "\
server_name: tally.example
enable_health_check: true
enable_status_page: true
worker_processes: 2
proxy_read_timeout: 600s
maps:
  - {source: $http_upgrade, target: $connection, values: {default: upgrade, '': close}}
  - {source: $status, target: $loggable, values: {'~^[23]': 0, default: 1}}
servers:
  - port: 8080
    locations:
      - {path: /push, modifier: '=', backend: write, headers: {X-Tally: 'on'}}
      - {path: /read, backend: read, backend_url: /v1, rewrite: ['^/read(/.*)$', $1, break]}
      - {path: /nobody, backend: sweeper}
      - {path: /own, extra_directives: {return: ['204']}}
  - port: 9096
    locations:
      - {path: /, backend: read, is_grpc: true, upstream_tls: false}
";

fn configuration(nginx: &Nginx, scheme: Scheme) -> String {
    let upstream = |name: &str, hosts: &[&str]| UpstreamBlock {
        name: name.to_owned(),
        hosts: hosts.iter().map(|host| host.parse().expect("valid")).collect(),
        port: NonZeroU16::new(9400).expect("not zero"),
    };
    Configuration {
        nginx,
        server_name: "tally.example".to_owned(),
        resolver: "10.0.0.10",
        ipv6: Ipv6::Available,
        scheme,
        upstreams: vec![
            upstream("read", &["read-0.example", "2001:db8::7"]),
            upstream("write", &["write-0.example"]),
        ],
        servers: nginx.servers.clone(),
    }
    .text()
}

fn nginx() -> Nginx {
    serde_yaml::from_str(SOLUTION).expect("valid")
}

#[test]
fn plain_configuration() {
    insta::assert_snapshot!(configuration(&nginx(), Scheme::Http));
}

#[test]
fn configuration_with_certificates() {
    let nginx = Nginx { tls_versions: vec!["TLSv1.3".to_owned()], ..nginx() };
    insta::assert_snapshot!(configuration(&nginx, Scheme::Https));
}

#[test]
fn a_port_with_nothing_to_serve_is_not_opened() {
    let nginx = Nginx {
        enable_health_check: Switch::Off,
        enable_status_page: Switch::Off,
        servers: vec![Server {
            name: None,
            port: NonZeroU16::MIN,
            locations: nginx().servers[0].locations[2..3].to_vec(),
        }],
        ..nginx()
    };
    assert!(!configuration(&nginx, Scheme::Http).contains("server {"));
}
