//! The event of a dispatch, from its name and the variables that go with it.

use std::path::Path;

use super::{Environment, EnvironmentError, optional, parsed, required, variable};
use crate::event::{
    Event, Lifecycle, RelationEvent, RelationEventKind, SecretEvent, SecretEventKind,
    StorageEventKind, WorkloadEvent, WorkloadEventKind,
};
use crate::metadata::Metadata;
use crate::names::{ContainerName, EndpointName};

const LIFECYCLE: [(&str, Lifecycle); 9] = [
    ("install", Lifecycle::Install),
    ("start", Lifecycle::Start),
    ("config-changed", Lifecycle::ConfigChanged),
    ("upgrade-charm", Lifecycle::UpgradeCharm),
    ("stop", Lifecycle::Stop),
    ("remove", Lifecycle::Remove),
    ("update-status", Lifecycle::UpdateStatus),
    ("leader-elected", Lifecycle::LeaderElected),
    ("leader-settings-changed", Lifecycle::LeaderSettingsChanged),
];

const RELATION: [(&str, RelationEventKind); 5] = [
    ("-relation-created", RelationEventKind::Created),
    ("-relation-joined", RelationEventKind::Joined),
    ("-relation-changed", RelationEventKind::Changed),
    ("-relation-departed", RelationEventKind::Departed),
    ("-relation-broken", RelationEventKind::Broken),
];

const SECRET: [(&str, SecretEventKind); 4] = [
    ("secret-changed", SecretEventKind::Changed),
    ("secret-rotate", SecretEventKind::Rotate),
    ("secret-expired", SecretEventKind::Expired),
    ("secret-remove", SecretEventKind::Remove),
];

const STORAGE: [(&str, StorageEventKind); 2] = [
    ("-storage-attached", StorageEventKind::Attached),
    ("-storage-detaching", StorageEventKind::Detaching),
];

#[derive(Clone, Copy)]
enum Workload {
    Ready,
    Notice,
    Failed,
    Recovered,
}

const WORKLOAD: [(&str, Workload); 4] = [
    ("-pebble-ready", Workload::Ready),
    ("-pebble-custom-notice", Workload::Notice),
    ("-pebble-check-failed", Workload::Failed),
    ("-pebble-check-recovered", Workload::Recovered),
];

/// Reads the event.
///
/// Endpoints and containers have free names, so an event is told by its suffix. Where the prefix
/// is a name of the metadata, that reading wins over any other.
pub(super) fn event(
    environment: &dyn Environment,
    metadata: &Metadata,
) -> Result<Event, EnvironmentError> {
    let path = required(environment, variable::DISPATCH_PATH)?;
    let path = Path::new(&path);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if path.parent().and_then(Path::file_name).is_some_and(|parent| parent == "actions") {
        return Ok(Event::Action { name: name.to_owned() });
    }

    let relation = suffixed::<EndpointName, _>(name, RELATION);
    let workload = suffixed::<ContainerName, _>(name, WORKLOAD);
    if let Some((endpoint, kind)) = &relation
        && metadata.endpoints.contains_key(endpoint)
    {
        return relation_event(environment, endpoint.clone(), *kind);
    }
    if let Some((container, kind)) = &workload
        && metadata.containers.contains(container)
    {
        return workload_event(environment, container.clone(), *kind);
    }
    if let Some((_, lifecycle)) = LIFECYCLE.iter().find(|(known, _)| *known == name) {
        return Ok(Event::Lifecycle(*lifecycle));
    }
    if let Some((_, kind)) = SECRET.iter().find(|(known, _)| *known == name) {
        return secret_event(environment, *kind);
    }
    if let Some((endpoint, kind)) = relation {
        return relation_event(environment, endpoint, kind);
    }
    if let Some((container, kind)) = workload {
        return workload_event(environment, container, kind);
    }
    if let Some((_, kind)) = STORAGE.iter().find(|(suffix, _)| name.ends_with(suffix)) {
        let id = required(environment, variable::STORAGE_ID)?;
        return Ok(Event::Storage { kind: *kind, id });
    }
    Ok(Event::Unknown(name.to_owned()))
}

