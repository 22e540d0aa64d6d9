//! The telemetry proxy: the workers' telemetry goes through the coordinator's web server.
//!
//! | signal | path |
//! |---|---|
//! | metrics of a worker unit | `= /proxy/worker/<unit>/metrics` |
//! | logs to a Loki unit | `= /proxy/loki/<unit>/push` |
//! | remote write to a host | `= /proxy/remote-write/<host>/write` |
//! | traces of charms | `/proxy/charm-tracing/<protocol>/` |
//! | traces of workloads | `/proxy/workload-tracing/<protocol>/` |

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use crate::address::{Host, HttpUrl};
use crate::facts::Facts;
use crate::nginx::UpstreamBlock;
use crate::solution::nginx::{Arguments, Location, UpstreamTls};
use crate::traces::Receivers;

const PREFIX: &str = "worker-telemetry-proxy-";

/// The telemetry proxy of a solution.
#[derive(Debug)]
pub struct Proxy<'a> {
    facts: &'a Facts<'a>,
    /// The port that it listens on.
    pub port: NonZeroU16,
}

/// What goes to the workers in place of, or as, the real addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Loki unit → URL.
    pub logs: IndexMap<String, String>,
    /// Protocol → URL, for the charms' traces.
    pub charm: Receivers,
    /// Protocol → URL, for the workloads' traces.
    pub workload: Receivers,
}

/// What the web server needs to carry telemetry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Routes {
    /// Where it goes.
    pub upstreams: Vec<UpstreamBlock>,
    /// How it is asked for.
    pub locations: Vec<Location>,
    /// What can't be routed, and why.
    pub refused: Vec<(String, String)>,
}

impl Facts<'_> {
    /// The addresses that workers are told, and the remote-write URLs.
    pub fn told_to_workers(&self) -> (Told, Option<Vec<String>>) {
        match self.proxy() {
            Some(proxy) => (proxy.told(), proxy.told_remote_write()),
            None => {
                let told = Told {
                    logs: self.logs.clone(),
                    charm: self.charm_receivers.clone(),
                    workload: self.workload_receivers.clone(),
                };
                (told, self.remote_write.clone())
            }
        }
    }
}

impl<'a> Proxy<'a> {
    /// The proxy, if the solution has one.
    pub fn of(facts: &'a Facts<'a>) -> Option<Self> {
        let ports = facts.solution.telemetry_proxy?;
        let port = if facts.tls.in_hand().is_some() { ports.https_port } else { ports.http_port };
        Some(Self { facts, port })
    }

    fn base(&self) -> String {
        format!("{}://{}:{}/proxy", self.facts.scheme_text(), self.facts.app_host, self.port)
    }

    fn told(&self) -> Told {
        let base = self.base();
        let receivers = |kind: &str, receivers: &Receivers| {
            let url = |protocol: &String| format!("{base}/{kind}/{protocol}/");
            receivers
                .keys()
                .filter(|protocol| is_name(protocol))
                .map(|protocol| (protocol.clone(), url(protocol)))
                .collect()
        };
        let logs = self
            .facts
            .logs
            .keys()
            .map(|unit| (unit.clone(), format!("{base}/loki/{}/push", unit.replace('/', "-"))));
        Told {
            logs: logs.collect(),
            charm: receivers("charm-tracing", &self.facts.charm_receivers),
            workload: receivers("workload-tracing", &self.facts.workload_receivers),
        }
    }

    fn told_remote_write(&self) -> Option<Vec<String>> {
        let base = self.base();
        let named = remote_write_ids(self.facts.remote_write.as_ref()?);
        let url = |id: &str| format!("{base}/remote-write/{id}/write");
        Some(named.iter().filter_map(|(_, id)| id.as_ref().ok()).map(|(id, _)| url(id)).collect())
    }

