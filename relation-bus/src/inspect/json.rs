//! An inspection as JSON.

use serde_json::{Map, Value, json};

use super::{InspectedRelation, Inspection, Remark, role};

impl Inspection {
    /// The inspection as JSON: a list of relations, each with
    ///
    /// | member | content |
    /// |---|---|
    /// | `relation-id`, `interface` | which relation it is |
    /// | `endpoints` | its ends: `application`, `endpoint`, `role`, `application-data`, and `units`: unit to its databag |
    /// | `findings` | what is wrong, the worst first: `about` (application or unit), `severity`, `key`, `entry`, `message` |
    ///
    /// Databags are decoded and their secrets masked.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.relations.iter().map(relation).collect()
    }
}

fn relation(relation: &InspectedRelation) -> Value {
    let ends = relation.ends.iter().map(|end| {
        let units = end.units.iter();
        let units: Map<_, _> =
            units.map(|(unit, data)| (unit.to_string(), Value::from(data.clone()))).collect();
        json!({
            "application": end.application,
            "endpoint": end.endpoint,
            "role": role(end.role),
            "application-data": end.data,
            "units": units,
        })
    });
    json!({
        "relation-id": relation.id.0,
        "interface": relation.interface,
        "endpoints": ends.collect::<Vec<_>>(),
        "findings": relation.remarks.iter().map(remark).collect::<Vec<_>>(),
    })
}

fn remark(remark: &Remark) -> Value {
    json!({
        "about": remark.about,
        "severity": remark.finding.severity.to_string(),
        "key": remark.finding.key,
        "entry": remark.finding.entry,
        "message": remark.finding.message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::model;

    #[test]
    fn both_ends_and_findings_are_there_and_secrets_are_not() {
        let inspected = Inspection::of(&model(), None).to_json();
        let relation = &inspected[0];
        assert_eq!(relation["relation-id"], 7);
        assert_eq!(relation["endpoints"][0]["application"], "loom");
        assert_eq!(relation["endpoints"][0]["units"]["loom/0"]["private-address"], "10.1.0.2");
        assert_eq!(relation["endpoints"][1]["application-data"]["role"], "read");
        assert_eq!(relation["findings"][0]["severity"], "error");
        assert_eq!(relation["findings"][0]["key"], "role");
        assert!(!inspected.to_string().contains("hush"), "{inspected}");
    }
}