fn suffixed<N: std::str::FromStr, K>(
    name: &str,
    kinds: impl IntoIterator<Item = (&'static str, K)>,
) -> Option<(N, K)> {
    kinds
        .into_iter()
        .find_map(|(suffix, kind)| Some((name.strip_suffix(suffix)?.parse().ok()?, kind)))
}

fn relation_event(
    environment: &dyn Environment,
    endpoint: EndpointName,
    kind: RelationEventKind,
) -> Result<Event, EnvironmentError> {
    Ok(Event::Relation(RelationEvent {
        kind,
        endpoint,
        relation: parsed(environment, variable::RELATION_ID)?,
        remote_app: optional(environment, variable::REMOTE_APP)?,
        remote_unit: optional(environment, variable::REMOTE_UNIT)?,
        departing_unit: optional(environment, variable::DEPARTING_UNIT)?,
    }))
}

fn workload_event(
    environment: &dyn Environment,
    container: ContainerName,
    kind: Workload,
) -> Result<Event, EnvironmentError> {
    let kind = match kind {
        Workload::Ready => WorkloadEventKind::Ready,
        Workload::Notice => {
            WorkloadEventKind::CustomNotice(required(environment, variable::NOTICE_KEY)?)
        }
        Workload::Failed => {
            WorkloadEventKind::CheckFailed(required(environment, variable::CHECK_NAME)?)
        }
        Workload::Recovered => {
            WorkloadEventKind::CheckRecovered(required(environment, variable::CHECK_NAME)?)
        }
    };
    Ok(Event::Workload(WorkloadEvent { container, kind }))
}

fn secret_event(
    environment: &dyn Environment,
    kind: SecretEventKind,
) -> Result<Event, EnvironmentError> {
    Ok(Event::Secret(SecretEvent {
        kind,
        id: parsed(environment, variable::SECRET_ID)?,
        label: optional(environment, variable::SECRET_LABEL)?,
        revision: environment.get(variable::SECRET_REVISION).and_then(|text| text.parse().ok()),
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Dispatch;
    use super::*;
    use crate::metadata::{Endpoint, EndpointRole};
    use crate::names::RelationId;

    fn environment(path: &str, more: &[(&str, &str)]) -> BTreeMap<String, String> {
        [
            (variable::CHARM_DIR, "/tmp/m/var/lib/juju/agents/unit-a-b-3/charm"),
            (variable::DISPATCH_PATH, path),
            (variable::UNIT_NAME, "a-b/3"),
            (variable::MODEL_NAME, "stage"),
            (variable::MODEL_UUID, "00000000-0000-4000-8000-000000000000"),
            (variable::VERSION, "4.0-beta5"),
        ]
        .iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
    }

    fn metadata() -> Metadata {
        let endpoint =
            Endpoint { role: EndpointRole::Requirer, interface: "x".to_owned(), limit: None };
        let mut metadata = Metadata::default();
        for name in ["logging", "a-relation", "secret"] {
            metadata.endpoints.insert(name.parse().expect("valid"), endpoint.clone());
        }
        metadata.containers.insert("nginx".parse().expect("valid"));
        metadata
    }

    fn read(path: &str, more: &[(&str, &str)]) -> Event {
        Dispatch::read(&environment(path, more), &metadata()).expect("readable").event
    }

    #[test]
    fn relation_events_are_told_by_the_suffix() {
        let more = [
            (variable::RELATION_ID, "logging:7"),
            (variable::REMOTE_APP, "loki"),
            (variable::REMOTE_UNIT, ""),
        ];
        let Event::Relation(event) = read("hooks/logging-relation-changed", &more) else {
            panic!("not a relation event")
        };
        assert_eq!(event.kind, RelationEventKind::Changed);
        assert_eq!(event.relation, RelationId(7));
        assert_eq!(event.remote_app, "loki".parse().ok());
        assert_eq!(event.remote_unit, None);
        let Event::Relation(event) = read("hooks/a-relation-relation-joined", &more) else {
            panic!("not a relation event")
        };
        assert_eq!(event.endpoint.as_str(), "a-relation");
    }

    #[test]
    fn other_events_are_told_by_name() {
        assert_eq!(read("hooks/config-changed", &[]), Event::Lifecycle(Lifecycle::ConfigChanged));
        assert_eq!(
            read("actions/config-changed", &[]),
            Event::Action { name: "config-changed".to_owned() }
        );
        assert_eq!(
            read("hooks/nginx-pebble-check-failed", &[(variable::CHECK_NAME, "up")]),
            Event::Workload(WorkloadEvent {
                container: "nginx".parse().expect("valid"),
                kind: WorkloadEventKind::CheckFailed("up".to_owned()),
            })
        );
        assert_eq!(
            read("hooks/data-storage-attached", &[(variable::STORAGE_ID, "data/0")]),
            Event::Storage { kind: StorageEventKind::Attached, id: "data/0".to_owned() }
        );
        let Event::Secret(secret) =
            read("hooks/secret-changed", &[(variable::SECRET_ID, "secret:x")])
        else {
            panic!("not a secret event")
        };
        assert_eq!(secret.kind, SecretEventKind::Changed);
        assert_eq!(read("hooks/made-up", &[]), Event::Unknown("made-up".to_owned()));
    }

    #[test]
    fn identity_and_root_are_read() {
        let dispatch = Dispatch::read(&environment("hooks/start", &[]), &metadata()).expect("ok");
        assert_eq!(dispatch.identity.application.as_str(), "a-b");
        assert_eq!(dispatch.identity.juju_version, "4.0-beta5");
        assert_eq!(
            dispatch.root.path(Path::new("/etc/hosts")),
            Path::new("/tmp/m/etc/hosts").to_path_buf()
        );
    }

    #[test]
    fn a_missing_variable_is_named() {
        let mut without = environment("hooks/start", &[]);
        without.remove(variable::MODEL_UUID);
        assert_eq!(
            Dispatch::read(&without, &metadata()),
            Err(EnvironmentError::Missing(variable::MODEL_UUID))
        );
    }
}