    /// What the web server needs. `taken` are the upstreams of the solution itself.
    ///
    /// While no worker has spoken there is nobody to carry telemetry for.
    pub fn routes(&self, taken: impl IntoIterator<Item = String>) -> Routes {
        let mut routes = Routes::default();
        if self.facts.cluster.workers().next().is_none() {
            return routes;
        }
        let mut names = Names { taken: taken.into_iter().map(|name| (name, None)).collect() };
        self.route_metrics(&mut names, &mut routes);
        for (unit, url) in &self.facts.logs {
            let unit = unit.replace('/', "-");
            let path = format!("/proxy/loki/{unit}/push");
            routes.add(&mut names, &unit, Path::Exact(path), url);
        }
        for (url, id) in remote_write_ids(self.facts.remote_write.as_deref().unwrap_or_default()) {
            match id {
                Ok((id, _)) => {
                    let path = format!("/proxy/remote-write/{id}/write");
                    routes.add(&mut names, &id, Path::Exact(path), url);
                }
                Err(reason) => routes.refused.push((url.to_owned(), reason)),
            }
        }
        for (kind, receivers) in
            [("charm", &self.facts.charm_receivers), ("workload", &self.facts.workload_receivers)]
        {
            for (protocol, url) in receivers {
                if !is_name(protocol) {
                    let reason = "expected a protocol like `otlp_http`".to_owned();
                    routes.refused.push((protocol.clone(), reason));
                    continue;
                }
                let path = format!("/proxy/{kind}-tracing/{protocol}/");
                routes.add(&mut names, &format!("{kind}-{protocol}"), Path::Prefix(path), url);
            }
        }
        routes
    }

    fn route_metrics(&self, names: &mut Names, routes: &mut Routes) {
        let port = self.facts.solution.worker_metrics_port;
        let tls = self.facts.tls.in_hand().map_or(UpstreamTls::Off, |_| UpstreamTls::On);
        for worker in self.facts.cluster.workers() {
            let unit = worker.unit.hyphenated();
            let upstream = names.upstream(&unit, &worker.address, port, &mut routes.upstreams);
            let path = Path::Exact(format!("/proxy/worker/{unit}/metrics"));
            routes.locations.push(location(path, upstream, "/metrics".to_owned(), tls));
        }
    }
}

enum Path {
    Exact(String),
    Prefix(String),
}

impl Routes {
    fn add(&mut self, names: &mut Names, id: &str, path: Path, url: &str) {
        let target = match url.parse::<HttpUrl>() {
            Ok(target) => target,
            Err(error) => {
                self.refused.push((url.to_owned(), error.to_string()));
                return;
            }
        };
        let port = NonZeroU16::new(target.port_or_default()).unwrap_or(NonZeroU16::MIN);
        let upstream = names.upstream(id, &target.host, port, &mut self.upstreams);
        let tls = if target.is_tls() { UpstreamTls::On } else { UpstreamTls::Off };
        let location = location(path, upstream, target.path, tls);
        // The same endpoint told twice is one location: nginx refuses a second one.
        if !self.locations.contains(&location) {
            self.locations.push(location);
        }
    }
}

fn location(path: Path, upstream: String, backend_url: String, tls: UpstreamTls) -> Location {
    let (modifier, path, rewrite) = match path {
        Path::Exact(path) => ("=", path, None),
        Path::Prefix(path) => {
            let rewrite = [format!("^{path}(.*)"), "/$1".to_owned(), "break".to_owned()];
            ("", path, Some(rewrite.to_vec()))
        }
    };
    let directives = [
        ("proxy_http_version", vec!["1.1".to_owned()]),
        ("proxy_set_header", vec!["Connection".to_owned(), String::new()]),
    ];
    Location {
        path,
        backend: Some(upstream),
        backend_url,
        modifier: modifier.to_owned(),
        upstream_tls: Some(tls),
        rewrite,
        extra_directives: directives
            .into_iter()
            .map(|(name, arguments)| (name.to_owned(), Arguments(arguments)))
            .collect(),
        ..Location::default()
    }
}

/// Names of upstreams: one for each place, unique among all.
struct Names {
    /// Name → the place that has it; `None`: not ours.
    taken: BTreeMap<String, Option<(Host, NonZeroU16)>>,
}

