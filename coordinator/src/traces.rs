//! Where traces go: protocols that we ask for, receivers that we are told of.

use charm::desired::{Desired, TraceDestination};
use charm::names::EndpointName;
use charm::snapshot::Snapshot;
use indexmap::IndexMap;
use relation_lib::tracing::{ReceiverProtocol, TracingProviderAppData, TracingRequirerAppData};

use crate::problem::{Problems, place};
use crate::solution::Solution;

/// Receivers by protocol, in the order in which the provider lists them.
pub(crate) type Receivers = IndexMap<String, String>;

/// The receivers on an endpoint: those of its first relation that has an answer.
pub(crate) fn read(
    endpoint: Option<&EndpointName>,
    snapshot: &Snapshot,
    problems: &mut Problems,
) -> Receivers {
    let Some(endpoint) = endpoint else {
        return Receivers::new();
    };
    for relation in snapshot.relations_of(endpoint) {
        if !relation.remote_app_data.contains_key("receivers") {
            continue;
        }
        match TracingProviderAppData::decode(&relation.remote_app_data) {
            Ok(read) => {
                problems.skipped(relation, None, &read.skipped);
                let mut receivers = Receivers::new();
                for receiver in read.value.receivers {
                    let protocol = receiver.protocol.name.as_str().to_owned();
                    receivers.entry(protocol).or_insert(receiver.url);
                }
                return receivers;
            }
            Err(error) => problems.note(place(relation, None, error.key()), error.to_string()),
        }
    }
    Receivers::new()
}

/// Asks for the protocols: `otlp_http` for the charms, the solution's for the workloads.
///
/// The request doesn't wait for a coherent deployment; it is the leader's.
pub(crate) fn request(solution: &Solution, snapshot: &Snapshot, desired: &mut Desired) {
    let Some(proof) = snapshot.leadership.proof() else {
        return;
    };
    let workload = solution.workload_tracing_protocols.iter().map(|name| protocol(name));
    let wanted = [
        (&solution.endpoints.charm_tracing, vec![ReceiverProtocol::OtlpHttp]),
        (&solution.endpoints.workload_tracing, workload.collect()),
    ];
    for (endpoint, receivers) in wanted {
        let Some(endpoint) = endpoint.as_ref().filter(|_| !receivers.is_empty()) else {
            continue;
        };
        for relation in snapshot.relations_of(endpoint) {
            let data = TracingRequirerAppData { receivers: receivers.clone() };
            desired.app_databag(proof, relation.id, data.encode());
        }
    }
}

fn protocol(name: &str) -> ReceiverProtocol {
    let Ok(protocol) = name.parse();
    protocol
}

/// Where the charm's own traces go.
pub(crate) fn destination(receivers: &Receivers, ca: Option<&str>) -> Option<TraceDestination> {
    let url = receivers.get(ReceiverProtocol::OtlpHttp.as_str())?;
    Some(TraceDestination { url: format!("{url}/v1/traces"), ca: ca.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use charm::testing::RelationBuilder;
    use serde_json::json;

    use crate::fixtures::{alone, app_value, decide, working};

    #[test]
    fn protocols_are_asked_for_before_the_deployment_works() {
        let snapshot = alone()
            .relation(RelationBuilder::new("charm-tracing", 6, "trail"))
            .relation(RelationBuilder::new("workload-tracing", 7, "trail"))
            .build();
        let desired = decide(&snapshot);
        assert_eq!(app_value(&desired, 6, "receivers"), Some(json!(["otlp_http"])));
        assert_eq!(app_value(&desired, 7, "receivers"), Some(json!(["zipkin", "otlp_http"])));
    }

    #[test]
    fn without_otlp_over_http_workers_are_served_and_we_send_nothing() {
        let grpc = r#"[{"protocol": {"name": "otlp_grpc", "type": "grpc"}, "url": "trail:4317"}]"#;
        let relation =
            RelationBuilder::new("charm-tracing", 6, "trail").remote_app([("receivers", grpc)]);
        let desired = decide(&working().relation(relation).build());
        assert_eq!(desired.charm_tracing, None);
        assert_eq!(
            app_value(&desired, 1, "charm_tracing_receivers"),
            Some(json!({"otlp_grpc": "trail:4317"}))
        );
    }
}
