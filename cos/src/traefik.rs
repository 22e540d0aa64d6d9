//! Traefik: the way in from outside.
//!
//! | endpoint | what is read | what is written |
//! |---|---|---|
//! | `ingress` | who wants to be reached, and where its units are | one URL for the application |
//! | `traefik-route` | routes as Traefik itself takes them | where Traefik is reached |
//!
//! Without `external_hostname` nobody is told anything: the published charm would ask the load
//! balancer then, which a played model hasn't got.

use std::collections::BTreeMap;

use charm::Charm;
use charm::desired::Desired;
use charm::needs::{Bag, ConfigNeed, Needs};
use charm::secret::SecretText;
use charm::snapshot::{Relation, Snapshot};
use charm::status::Status;
use relation_lib::databag::DatabagPatch;
use relation_lib::http_url::HttpUrl;
use relation_lib::ingress::{
    IngressProviderAppData, IngressRequirerAppData, IngressRequirerUnitData, PathPrefix,
};
use relation_lib::traefik_route::{TraefikRouteProviderAppData, TraefikRouteRequirerAppData};
use relation_lib::yaml;
use serde_json::{Value, json};

use crate::names;
use crate::workload::Workload;

const STATIC: &str = "/etc/traefik/traefik.yaml";
const DYNAMIC: &str = "/opt/traefik/juju";

/// The charm `traefik-k8s`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traefik;

impl Charm for Traefik {
    fn needs(&self, seen: &Snapshot) -> Needs {
        let mut needs = Routing::of(seen).workload().needs(seen);
        needs.config.insert(ConfigNeed::Options);
        let ingress = [Bag::LocalApp, Bag::RemoteApp, Bag::RemoteUnits].into();
        let route = [Bag::LocalApp, Bag::RemoteApp].into();
        needs.endpoints =
            [(names::endpoint("ingress"), ingress), (names::endpoint("traefik-route"), route)]
                .into();
        needs
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        let routing = Routing::of(snapshot);
        if let Some(leader) = snapshot.leadership.proof() {
            for (relation, answer) in &routing.answers {
                desired.app_databag(leader, *relation, answer.clone());
            }
        }
        for (place, reason) in &routing.skipped {
            desired.problem(place, reason);
        }
        desired.unit_statuses.push(match host(snapshot) {
            Some(host) => Status::active(format!("Serving at {host}")),
            None => Status::blocked(
                "Traefik needs to know where it is reached: set the option `external_hostname`",
            ),
        });
        routing.workload().run(snapshot, &mut desired);
        desired
    }
}

fn host(snapshot: &Snapshot) -> Option<&str> {
    snapshot.config.get("external_hostname")?.as_str().filter(|host| !host.is_empty())
}

/// What relations amount to.
#[derive(Default)]
struct Routing {
    answers: Vec<(charm::names::RelationId, DatabagPatch)>,
    entry_points: serde_json::Map<String, Value>,
    files: BTreeMap<String, Value>,
    skipped: Vec<(String, String)>,
}

impl Routing {
    fn of(snapshot: &Snapshot) -> Self {
        let mut routing = Self::default();
        for relation in snapshot.relations_of(&names::endpoint("ingress")) {
            let url = routing.ingress(snapshot, relation);
            routing.answers.push((relation.id, IngressProviderAppData { url }.encode()));
        }
        for relation in snapshot.relations_of(&names::endpoint("traefik-route")) {
            let answer = routing.route(snapshot, relation);
            routing.answers.push((relation.id, answer.encode()));
        }
        routing
    }

    /// The URL of an application that can be reached: it has said all, and so has every unit.
    fn ingress(&mut self, snapshot: &Snapshot, relation: &Relation) -> Option<HttpUrl> {
        let host = host(snapshot)?;
        if relation.remote_app_data.is_empty() || relation.remote_units.is_empty() {
            return None;
        }
        let place = || format!("relation `{}:{}`", relation.endpoint, relation.id);
        let app = match IngressRequirerAppData::decode(&relation.remote_app_data) {
            Ok(app) => app.value,
            Err(error) => {
                self.skipped.push((place(), error.to_string()));
                return None;
            }
        };
        let units = relation.remote_units.values().map(IngressRequirerUnitData::decode);
        let units: Vec<_> = units.collect::<Result<_, _>>().ok()?;
        let mut hosts: Vec<_> = units.into_iter().map(|unit| unit.value.host).collect();
        hosts.sort();
        let prefix = format!("{}-{}", app.model, app.name);
        let url: HttpUrl = match format!("http://{host}/{prefix}").parse() {
            Ok(url) => url,
            Err(_) => {
                self.skipped.push((place(), format!("`{host}/{prefix}` is no URL")));
                return None;
            }
        };
        let servers: Vec<_> = hosts
            .iter()
            .map(|host| json!({"url": format!("{}://{host}:{}", app.scheme, app.port)}))
            .collect();
        let mut router = json!({
            "entryPoints": ["web"],
            "rule": format!("PathPrefix(`/{prefix}`)"),
            "service": format!("juju-{prefix}-service"),
        });
        let mut http = json!({
            "services": {format!("juju-{prefix}-service"): {"loadBalancer": {"servers": servers}}},
        });
        if app.strip_prefix == PathPrefix::Stripped {
            let name = format!("juju-sidecar-noprefix-{prefix}");
            router["middlewares"] = json!([name]);
            let strip = json!({"stripPrefix": {"prefixes": [format!("/{prefix}")]}});
            http["middlewares"] = json!({name: strip});
        }
        http["routers"] = json!({format!("juju-{prefix}-router"): router});
        self.files.insert(file(relation, &app.name), json!({"http": http}));
        Some(url)
    }