impl Names {
    fn upstream(
        &mut self,
        id: &str,
        host: &Host,
        port: NonZeroU16,
        upstreams: &mut Vec<UpstreamBlock>,
    ) -> String {
        let place = (host.clone(), port);
        let plain = format!("{PREFIX}{id}");
        let name = match self.taken.get(&plain) {
            None => plain,
            Some(Some(other)) if *other == place => return plain,
            Some(_) => format!("{plain}-{}", short_hash(&format!("{host}:{port}"))),
        };
        if self.taken.insert(name.clone(), Some(place)).is_none() {
            upstreams.push(UpstreamBlock { name: name.clone(), hosts: vec![host.clone()], port });
        }
        name
    }
}

type RemoteWriteId = Result<(String, HttpUrl), String>;

/// Each URL, once, with the id that stands for it in paths: made of the host, and of a hash of the
/// URL as well where another URL has the same one.
fn remote_write_ids(urls: &[String]) -> Vec<(&String, RemoteWriteId)> {
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    let mut ids: Vec<(&String, RemoteWriteId)> = Vec::new();
    for url in urls {
        if ids.iter().any(|(other, _)| *other == url) {
            continue;
        }
        let id = url.parse::<HttpUrl>().map_err(|error| error.to_string()).and_then(|parsed| {
            let id = host_id(&parsed.host).ok_or("cannot make a name of the host")?;
            Ok((id, parsed))
        });
        let id = id.map(|(id, parsed)| match seen.get(&id) {
            None => {
                seen.insert(id.clone(), url);
                (id, parsed)
            }
            Some(_) => (format!("{id}-{}", short_hash(url)), parsed),
        });
        ids.push((url, id));
    }
    ids
}

/// An address with `-` for `.` and `:`; else the first label without what can't stand in a path.
fn host_id(host: &Host) -> Option<String> {
    let id: String = if host.is_address() {
        host.as_str().replace(['.', ':'], "-")
    } else {
        let label = host.as_str().split('.').next().unwrap_or_default();
        label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
    };
    let id = if host.is_address() { id.as_str() } else { id.trim_matches('-') };
    (!id.is_empty()).then(|| id.to_owned())
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Protocols come from another charm and end up in a configuration file.
fn is_name(protocol: &str) -> bool {
    !protocol.is_empty()
        && protocol.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(urls: &[&str]) -> Vec<String> {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        let ids = remote_write_ids(&urls);
        ids.into_iter().map(|(_, id)| id.map_or_else(|e| format!("! {e}"), |(id, _)| id)).collect()
    }

    #[test]
    fn remote_write_ids_come_from_the_host() {
        assert_eq!(
            ids(&[
                "http://press-0.press:9090/w",
                "http://192.0.2.44:1/",
                "http://[2001:db8::7]:9/"
            ]),
            ["press-0", "192-0-2-44", "2001-db8--7"]
        );
        assert_eq!(ids(&["http://_/x"]), ["! cannot make a name of the host"]);
    }

    #[test]
    fn hosts_with_the_same_first_label_get_names_of_their_own() {
        let ids = ids(&["http://push.one/w", "http://push.two/w", "http://push.one/w"]);
        assert_eq!(ids.len(), 2);
        assert_eq!(ids[0], "push");
        assert!(ids[1].starts_with("push-") && ids[1].len() == 13, "{ids:?}");
    }

    #[test]
    fn an_upstream_name_stands_for_one_place() {
        let mut names = Names { taken: [("worker-telemetry-proxy-own".to_owned(), None)].into() };
        let mut upstreams = Vec::new();
        let host = |text: &str| text.parse::<Host>().expect("valid");
        let port = NonZeroU16::MIN;
        let first = names.upstream("a-0", &host("one"), port, &mut upstreams);
        assert_eq!(names.upstream("a-0", &host("one"), port, &mut upstreams), first);
        let other = names.upstream("a-0", &host("two"), port, &mut upstreams);
        assert_ne!(other, first);
        assert_eq!(names.upstream("a-0", &host("two"), port, &mut upstreams), other);
        assert_ne!(
            names.upstream("own", &host("one"), port, &mut upstreams),
            "worker-telemetry-proxy-own"
        );
        assert_eq!(upstreams.len(), 3);
    }
}
