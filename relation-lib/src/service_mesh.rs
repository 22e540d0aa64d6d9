//! `service_mesh`: who may talk to whom.
//!
//! The beacon of a mesh is the provider, a meshed application the requirer. Described is
//! `service_mesh` v0 patch 20. The leader of the beacon writes [`MeshProviderAppData`], the leader
//! of the application [`MeshRequirerAppData`]. Applications of other models are introduced by
//! [`crate::cross_model_mesh`].
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::service_mesh::{MeshParty, MeshPolicy, MeshRequirerAppData};
//!
//! let press = MeshParty { namespace: "stage".into(), application: "press".into() };
//! let loom = MeshParty { namespace: "stage".into(), application: "loom".into() };
//! let data = MeshRequirerAppData { policies: vec![MeshPolicy::to_units(&press, &loom, &[9113])] };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert!(bag["policies"].starts_with(r#"[{"source_namespace": "stage", "source_app_name": "press", "#));
//! assert_eq!(MeshRequirerAppData::decode(&bag)?.value, data);
//! # Ok::<(), relation_lib::DecodeError>(())
//! ```

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, FromJson, Key, Members, Mismatch,
    Reader, Writer,
};

/// The name of the interface.
pub const INTERFACE: &str = "service_mesh";

/// The kind of a mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshType {
    /// `istio`.
    Istio,
    /// One that this revision does not know.
    Other(String),
}

impl MeshType {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            MeshType::Istio => "istio",
            MeshType::Other(name) => name,
        }
    }
}

impl Serialize for MeshType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromJson for MeshType {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        Ok(match String::from_json(value)?.as_str() {
            "istio" => MeshType::Istio,
            other => MeshType::Other(other.to_owned()),
        })
    }
}

/// What the leader of a beacon says.
///
/// Provider application databag, `service_mesh` v0 patch 20. Python-style JSON. An empty databag
/// means that there is no mesh (yet).
///
/// | key | value | example |
/// |---|---|---|
/// | `labels` | object: labels that put a pod into the mesh, required | `{"istio.io/dataplane-mode": "ambient"}` |
/// | `mesh_type` | text, required | `"istio"` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshProviderAppData {
    /// `labels`: labels that put a pod into the mesh.
    pub labels: IndexMap<String, String>,
    /// `mesh_type`: what the mesh is.
    pub mesh_type: MeshType,
}

impl MeshProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("labels", Encoding::PythonJson),
        Key::required("mesh_type", Encoding::PythonJson),
    ];

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When one of the keys is absent, as it is without a mesh, or unusable.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let mut reader = Reader::new(bag);
        let mesh_type = reader.required("mesh_type")?;
        let labels = reader.required_map("labels")?;
        Ok(reader.finish(MeshProviderAppData { labels, mesh_type }))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("labels", Some(&self.labels))
            .json("mesh_type", Some(&self.mesh_type))
            .finish()
    }
}

/// An application in a mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshParty {
    /// The namespace, which has the name of the model.
    pub namespace: String,
    /// The name of the application.
    pub application: String,
}

/// What a policy opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshTargetType {
    /// `app`: the application through its service.
    Application,
    /// `unit`: each unit directly.
    Unit,
    /// One that this revision does not know.
    Other(String),
}

impl MeshTargetType {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            MeshTargetType::Application => "app",
            MeshTargetType::Unit => "unit",
            MeshTargetType::Other(name) => name,
        }
    }
}

impl Serialize for MeshTargetType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromJson for MeshTargetType {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        Ok(match String::from_json(value)?.as_str() {
            "app" => MeshTargetType::Application,
            "unit" => MeshTargetType::Unit,
            other => MeshTargetType::Other(other.to_owned()),
        })
    }
}

/// Requests that a policy lets through; `None` stands for any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MeshEndpoint {
    /// Values of the `Host` header.
    pub hosts: Option<Vec<String>>,
    /// Ports.
    pub ports: Option<Vec<u16>>,
    /// HTTP methods.
    pub methods: Option<Vec<String>>,
    /// Paths; `{*}` stands for one segment.
    pub paths: Option<Vec<String>>,
}

impl FromJson for MeshEndpoint {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(MeshEndpoint {
            hosts: members.optional("hosts")?,
            ports: members.optional("ports")?,
            methods: members.optional("methods")?,
            paths: members.optional("paths")?,
        })
    }
}

/// Who may talk to whom about what. What is not set is written as `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeshPolicy {
    /// Namespace of who may talk.
    pub source_namespace: String,
    /// Application that may talk.
    pub source_app_name: String,
    /// Namespace of who is talked to.
    pub target_namespace: String,
    /// Application that is talked to; `None` when labels select it.
    pub target_app_name: Option<String>,
    /// Labels of the pods that are talked to.
    pub target_selector_labels: Option<IndexMap<String, String>>,
    /// Service that is talked to, where it isn't named after the application.
    pub target_service: Option<String>,
    /// Whether the application or its units are meant.
    pub target_type: MeshTargetType,
    /// What may be asked; empty for anything.
    pub endpoints: Vec<MeshEndpoint>,
}

