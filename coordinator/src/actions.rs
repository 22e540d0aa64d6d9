//! Actions of the solution, answered from the same facts that everything else is decided from.

use charm::snapshot::Snapshot;
use charm::{ActionCall, ActionOutcome};

use crate::coherence;
use crate::facts::Facts;
use crate::solution::{Requirement, Solution};

/// Answers an action. All results or a failure: half an answer would pass for a whole one.
pub(crate) fn answer(solution: &Solution, snapshot: &Snapshot, call: &ActionCall) -> ActionOutcome {
    let Some(action) = solution.actions.get(&call.name) else {
        let name = &call.name;
        return ActionOutcome::failed(format!("cannot answer: no action `{name}` in the solution"));
    };
    let facts = Facts::read(solution, snapshot);
    if action.requires == Requirement::Coherent {
        let obstacles = coherence::obstacles(solution, &facts.cluster, &facts.store);
        if !obstacles.is_empty() {
            let reasons: Vec<_> = obstacles.into_iter().map(|status| status.message).collect();
            let reasons = reasons.join(" ");
            return ActionOutcome::failed(format!(
                "cannot answer while the deployment is not coherent: {reasons}"
            ));
        }
    }
    let context = facts.context_of(call);
    if let Some(failure) = &action.failure {
        match failure.render(&format!("`actions.{}.failure`", call.name), &context) {
            Ok(reason) if reason.trim().is_empty() => {}
            Ok(reason) => return ActionOutcome::failed(reason.trim()),
            Err(error) => return ActionOutcome::failed(error.to_string()),
        }
    }
    let mut outcome = ActionOutcome::default();
    for (key, template) in &action.results {
        let what = format!("`actions.{}.results.{key}`", call.name);
        match template.render(&what, &context) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => {
                outcome.results.insert(key.clone(), text);
            }
            Err(error) => return ActionOutcome::failed(error.to_string()),
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use charm::snapshot::Snapshot;
    use charm::testing::RelationBuilder;
    use charm::{ActionCall, ActionOutcome, Charm};

    use crate::Coordinator;
    use crate::fixtures::{alone, solution, store, worker, working};

    const ACTIONS: &str = "\
actions:
  list-receivers:
    requires: coherent
    results:
      zipkin: '{{ receivers.workload.zipkin }}'
      otlp-http: '{% if \"otlp_http\" in receivers.workload %}x{% endif %}'
  where:
    results: {host: '{{ app_host }}'}
  units-of:
    failure: '{% if parameters.role not in addresses_by_role %}no role `{{ parameters.role }}`{% endif %}'
    results: {units: '{{ addresses_by_role[parameters.role] | length }}'}
  broken:
    results: {first: fine, second: '{{ no_such_name }}'}
";

    fn ask(name: &str, snapshot: &Snapshot) -> ActionOutcome {
        ask_with(name, serde_json::Map::new(), snapshot)
    }

    fn ask_with(
        name: &str,
        parameters: serde_json::Map<String, serde_json::Value>,
        snapshot: &Snapshot,
    ) -> ActionOutcome {
        let call = ActionCall { name: name.to_owned(), parameters };
        Coordinator::new(solution(ACTIONS)).action(snapshot, &call)
    }

    #[test]
    fn an_action_sees_its_parameters_and_may_fail_for_them() {
        let units_of = |role: &str| {
            let parameters = [("role".to_owned(), role.into())].into_iter().collect();
            ask_with("units-of", parameters, &working().build())
        };
        assert_eq!(units_of("read").results["units"], "1");
        assert_eq!(units_of("cook").failure.as_deref(), Some("no role `cook`"));
    }

    #[test]
    fn results_are_rendered_and_empty_ones_left_out() {
        let receiver =
            r#"[{"protocol": {"name": "zipkin", "type": "http"}, "url": "http://t:9411"}]"#;
        let tracing = RelationBuilder::new("workload-tracing", 9, "loom")
            .remote_app([("receivers", receiver)]);
        let outcome = ask("list-receivers", &working().relation(tracing).build());
        assert_eq!(outcome.failure, None);
        let results: Vec<_> = outcome.results.into_iter().collect();
        assert_eq!(results, [("zipkin".to_owned(), "http://t:9411".to_owned())]);
    }

    #[test]
    fn what_requires_coherence_fails_without_it_and_says_why() {
        let failure = |snapshot: &Snapshot| ask("list-receivers", snapshot).failure;
        assert_eq!(
            failure(&alone().relation(worker(1, "w", "read")).build()).as_deref(),
            Some(
                "cannot answer while the deployment is not coherent: \
                 [consistency] Cluster inconsistent. [s3] Missing S3 integration."
            )
        );
        let halfway = alone().relation(worker(1, "w", "read")).relation(store()).build();
        assert_eq!(
            failure(&halfway).as_deref(),
            Some(
                "cannot answer while the deployment is not coherent: \
                 [consistency] Cluster inconsistent."
            )
        );
        let outcome = ask("where", &alone().build());
        assert_eq!(outcome.failure, None);
        assert_eq!(outcome.results["host"], "tally.stage.svc.cluster.local");
    }

    #[test]
    fn an_answer_is_whole_or_a_failure() {
        let outcome = ask("broken", &working().build());
        assert!(outcome.results.is_empty());
        let failure = outcome.failure.expect("a failure");
        assert!(failure.contains("`actions.broken.results.second`"), "{failure}");
        assert_eq!(
            ask("other", &working().build()).failure.as_deref(),
            Some("cannot answer: no action `other` in the solution")
        );
    }
}
