//! Tempo as a place that takes traces: one process instead of a cluster.
//!
//! | endpoint | what is read | what is written |
//! |---|---|---|
//! | `tracing` | protocols asked for | the same list of receivers for everybody |

use std::collections::BTreeMap;

use charm::Charm;
use charm::desired::Desired;
use charm::needs::{Bag, ConfigNeed, Needs};
use charm::secret::SecretText;
use charm::snapshot::Snapshot;
use charm::status::Status;
use relation_lib::tracing::{
    Receiver, ReceiverProtocol, TracingProviderAppData, TracingRequirerAppData, Transport,
};
use relation_lib::yaml;
use serde_json::{Map, Value, json};

use crate::names;
use crate::workload::Workload;

const CONFIG: &str = "/etc/tempo/tempo.yaml";
const PROTOCOLS: [&str; 5] =
    ["jaeger_grpc", "jaeger_thrift_http", "otlp_grpc", "otlp_http", "zipkin"];

/// The charm `tempo-coordinator-k8s`, without the cluster behind it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tempo;

impl Charm for Tempo {
    fn needs(&self, seen: &Snapshot) -> Needs {
        let mut needs = workload(&protocols(seen)).needs(seen);
        needs.config.insert(ConfigNeed::Options);
        let bags = [Bag::LocalApp, Bag::RemoteApp].into();
        needs.endpoints = [(names::endpoint("tracing"), bags)].into();
        needs
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        let protocols = protocols(snapshot);
        let workload = workload(&protocols);
        // Before there is something that receives, the databags stay empty.
        if snapshot.container(&workload.container).is_some()
            && let Some(leader) = snapshot.leadership.proof()
        {
            let host = application_host(snapshot);
            let receivers = protocols.iter().filter_map(|protocol| receiver(protocol, &host));
            let answer = TracingProviderAppData { receivers: receivers.collect() };
            for relation in snapshot.relations_of(&names::endpoint("tracing")) {
                desired.app_databag(leader, relation.id, answer.encode());
            }
        }
        for relation in snapshot.relations_of(&names::endpoint("tracing")) {
            if !relation.remote_app_data.is_empty()
                && let Err(error) = TracingRequirerAppData::decode(&relation.remote_app_data)
            {
                let place = format!("relation `{}:{}`", relation.endpoint, relation.id);
                desired.problem(place, error.to_string());
            }
        }
        desired.unit_statuses.push(Status::active(""));
        workload.run(snapshot, &mut desired);
        desired
    }
}

/// What anybody asked for, what an operator wants always, and OTLP over HTTP: sorted by name.
fn protocols(snapshot: &Snapshot) -> Vec<ReceiverProtocol> {
    let asked = snapshot
        .relations_of(&names::endpoint("tracing"))
        .filter_map(|relation| TracingRequirerAppData::decode(&relation.remote_app_data).ok())
        .flat_map(|data| data.value.receivers)
        .collect::<Vec<_>>();
    PROTOCOLS
        .into_iter()
        .filter(|name| {
            let option = snapshot.config.get(&format!("always_enable_{name}"));
            *name == "otlp_http"
                || option == Some(&Value::Bool(true))
                || asked.iter().any(|protocol| protocol.as_str() == *name)
        })
        .map(ReceiverProtocol::from)
        .collect()
}

fn receiver(protocol: &ReceiverProtocol, host: &str) -> Option<Receiver> {
    let port = protocol.tempo_port()?;
    let url = match protocol.transport()? {
        Transport::Grpc => format!("{host}:{port}"),
        _ => format!("http://{host}:{port}"),
    };
    Some(Receiver::new(protocol.clone(), url))
}

/// The name of the application's Kubernetes Service; the unit's own where that can't be told.
fn application_host(snapshot: &Snapshot) -> String {
    let fqdn = &snapshot.host.fqdn;
    match fqdn.find(".svc.") {
        Some(at) => {
            format!("{}.{}{}", snapshot.identity.application, snapshot.identity.model, &fqdn[at..])
        }
        None => fqdn.clone(),
    }
}

