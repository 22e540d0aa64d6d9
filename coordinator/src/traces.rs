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
