//! The charm's dashboards.

use charm::desired::Desired;
use charm::event::{Event, Lifecycle, RelationEventKind};
use charm::names::EndpointName;
use relation_lib::grafana_dashboard::{
    DashboardProviderAppData, FOLDER, is_dashboard_file, templates_of_files,
};

use crate::facts::Facts;

/// The leader publishes the charm's dashboards to everyone who shows them, whether or not the
/// deployment works. What is published and hasn't changed stays to the byte.
pub(crate) fn publish(facts: &Facts<'_>, desired: &mut Desired) {
    let Some(endpoint) = &facts.solution.endpoints.grafana_dashboards else {
        return;
    };
    let Some(proof) = facts.snapshot.leadership.proof() else {
        return;
    };
    let relations: Vec<_> = facts.snapshot.relations_of(endpoint).collect();
    if relations.is_empty() {
        return;
    }
    let mut files = Vec::new();
    for (path, bytes) in &facts.snapshot.charm_files {
        let path = path.to_string_lossy().into_owned();
        if !path.starts_with(&format!("{FOLDER}/")) || !is_dashboard_file(&path) {
            continue;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => files.push((path, text)),
            Err(_) => desired.problem(format!("file `{path}`"), "expected UTF-8"),
        }
    }
    let files = files.iter().map(|(path, text)| (path.as_str(), *text));
    let charm = facts.snapshot.metadata.name.as_str();
    let (templates, problems) = templates_of_files(charm, &facts.topology(), files);
    for problem in problems {
        desired.problem("dashboards of the charm", problem.to_string());
    }
    for relation in relations {
        let published = relation
            .local_app
            .as_ref()
            .and_then(|bag| DashboardProviderAppData::decode(bag).value.dashboards);
        if published.is_none() && (templates.is_empty() || !is_due(facts, endpoint)) {
            continue;
        }
        let data = DashboardProviderAppData::updated(published.as_ref(), templates.clone());
        desired.app_databag(proof, relation.id, data.encode());
    }
}

/// The files change with the charm only, so a new relation hears of them when it is made.
fn is_due(facts: &Facts<'_>, endpoint: &EndpointName) -> bool {
    match &facts.snapshot.event {
        Event::Lifecycle(lifecycle) => matches!(
            lifecycle,
            Lifecycle::LeaderElected | Lifecycle::UpgradeCharm | Lifecycle::ConfigChanged
        ),
        Event::Relation(event) => {
            event.endpoint == *endpoint
                && matches!(event.kind, RelationEventKind::Created | RelationEventKind::Joined)
        }
        _ => false,
    }
}