impl MeshPolicy {
    /// Lets one application reach the units of another on some ports, or on all when none is
    /// named.
    #[must_use]
    pub fn to_units(source: &MeshParty, target: &MeshParty, ports: &[u16]) -> Self {
        let endpoint = MeshEndpoint { ports: Some(ports.to_vec()), ..Default::default() };
        let endpoints = if ports.is_empty() { vec![] } else { vec![endpoint] };
        MeshPolicy::new(source, target, MeshTargetType::Unit, endpoints)
    }

    /// Lets one application reach another through its service.
    #[must_use]
    pub fn to_application(
        source: &MeshParty,
        target: &MeshParty,
        endpoints: Vec<MeshEndpoint>,
    ) -> Self {
        MeshPolicy::new(source, target, MeshTargetType::Application, endpoints)
    }

    /// The same with a service that isn't named after the application.
    #[must_use]
    pub fn through_service(self, service: impl Into<String>) -> Self {
        MeshPolicy { target_service: Some(service.into()), ..self }
    }

    fn new(
        source: &MeshParty,
        target: &MeshParty,
        target_type: MeshTargetType,
        endpoints: Vec<MeshEndpoint>,
    ) -> Self {
        MeshPolicy {
            source_namespace: source.namespace.clone(),
            source_app_name: source.application.clone(),
            target_namespace: target.namespace.clone(),
            target_app_name: Some(target.application.clone()),
            target_selector_labels: None,
            target_service: None,
            target_type,
            endpoints,
        }
    }
}

impl FromJson for MeshPolicy {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(MeshPolicy {
            source_namespace: members.required("source_namespace")?,
            source_app_name: members.required("source_app_name")?,
            target_namespace: members.required("target_namespace")?,
            target_app_name: members.optional("target_app_name")?,
            target_selector_labels: members.optional("target_selector_labels")?,
            target_service: members.optional("target_service")?,
            target_type: members.optional("target_type")?.unwrap_or(MeshTargetType::Application),
            endpoints: members.optional("endpoints")?.unwrap_or_default(),
        })
    }
}

/// What the leader of a meshed application asks for.
///
/// Requirer application databag, `service_mesh` v0 patch 20.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `policies` | Python-style JSON | list of policies, all eight members each, required | `[{"source_namespace": "stage", …, "endpoints": []}]` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MeshRequirerAppData {
    /// `policies`: who may talk to whom.
    pub policies: Vec<MeshPolicy>,
}

impl MeshRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::required("policies", Encoding::PythonJson)];

    /// Reads the databag; a policy that can't be read is left out.
    ///
    /// # Errors
    ///
    /// When the application has not asked yet, or not with a list.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let mut reader = Reader::new(bag);
        let policies = reader.required_list("policies")?;
        Ok(reader.finish(MeshRequirerAppData { policies }))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("policies", Some(&self.policies)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_hold_to_the_byte() {
        let party = |application: &str| MeshParty {
            namespace: "stage".into(),
            application: application.into(),
        };
        let (press, loom) = (party("press"), party("loom"));
        let metrics = MeshEndpoint {
            ports: Some(vec![3300]),
            methods: Some(vec!["GET".into()]),
            paths: Some(vec!["/proxy/worker/{*}/metrics".into()]),
            ..Default::default()
        };
        let data = MeshRequirerAppData {
            policies: vec![
                MeshPolicy::to_units(&press, &loom, &[9113]),
                MeshPolicy::to_application(&press, &loom, vec![metrics]),
            ],
        };
        let text = r#"[{"source_namespace": "stage", "source_app_name": "press", "target_namespace": "stage", "target_app_name": "loom", "target_selector_labels": null, "target_service": null, "target_type": "unit", "endpoints": [{"hosts": null, "ports": [9113], "methods": null, "paths": null}]}, {"source_namespace": "stage", "source_app_name": "press", "target_namespace": "stage", "target_app_name": "loom", "target_selector_labels": null, "target_service": null, "target_type": "app", "endpoints": [{"hosts": null, "ports": [3300], "methods": ["GET"], "paths": ["/proxy/worker/{*}/metrics"]}]}]"#;
        assert_eq!(data.encode()["policies"].as_deref(), Some(text));
        assert_eq!(MeshPolicy::to_units(&press, &loom, &[]).endpoints, []);
    }

    #[test]
    fn an_empty_databag_means_no_mesh() {
        assert_eq!(
            MeshProviderAppData::decode(&Databag::new()).unwrap_err(),
            DecodeError::Missing { key: "mesh_type".into() }
        );
        let bag = Databag::from([
            ("labels".to_owned(), r#"{"a": "b"}"#.to_owned()),
            ("mesh_type".to_owned(), r#""linkerd""#.to_owned()),
        ]);
        let read = MeshProviderAppData::decode(&bag).unwrap();
        assert_eq!(read.value.mesh_type, MeshType::Other("linkerd".into()));
        assert_eq!(crate::databag::patched(&Databag::new(), &read.value.encode()), bag);
    }
}