    fn route(&mut self, snapshot: &Snapshot, relation: &Relation) -> TraefikRouteProviderAppData {
        let read = TraefikRouteRequirerAppData::decode(&relation.remote_app_data);
        for skipped in &read.skipped {
            let place = format!("relation `{}:{}`", relation.endpoint, relation.id);
            self.skipped.push((place, format!("key {skipped}")));
        }
        if let Some(config) = read.value.config {
            let remote = relation.remote_app.as_ref().map(ToString::to_string).unwrap_or_default();
            self.files.insert(file(relation, &remote), config);
        }
        let entry_points = read.value.static_config.as_ref().map(|text| &text["entryPoints"]);
        let entry_points = entry_points.and_then(Value::as_object).cloned();
        self.entry_points.extend(entry_points.unwrap_or_default());
        match host(snapshot) {
            Some(host) => TraefikRouteProviderAppData {
                external_host: Some(host.to_owned()),
                scheme: Some("http".to_owned()),
            },
            None => TraefikRouteProviderAppData::default(),
        }
    }

    fn workload(&self) -> Workload {
        let mut entry_points = self.entry_points.clone();
        entry_points.insert("web".to_owned(), json!({"address": ":80"}));
        let whole = json!({
            "entryPoints": entry_points,
            "providers": {"file": {"directory": DYNAMIC, "watch": true}},
        });
        let documents = self.files.iter().map(|(path, document)| (path.clone(), document));
        Workload {
            container: names::container("traefik"),
            command: "/usr/bin/traefik".to_owned(),
            files: documents
                .chain([(STATIC.to_owned(), &whole)])
                .map(|(path, document)| (path, SecretText::new(yaml::dump_sorted(document))))
                .collect(),
        }
    }
}

fn file(relation: &Relation, application: &str) -> String {
    format!("{DYNAMIC}/juju_ingress_{}_{}_{application}.yaml", relation.endpoint, relation.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::names::RelationId;
    use charm::snapshot::ContainerState;
    use charm::testing::{RelationBuilder, SnapshotBuilder};

    fn unit() -> SnapshotBuilder {
        Snapshot::for_test("gate/0")
            .leader()
            .container("traefik", ContainerState::default())
            .config("external_hostname", "edge.example")
    }

    fn loom() -> RelationBuilder {
        RelationBuilder::new("ingress", 5, "loom")
            .remote_app([
                ("model", "\"stage\""),
                ("name", "\"loom\""),
                ("port", "8080"),
                ("strip-prefix", "true"),
            ])
            .remote_unit("loom/0", [("host", "\"loom-0.example\"")])
    }

    fn told(snapshot: SnapshotBuilder) -> Option<String> {
        let desired = Traefik.reconcile(&snapshot.build());
        desired.app_databags()[&RelationId(5)]["ingress"].clone()
    }

    #[test]
    fn an_application_gets_its_url_when_all_units_have_spoken() {
        let url = r#"{"url": "http://edge.example/stage-loom"}"#;
        assert_eq!(told(unit().relation(loom())).as_deref(), Some(url));
        assert_eq!(told(unit().relation(loom().remote_unit("loom/1", []))), None);
        assert_eq!(told(unit().config("external_hostname", "").relation(loom())), None);
    }

    #[test]
    fn a_route_is_taken_over_and_its_ports_opened() {
        let route = RelationBuilder::new("traefik-route", 5, "trail").remote_app([
            ("config", "http: {routers: {}}\n"),
            ("static", "entryPoints: {otlp-http: {address: ':4318'}}\n"),
        ]);
        let routing = Routing::of(&unit().relation(route).build());
        assert_eq!(routing.entry_points["otlp-http"], json!({"address": ":4318"}));
        assert_eq!(
            routing.files["/opt/traefik/juju/juju_ingress_traefik-route_5_trail.yaml"],
            json!({"http": {"routers": {}}})
        );
        assert_eq!(routing.answers[0].1["external_host"].as_deref(), Some("edge.example"));
        assert_eq!(routing.answers[0].1["scheme"].as_deref(), Some("http"));
    }
}
