//! The way in from outside: what ingresses are asked for, and the URL that they answer with.
//!
//! | endpoint | what is asked for | answer |
//! |---|---|---|
//! | `ingress` | the first server, for the whole application | a URL |
//! | `traefik-route` | an entry point for each server, led to all units | scheme and host |
//! | `istio-ingress` | a listener for each server, led to the Kubernetes Service | host, and whether it speaks TLS |
//!
//! The answer doesn't depend on who is the leader: every unit reads it.

use std::collections::BTreeSet;

use charm::desired::Desired;
use charm::names::EndpointName;
use charm::ports::Port;
use charm::snapshot::{Relation, Snapshot};
use charm::status::Status;
use relation_lib::ingress::{
    IngressProviderAppData, IngressRequirerAppData, IngressRequirerUnitData, PathPrefix, PortState,
};
use relation_lib::istio_ingress_route::{
    IstioRouteConfig, IstioRouteProviderAppData, IstioRouteRequirerAppData, Listener, Route,
};
use relation_lib::traefik_route::{
    RoutedProtocol, TraefikRouteProviderAppData, TraefikRouteRequirerAppData, routes_to_all_units,
};

use crate::address::{Host, HttpUrl};
use crate::facts::Facts;
use crate::problem::{Problems, place};
use crate::scrape::peer_hostnames;
use crate::solution::Solution;
use crate::solution::nginx::{Server, Switch};

/// What the ingresses answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Ingress {
    /// Nobody is asked, or nobody has answered yet.
    #[default]
    Silent,
    /// The URL from outside, without a slash at its end.
    Ready(String),
    /// More than one has answered, on these endpoints: which one is meant can't be known.
    Several(Vec<EndpointName>),
}

impl Ingress {
    /// Reads what every ingress says.
    pub(crate) fn read(solution: &Solution, snapshot: &Snapshot, problems: &mut Problems) -> Self {
        let endpoints = &solution.endpoints;
        let kinds: [(&Option<EndpointName>, ReadUrl); 3] = [
            (&endpoints.ingress, of_application),
            (&endpoints.traefik_route, of_traefik),
            (&endpoints.istio_ingress, of_istio),
        ];
        let mut ready = Vec::new();
        for (endpoint, read) in kinds {
            let Some(endpoint) = endpoint else { continue };
            let url = snapshot.relations_of(endpoint).find_map(|relation| {
                let (key, answer) = read(relation)?;
                let url = answer.and_then(|url| {
                    let checked = url.parse::<HttpUrl>().map_err(|error| error.to_string());
                    checked.map(|_| url.trim_end_matches('/').to_owned())
                });
                url.map_err(|reason| problems.note(place(relation, None, key), reason)).ok()
            });
            ready.extend(url.map(|url| (endpoint, url)));
        }
        match ready.as_slice() {
            [] => Self::Silent,
            [(_, url)] => Self::Ready(url.clone()),
            _ => Self::Several(ready.into_iter().map(|(endpoint, _)| endpoint.clone()).collect()),
        }
    }

    /// The URL from outside.
    pub(crate) fn url(&self) -> Option<&str> {
        match self {
            Self::Ready(url) => Some(url),
            Self::Silent | Self::Several(_) => None,
        }
    }

    /// What a human must do about it.
    pub(crate) fn obstacle(&self) -> Option<Status> {
        let Self::Several(endpoints) = self else { return None };
        let names: Vec<String> = endpoints.iter().map(|name| format!("'{name}'")).collect();
        let (last, first) = names.split_last()?;
        let remedy = if first.len() == 1 { "one of the two" } else { "all but one" };
        Some(Status::blocked(format!(
            "Multiple ingress relations are active ({} and {last}). Remove {remedy}.",
            first.join(", ")
        )))
    }
}