fn workload(protocols: &[ReceiverProtocol]) -> Workload {
    let mut receivers: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for protocol in protocols {
        let Some(port) = protocol.tempo_port() else { continue };
        let listen = json!({"endpoint": format!("0.0.0.0:{port}")});
        let (family, member) = protocol.as_str().split_once('_').unwrap_or((protocol.as_str(), ""));
        let entry = receivers.entry(family).or_default();
        if member.is_empty() {
            entry.insert("endpoint".to_owned(), listen["endpoint"].clone());
        } else {
            let members = entry.entry("protocols").or_insert_with(|| json!({}));
            members[member] = listen;
        }
    }
    let config = json!({
        "server": {"http_listen_port": 3200},
        "distributor": {"receivers": receivers},
        "storage": {"trace": {"backend": "local", "local": {"path": "/var/tempo/blocks"}}},
    });
    Workload {
        container: names::container("tempo"),
        command: format!("/bin/tempo -config.file={CONFIG}"),
        files: [(CONFIG.to_owned(), SecretText::new(yaml::dump_sorted(&config)))].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use charm::desired::FileGoal;
    use charm::names::RelationId;
    use charm::snapshot::ContainerState;
    use charm::testing::{RelationBuilder, SnapshotBuilder};

    fn unit() -> SnapshotBuilder {
        Snapshot::for_test("trail/0")
            .leader()
            .fqdn("trail-0.trail-endpoints.stage.svc.cluster.local")
            .relation(
                RelationBuilder::new("tracing", 5, "loom")
                    .remote_app([("receivers", r#"["zipkin", "otlp_grpc", "unheard_of"]"#)]),
            )
            .relation(RelationBuilder::new("tracing", 6, "other"))
    }

    #[test]
    fn everybody_gets_all_receivers_sorted() {
        let snapshot = unit()
            .container("tempo", ContainerState::default())
            .config("always_enable_jaeger_grpc", true)
            .build();
        let desired = Tempo.reconcile(&snapshot);
        let expected = r#"[{"protocol": {"name": "jaeger_grpc", "type": "grpc"}, "url": "trail.stage.svc.cluster.local:14250"}, {"protocol": {"name": "otlp_grpc", "type": "grpc"}, "url": "trail.stage.svc.cluster.local:4317"}, {"protocol": {"name": "otlp_http", "type": "http"}, "url": "http://trail.stage.svc.cluster.local:4318"}, {"protocol": {"name": "zipkin", "type": "http"}, "url": "http://trail.stage.svc.cluster.local:9411"}]"#;
        for relation in [5, 6] {
            let written = &desired.app_databags()[&RelationId(relation)]["receivers"];
            assert_eq!(written.as_deref(), Some(expected));
        }
    }

    #[test]
    fn nothing_is_answered_before_something_receives() {
        let desired = Tempo.reconcile(&unit().container_down("tempo").build());
        assert!(desired.app_databags().is_empty());
    }

    #[test]
    fn the_configuration_listens_to_what_is_offered() {
        let snapshot = unit().container("tempo", ContainerState::default()).build();
        let desired = Tempo.reconcile(&snapshot);
        let FileGoal::Present { content, .. } =
            &desired.containers[&names::container("tempo")].files[CONFIG]
        else {
            unreachable!("the file is there");
        };
        let config = yaml::parse(content.reveal()).expect("valid");
        assert_eq!(
            config["distributor"]["receivers"],
            json!({
                "otlp": {"protocols": {
                    "grpc": {"endpoint": "0.0.0.0:4317"}, "http": {"endpoint": "0.0.0.0:4318"},
                }},
                "zipkin": {"endpoint": "0.0.0.0:9411"},
            })
        );
    }
}
