//! `cross_model_mesh`: where an application that is related across models really lives.
//!
//! Across models an application appears under another name, and without its model; mesh policies
//! need both. The application (`require-cmr-mesh`) is the requirer and writes
//! [`CrossModelMeshRequirerAppData`]; the other side (`provide-cmr-mesh`) only reads. Described is
//! `service_mesh` v0 patch 20.
//!
//! ```
//! use relation_lib::cross_model_mesh::{CrossModelMeshRequirerAppData, CrossModelParty};
//! use relation_lib::databag::{Databag, patched};
//!
//! let party = CrossModelParty { app_name: "loom".into(), juju_model_name: "stage".into() };
//! let data = CrossModelMeshRequirerAppData { cmr_data: party };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["cmr_data"], r#"{"app_name": "loom", "juju_model_name": "stage"}"#);
//! assert_eq!(CrossModelMeshRequirerAppData::decode(&bag)?.value, data);
//! # Ok::<(), relation_lib::DecodeError>(())
//! ```

use serde::Serialize;
use serde_json::Value;

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, FromJson, Key, Members, Mismatch,
    Reader, Writer,
};

/// The name of the interface.
pub const INTERFACE: &str = "cross_model_mesh";

/// An application under its own name in its own model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CrossModelParty {
    /// Name of the application where it was deployed.
    pub app_name: String,
    /// Name of its model, which is its namespace.
    pub juju_model_name: String,
}

impl FromJson for CrossModelParty {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(CrossModelParty {
            app_name: members.required("app_name")?,
            juju_model_name: members.required("juju_model_name")?,
        })
    }
}

/// What the leader of an application says to another model.
///
/// Requirer application databag, `service_mesh` v0 patch 20.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `cmr_data` | Python-style JSON | object of `app_name`, `juju_model_name`, required | `{"app_name": "loom", "juju_model_name": "stage"}` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossModelMeshRequirerAppData {
    /// `cmr_data`: who the application is at home.
    pub cmr_data: CrossModelParty,
}

impl CrossModelMeshRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::required("cmr_data", Encoding::PythonJson)];

    /// Reads the databag.
    ///
    /// # Errors
    ///
    /// When the application has not spoken yet, or not legibly.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let reader = Reader::new(bag);
        let cmr_data = reader.required("cmr_data")?;
        Ok(reader.finish(CrossModelMeshRequirerAppData { cmr_data }))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("cmr_data", Some(&self.cmr_data)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_nonsense_are_told_apart() {
        let missing = CrossModelMeshRequirerAppData::decode(&Databag::new()).unwrap_err();
        assert_eq!(missing.to_string(), "cannot find key `cmr_data`");
        let bag = Databag::from([("cmr_data".to_owned(), r#"{"app_name": 1}"#.to_owned())]);
        assert_eq!(
            CrossModelMeshRequirerAppData::decode(&bag).unwrap_err().to_string(),
            "cannot use key `cmr_data`: expected a string, found a number at `app_name`"
        );
    }
}
