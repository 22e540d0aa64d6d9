//! Hook tools of relations.

use serde_json::{Map, Value};

use super::{ToolCall, ToolError, Tools};
use crate::databag::{Databag, DatabagPatch};
use crate::names::{ApplicationName, EndpointName, RelationId, UnitName};

/// Whose databag is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BagOwner {
    /// An application's.
    Application(ApplicationName),
    /// A unit's.
    Unit(UnitName),
}

impl Tools<'_> {
    /// The relations of an endpoint, ascending.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn relation_ids(&self, endpoint: &EndpointName) -> Result<Vec<RelationId>, ToolError> {
        let call = ToolCall::new("relation-ids").json().arg(endpoint.as_str());
        let texts: Vec<String> = self.read(call.clone(), "a list of relation ids")?;
        let mut ids = texts
            .iter()
            .map(|text| {
                text.parse().map_err(|_| super::unexpected(&call, "a list of relation ids"))
            })
            .collect::<Result<Vec<RelationId>, _>>()?;
        // Juju sorts them as texts: 10 before 2.
        ids.sort();
        Ok(ids)
    }

    /// The remote units that have joined; on peer relations our other units.
    ///
    /// # Errors
    ///
    /// When the tool fails, or the relation is gone.
    pub fn relation_units(&self, relation: RelationId) -> Result<Vec<UnitName>, ToolError> {
        let call = ToolCall::new("relation-list").json().arg("-r").arg(relation.to_string());
        let texts: Vec<String> = self.read(call.clone(), "a list of units")?;
        texts
            .iter()
            .map(|text| text.parse().map_err(|_| super::unexpected(&call, "a list of units")))
            .collect()
    }

    /// The application at the other end; `None` when Juju doesn't say.
    ///
    /// # Errors
    ///
    /// When the tool fails, or the relation is gone.
    pub fn relation_application(
        &self,
        relation: RelationId,
    ) -> Result<Option<ApplicationName>, ToolError> {
        let call =
            ToolCall::new("relation-list").json().arg("--app").arg("-r").arg(relation.to_string());
        let name: String = self.read(call, "the name of an application")?;
        Ok(name.parse().ok())
    }

    /// A whole databag.
    ///
    /// # Errors
    ///
    /// When the tool fails, or the databag may not be read.
    pub fn databag(&self, relation: RelationId, owner: &BagOwner) -> Result<Databag, ToolError> {
        let call = ToolCall::new("relation-get").json().arg("-r").arg(relation.to_string());
        let call = match owner {
            BagOwner::Application(name) => call.arg("--app").arg("-").arg(name.as_str()),
            BagOwner::Unit(name) => call.arg("-").arg(name.as_str()),
        };
        self.read(call, "an object of texts")
    }

    /// Changes keys of our own databag; `None` deletes one.
    ///
    /// # Errors
    ///
    /// When the tool fails; for an application's databag also when this unit doesn't lead.
    pub fn set_databag(
        &self,
        relation: RelationId,
        owner: super::Owner,
        patch: &DatabagPatch,
    ) -> Result<(), ToolError> {
        // An empty value deletes the key.
        let entries: Map<String, Value> = patch
            .iter()
            .map(|(key, value)| (key.clone(), Value::String(value.clone().unwrap_or_default())))
            .collect();
        let call = ToolCall::new("relation-set").arg("-r").arg(relation.to_string());
        let call = match owner {
            super::Owner::Application => call.arg("--app"),
            super::Owner::Unit => call,
        };
        self.run(call.arg("--file").arg("-").stdin(Value::Object(entries).to_string())).map(drop)
    }
}