/// The key that answers and the URL in it, or why there is none. `None`: no answer yet.
type ReadUrl = fn(&Relation) -> Option<(&'static str, Result<String, String>)>;

fn of_application(relation: &Relation) -> Option<(&'static str, Result<String, String>)> {
    let read = IngressProviderAppData::decode(&relation.remote_app_data);
    let answer = match (read.value.url, read.skipped.first()) {
        (Some(url), _) => Ok(url.as_str().to_owned()),
        (None, Some(skipped)) => Err(skipped.reason.clone()),
        (None, None) => return None,
    };
    Some(("ingress", answer))
}

fn of_traefik(relation: &Relation) -> Option<(&'static str, Result<String, String>)> {
    let said = TraefikRouteProviderAppData::decode(&relation.remote_app_data).value;
    let host = said.external_host.filter(|host| !host.is_empty())?;
    match said.scheme.as_deref() {
        None | Some("") => None,
        Some(scheme @ ("http" | "https")) => Some(("external_host", url(scheme, &host))),
        Some(_) => {
            Some(("scheme", Err("cannot use the scheme: expected `http` or `https`".to_owned())))
        }
    }
}

fn of_istio(relation: &Relation) -> Option<(&'static str, Result<String, String>)> {
    let said = IstioRouteProviderAppData::decode(&relation.remote_app_data).value;
    let host = said.external_host.filter(|host| !host.is_empty())?;
    let scheme = if said.tls_enabled == Some(true) { "https" } else { "http" };
    Some(("external_host", url(scheme, &host)))
}

fn url(scheme: &str, host: &str) -> Result<String, String> {
    let host: Host =
        host.parse().map_err(|error: crate::address::AddressError| error.to_string())?;
    Ok(format!("{scheme}://{}", host.with_brackets()))
}

/// Asks every ingress for a way to the web server, whether or not the deployment works. While
/// several answer nothing is asked anew.
pub(crate) fn publish(facts: &Facts<'_>, desired: &mut Desired) {
    let endpoints = &facts.solution.endpoints;
    let relations = |endpoint: &Option<EndpointName>| -> Vec<&Relation> {
        let snapshot = facts.snapshot;
        snapshot.relations.iter().filter(|r| Some(&r.endpoint) == endpoint.as_ref()).collect()
    };
    for relation in relations(&endpoints.ingress) {
        desired.unit_databag(relation.id, whereabouts(facts, &relation.endpoint).encode());
    }
    let Some(proof) = facts.snapshot.leadership.proof() else {
        return;
    };
    if matches!(facts.ingress, Ingress::Several(_)) {
        return;
    }
    if let Some(server) = facts.solution.nginx.servers.first() {
        for relation in relations(&endpoints.ingress) {
            desired.app_databag(proof, relation.id, application(facts, server).encode());
        }
    }
    for relation in relations(&endpoints.traefik_route) {
        desired.app_databag(proof, relation.id, traefik_routes(facts, relation).encode());
    }
    for relation in relations(&endpoints.istio_ingress) {
        desired.app_databag(proof, relation.id, istio_routes(facts).encode());
    }
}

fn whereabouts(facts: &Facts<'_>, endpoint: &EndpointName) -> IngressRequirerUnitData {
    let ip = facts.snapshot.networks.get(endpoint).map(ToString::to_string);
    IngressRequirerUnitData { host: facts.snapshot.host.fqdn.clone(), ip }
}

fn application(facts: &Facts<'_>, server: &Server) -> IngressRequirerAppData {
    let identity = &facts.snapshot.identity;
    let is_open = facts.snapshot.opened_ports.contains(&Port::tcp(server.port));
    let (model, name) = (identity.model.as_str(), identity.application.as_str());
    IngressRequirerAppData {
        is_port_open: if is_open { PortState::Open } else { PortState::Unsaid },
        strip_prefix: PathPrefix::Stripped,
        scheme: facts.scheme_text().to_owned(),
        ..IngressRequirerAppData::new(model, name, server.port.get())
    }
}

fn traefik_routes(facts: &Facts<'_>, relation: &Relation) -> TraefikRouteRequirerAppData {
    let identity = &facts.snapshot.identity;
    let scheme = facts.scheme_text();
    let protocols: Vec<RoutedProtocol> = facts
        .solution
        .nginx
        .servers
        .iter()
        .map(|server| RoutedProtocol {
            name: server.routed_name(),
            port: server.port.get(),
            // gRPC without TLS is HTTP/2 from the first byte on.
            unit_scheme: match (server.is_grpc(), scheme) {
                (Switch::On, "http") => "h2c".to_owned(),
                _ => scheme.to_owned(),
            },
        })
        .collect();
    let peers = peer_hostnames(facts).into_iter().map(|(_, hostname)| hostname);
    // Sorted: a new leader writes what the old one wrote.
    let hosts: BTreeSet<String> = peers.chain([facts.snapshot.host.fqdn.clone()]).collect();
    let hosts: Vec<String> = hosts.into_iter().collect();
    let answer = TraefikRouteProviderAppData::decode(&relation.remote_app_data).value;
    routes_to_all_units(
        identity.model.as_str(),
        identity.application.as_str(),
        &protocols,
        &hosts,
        answer.scheme.as_deref().unwrap_or_default(),
    )
}

fn istio_routes(facts: &Facts<'_>) -> IstioRouteRequirerAppData {
    let identity = &facts.snapshot.identity;
    let (model, application) = (identity.model.as_str(), identity.application.as_str());
    let mut config = IstioRouteConfig {
        model: model.to_owned(),
        listeners: Vec::new(),
        http_routes: Vec::new(),
        grpc_routes: Vec::new(),
    };
    for server in &facts.solution.nginx.servers {
        let (protocol, routes) = match server.is_grpc() {
            Switch::On => ("GRPC", &mut config.grpc_routes),
            Switch::Off => ("HTTP", &mut config.http_routes),
        };
        let listener = Listener { port: server.port.get(), protocol: protocol.to_owned() };
        let name = format!("juju-{model}-{application}-{}", server.routed_name().replace('_', "-"));
        config.listeners.push(listener.clone());
        routes.push(Route::to_service(name, listener, application));
    }
    IstioRouteRequirerAppData { config }
}

#[cfg(test)]
mod tests {
    use charm::desired::Desired;
    use charm::names::RelationId;
    use charm::snapshot::Snapshot;
    use charm::testing::{RelationBuilder, SnapshotBuilder};
    use serde_json::{Value, json};

    use crate::facts::Facts;
    use crate::fixtures::{SOLUTION, alone, working};
    use crate::reconcile::reconcile;
    use crate::solution::Solution;

    const SERVERS: &str = "servers: [{port: 8080, locations: [{path: /, backend: read}]}, \
         {name: otlp_grpc, port: 4317, locations: [{path: /, backend: read, is_grpc: true}]}]";

    fn solution() -> Solution {
        let text = SOLUTION
            .replace(
                "  s3: s3\n",
                "  s3: s3\n  ingress: door\n  traefik-route: ingress\n  istio-ingress: istio-ingress\n",
            )
            .replace("servers: [{port: 8080, locations: [{path: /, backend: read}]}]", SERVERS)
            + "external_url: 'http://{{ app_host }}:8080'\n\
               catalogue_item: {name: t, icon: i, url: '{{ external_url }} {{ ingress_url }}'}\n";
        Solution::parse("solution.yaml", &text).expect("valid")
    }

    fn decide(snapshot: &Snapshot) -> Desired {
        reconcile(&solution(), snapshot)
    }

    fn external(builder: SnapshotBuilder) -> (Option<String>, usize) {
        let (solution, snapshot) = (solution(), builder.build());
        let facts = Facts::read(&solution, &snapshot);
        let noted = facts.problems.clone().into_parts().0.len();
        (facts.external_url, noted)
    }

    fn door() -> RelationBuilder {
        RelationBuilder::new("door", 21, "edge")
            .remote_app([("ingress", r#"{"url": "http://edge.example/stage-tally"}"#)])
    }

    fn traefik(scheme: &str, host: &str) -> RelationBuilder {
        RelationBuilder::new("ingress", 22, "traefik")
            .remote_app([("scheme", scheme), ("external_host", host)])
    }

    fn istio(tls: &str) -> RelationBuilder {
        RelationBuilder::new("istio-ingress", 23, "istio")
            .remote_app([("external_host", "mesh.example"), ("tls_enabled", tls)])
    }

    #[test]
    fn a_ready_ingress_decides_the_external_url() {
        let url = |text: &str| (Some(text.to_owned()), 0);
        let own = url("http://tally.stage.svc.cluster.local:8080");
        assert_eq!(external(working()), own);
        assert_eq!(external(working().relation(RelationBuilder::new("door", 21, "edge"))), own);
        assert_eq!(external(working().relation(traefik("", ""))), own);
        assert_eq!(external(working().relation(door())), url("http://edge.example/stage-tally"));
        assert_eq!(
            external(working().relation(traefik("https", "edge.example"))),
            url("https://edge.example")
        );
        assert_eq!(
            external(working().relation(traefik("http", "2001:db8::7"))),
            url("http://[2001:db8::7]")
        );
        assert_eq!(external(working().relation(istio("True"))), url("https://mesh.example"));
        assert_eq!(external(working().relation(istio("False"))), url("http://mesh.example"));
    }

    #[test]
    fn an_answer_that_is_no_url_is_noted_and_decides_nothing() {
        let own = (Some("http://tally.stage.svc.cluster.local:8080".to_owned()), 1);
        let broken = RelationBuilder::new("door", 21, "edge").remote_app([("ingress", "7")]);
        assert_eq!(external(working().relation(broken)), own);
        assert_eq!(external(working().relation(traefik("http", "a b;"))), own);
        assert_eq!(external(working().relation(traefik("gopher", "edge.example"))), own);
    }

    #[test]
    fn others_are_told_the_url_of_the_ingress() {
        let shelf = RelationBuilder::new("catalogue", 30, "shelf");
        let url = |builder: SnapshotBuilder| {
            let desired = decide(&builder.relation(shelf.clone()).build());
            desired.app_databags()[&RelationId(30)]["url"].clone().expect("a value")
        };
        let ingress = "http://edge.example/stage-tally";
        assert_eq!(url(working().relation(door())), format!("{ingress} {ingress}"));
        assert_eq!(url(working()), "http://tally.stage.svc.cluster.local:8080 None");
    }

    #[test]
    fn several_ready_ingresses_block_and_are_asked_nothing_anew() {
        let both = working().relation(traefik("http", "edge.example")).relation(istio("False"));
        let desired = decide(&both.build());
        let message = "Multiple ingress relations are active ('ingress' and 'istio-ingress'). \
                       Remove one of the two.";
        assert_eq!(desired.unit_statuses[0], charm::status::Status::blocked(message));
        assert!(!desired.app_databags().contains_key(&RelationId(22)));
        assert!(!desired.app_databags().contains_key(&RelationId(23)));
        let both = working().relation(traefik("http", "edge.example")).relation(istio("False"));
        assert_eq!(external(both).0.as_deref(), Some("http://tally.stage.svc.cluster.local:8080"));
        let three = working()
            .relation(door())
            .relation(traefik("http", "edge.example"))
            .relation(istio("False"));
        assert_eq!(
            decide(&three.build()).unit_statuses[0].message,
            "Multiple ingress relations are active ('door', 'ingress' and 'istio-ingress'). \
             Remove all but one."
        );
    }

    #[test]
    fn the_application_is_announced_though_the_deployment_does_not_work() {
        let snapshot = alone()
            .relation(RelationBuilder::new("door", 21, "edge"))
            .network("door", "192.0.2.7")
            .opened_port("8080/tcp")
            .build();
        let desired = decide(&snapshot);
        let app = &desired.app_databags()[&RelationId(21)];
        let value = |key: &str| app[key].as_deref();
        assert_eq!(value("model"), Some("\"stage\""));
        assert_eq!(value("name"), Some("\"tally\""));
        assert_eq!(value("port"), Some("8080"));
        assert_eq!(value("is_port_open"), Some("true"));
        assert_eq!(value("strip-prefix"), Some("true"));
        assert_eq!(value("scheme"), None);
        let unit = &desired.unit_databags()[&RelationId(21)];
        let host = "\"tally-0.tally-endpoints.stage.svc.cluster.local\"";
        assert_eq!(unit["host"].as_deref(), Some(host));
        assert_eq!(unit["ip"].as_deref(), Some("\"192.0.2.7\""));
    }

    #[test]
    fn traefik_leads_every_server_to_all_units() {
        let peers = RelationBuilder::new("peers", 40, "tally")
            .remote_unit("tally/1", [("hostname", "a-peer.example")]);
        let snapshot = working().relation(traefik("https", "edge.example")).relation(peers).build();
        let desired = decide(&snapshot);
        let bag = &desired.app_databags()[&RelationId(22)];
        let read = |key: &str| -> Value {
            serde_yaml::from_str(bag[key].as_deref().expect("a value")).expect("YAML")
        };
        assert_eq!(
            read("static"),
            json!({"entryPoints": {
                "http-8080": {"address": ":8080"}, "otlp-grpc": {"address": ":4317"},
            }})
        );
        let http = &read("config")["http"];
        assert_eq!(
            http["services"]["juju-stage-tally-service-otlp-grpc"],
            json!({"loadBalancer": {"servers": [
                {"url": "h2c://a-peer.example:4317"},
                {"url": "h2c://tally-0.tally-endpoints.stage.svc.cluster.local:4317"},
            ]}})
        );
        assert_eq!(
            http["middlewares"]["juju-stage-tally-middleware-http-8080"]["redirectScheme"]["port"],
            json!(8080)
        );
    }

    #[test]
    fn istio_leads_every_server_to_the_service() {
        let gateway = RelationBuilder::new("istio-ingress", 23, "istio");
        let desired = decide(&working().relation(gateway).build());
        let config = crate::fixtures::app_value(&desired, 23, "config").expect("JSON");
        assert_eq!(
            config["listeners"],
            json!([{"port": 8080, "protocol": "HTTP"}, {"port": 4317, "protocol": "GRPC"}])
        );
        assert_eq!(config["http_routes"][0]["name"], "juju-stage-tally-http-8080");
        assert_eq!(config["grpc_routes"][0]["name"], "juju-stage-tally-otlp-grpc");
        assert_eq!(
            config["grpc_routes"][0]["backends"],
            json!([{"service": "tally", "port": 4317, "weight": 100}])
        );
    }

    #[test]
    fn a_follower_tells_where_it_is_and_reads_the_same_url() {
        let mut snapshot = working().relation(door()).build();
        snapshot.leadership = charm::leadership::Leadership::Follower;
        let desired = decide(&snapshot);
        assert!(desired.app_databags().is_empty());
        assert!(desired.unit_databags().contains_key(&RelationId(21)));
        let solution = solution();
        let facts = Facts::read(&solution, &snapshot);
        assert_eq!(facts.external_url.as_deref(), Some("http://edge.example/stage-tally"));
    }
}
