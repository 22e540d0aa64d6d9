//! Rules that the libraries add without any file.

use serde_json::{Value, json};

use super::{RuleReader, RuleSet};
use crate::injection;
use crate::rules::Injection;
use crate::topology::{Labels, UnitName};

/// Whether the charm runs on its own or beside another application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharmKind {
    /// On its own.
    Principal,
    /// On the machines of another application: its silence is the silence of that machine.
    Subordinate,
}

struct Generic {
    alert: &'static str,
    expression: &'static str,
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
}

const HOST_DOWN: Generic = Generic {
    alert: "HostDown",
    expression: "up < 1",
    severity: "critical",
    summary: "Unit {{ $labels.juju_unit }} of model {{ $labels.juju_model }} cannot be scraped",
    description: "The last scrapes of {{ $labels.instance }} failed: the process is gone, or the network does not let \
                  Prometheus through. LABELS = {{ $labels }}",
};

const HOST_METRICS_MISSING: Generic = Generic {
    alert: "HostMetricsMissing",
    expression: "absent(up)",
    severity: "warning",
    summary: "No metrics from application {{ $labels.juju_application }} of model {{ $labels.juju_model }}",
    description: "There is no `up` series at all: either nothing is scraped, or what is scraped does not arrive. \
                  LABELS = {{ $labels }}",
};

const AGGREGATOR_METRICS_MISSING: Generic = Generic {
    alert: "AggregatorMetricsMissing",
    expression: "absent(up)",
    severity: "critical",
    summary: "No unit of application {{ $labels.juju_application }} of model {{ $labels.juju_model }} sends metrics",
    description: "There is no `up` series from any unit: whatever they collect is lost. LABELS = {{ $labels }}",
};

impl Generic {
    fn to_rule(&self, expression: &str, severity: &str, unit: Option<&UnitName>) -> Value {
        let mut labels = json!({ "severity": severity });
        if let Some(unit) = unit {
            labels["juju_unit"] = json!(unit.as_str());
        }
        json!({
            "alert": self.alert,
            "expr": expression,
            "for": "5m",
            "labels": labels,
            "annotations": { "summary": self.summary, "description": self.description },
        })
    }

    fn rule(&self) -> Value {
        self.to_rule(self.expression, self.severity, None)
    }
}

impl RuleReader<'_> {
    /// The group `HostHealth`, which the provider of `prometheus_scrape` adds after the rules of files:
    /// an alert when a target is down, and one when there are no targets.
    #[must_use]
    pub fn host_health(&self) -> RuleSet {
        let mut set = RuleSet::default();
        self.add("HostHealth", vec![HOST_DOWN.rule(), HOST_METRICS_MISSING.rule()], &mut set);
        set
    }

    /// The group `AggregatorHostHealth`, which the sender of `prometheus_remote_write` puts before the
    /// rules of files: an alert for each unit whose metrics are missing, and one for all of them.
    ///
    /// `units` are all units of the application; they are sorted by name as text.
    #[must_use]
    pub fn aggregator_host_health(&self, units: &[UnitName], kind: CharmKind) -> RuleSet {
        let severity = match kind {
            CharmKind::Principal => HOST_METRICS_MISSING.severity,
            CharmKind::Subordinate => "critical",
        };
        let mut names: Vec<&UnitName> = units.iter().collect();
        names.sort_by_key(|unit| unit.as_str());
        names.dedup();
        let mut rules: Vec<Value> = names
            .into_iter()
            .map(|unit| {
                let expression = self.of_unit(HOST_METRICS_MISSING.expression, unit);
                HOST_METRICS_MISSING.to_rule(&expression, severity, Some(unit))
            })
            .collect();
        rules.push(AGGREGATOR_METRICS_MISSING.rule());
        let mut set = RuleSet::default();
        self.add("AggregatorHostHealth", rules, &mut set);
        set
    }

    fn of_unit(&self, expression: &str, unit: &UnitName) -> String {
        let matchers = Labels::from_iter([("juju_unit".to_owned(), unit.as_str().to_owned())]);
        match self.marker.injection {
            Injection::Off => None,
            Injection::On => injection::inject(self.marker.language, expression, &matchers).ok(),
        }
        .unwrap_or_else(|| expression.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use crate::encoding::python_json;
    use crate::injection::Language;
    use crate::rules::{CharmKind, Injection, RuleReader};
    use crate::topology::JujuTopology;

    fn loom() -> JujuTopology {
        let uuid = "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse().unwrap();
        JujuTopology::new("stage", uuid, "loom".parse().unwrap())
            .with_charm_name("loom-coordinator-k8s")
    }

    #[test]
    fn each_unit_has_its_rule_and_the_application_another() {
        let loom = loom();
        let reader = RuleReader::new(Language::PromQl).with_topology(&loom);
        let units = ["loom/2", "loom/10", "loom/2"].map(|unit| unit.parse().unwrap());
        let set = reader.aggregator_host_health(&units, CharmKind::Subordinate);
        let group = &set.rules.groups[0];
        assert_eq!(group["name"], "stage_20d3ed5c_loom_AggregatorHostHealth_rules");
        let mut rules = group["rules"].clone();
        assert_eq!(rules.as_array().map(Vec::len), Some(3));
        assert_eq!(rules[1]["labels"]["juju_unit"], "loom/2");
        assert_eq!(rules[2]["alert"], "AggregatorMetricsMissing");
        for text in rules[0]["annotations"].as_object_mut().unwrap().values_mut() {
            *text = "words".into();
        }
        assert_eq!(
            python_json(&rules[0]),
            "{\"alert\": \"HostMetricsMissing\", \"expr\": \"absent(up{juju_application=\\\"loom\\\",\
             juju_model=\\\"stage\\\",juju_model_uuid=\\\"20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11\\\",\
             juju_unit=\\\"loom/10\\\"})\", \"for\": \"5m\", \"labels\": {\"severity\": \"critical\", \
             \"juju_unit\": \"loom/10\", \"juju_model\": \"stage\", \
             \"juju_model_uuid\": \"20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11\", \"juju_application\": \"loom\", \
             \"juju_charm\": \"loom-coordinator-k8s\"}, \
             \"annotations\": {\"summary\": \"words\", \"description\": \"words\"}}"
        );
    }

    #[test]
    fn without_injection_expressions_are_bare() {
        let loom = loom();
        let reader =
            RuleReader::new(Language::PromQl).with_topology(&loom).with_injection(Injection::Off);
        let set = reader.host_health();
        let expressions: Vec<_> = set.rules.groups[0]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["expr"].clone())
            .collect();
        assert_eq!(expressions, ["up < 1", "absent(up)"]);
    }
}
