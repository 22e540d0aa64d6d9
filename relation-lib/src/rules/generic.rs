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
